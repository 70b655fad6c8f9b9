"""Signals that ask the program to stop, deferred until the current piece of work is finished and saved."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import current_thread, main_thread
from types import FrameType


@dataclass
class StopSignal:
    """The number of the signal that asked this process to stop; 0 while none has."""

    number: int = 0


@contextmanager
def deferred_stop(*numbers: signal.Signals) -> Iterator[StopSignal]:
    """Record the first of these signals instead of acting on it; a second one acts at once, as without this.

    Only the main thread receives signals: in another thread nothing is deferred.
    """
    stop = StopSignal()
    if current_thread() is not main_thread():
        yield stop
        return
    previous = {number: signal.getsignal(number) for number in numbers}

    def record(number: int, _frame: FrameType | None) -> None:
        stop.number = number
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in numbers:
        signal.signal(number, record)
    try:
        yield stop
    finally:
        restore()
