"""Files and folders that are written completely or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which replaces `path` at the end; after an exception `path` is unchanged."""
    # In the same folder, since a rename is atomic only within one file system.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `path` completely or not at all."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Write `path` in UTF-8, with line ends as in `text`, completely or not at all."""
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A new folder to write to, which replaces `folder` at the end; after an exception `folder` is unchanged.

    Two renames are needed to replace a folder: `recover_folder` repairs what a kill between them left behind.
    """
    partial, earlier = _partial(folder), _earlier(folder)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        _finish(partial)
        shutil.rmtree(earlier, ignore_errors=True)
        if folder.exists():
            folder.rename(earlier)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(earlier, ignore_errors=True)


def recover_folder(folder: Path) -> None:
    """Restore the earlier folder where `replacing_folder` was killed between its two renames."""
    earlier = _earlier(folder)
    if earlier.exists() and not folder.exists():
        earlier.rename(folder)


def _partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.partial")


def _earlier(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.earlier")


def _finish(folder: Path) -> None:
    """Give the files of a folder the usual mode, and write them to the disk before the folder gets its final name."""
    # safetensors writes temporary files that only their owner may read.
    mask = os.umask(0)
    os.umask(mask)
    for file in (path for path in folder.rglob("*") if path.is_file()):
        file.chmod(0o666 & ~mask)
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def is_utf8(path: Path) -> bool:
    """Whether the path is valid UTF-8, as no path is in archives packed on a Chinese Windows."""
    return os.fsencode(path).decode("utf-8", "ignore") == str(path)
