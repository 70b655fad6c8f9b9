"""The files of a folder, with sizes and modification times."""

import os
from pathlib import Path
from typing import NamedTuple

from selip_shared.errors import SelipError


class Stamp(NamedTuple):
    """Size in bytes and modification time in nanoseconds of a file."""

    size: int
    modified: int


def files_below(root: Path) -> dict[Path, Stamp | None]:
    """All files at any depth, in order; None for a link to nothing. Links are followed, and no folder is read twice.

    Names that begin with a dot are left out. SelipError where a folder cannot be read.
    """
    found: dict[Path, Stamp | None] = {}
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
                found[path] = _stamp(path)
    return found


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns)


def _raise_unreadable(error: OSError) -> None:
    raise SelipError(
        f"The folder {error.filename} cannot be read ({error.strerror}): change its permissions."
    ) from error
