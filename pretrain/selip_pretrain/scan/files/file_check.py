"""The check of the files of a volume that is used: its content hash, and that its voxels are an image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selip_pretrain.scan.dicom.file import PixelBytes
from selip_pretrain.scan.series import FoundSeries, Geometry, geometry
from selip_pretrain.volumes.content_hash import content_hash, joint_hash
from selip_pretrain.volumes.read_volume import (
    UnopenedError,
    VolumeError,
    VolumeFault,
    images_of,
    read_dataset,
    read_volume,
    reading_quietly,
    unopened_fault,
)


@dataclass(frozen=True)
class FileCheck:
    """What was found in the bytes of a file."""

    content_hash: str = ""
    values: tuple[float, float] | None = None
    """Lowest and highest value of DICOM."""
    geometry: Geometry | None = None
    """Of NIfTI."""
    fault: tuple[VolumeFault, str] | None = None
    volumes: tuple[int, ...] = ()
    """Of four-dimensional NIfTI those that were checked."""
    unopened: bool = False
    """Whether it could not be opened, which the next scan tries again."""


class CheckTask(NamedTuple):
    """A file to check: NIfTI, or DICOM with its pixels where they are not compressed."""

    path: Path
    nifti: bool
    pixels: PixelBytes | None = None
    volumes: tuple[int, ...] = ()
    """Those to check of a four-dimensional NIfTI file."""


def check_file(task: CheckTask) -> FileCheck:
    """Read the whole file."""
    try:
        return _check_nifti(task.path, task.volumes) if task.nifti else _check_dicom(task.path, task.pixels)
    except VolumeError as error:
        return FileCheck(fault=(error.reason, error.detail), unopened=isinstance(error, UnopenedError))
    except OSError as error:
        return FileCheck(fault=unopened_fault(task.path, error), unopened=True)


def checked(series: FoundSeries, checks: Sequence[FileCheck]) -> FoundSeries:
    """The series with content hash and, of NIfTI, geometry, or with its fault; `checks` are those of its files."""
    for check in checks:
        if check.fault is not None:
            return replace(series, fault=check.fault)
    values = [check.values for check in checks if check.values is not None]
    if values and len(values) == len(checks) and min(low for low, _ in values) == max(high for _, high in values):
        return replace(series, fault=("damaged", f"every pixel is {values[0][0]:g}"))
    return replace(
        series,
        content_hash=joint_hash([check.content_hash for check in checks]),
        geometry=checks[0].geometry or series.geometry,
    )


def _check_nifti(path: Path, volumes: tuple[int, ...]) -> FileCheck:
    found = content_hash([path])
    *_, volume = [read_volume([path], "nifti", [index]) for index in volumes] or [read_volume([path], "nifti")]
    return FileCheck(found, geometry=geometry(volume.voxels.shape, volume.affine), volumes=volumes)


def _check_dicom(path: Path, pixels: PixelBytes | None) -> FileCheck:
    content = path.read_bytes()
    found = sha256(content).hexdigest()
    if pixels is None or pixels.bytes_per_value not in (1, 2, 4):
        with reading_quietly():
            images = images_of(read_dataset(path), path.name)
        return FileCheck(found, (float(min(map(np.min, images))), float(max(map(np.max, images)))))
    stored = np.frombuffer(content[pixels.first : pixels.end], f"u{pixels.bytes_per_value}")
    if not stored.size:
        raise VolumeError("damaged", f"{path.name} changed while it was scanned")
    return FileCheck(found, (int(stored.min()), int(stored.max())))
