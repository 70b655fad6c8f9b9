"""What the user names as reports: files, globs, folders, archives and standard input, each as files to open."""

import gzip
import os
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from selip_shared.errors import SelipError

STANDARD_INPUT = "-"
GZIP_SIGNATURE = b"\x1f\x8b"
ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
WORKBOOK_MEMBERS = ("[Content_Types].xml", "mimetype")
TABLE_ENDINGS = frozenset(
    (".csv", ".tsv", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".parquet", ".json", ".jsonl", ".ndjson", ".zip", ".gz")
)
TEXT_ENDING = ".txt"
HEAD_BYTES = 16


@dataclass(frozen=True)
class Source:
    """A file that can be opened anew; `path` is None for a member of an archive and for standard input."""

    name: str
    open: Callable[[], BinaryIO]
    path: Path | None = None

    def head(self) -> bytes:
        """Its first bytes."""
        with self.open() as file:
            return file.read(HEAD_BYTES)


def sources(argument: str) -> list[Source]:
    """The files that an argument names, in order; those of a folder or an archive are texts or tables.

    Raises SelipError where there is none, or a file cannot be one of reports.
    """
    if argument == STANDARD_INPUT:
        return _standard_input()
    path = Path(argument)
    if path.is_dir():
        return _of_folder(path)
    if path.exists():
        return _of_file(path)
    if any(sign in argument for sign in "*?["):
        found = _matching(path)
        if not found:
            raise SelipError(f"No file matches {argument}: check the name and the folder.")
        return [source for name in found for source in sources(str(name))]
    raise SelipError(f"{path} does not exist: check the name and the folder.")


def _matching(pattern: Path) -> list[Path]:
    """The files that a glob names, ** for any folders, in order."""
    root = Path(pattern.anchor)
    return sorted(path for path in root.glob(str(pattern.relative_to(root))) if not path.name.startswith((".", "~$")))


@contextmanager
def damaged_archive(name: str) -> Iterator[None]:
    """SelipError where an archive cannot be unpacked."""
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise SelipError(f"{name} is damaged and cannot be unpacked: export or copy it again.") from error


def _of_folder(folder: Path) -> list[Source]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "~$")))
    tables = [path for path in files if path.suffix.lower() in TABLE_ENDINGS]
    texts = [path for path in files if path.suffix.lower() == TEXT_ENDING]
    if tables and texts:
        meant = folder / f"*{tables[0].suffix}"
        raise SelipError(f"{folder} holds both tables and .txt files: name those that are meant, e.g. '{meant}'.")
    if not tables and not texts:
        raise SelipError(f"{folder} is a folder without a table and without .txt files: name a file of reports.")
    return [source for path in tables or texts for source in _of_file(path)]


def _of_file(path: Path) -> list[Source]:
    if not path.is_file():
        raise SelipError(f"{path} is not a regular file: write the reports to a file and give that.")
    if path.stat().st_size == 0:
        raise SelipError(f"{path} is empty: export the reports again.")
    return _unpacked(Source(str(path), lambda: path.open("rb"), path), path)


def _unpacked(plain: Source, path: Path) -> list[Source]:
    """The files in the file at the path, or itself where it is no archive."""
    head = plain.head()
    if head.startswith(GZIP_SIGNATURE):
        return [Source(plain.name, lambda: _of_gzip(path))]
    if head.startswith(ZIP_SIGNATURES):
        return _of_zip(plain.name, path) or [plain]
    return [plain]


def _of_gzip(path: Path) -> BinaryIO:
    return gzip.open(path)  # type: ignore[return-value]  # GzipFile reads like any other binary file


def _of_zip(name: str, path: Path) -> list[Source]:
    """The members of an archive; none where it is a workbook, which is a zip too, or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except zipfile.BadZipFile:
        return []
    if not members or any(member.filename in WORKBOOK_MEMBERS for member in members):
        return []
    if any(member.flag_bits & 1 for member in members):
        raise SelipError(f"{name} is protected by a password: unpack it and give the files in it.")
    shown = [member for member in members if not _hidden(member.filename)]
    return [Source(f"{name}/{_name(member)}", _opener(path, member)) for member in sorted(shown, key=_name)]


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "~$", "__MACOSX")) for part in name.split("/"))


def _name(member: zipfile.ZipInfo) -> str:
    """Its name; where the archive does not say that it is UTF-8, Windows wrote it in GB18030."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return member.filename


def _opener(path: Path, member: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        with zipfile.ZipFile(path) as archive:
            return archive.open(member)  # type: ignore[return-value]  # the member keeps the file open

    return opened


def _standard_input() -> list[Source]:
    """The files of standard input, kept in a file without a name, since it is read more than once."""
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        if not kept.tell():
            raise SelipError("Standard input is empty: pipe a table of reports into it.")
        descriptor = os.dup(kept.fileno())  # stays open until the program ends
    path = Path(f"/dev/fd/{descriptor}")
    return _unpacked(Source("standard input", lambda: path.open("rb")), path)
