"""Errors that a user can correct, told in one sentence."""

import errno
import io
import sys
from collections.abc import Callable
from typing import NoReturn

import typer

from selip_shared.common_options import with_common_options
from selip_shared.entry_points import INTERRUPTED, interruptible
from selip_shared.messages.translation import choose_language, localized, translated
from selip_shared.privacy import stay_offline
from selip_shared.threads import limit_threads

# DuckDB's message of the RuntimeError that it raises on Ctrl-C.
_INTERRUPTED_QUERY = "Query interrupted"
# The class that torch raises, which is known by name since a command without torch should not wait for it.
_OUT_OF_MEMORY = "OutOfMemoryError"
_REMEDIES = {
    errno.ENOSPC: "No space is left on the disk for {path}: free some, or name a path on another disk.",
    errno.EDQUOT: "The disk quota is used up for {path}: free some space, or name a path on another disk.",
    errno.EROFS: "The disk of {path} is read-only: name a path that can be written to.",
    errno.EACCES: "This user may not open {path}: change its permissions, or name another path.",
}


class SelipError(Exception):
    """An error whose text is one sentence for the user: the cause and the remedy."""


def run_command(app: Callable[[], object]) -> NoReturn:
    """Run a typer app offline, with the threads that the machine grants, --version, --lang, and UTF-8 as output.

    An error for the user is one line on stderr and exit code 1, Ctrl-C is 130.
    """
    stay_offline()
    limit_threads()
    _write_utf8()
    choose_language(sys.argv)
    try:
        interruptible(localized(with_common_options(app)) if isinstance(app, typer.Typer) else app)
    except SelipError as error:
        _leave(str(error), 1)
    except KeyboardInterrupt:
        _leave("Stopped.", INTERRUPTED)
    except RuntimeError as error:
        if type(error).__name__ == _OUT_OF_MEMORY:
            _leave(
                "The GPU has too little free memory: name another one with CUDA_VISIBLE_DEVICES, or take less at once,"
                " e.g. with --chunk of selip-pretrain.",
                1,
            )
        if str(error) != _INTERRUPTED_QUERY:
            raise
        _leave("Stopped.", INTERRUPTED)
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        _leave(_REMEDIES[error.errno].format(path=error.filename or "the output"), 1)
    except SystemExit as leaving:
        if _is_typers_ctrl_c(leaving):
            _leave("Stopped.", INTERRUPTED)
        raise
    sys.exit(0)


def _write_utf8() -> None:
    """Write UTF-8 whatever the terminal says: reports are Chinese, and a traceback after the work would lose it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _is_typers_ctrl_c(leaving: SystemExit) -> bool:
    """Whether typer turned Ctrl-C into this exit, which it does silently."""
    cause = leaving.__context__ and leaving.__context__.__cause__
    return isinstance(cause, KeyboardInterrupt)


def _leave(sentence: str, code: int) -> NoReturn:
    print(" ".join(translated(sentence).split()), file=sys.stderr)
    sys.exit(code)
