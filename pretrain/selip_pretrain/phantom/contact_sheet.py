"""A picture of some studies: a row for each, a column for each sequence, with the lesions outlined and named."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties as Font
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from selip_contracts.vocabulary import ENGLISH, MODALITIES, SITES
from selip_pretrain.phantom.study_files import TRUTH_OF_STUDY
from selip_shared.chinese_font import chinese_font
from selip_shared.files import replacing

SHEET = "contact_sheet.png"
_ROWS = 8
_PANEL, _NAMES, _HEADING, _DPI = 1.25, 3.6, 0.25, 100
"""Width of an image and of the column of names, height of the heading, in inches."""
_SHADES = 32
_CROP = 0.1
_COLOURS = ("#ff5050", "#40d0ff", "#ffd040", "#60ff60", "#ff80ff", "#ffa060", "#a0a0ff", "#c0ff80")


def write_contact_sheet(folder: Path, report_ids: Sequence[str]) -> Path:
    """Draw the first studies, those with lesions before the normal ones, in radiological convention.

    Without a Chinese font, sites and signals are named in English.
    """
    truths = [json.loads((folder / report_id / TRUTH_OF_STUDY).read_bytes()) for report_id in report_ids[: 4 * _ROWS]]
    shown = sorted(truths, key=lambda truth: not truth["lesions"])[: _ROWS - 1]
    shown += [truth for truth in truths if not truth["lesions"]][:1] if all(t["lesions"] for t in shown) else []
    font = chinese_font()
    columns = [m for m in MODALITIES if any(m in truth["modalities"] for truth in shown)]
    figure = Figure(figsize=(_PANEL * len(columns) + _NAMES, 1.22 * _PANEL * len(shown) + _HEADING), facecolor="black")
    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    heading = 1 - _HEADING / figure.get_figheight()
    axes = figure.subplots(
        len(shown), len(columns) + 1, squeeze=False, width_ratios=[*(_PANEL for _ in columns), _NAMES],
        gridspec_kw={"wspace": 0.02, "hspace": 0.02, "left": 0, "right": 1, "bottom": 0, "top": heading},
    )  # fmt: skip
    for row, truth in zip(axes, shown, strict=True):
        _draw_study(row, folder / truth["report_id"], truth, columns, None if font is None else Font(fname=font))
    for axis, modality in zip(axes[0], columns, strict=False):
        axis.set_title(modality, color="white", fontsize=9, pad=2)
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture = drawn.quantize(palette=_palette(), dither=Image.Dither.NONE)
    with replacing(folder / SHEET) as file:
        picture.save(file, format="PNG", optimize=True)
    return folder / SHEET


def _draw_study(row: NDArray[Any], folder: Path, truth: dict[str, Any], columns: list[Any], font: Font | None) -> None:
    labels = _displayed(folder / "lesions.nii.gz")
    level = _best_slice(labels)
    for axis, modality in zip(row, columns, strict=False):
        axis.set_axis_off()
        axis.set_facecolor("black")
        if modality not in truth["modalities"]:
            continue
        volume = _displayed(folder / f"{modality}.nii.gz")
        axis.imshow(volume[level], cmap="gray", vmin=0, vmax=float(np.percentile(volume, 99.8)), aspect="auto")
        for lesion in truth["lesions"]:
            mask = labels[level] == lesion["label"]
            if modality in lesion["signals"] and mask.any():
                around = ndimage.binary_dilation(mask, iterations=2)
                axis.contour(around, levels=[0.5], colors=[_colour(lesion)], linewidths=0.7)
    row[0].text(0.02, 0.02, "R", color="white", fontsize=6, transform=row[0].transAxes)
    _write_names(row[-1], truth, set(np.unique(labels[level])), font)


def _write_names(axis: Axes, truth: dict[str, Any], visible: set[int], font: Font | None) -> None:
    axis.set_axis_off()
    style: dict[str, Any] = {"transform": axis.transAxes, "fontsize": 6.5, "va": "top", "fontproperties": font}
    axis.text(0.03, 0.98, truth["report_id"], color="white", **style)
    for line, lesion in enumerate([*truth["lesions"]][:7], start=1):
        name = (lesion["side"] or "") + lesion["site"]
        if font is None:
            name = f"{ENGLISH.get(lesion['side'], '')} {SITES[lesion['site']].english}".strip()
        by_signal: dict[str, list[str]] = {}
        for modality, signals in lesion["signals"].items():
            by_signal.setdefault("/".join(s if font else ENGLISH[s] for s in signals), []).append(modality)
        shown = "  ".join(f"{' '.join(modalities)} {signal}" for signal, modalities in by_signal.items())
        hidden = "" if lesion["label"] in visible else (" (他层)" if font else " (other slice)")
        axis.text(0.03, 1.0 - 0.125 * line, f"{name}{hidden}\n  {shown}", color=_colour(lesion), **style)
    if not truth["lesions"]:
        axis.text(0.03, 0.875, "无病灶" if font else "no lesion", color="white", **style)


def _palette() -> Image.Image:
    """A few greys, since noise in many would not compress, and the colours of the outlines."""
    greys = [level for shade in range(_SHADES) for level in [round(255 * shade / (_SHADES - 1))] * 3]
    colours = [int(colour[i : i + 2], 16) for colour in _COLOURS for i in (1, 3, 5)]
    image = Image.new("P", (1, 1))
    image.putpalette(greys + colours)
    return image


def _colour(lesion: dict[str, Any]) -> str:
    return _COLOURS[(lesion["label"] - 1) % len(_COLOURS)]


def _best_slice(labels: NDArray[Any]) -> int:
    """The slice with the most lesions, and of these with the largest area of lesions."""
    scores = [(len(np.unique(one)), int((one > 0).sum())) for one in labels]
    return max(range(len(scores)), key=lambda z: scores[z]) if labels.any() else len(scores) // 2


def _displayed(path: Path) -> NDArray[Any]:
    """The volume (z, y, x) of a file with axes x, y, z (RAS): rows from the front, columns from the patient's right."""
    voxels = np.asarray(nib.load(path).dataobj).transpose()[:, ::-1, ::-1]  # type: ignore[attr-defined]
    aside = round(_CROP * voxels.shape[2])
    return voxels[:, :, aside : voxels.shape[2] - aside]
