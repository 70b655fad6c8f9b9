"""The series that a scan finds, before those that are used are chosen."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from selip_pretrain.scan.sequence_rules import SeriesAttributes
from selip_pretrain.volumes.read_volume import Source, VolumeFault

# nibabel is typed in part.
_axes: Any = nib.io_orientation


@dataclass(frozen=True)
class Geometry:
    """Number of voxels, spacing in mm, and directions (e.g. RAS) along the three axes of the file."""

    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    orientation: str


@dataclass(frozen=True)
class FoundSeries:
    """A volume, or files that should be one but have a fault."""

    image_id: str
    folder: PurePosixPath
    """The folder of its first file, relative to the scanned folder."""
    source: Source
    files: tuple[Path, ...]
    """Those of a DICOM series in the order of their slices."""
    description: str
    attributes: SeriesAttributes
    accession: str | None = None
    study_uid: str | None = None
    patient_id: str | None = None
    acquired: str = ""
    """Date and time as text that sorts by time."""
    frames: tuple[int, ...] | None = None
    """The frames of a DICOM file that are the volume, counted through all files; None for all. Of a four-dimensional
    NIfTI file its one volume."""
    content_hash: str | None = None
    geometry: Geometry | None = None
    fault: tuple[VolumeFault, str] | None = None
    """Why it is not a usable volume: the reason, and what was found."""


UNWRITABLE: tuple[VolumeFault, str] = ("damaged", "its path is not in UTF-8, which a database cannot hold: rename it")


def below(root: Path, path: Path) -> PurePosixPath:
    """The path relative to the scanned folder, with bytes that are not UTF-8 escaped."""
    return PurePosixPath(os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace"))


def geometry(shape: tuple[int, ...], affine: npt.NDArray[np.float64]) -> Geometry:
    """The geometry of a volume of this shape with this affine (4, 4) to RAS+ mm."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0).round(6)
    directions: npt.NDArray[np.float64] = _axes(affine)
    letters = ("LR", "PA", "IS")
    return Geometry(
        shape, tuple(spacing.tolist()), "".join(letters[int(axis)][int(way > 0)] for axis, way in directions)
    )


def describe(attributes: SeriesAttributes) -> str:
    """The attributes that a user needs to write a rule for the series."""
    shown = {
        "names": " | ".join(filter(None, attributes.texts)),
        "ImageType": "\\".join(attributes.image_type),
        "ScanningSequence": "\\".join(attributes.scanning_sequence),
        "TR": attributes.tr_ms,
        "TE": attributes.te_ms,
        "TI": attributes.ti_ms or None,
        "b": attributes.b_value,
        "contrast agent": "yes" if attributes.contrast else "none" if attributes.contrast_denied else None,
        "body part": attributes.body_part,
        "examination": " | ".join(attributes.study),
    }
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items() if value
    )
