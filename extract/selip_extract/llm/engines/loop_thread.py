"""An event loop in its own thread, for engines that are asynchronous inside and are called from threads."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines in one event loop in a daemon thread."""

    def __init__(self, name: str) -> None:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._closed = asyncio.Event()
        # asyncio.run cancels the tasks that are left at the end and waits for them: an interrupted request, or one that
        # still connects, would else leave its connection open.
        self._thread = Thread(target=asyncio.run, args=(self._serve(started),), name=name, daemon=True)
        self._thread.start()
        self._loop = started.result()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the coroutine: what it returns or raises; an interrupted wait cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel the tasks that are left, wait for their end, and join the thread."""
        self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join()

    async def _serve(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        started.set_result(asyncio.get_running_loop())
        await self._closed.wait()
