"""Drawings of one head: the cosines of its statements, and its slices with the support of a statement."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from selip_contracts.vocabulary import Modality
from selip_downstream.explanation.occlusion import Likeness
from selip_downstream.explanation.statement_labels import StatementLabel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

SLICES = 4
MIN_SHOWN_SHARE = 0.25
"""Voxels below this share of the highest support are not drawn."""
BAR, OTHER_BAR = "#1f5fbf", "#a9b4c6"


def draw_cosines(
    found: Sequence[Likeness], modality: Modality, label_of: StatementLabel, *, title: str = "", own: str | None = None
) -> "Drawing":
    """A bar for each text, the nearest on top. If the image's own text is known, the bars of others are paler."""
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(figsize=(8, 0.9 + 0.34 * len(found)), layout="constrained")
    colours = [BAR if own in (None, text) else OTHER_BAR for text, _ in found]
    bars = axes.barh(range(len(found)), [cosine for _, cosine in found], color=colours)
    axes.bar_label(bars, fmt=" %.3f ", fontsize=9)
    labels = [shortened(label_of(text, modality)) for text, _ in found]
    axes.set_yticks(range(len(found)), labels, fontsize=10)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("cosine of image and statement")
    axes.set_title(title, fontsize=11)
    return drawing


def draw_support(image: Tensor, support: Tensor, title: str) -> "Drawing":
    """The slices of a prepared image (1, D, H, W) with the strongest support (D, H, W), from bottom to top.

    Each is drawn bare, and below it again with the support.
    """
    from matplotlib import pyplot

    highest = float(support.max())
    slices = strongest_slices(support, SLICES)
    size = 2.4 * len(slices) + 1, 5.4
    drawing, (bare, covered) = pyplot.subplots(2, len(slices), figsize=size, layout="constrained")
    for above, axes, index in zip(bare, covered, slices, strict=True):
        show_slice(above, image, index)
        show_slice(axes, image, index)
        if highest > 0:
            shown = support[index].numpy().copy()
            shown[shown < MIN_SHOWN_SHARE * highest] = float("nan")
            overlay = axes.imshow(shown, cmap="autumn", vmin=0, vmax=highest, alpha=0.55)
    if highest > 0:
        drawing.colorbar(overlay, ax=covered, shrink=0.7, label="support (cosine)")
    drawing.suptitle(title if highest > 0 else f"{title}: no voxel supports it", fontsize=11)
    return drawing


def draw_slices(image: Tensor, title: str) -> "Drawing":
    """Slices of a prepared image (1, D, H, W), from bottom to top at even distances."""
    from matplotlib import pyplot

    depth = image.shape[1]
    slices = [round((i + 1) * depth / (SLICES + 1)) for i in range(SLICES)]
    drawing, every = pyplot.subplots(1, SLICES, figsize=(2.4 * SLICES, 2.9), layout="constrained")
    for axes, index in zip(every, slices, strict=True):
        show_slice(axes, image, index)
    drawing.suptitle(title, fontsize=11)
    return drawing


def strongest_slices(support: Tensor, count: int) -> list[int]:
    """The slices of a map (D, H, W) with the highest values, from bottom to top."""
    highest = support.amax((1, 2))
    return sorted(torch.argsort(highest, descending=True, stable=True)[:count].tolist())


def show_slice(axes: "Axes", image: Tensor, index: int) -> None:
    """One slice as radiologists look at it, from below: the patient's right is on the left, and marked."""
    axes.imshow(image[0, index].numpy(), cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()
    axes.set_title(f"slice {index + 1} of {image.shape[1]}", fontsize=8)
    for mark, x in (("R", 0.03), ("L", 0.97)):
        axes.text(x, 0.5, mark, color="white", fontsize=10, ha="center", va="center", transform=axes.transAxes)


def shortened(text: str, max_length: int = 30) -> str:
    """The text, cut to fit beside a bar: the normal text and texts of many statements are too long."""
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"
