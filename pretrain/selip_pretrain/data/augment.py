"""Augmentation: a volume and its text as another head, position or scanner would have given them."""

import re
from typing import NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

MAX_ROTATION = 0.53
"""In radians, in plane."""
ELASTIC_STD = 0.015
ELASTIC_KNOTS = 6
"""Elastic deformation in plane: displacements at 6 × 6 control points, smoothly interpolated, with a standard deviation
of 1.5 % of the width."""

_SIDES = {"左侧": "右侧", "右侧": "左侧"}
_STATED_SIDE = re.compile("(?<![^，：])在(左侧|右侧)")


class AugmentationRecipe(BaseModel):
    """How often volumes are augmented: `probability` is that of zoom, rotation, gamma and intensity, each.

    `zoom_in_depth` zooms across slices too. With `flip_probability` a head is mirrored, with the sides in its text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(default=1.0, ge=0, le=1)
    elastic_probability: float = Field(default=1.0, ge=0, le=1)
    zoom_in_depth: bool = True
    flip_probability: float = Field(default=0.5, ge=0, le=1)


class Augmentation(NamedTuple):
    """Parameters of one augmentation; rotation in radians.

    `displacements` is float32 (2, knots, knots), W before H, in half widths.
    """

    zoom: float
    rotation: float
    gamma: float
    intensity: float
    displacements: Tensor
    zoom_in_depth: bool = True

    def changes_nothing(self) -> bool:
        """Whether it leaves every image as it is."""
        neutral = (self.zoom, self.rotation, self.gamma, self.intensity) == (1, 0, 1, 1)
        return neutral and not self.displacements.any()


def draw_augmentation(random: np.random.Generator, recipe: AugmentationRecipe) -> Augmentation:
    """Zoom 0.9 to 1.1, rotation ±0.53 rad, gamma 0.9 to 1.1, intensity ±10 %, elastic deformation."""
    zoom, gamma, intensity = random.uniform(0.9, 1.1, 3)
    displacements = random.normal(0, 2 * ELASTIC_STD, (2, ELASTIC_KNOTS, ELASTIC_KNOTS)).astype(np.float32)
    rotation = random.uniform(-MAX_ROTATION, MAX_ROTATION)
    # Drawn last: the parameters do not depend on the probabilities.
    zoomed, rotated, brightened, scaled = random.random(4) < recipe.probability
    deformed = random.random() < recipe.elastic_probability
    return Augmentation(
        zoom if zoomed else 1.0,
        rotation if rotated else 0.0,
        gamma if brightened else 1.0,
        intensity if scaled else 1.0,
        torch.from_numpy(displacements) * deformed,
        recipe.zoom_in_depth,
    )


def augmented(image: Tensor, augmentation: Augmentation) -> Tensor:
    """The augmented image: float32 (1, D, H, W) in 0..1.1, 0 outside the original, from (1, D, H, W) in 0..1.

    All slices are deformed alike. So after a zoom in depth, one interpolation in plane applies zoom, rotation and
    deformation to all slices at once, in a tenth of the time of an interpolation in three dimensions.
    """
    if augmentation.changes_nothing():
        return image
    brighter = image.pow(augmentation.gamma).mul_(augmentation.intensity)
    depth_zoom = augmentation.zoom if augmentation.zoom_in_depth else 1.0
    stretched = _depth_weights(image.shape[1], depth_zoom) @ brighter.flatten(2)
    return functional.grid_sample(stretched.view_as(image), _sampling_grid(image, augmentation), align_corners=False)


def mirrored(text: str) -> str:
    """The canonical text of the mirrored head: 左侧 and 右侧 of each statement are exchanged; its own inverse."""
    return _STATED_SIDE.sub(lambda stated: f"在{_SIDES[stated[1]]}", text)


def mirrored_image(image: Tensor) -> Tensor:
    """The image (1, D, H, W) with left and right exchanged: W runs from the patient's right to the left."""
    return image.flip(-1)


def _depth_weights(depth: int, zoom: float) -> Tensor:
    """(D, D): weights of the original slices for each slice of the zoomed volume, by linear interpolation."""
    middle = (depth - 1) / 2
    positions = (torch.arange(depth) - middle) / zoom + middle
    return (1 - (positions[:, None] - torch.arange(depth)).abs()).clamp_(min=0)


def _sampling_grid(image: Tensor, augmentation: Augmentation) -> Tensor:
    """(1, H, W, 2): the position in the image, -1 to 1 and W before H, that each pixel is sampled from."""
    height, width = image.shape[-2:]
    zoom, rotation = augmentation.zoom, augmentation.rotation
    cosine, sine = np.cos(rotation) / zoom, np.sin(rotation) / zoom
    affine = torch.tensor([[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]]).float()
    grid = functional.affine_grid(affine[None], [1, 1, height, width], align_corners=False)
    displacements = functional.interpolate(
        augmentation.displacements[None], (height, width), mode="bicubic", align_corners=True
    )
    return grid + displacements.permute(0, 2, 3, 1)
