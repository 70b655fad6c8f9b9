"""Processes that work beside this one, and do not outlive it even where it is killed."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread
from types import TracebackType
from typing import Self, TypeVar

from selip_shared.errors import SelipError

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers:
    """So many processes as a context manager, which start with the first task; one is the process itself."""

    def __init__(self, processes: int) -> None:
        self._pool = ProcessPoolExecutor(processes, get_context("spawn"), work_for_parent) if processes > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], together: int = 1) -> Iterator[Result]:
        """The results in the order of the tasks, which go out so many `together`; SelipError where a process died."""
        if self._pool is None:
            yield from map(function, tasks)
            return
        try:
            yield from self._pool.map(function, tasks, chunksize=together)
        except BrokenProcessPool as error:
            raise SelipError(
                "A process at work was ended from outside, perhaps for lack of memory: "
                "start again, with less other work on the machine; what is done stays."
            ) from error


def work_for_parent() -> None:
    """Initialise a worker process: Ctrl-C is its parent's affair, and it ends when its parent has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
