"""A volume and its text, changed as another head, position or scanner would have changed them."""

import re
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

ROTATION = 0.53
BEND = 0.015
BEND_KNOTS = 6
"""Bends at 6 × 6 points in plane, between them smooth, of 1.5 % of the width (standard deviation)."""

_SIDES = {"左侧": "右侧", "右侧": "左侧"}
_STATED_SIDE = re.compile("(?<![^，])在(左侧|右侧)")


class Changes(NamedTuple):
    """How much a volume is changed; `bends` is float32 (2, knots, knots), W before H, in half widths."""

    zoom: float
    rotation: float
    gamma: float
    intensity: float
    bends: Tensor


def draw_changes(random: np.random.Generator) -> Changes:
    """Zoom 0.9 to 1.1, rotation ±0.53 rad, gamma 0.9 to 1.1, intensity ±10 %, elastic bends."""
    zoom, gamma, intensity = random.uniform(0.9, 1.1, 3)
    bends = random.normal(0, 2 * BEND, (2, BEND_KNOTS, BEND_KNOTS)).astype(np.float32)
    return Changes(zoom, random.uniform(-ROTATION, ROTATION), gamma, intensity, torch.from_numpy(bends))


def change(image: Tensor, changes: Changes) -> Tensor:
    """The image (1, D, H, W) in 0..1, changed; float32 (1, D, H, W) in 0..1.1, 0 outside of what it showed.

    Bends are the same in all slices. So what a pixel is made of holds for a whole column of them: after a zoom in depth
    one interpolation in plane carries zoom, rotation and bends, in a tenth of the time of one in three dimensions.
    """
    brighter = image.pow(changes.gamma).mul_(changes.intensity)
    stretched = _depth_weights(image.shape[1], changes.zoom) @ brighter.flatten(2)
    return functional.grid_sample(stretched.view_as(image), _places(image, changes), align_corners=False)


def mirrored(text: str) -> str:
    """The canonical text of a head seen in a mirror: 左侧 and 右侧 of each statement change places; its own inverse."""
    return _STATED_SIDE.sub(lambda stated: f"在{_SIDES[stated[1]]}", text)


def mirrored_image(image: Tensor) -> Tensor:
    """The image (1, D, H, W) with left and right exchanged: W runs from the patient's right to the left."""
    return image.flip(-1)


def _depth_weights(depth: int, zoom: float) -> Tensor:
    """(D, D): which slices each slice of the zoomed volume is made of, by linear interpolation."""
    middle = (depth - 1) / 2
    places = (torch.arange(depth) - middle) / zoom + middle
    return (1 - (places[:, None] - torch.arange(depth)).abs()).clamp_(min=0)


def _places(image: Tensor, changes: Changes) -> Tensor:
    """(1, H, W, 2): where in the image each pixel comes from, -1 to 1, W before H."""
    height, width = image.shape[-2:]
    cosine, sine = np.cos(changes.rotation) / changes.zoom, np.sin(changes.rotation) / changes.zoom
    turned = torch.tensor([[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]]).float()
    grid = functional.affine_grid(turned[None], [1, 1, height, width], align_corners=False)
    bends = functional.interpolate(changes.bends[None], (height, width), mode="bicubic", align_corners=True)
    return grid + bends.permute(0, 2, 3, 1)
