"""A folder of images into the tables images and excluded_images: read, recognised, linked to reports, selected."""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from selip_contracts.vocabulary import Modality
from selip_pretrain.scan.dicom_series import dicom_series, read_file
from selip_pretrain.scan.nifti_series import checked, is_nifti, nifti_series
from selip_pretrain.scan.report_linkage import Link, ReportLinker
from selip_pretrain.scan.sequence_rules import Rule, SequenceRules, SeriesAttributes
from selip_pretrain.scan.series import FoundSeries, Geometry
from selip_pretrain.scan.stored_images import Change, ExcludedImageRow, ImageRow, Row, StoredImages
from selip_shared.errors import SelipError
from selip_shared.execution.base import Workers
from selip_shared.execution.progress import Advance, progress

SECONDS_PER_WRITE = 5
"""Results are written this often, so that a killed scan loses little."""

FILES_PER_TASK = 32
BEST_B_VALUE = 1000
MIN_COVERAGE_MM = 100
"""A series that covers less along its slices shows a part of the head."""

Result = TypeVar("Result")


class LinkedSeries(NamedTuple):
    """A series with the rule that recognised it and its link to a report."""

    series: FoundSeries
    rule: Rule | None
    link: Link

    @property
    def modality(self) -> Modality | None:
        """The sequence that it was recognised as; None where it is not used."""
        return None if self.rule is None else self.rule.modality


class ScanResult(NamedTuple):
    """Counts of a scan."""

    other_files: int
    """Files that are not images."""
    ambiguous_studies: int
    """Studies whose name may refer to several reports."""
    changes: Counter[Change]
    """Rows of both tables that are new, changed, unchanged and gone."""


def scan(root: Path, stored: StoredImages, rules: SequenceRules, linker: ReportLinker, workers: Workers) -> ScanResult:
    """Update the tables from the folder `root`, an absolute path; SelipError where it holds no image."""
    nifti, others = files_below(root)
    studies: dict[str, list[LinkedSeries]] = {}
    with progress("files", len(nifti) + len(others)) as advance:
        from_nifti = _linked([nifti_series(root, path, rules) for path in nifti], rules, linker)
        _write(stored, _checked(from_nifti, stored, workers, advance), studies)
        read = list(_counted(workers.map(read_file, others, FILES_PER_TASK), advance))
        images = [file for file in read if file is not None]
        _write(stored, _linked(dicom_series(root, images), rules, linker), studies)
    if not studies:
        raise SelipError(f"There is no image in {root}: name another folder; the database is unchanged.")
    ambiguous = sum(study[0].link.reports > 1 for study in studies.values())
    return ScanResult(len(read) - len(images), ambiguous, stored.finish())


def files_below(root: Path) -> tuple[list[Path], list[Path]]:
    """The NIfTI files by their names, and all other files; links are followed, and no folder is read twice."""
    nifti: list[Path] = []
    others: list[Path] = []
    entered: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=_raise_unreadable):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in entered:
            subfolders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and (path.is_file() or path.is_symlink()):
                (nifti if is_nifti(path) else others).append(path)
    return nifti, others


def choose(study: Iterable[LinkedSeries]) -> dict[str, Row]:
    """Rows of a study's series by image id: the best volume of each sequence, all others excluded.

    The best has the b-value nearest to 1000, then covers the head, then is original, then axial, then has the smallest
    voxels, then the largest coverage. Series that are equal in all of these are chosen by acquisition, the first one.
    """
    rows: dict[str, Row] = {}
    sequences: defaultdict[Modality, list[LinkedSeries]] = defaultdict(list)
    study = list(study)
    patients = _patients(study)
    for linked in study:
        reason, detail = _exclusion(linked)
        if reason is None and len(patients) > 1:
            reason = "several_patients"
            detail = (
                f"{linked.link.study} has images of {len(patients)} patients: give --manifest with their patient_id"
            )
        if reason is not None:
            rows[linked.series.image_id] = _excluded_row(linked, reason, detail)
        elif linked.modality is not None:
            sequences[linked.modality].append(linked)
    for modality, candidates in sequences.items():
        best, *others = sorted(
            sorted(candidates, key=lambda c: (c.series.acquired, c.series.image_id)), key=_quality, reverse=True
        )
        rows[best.series.image_id] = _image_row(best, modality)
        for other in others:
            detail = f"{modality} of this study is {best.series.image_id}"
            rows[other.series.image_id] = _excluded_row(other, "second_series", detail)
    return rows


def describe(attributes: SeriesAttributes) -> str:
    """The attributes that a user needs to write a rule for the series."""
    shown = {
        "names": " | ".join(attributes.texts),
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


def _counted(results: Iterable[Result], advance: Advance) -> Iterator[Result]:
    for result in results:
        advance(1)
        yield result


def _raise_unreadable(error: OSError) -> None:
    raise SelipError(
        f"The folder {error.filename} cannot be read ({error.strerror}): change its permissions."
    ) from error


def _linked(found: Iterable[FoundSeries], rules: SequenceRules, linker: ReportLinker) -> list[LinkedSeries]:
    """The series with rule and link, sorted by study."""
    linked = [LinkedSeries(series, rules.recognise(series.attributes), linker.link(series)) for series in found]
    return sorted(linked, key=lambda one: (one.link.key, one.series.image_id))


def _checked(
    linked: Sequence[LinkedSeries], stored: StoredImages, workers: Workers, advance: Advance
) -> Iterator[LinkedSeries]:
    """NIfTI series, with the voxels of those that are used checked."""
    used = [one.series for one in linked if one.modality is not None]
    known = [stored.known(series.image_id) for series in used]
    results = workers.map(_check, zip(used, known, strict=True))
    for one in linked:
        yield one if one.modality is None else one._replace(series=next(results))
        advance(1)


def _check(task: tuple[FoundSeries, tuple[str, Geometry] | None]) -> FoundSeries:
    return checked(*task)


def _write(stored: StoredImages, linked: Iterable[LinkedSeries], studies: dict[str, list[LinkedSeries]]) -> None:
    """Write series that are sorted by study, several studies together; a study with earlier series is chosen anew."""
    batch: dict[str, Row] = {}
    written = time.monotonic()
    for key, group in groupby(linked, key=lambda one: one.link.key):
        studies.setdefault(key, []).extend(group)
        batch |= choose(studies[key])
        if time.monotonic() - written >= SECONDS_PER_WRITE:
            stored.write(batch.values())
            batch, written = {}, time.monotonic()
    stored.write(batch.values())


def _exclusion(linked: LinkedSeries) -> tuple[str | None, str | None]:
    """The reason and detail why a series is excluded; None for both where it is not."""
    series, rule, _ = linked
    if rule is not None and rule.exclude is not None:
        return rule.exclude, f"rule {rule.name}" + (f" ({rule.hint})" if rule.hint else "")
    if series.fault is not None:
        return series.fault
    if rule is None:
        return "unrecognised", describe(series.attributes)
    return None, None


def _patients(study: Iterable[LinkedSeries]) -> set[str]:
    """The patients that DICOM states for a study, leading zeros and case aside, where no manifest states them."""
    return {
        one.series.patient_id.strip().lstrip("0").casefold()
        for one in study
        if one.series.patient_id and one.link.patient_id in (one.series.patient_id, one.link.study)
    }


def _quality(linked: LinkedSeries) -> tuple[float, bool, bool, bool, float, float]:
    """The sort key of `choose`: the best is the largest."""
    geometry, attributes = linked.series.geometry, linked.series.attributes
    assert geometry is not None
    # The thickest axis; of equal ones the last, along which slices are stacked.
    slice_axis = 2 - int(np.argmax(geometry.spacing_mm[::-1]))
    coverage = geometry.spacing_mm[slice_axis] * geometry.shape[slice_axis]
    distance = 0.0 if attributes.b_value is None else abs(attributes.b_value - BEST_B_VALUE)
    # Of diffusion the trace is wanted, which is derived.
    original = "DERIVED" not in attributes.image_type or linked.modality in {"DWI", "ADC"}
    return (
        -distance,
        coverage >= MIN_COVERAGE_MM,
        original,
        geometry.orientation[slice_axis] in "IS",
        -float(np.prod(geometry.spacing_mm)),
        coverage,
    )


def _image_row(linked: LinkedSeries, modality: Modality) -> ImageRow:
    series, rule, link = linked
    assert series.geometry is not None
    assert series.content_hash is not None
    assert rule is not None
    return ImageRow(
        series.image_id,
        link.study,
        link.report_id,
        link.patient_id,
        modality,
        series.source,
        [str(path) for path in series.files],
        list(series.geometry.shape),
        list(series.geometry.spacing_mm),
        series.geometry.orientation,
        series.content_hash,
        series.description,
        rule.name,
    )


def _excluded_row(linked: LinkedSeries, reason: str, detail: str | None) -> ExcludedImageRow:
    return ExcludedImageRow(linked.series.image_id, linked.link.study, linked.series.description, reason, detail)
