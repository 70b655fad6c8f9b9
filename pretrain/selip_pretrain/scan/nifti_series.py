"""NIfTI files of a folder: each is a series, recognised by its name."""

from dataclasses import replace
from pathlib import Path

from selip_pretrain.scan.sequence_rules import SeriesAttributes
from selip_pretrain.scan.series import UNWRITABLE, FoundSeries, Geometry, below, geometry, unwritable
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.read_volume import VolumeError, read_volume

SUFFIXES = (".nii.gz", ".nii")


def is_nifti(path: Path) -> bool:
    """Whether the file is NIfTI by its name."""
    return path.name.lower().endswith(SUFFIXES)


def nifti_series(root: Path, path: Path) -> FoundSeries:
    """The series as the file's name describes it; the file is not opened."""
    relative = below(root, path)
    suffix = next(suffix for suffix in SUFFIXES if relative.name.lower().endswith(suffix))
    found = FoundSeries(
        str(relative),
        relative.parent,
        "nifti",
        (path,),
        relative.name,
        SeriesAttributes((relative.name[: -len(suffix)],)),
    )
    return replace(found, fault=UNWRITABLE) if unwritable(path) else found


def checked(series: FoundSeries, known: tuple[str, Geometry] | None) -> FoundSeries:
    """The series with its content hash and geometry, or with its fault.

    Voxels are not read again where the hash equals that of `known`, the hash and geometry of an earlier scan.
    """
    if series.fault is not None:
        return series
    try:
        found = replace(series, content_hash=content_hash(series.files))
        if known is not None and known[0] == found.content_hash:
            return replace(found, geometry=known[1])
        volume = read_volume(series.files, "nifti")
    except VolumeError as error:
        return replace(series, fault=(error.reason, error.detail))
    except OSError as error:
        return replace(series, fault=("damaged", f"{series.description} cannot be opened ({error.strerror})"))
    return replace(found, geometry=geometry(volume.voxels.shape, volume.affine))
