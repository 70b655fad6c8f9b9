"""What scans have read of files, kept so that files of unchanged size and modification time are not read again.

It is a journal of JSON lines. A scan appends to it as it goes, so that a killed scan goes on where it was; a line that
was cut short is left out.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from selip_pretrain.scan.dicom.file import DicomFile, PixelBytes
from selip_pretrain.scan.dicom.header import SeriesHeader
from selip_pretrain.scan.files.cache import cache_file, code_digest, write_privately
from selip_pretrain.scan.files.file_check import FileCheck
from selip_pretrain.scan.files.folder import Stamp
from selip_pretrain.volumes.read_volume import Slice, VolumeFault
from selip_shared.files import is_utf8

Found = TypeVar("Found")


class ReadImage(NamedTuple):
    """A DicomFile without its path, its header by its position in the batch."""

    header: int | None
    instance_uid: str
    number: int
    slices: tuple[Slice, ...]
    frames: tuple[int, ...] | None
    frames_in_file: int
    pixels: PixelBytes | None
    fault: tuple[VolumeFault, str] | None


class ReadFile(NamedTuple):
    """What one file holds: its images, and its check, where known."""

    path: str
    stamp: Stamp
    images: tuple[ReadImage, ...] | None
    check: FileCheck | None


@dataclass(frozen=True)
class Batch:
    """Files that were read together, and their headers, which most of them share."""

    headers: tuple[SeriesHeader, ...]
    files: tuple[ReadFile, ...]


class KnownFiles:
    """The journal of one database and scanned folder."""

    def __init__(self, folder: Path | None = None, name: str = "") -> None:
        """`name` distinguishes the journal from those of other scans in `folder`; without a folder nothing is kept."""
        self._path = None if folder is None else cache_file(folder, name, "jsonl")
        self._images: dict[str, tuple[Stamp, tuple[DicomFile, ...]]] = {}
        self._checks: dict[str, tuple[Stamp, FileCheck]] = {}
        self._lines = 0
        self.complete = True
        """Whether all files could be opened that were to be read."""
        self._read()

    def images(self, path: Path, stamp: Stamp | None) -> tuple[DicomFile, ...] | None:
        """The images of an unchanged file; None where it has to be read."""
        known = self._images.get(str(path))
        return known[1] if known is not None and known[0] == stamp else None

    def check(self, path: Path, stamp: Stamp | None) -> FileCheck | None:
        """The check of an unchanged file; None where it has to be read."""
        known = self._checks.get(str(path))
        return known[1] if known is not None and known[0] == stamp else None

    def add_images(self, found: Iterable[tuple[Path, Stamp | None, tuple[DicomFile, ...]]]) -> None:
        """Keep the images of files, but of those that could not be opened."""
        new = self._to_keep(found, lambda images: any(image.unopened for image in images))
        self._images |= new
        self._append(_batch(new, {}))

    def add_checks(self, found: Iterable[tuple[Path, Stamp | None, FileCheck]]) -> None:
        """Keep the checks of files, but of those that could not be opened."""
        new = self._to_keep(found, lambda check: check.unopened)
        self._checks |= new
        self._append(_batch({}, new))

    def _to_keep(
        self, found: Iterable[tuple[Path, Stamp | None, Found]], is_unopened: Callable[[Found], bool]
    ) -> dict[str, tuple[Stamp, Found]]:
        """What was found in files, by their paths, but of those that could not be opened."""
        new: dict[str, tuple[Stamp, Found]] = {}
        for path, stamp, one in found:
            if is_unopened(one):
                self.complete = False
            elif stamp is not None and is_utf8(path):
                new[str(path)] = stamp, one
        return new

    def finish(self, present: Iterable[Path]) -> None:
        """Write the journal anew where it holds much that is out of date."""
        names = {str(path) for path in present}
        self._images = {name: self._images[name] for name in self._images.keys() & names}
        self._checks = {name: self._checks[name] for name in self._checks.keys() & names}
        if self._path is None or self._lines <= 2 * len(self._images.keys() | self._checks.keys()):
            return
        write_privately(self._path, _first_line() + _dumped(_batch(self._images, self._checks)))

    def _read(self) -> None:
        if self._path is None:
            return
        try:
            first, *lines = self._path.read_bytes().splitlines(keepends=True)
        except (OSError, ValueError):
            return
        if first != _first_line():
            self._path.unlink()
            return
        for line in lines:
            try:
                batch = _adapter().validate_json(line)
                self._keep(batch)
            except (ValidationError, IndexError):
                continue

    def _keep(self, batch: Batch) -> None:
        for file in batch.files:
            if file.images is not None:
                path = Path(file.path)
                images = tuple(_with_path(image, path, batch.headers) for image in file.images)
                self._images[file.path] = file.stamp, images
            if file.check is not None:
                self._checks[file.path] = (file.stamp, file.check)
        self._lines += len(batch.files)

    def _append(self, batch: Batch) -> None:
        if self._path is None or not batch.files:
            return
        self._lines += len(batch.files)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write((b"" if file.tell() else _first_line()) + b"\n" * bool(file.tell()) + _dumped(batch))
        except OSError:
            return  # the next scan reads these files again


def _batch(images: dict[str, tuple[Stamp, tuple[DicomFile, ...]]], checks: dict[str, tuple[Stamp, FileCheck]]) -> Batch:
    headers: dict[SeriesHeader, int] = {}
    files = [
        ReadFile(
            path,
            stamp,
            tuple(_without_path(image, headers) for image in found),
            None,
        )
        for path, (stamp, found) in images.items()
    ]
    files += [ReadFile(path, stamp, None, check) for path, (stamp, check) in checks.items()]
    return Batch(tuple(headers), tuple(files))


def _without_path(image: DicomFile, headers: dict[SeriesHeader, int]) -> ReadImage:
    return ReadImage(
        None if image.header is None else headers.setdefault(image.header, len(headers)),
        image.instance_uid,
        image.number,
        image.slices,
        image.frames,
        image.frames_in_file,
        image.pixels,
        image.fault,
    )


def _with_path(image: ReadImage, path: Path, headers: Sequence[SeriesHeader]) -> DicomFile:
    return DicomFile(
        path,
        None if image.header is None else headers[image.header],
        image.instance_uid,
        image.number,
        image.slices,
        image.frames,
        image.frames_in_file,
        image.pixels,
        image.fault,
    )


def _dumped(batch: Batch) -> bytes:
    return _adapter().dump_json(batch) + b"\n"


@cache
def _adapter() -> TypeAdapter[Batch]:
    return TypeAdapter(Batch)


def _first_line() -> bytes:
    return b'{"code":"%s"}\n' % code_digest().encode()
