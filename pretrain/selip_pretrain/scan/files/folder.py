"""The files of a folder, with sizes and modification times."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from selip_shared.errors import SelipError


class Stamp(NamedTuple):
    """Size in bytes and modification time in nanoseconds of a file."""

    size: int
    modified: int


def files_below(root: Path) -> dict[str, Stamp | None]:
    """The paths of all files at any depth, in order; None for a link to nothing.

    Links are followed, and no folder is read twice. Names that begin with a dot are left out. SelipError where a folder
    cannot be read.
    """
    found: dict[str, Stamp | None] = {}
    entered: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=_raise_unreadable):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in entered:
            subfolders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                _add(found, f"{folder}{os.sep}{name}")
    return found


def _add(found: dict[str, Stamp | None], name: str) -> None:
    try:
        status = os.stat(name)  # noqa: PTH116 -- a million paths take long to make
    except OSError:
        status = None
    if status is not None and stat.S_ISREG(status.st_mode):
        found[name] = Stamp(status.st_size, status.st_mtime_ns)
    elif os.path.islink(name):  # noqa: PTH114
        found[name] = None


def _raise_unreadable(error: OSError) -> None:
    raise SelipError(
        f"The folder {error.filename} cannot be read ({error.strerror}): change its permissions."
    ) from error
