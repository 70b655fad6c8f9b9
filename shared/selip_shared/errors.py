"""What a user can put right, said in one sentence."""

import errno
import sys
from collections.abc import Callable
from typing import NoReturn

from selip_shared.privacy import stay_offline

INTERRUPTED = 130
# What DuckDB makes of Ctrl-C while it is at work.
_INTERRUPTED_QUERY = "Query interrupted"
_REMEDIES = {
    errno.ENOSPC: "No space is left on the disk for {place}: free some, or name a place on another disk.",
    errno.EDQUOT: "The disk quota is used up for {place}: free some space, or name a place on another disk.",
    errno.EROFS: "The disk of {place} is read-only: name a place that can be written to.",
    errno.EACCES: "{place} may not be opened by this user: change its permissions, or name another place.",
}


class SelipError(Exception):
    """Its text is one sentence for the user: the cause, and the way out."""


def run_command(app: Callable[[], object]) -> NoReturn:
    """Run a typer app, offline; what a user can put right ends in one line on stderr and exit code 1, Ctrl-C in 130."""
    stay_offline()
    try:
        app()
    except SelipError as error:
        _leave(str(error), 1)
    except KeyboardInterrupt:
        _leave("Stopped.", INTERRUPTED)
    except RuntimeError as error:
        if str(error) != _INTERRUPTED_QUERY:
            raise
        _leave("Stopped.", INTERRUPTED)
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        _leave(_REMEDIES[error.errno].format(place=error.filename or "the output"), 1)
    except SystemExit as leaving:
        if _is_typers_ctrl_c(leaving):
            _leave("Stopped.", INTERRUPTED)
        raise
    sys.exit(0)


def _is_typers_ctrl_c(leaving: SystemExit) -> bool:
    """Whether typer itself has turned Ctrl-C into this exit, which it does without a word."""
    cause = leaving.__context__ and leaving.__context__.__cause__
    return isinstance(cause, KeyboardInterrupt)


def _leave(sentence: str, code: int) -> NoReturn:
    print(" ".join(sentence.split()), file=sys.stderr)
    sys.exit(code)
