"""A folder of images into the tables images and excluded_images: read, recognised, linked to reports, selected."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import filterfalse, groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

from selip_pretrain.scan.dicom.file import DicomFile, PixelBytes, read_file
from selip_pretrain.scan.dicom.header import SeriesHeader
from selip_pretrain.scan.dicom.series import dicom_series
from selip_pretrain.scan.files.file_check import CheckTask, FileCheck, check_file, checked
from selip_pretrain.scan.files.folder import Stamp, files_below
from selip_pretrain.scan.files.known_files import KnownFiles
from selip_pretrain.scan.nifti_series import is_nifti, nifti_series
from selip_pretrain.scan.report_linkage import ReportLinker
from selip_pretrain.scan.sequence_rules import SequenceRules
from selip_pretrain.scan.series import FoundSeries
from selip_pretrain.scan.series_choice import LinkedSeries, choose, is_candidate, recognised
from selip_pretrain.scan.stored_images import Change, Row, StoredImages
from selip_shared.errors import SelipError
from selip_shared.execution.base import Workers
from selip_shared.execution.progress import progress

SECONDS_PER_WRITE = 5
"""Results are written this often, so that a killed scan loses little."""

FILES_PER_TASK = 32

Task = TypeVar("Task")
Result = TypeVar("Result")


class ScannedFolder(NamedTuple):
    """The series of a folder, and what becomes of them."""

    series: list[LinkedSeries]
    """Sorted by study."""
    rows: dict[str, Row]
    """The rows of both tables by image id."""
    other_files: int
    """Files that are not images."""
    ambiguous_studies: int
    """Studies whose name may refer to several reports."""


class ScanResult(NamedTuple):
    """Counts of a scan."""

    other_files: int
    ambiguous_studies: int
    changes: Counter[Change]
    """Rows of both tables that are new, changed, unchanged and gone."""


def scan(
    root: Path,
    stored: StoredImages,
    rules: SequenceRules,
    linker: ReportLinker,
    workers: Workers,
    known: KnownFiles | None = None,
) -> ScanResult:
    """Update the tables from the folder `root`, an absolute path, as `read_folder` reads it."""
    scanned = read_folder(root, files_below(root), rules, linker, workers, known or KnownFiles())
    return ScanResult(scanned.other_files, scanned.ambiguous_studies, stored.update(scanned.rows.values()))


def read_folder(
    root: Path,
    files: Mapping[str, Stamp | None],
    rules: SequenceRules,
    linker: ReportLinker,
    workers: Workers,
    known: KnownFiles,
) -> ScannedFolder:
    """Find, recognise, link and choose the series in the files below `root`; those that are `known` are not read.

    SelipError where there is no image.
    """
    reader = FolderReader(root, files, workers, known)
    series = list(reader.series(rules))
    if not series:
        raise SelipError(f"There is no image in {root}: name another folder; the database is unchanged.")
    found = [
        LinkedSeries(one, recognised(one, link, rules), link)
        for one, link in zip(series, linker.link(series), strict=True)
    ]
    used = reader.checked([one.series for one in found if is_candidate(one)])
    linked = [one._replace(series=used.get(one.series.image_id, one.series)) for one in found]
    linked.sort(key=lambda one: (one.link.key, one.series.image_id))
    rows: dict[str, Row] = {}
    ambiguous = 0
    for _, group in groupby(linked, key=lambda one: one.link.key):
        study = list(group)
        rows |= choose(study)
        ambiguous += study[0].link.reports > 1
    reader.finish()
    return ScannedFolder(linked, rows, reader.other_files, ambiguous)


class FolderReader:
    """Reads those files of a folder that no earlier scan has read, with workers."""

    def __init__(self, root: Path, files: Mapping[str, Stamp | None], workers: Workers, known: KnownFiles) -> None:
        """`files` as `files_below` finds them."""
        self._root = root
        self._files = {Path(name): stamp for name, stamp in files.items()}
        self._known = known
        self._workers = workers
        self._pixels: dict[Path, PixelBytes] = {}
        self.other_files = 0
        """Files that are no images, known after `series`."""

    def series(self, rules: SequenceRules) -> Iterator[FoundSeries]:
        """The series in all files, before those that are used are checked."""
        yield from (one for path in self._files if is_nifti(path) for one in nifti_series(self._root, path, rules))
        images = [image for several in self._dicom_files() for image in several]
        self._pixels = {image.path: image.pixels for image in images if image.pixels is not None}
        yield from dicom_series(self._root, images)

    def checked(self, series: Sequence[FoundSeries]) -> dict[str, FoundSeries]:
        """The series by image id, with content hash and geometry, or with their fault."""
        paths = list(dict.fromkeys(path for one in series for path in one.files))
        checks = {path: self._known.check(path, self._files[path]) for path in paths}
        volumes = _volumes_of(series)
        new = [
            CheckTask(path, is_nifti(path), self._pixels.get(path), volumes[path])
            for path, check in checks.items()
            if check is None or check.volumes != volumes[path]
        ]
        # A NIfTI file is a whole volume, a DICOM file often one slice.
        for tasks, size in ((list(filter(_is_nifti, new)), 1), (list(filterfalse(_is_nifti, new)), FILES_PER_TASK)):
            results = self._read(check_file, tasks, [task.path for task in tasks], self._known.add_checks, size)
            checks |= dict(zip([task.path for task in tasks], results, strict=True))
        return {one.image_id: checked(one, [checks[path] or FileCheck() for path in one.files]) for one in series}

    def finish(self) -> None:
        """Forget what is known of files that are gone."""
        self._known.finish(self._files)

    def _dicom_files(self) -> list[tuple[DicomFile, ...]]:
        """The images in each file that is not NIfTI."""
        paths = [path for path in self._files if not is_nifti(path)]
        known = {path: self._known.images(path, self._files[path]) for path in paths}
        new = [path for path in paths if known[path] is None]
        read = self._read(read_file, new, new, self._known.add_images, FILES_PER_TASK)
        known |= dict(zip(new, read, strict=True))
        headers: dict[SeriesHeader, SeriesHeader] = {}
        found = [tuple(_sharing(image, headers) for image in known[path] or ()) for path in paths]
        self.other_files = sum(not images for images in found)
        return found

    def _read(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        paths: Sequence[Path],
        keep: Callable[[Sequence[tuple[Path, Stamp | None, Result]]], None],
        files_per_task: int,
    ) -> list[Result]:
        """The results for the files `paths`, in their order; what is read is kept as it comes."""
        if not tasks:
            return []
        found: list[Result] = []
        kept, written = 0, time.monotonic()
        with progress("files", len(tasks)) as advance:
            for result in self._workers.map(function, tasks, files_per_task):
                found.append(result)
                advance(1)
                if time.monotonic() - written >= SECONDS_PER_WRITE or len(found) == len(tasks):
                    done = paths[kept : len(found)]
                    keep([(path, self._files[path], one) for path, one in zip(done, found[kept:], strict=True)])
                    kept, written = len(found), time.monotonic()
        return found


def _volumes_of(series: Sequence[FoundSeries]) -> Mapping[Path, tuple[int, ...]]:
    """By file, of four-dimensional NIfTI the volumes that series are; none of other files."""
    used: defaultdict[Path, tuple[int, ...]] = defaultdict(tuple)
    for one in series:
        if one.source == "nifti":
            used[one.files[0]] += one.frames or ()
    return used


def _sharing(image: DicomFile, headers: dict[SeriesHeader, SeriesHeader]) -> DicomFile:
    """The image with one header object for all files of a series: there may be a million of them."""
    if image.header is None:
        return image
    header = headers.setdefault(image.header, image.header)
    return image if header is image.header else replace(image, header=header)


def _is_nifti(task: CheckTask) -> bool:
    return task.nifti
