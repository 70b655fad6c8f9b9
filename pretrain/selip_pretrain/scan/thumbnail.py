"""Small pictures of series, for a page."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.pixels.utils import pixel_array

from selip_pretrain.scan.series import FoundSeries
from selip_pretrain.volumes.read_volume import Source, read_dataset, read_volume, reading_quietly

SIDE = 112
"""Pixels of the longer side."""

# nibabel is typed in part.
_canonical: Any = nib.as_closest_canonical
_nifti: Any = nib.Nifti1Image


class ThumbnailTask(NamedTuple):
    """What a picture is made of."""

    files: Sequence[Path]
    source: Source
    frames: Sequence[int] | None


def thumbnail_task(series: FoundSeries) -> ThumbnailTask:
    """The task for a series."""
    return ThumbnailTask(series.files, series.source, series.frames)


def thumbnail(task: ThumbnailTask) -> str | None:
    """The middle slice as a data URL; None where the files cannot be shown."""
    try:
        with reading_quietly():
            pixels = _middle_of_nifti(task) if task.source == "nifti" else _middle_of_dicom(task)
        low, high = np.percentile(pixels, (1, 99.5))
        grey = np.clip((pixels - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    except Exception:
        # Files of unknown origin, and decoders of other packages, can fail with any exception.
        return None
    image = Image.fromarray(grey)
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def _middle_of_dicom(task: ThumbnailTask) -> npt.NDArray[np.float32]:
    if len(task.files) > 1:
        return _squeezed(pixel_array(read_dataset(task.files[len(task.files) // 2])))
    dataset = read_dataset(task.files[0])
    count = int(dataset.get("NumberOfFrames") or 1)
    frames = task.frames or range(count)
    return _squeezed(pixel_array(dataset, index=frames[len(frames) // 2]) if count > 1 else pixel_array(dataset))


def _squeezed(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """(rows, columns), of a colour image the mean of its channels, of several frames the middle one."""
    if pixels.ndim == 3:
        pixels = pixels.mean(axis=-1) if pixels.shape[-1] in (3, 4) else pixels[len(pixels) // 2]
    return np.asarray(pixels, np.float32)


def _middle_of_nifti(task: ThumbnailTask) -> npt.NDArray[np.float32]:
    """The middle slice across the thickest axis, with the front or the top of the head up."""
    volume = read_volume(task.files, "nifti", task.frames)
    image = _canonical(_nifti(volume.voxels, volume.affine))
    spacing = np.linalg.norm(image.affine[:3, :3], axis=0).round(3)
    axis = 2 - int(np.argmax(spacing[::-1]))
    voxels = np.asarray(image.dataobj, np.float32)
    return np.rot90(np.take(voxels, voxels.shape[axis] // 2, axis))
