"""Worker processes on this machine, which end with their parent even where it is killed."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread

from selip_shared.errors import SelipError
from selip_shared.execution.base import Result, Task, Workers, do_chunk
from selip_shared.threads import granted_cpus, limit_threads


class ProcessWorkers(Workers):
    """`count` worker processes, each of which starts when there is a task for it; 1 means this process itself."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = None
        if count > 1:
            threads = max(1, granted_cpus() // count)
            self._pool = ProcessPoolExecutor(count, get_context("spawn"), _start_worker, (threads,))

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task], chunk_size: int = 1) -> Iterator[Result]:
        """As in `Workers`; SelipError where a process was killed."""
        try:
            yield from super().map(function, tasks, chunk_size)
        except BrokenProcessPool as error:
            raise SelipError(
                "A worker process was killed, possibly out of memory: run the command again with fewer workers or "
                "with less other work on the machine; what is finished is kept."
            ) from error

    @property
    def _ahead(self) -> int:
        return 1 if self._pool is None else super()._ahead

    def _submit(self, function: Callable[[Task], Result], chunk: list[Task]) -> "Future[list[Result]]":
        if self._pool is None:
            done: Future[list[Result]] = Future()
            done.set_result(do_chunk(function, chunk))
            return done
        return self._pool.submit(do_chunk, function, chunk)

    def close(self) -> None:
        """End the processes after the tasks that they have begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _start_worker(threads: int) -> None:
    # The parent handles Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    limit_threads(threads)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
