"""Worker processes on this machine, which end with their parent even where it is killed."""

import gc
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, parent_process, resource_tracker
from threading import Thread

from selip_shared.errors import SelipError
from selip_shared.execution.base import Result, Task, Workers, do_chunk
from selip_shared.threads import granted_cpus, limit_threads


class ProcessWorkers(Workers):
    """`count` worker processes, each of which starts when there is a task for it; 1 means this process itself.

    The named modules and that of the first function are loaded once, in a process of which the workers are copies that
    share its memory.
    """

    def __init__(self, count: int, modules: Sequence[str] = ()) -> None:
        self.count = count
        self._modules = modules
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task], chunk_size: int = 1) -> Iterator[Result]:
        """As in `Workers`; SelipError where a process was killed."""
        if self.count > 1 and self._pool is None:
            start_server((getattr(function, "func", function).__module__, *self._modules))
            threads = max(1, granted_cpus() // self.count)
            self._pool = ProcessPoolExecutor(self.count, get_context("forkserver"), _start_worker, (threads,))
        try:
            yield from super().map(function, tasks, chunk_size)
        except BrokenProcessPool as error:
            raise SelipError(
                "A worker process was killed, possibly out of memory: run the command again with fewer workers or "
                "with less other work on the machine; what is finished is kept."
            ) from error

    @property
    def _ahead(self) -> int:
        return 1 if self.count == 1 else super()._ahead

    def _submit(self, function: Callable[[Task], Result], chunk: list[Task]) -> "Future[list[Result]]":
        if self._pool is None:
            done: Future[list[Result]] = Future()
            done.set_result(do_chunk(function, chunk))
            return done
        with _ctrl_c_waiting():  # a worker that is half started would end with a traceback
            return self._pool.submit(do_chunk, function, chunk)

    def close(self) -> None:
        """End the processes after the tasks that they have begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def start_server(modules: Sequence[str]) -> None:
    """Start the process that loads the modules and from which workers are forked; there is one for all pools.

    It loads them while the caller goes on.
    """
    forkserver.set_forkserver_preload(["__main__", *modules])
    resource_tracker.ensure_running()  # else the server starts it, and it unblocks the signal
    with _ctrl_c_waiting():  # the server inherits that it hears nothing of it: the parent handles it
        forkserver.ensure_running()


@contextmanager
def _ctrl_c_waiting() -> Iterator[None]:
    """Let Ctrl-C wait until the end."""
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def _start_worker(threads: int) -> None:
    gc.freeze()  # the collector would write to what is shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    limit_threads(threads)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
