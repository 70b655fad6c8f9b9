"""A folder of images into the tables images and excluded_images: read, recognised, tied to reports, one of each."""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from selip_contracts.vocabulary import Modality
from selip_pretrain.scan.dicom_series import gathered, read_file
from selip_pretrain.scan.nifti_series import examined, is_nifti, nifti_series
from selip_pretrain.scan.report_linkage import Link, ReportLinker
from selip_pretrain.scan.sequence_rules import Rule, SequenceRules, SeriesAttributes
from selip_pretrain.scan.series import FoundSeries, Geometry
from selip_pretrain.scan.stored_images import Change, ExcludedImageRow, ImageRow, Row, StoredImages
from selip_shared.errors import SelipError
from selip_shared.processes import Workers
from selip_shared.progress import Advance, progress

SECONDS_A_BATCH = 5
"""So often what is found is written, so that little is lost with the process."""

FILES_A_TASK = 32
BEST_B_VALUE = 1000


Result = TypeVar("Result")


class Member(NamedTuple):
    """A series with what it was recognised as and what it belongs to."""

    series: FoundSeries
    rule: Rule | None
    tie: Link


class Scanned(NamedTuple):
    """What a scan met besides the rows that it wrote."""

    other_files: int
    """Files that are no images."""
    ambiguous_studies: int
    """Studies whose name stands for several reports."""
    changes: Counter[Change]
    """Rows of both tables that are new, changed, unchanged and gone."""


def scan(root: Path, stored: StoredImages, rules: SequenceRules, ties: ReportLinker, processes: int) -> Scanned:
    """Bring the tables up to date with the folder `root`, an absolute path; SelipError where it holds no image."""
    nifti, others = files_below(root)
    studies: dict[str, list[Member]] = {}
    with progress("files", len(nifti) + len(others)) as advance, Workers(processes) as workers:
        named = _members([nifti_series(root, path) for path in nifti], rules, ties)
        _write(stored, _examined(named, stored, workers, advance), studies)
        read = list(_counted(workers.map(read_file, others, FILES_A_TASK), advance))
        pictures = [file for file in read if file is not None]
        _write(stored, _members(gathered(root, pictures), rules, ties), studies)
    if not studies:
        raise SelipError(f"There is no image in {root}: name another folder; the database is as it was.")
    ambiguous = sum(members[0].tie.reports > 1 for members in studies.values())
    return Scanned(len(read) - len(pictures), ambiguous, stored.finish())


def files_below(root: Path) -> tuple[list[Path], list[Path]]:
    """The NIfTI files by their names, and all other files; links are followed, no folder is entered twice."""
    nifti: list[Path] = []
    others: list[Path] = []
    entered: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=_refuse):
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


def choose(members: Iterable[Member]) -> dict[str, Row]:
    """Rows of a study's series by their names: of each sequence the best volume, all others set aside.

    The best is the one with the b-value nearest to 1000, then with more slices, then with smaller pixels, then the
    later one.
    """
    rows: dict[str, Row] = {}
    sequences: defaultdict[Modality, list[Member]] = defaultdict(list)
    for member in members:
        reason, detail = _why_set_aside(member)
        if reason is not None:
            rows[member.series.image_id] = _set_aside(member, reason, detail)
        elif member.rule is not None and member.rule.modality is not None:
            sequences[member.rule.modality].append(member)
    for modality, candidates in sequences.items():
        # By name first, so that of equal ones the same is taken every time.
        best, *further = sorted(sorted(candidates, key=lambda m: m.series.image_id), key=_merit, reverse=True)
        rows[best.series.image_id] = _image(best, modality)
        for member in further:
            detail = f"{modality} of this study is {best.series.image_id}"
            rows[member.series.image_id] = _set_aside(member, "second_series", detail)
    return rows


def _counted(results: Iterable[Result], advance: Advance) -> Iterator[Result]:
    for result in results:
        advance(1)
        yield result


def _refuse(error: OSError) -> None:
    raise SelipError(
        f"The folder {error.filename} cannot be read ({error.strerror}): change its permissions."
    ) from error


def _members(found: Iterable[FoundSeries], rules: SequenceRules, ties: ReportLinker) -> list[Member]:
    """In the order of their studies."""
    members = [Member(series, rules.recognise(series.look), ties.tie(series)) for series in found]
    return sorted(members, key=lambda member: (member.tie.key, member.series.image_id))


def _examined(members: Sequence[Member], stored: StoredImages, workers: Workers, advance: Advance) -> Iterator[Member]:
    """NIfTI files with their voxels checked, where their names tell a sequence."""
    wanted = [member.series for member in members if member.rule is not None and member.rule.modality is not None]
    known = [stored.known(series.image_id) for series in wanted]
    results = workers.map(_examine, list(zip(wanted, known, strict=True)))
    for member in members:
        used = member.rule is not None and member.rule.modality is not None
        yield member._replace(series=next(results)) if used else member
        advance(1)


def _examine(task: tuple[FoundSeries, tuple[str, Geometry] | None]) -> FoundSeries:
    return examined(*task)


def _write(stored: StoredImages, members: Iterable[Member], studies: dict[str, list[Member]]) -> None:
    """Write study by study, several of them together; a study that is known already is decided anew."""
    batch: dict[str, Row] = {}
    written = time.monotonic()
    for key, group in groupby(members, key=lambda member: member.tie.key):
        studies.setdefault(key, []).extend(group)
        batch |= choose(studies[key])
        if time.monotonic() - written >= SECONDS_A_BATCH:
            stored.write(batch.values())
            batch, written = {}, time.monotonic()
    stored.write(batch.values())


def _why_set_aside(member: Member) -> tuple[str | None, str | None]:
    series, rule, _ = member
    if rule is not None and rule.set_aside is not None:
        return rule.set_aside, f"rule {rule.name}"
    if series.fault is not None:
        return series.fault
    if rule is None:
        return "unrecognised", _described(series.look)
    return None, None


def _described(look: SeriesAttributes) -> str:
    """What a person needs to write a rule for it."""
    shown = {
        "names": " | ".join(look.texts),
        "ImageType": "\\".join(look.image_type),
        "ScanningSequence": "\\".join(look.scanning_sequence),
        "TR": look.tr_ms,
        "TE": look.te_ms,
        "TI": look.ti_ms or None,
        "b": look.b_value,
        "contrast agent": "yes" if look.contrast else None,
    }
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items() if value
    )


def _merit(member: Member) -> tuple[float, int, float, str]:
    geometry = member.series.geometry
    assert geometry is not None
    across = int(np.argmax(geometry.spacing_mm))
    pixel = np.prod(geometry.spacing_mm) / geometry.spacing_mm[across]
    b_value = member.series.look.b_value
    off = 0.0 if b_value is None else abs(b_value - BEST_B_VALUE)
    return -off, geometry.shape[across], -float(pixel), member.series.acquired


def _image(member: Member, modality: Modality) -> ImageRow:
    series, rule, tie = member
    assert series.geometry is not None
    assert series.content_hash is not None
    assert rule is not None
    return ImageRow(
        series.image_id,
        tie.study,
        tie.report_id,
        tie.patient_id,
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


def _set_aside(member: Member, reason: str, detail: str | None) -> ExcludedImageRow:
    return ExcludedImageRow(member.series.image_id, member.tie.study, member.series.description, reason, detail)
