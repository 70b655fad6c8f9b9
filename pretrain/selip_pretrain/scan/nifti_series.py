"""NIfTI files of a folder: each is a series, and its name says which."""

from dataclasses import replace
from pathlib import Path

from selip_pretrain.scan.sequence_rules import SeriesAttributes
from selip_pretrain.scan.series import UNWRITABLE, FoundSeries, Geometry, below, geometry, unwritable
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.read_volume import VolumeError, read_volume

SUFFIXES = (".nii.gz", ".nii")


def is_nifti(path: Path) -> bool:
    """Whether the name says so."""
    return path.name.lower().endswith(SUFFIXES)


def nifti_series(root: Path, path: Path) -> FoundSeries:
    """The series as its name describes it; the file is not opened."""
    place = below(root, path)
    suffix = next(suffix for suffix in SUFFIXES if place.name.lower().endswith(suffix))
    found = FoundSeries(
        str(place), place.parent, "nifti", (path,), place.name, SeriesAttributes((place.name[: -len(suffix)],))
    )
    return replace(found, fault=UNWRITABLE) if unwritable(path) else found


def examined(series: FoundSeries, known: tuple[str, Geometry] | None) -> FoundSeries:
    """The series with its hash and geometry, or with what is wrong; voxels of a `known` hash are not read again."""
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
