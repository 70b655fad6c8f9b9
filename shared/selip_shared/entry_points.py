"""Where commands start: from here on Ctrl-C ends them in one line with exit code 130.

While a command imports its libraries, and after its work, nothing is to be saved, and Ctrl-C ends the process at once:
an exception would be a traceback, or be swallowed by what is imported. Between the two it is a KeyboardInterrupt.
This module imports little itself.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # as that of `typing`, which takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""

STOPPED = "Stopped."


class EndAtOnce:
    """A signal handler that ends the process with a sentence."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Nothing that Python does at its end."""
        os.write(2, f"{self.sentence}\n".encode())
        os._exit(INTERRUPTED)


def entry_point(module: str) -> Callable[[], None]:
    """The function of a console script: it imports the module of the command and calls its `main`.

    Its `__module__` is that of the command.
    """

    def start() -> None:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background job of a shell ignores it
            signal.signal(signal.SIGINT, EndAtOnce(STOPPED))
            from selip_shared.messages.translation import choose_language, translated

            choose_language(sys.argv)
            signal.signal(signal.SIGINT, EndAtOnce(translated(STOPPED)))
        from importlib import import_module

        import_module(module).main()

    start.__module__ = module
    return start


def interruptible(work: Callable[[], object]) -> None:
    """Do the work of a command, in which Ctrl-C is a KeyboardInterrupt, also where `entry_point` has started it."""
    handler = signal.getsignal(signal.SIGINT)
    if not isinstance(handler, EndAtOnce):
        work()
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        work()
    finally:
        signal.signal(signal.SIGINT, handler)
