"""Worker processes, which end with their parent even where it is killed."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from selip_shared.errors import SelipError

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers:
    """A context manager for `processes` worker processes, which start with the first task; 1 means this process itself.

    Each worker process first calls `initialise(*arguments)`; this process does not.
    """

    def __init__(
        self, processes: int, initialise: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
    ) -> None:
        self._pool = None
        if processes > 1:
            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(processes, context, _start_worker, (initialise, arguments))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], chunk_size: int = 1) -> Iterator[Result]:
        """The results in the order of the tasks, of which `chunk_size` are sent to a worker process together.

        Raises SelipError where a worker process was killed, and whatever `function` raises.
        """
        if self._pool is None:
            yield from map(function, tasks)
            return
        try:
            yield from self._pool.map(function, tasks, chunksize=chunk_size)
        except BrokenProcessPool as error:
            raise SelipError(
                "A worker process was killed, possibly out of memory: run the command again with fewer processes or "
                "with less other work on the machine; what is finished is kept."
            ) from error


def _start_worker(initialise: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    # The parent handles Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    if initialise is not None:
        initialise(*arguments)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
