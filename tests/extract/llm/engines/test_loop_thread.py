import asyncio
import threading

import pytest

from selip_extract.llm.engines.loop_thread import LoopThread


async def _doubled(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def _failing() -> None:
    raise ValueError("broken")


def test_a_coroutine_returns_and_raises_across_threads() -> None:
    loop = LoopThread("loop")
    assert loop.run(_doubled(2)) == 4
    with pytest.raises(ValueError, match="broken"):
        loop.run(_failing())
    loop.close()
    assert "loop" not in {thread.name for thread in threading.enumerate()}


def test_closing_waits_until_a_task_that_is_left_has_cleaned_up() -> None:
    events: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def waiting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            events.append("cleaned up")

    async def start() -> None:
        tasks.append(asyncio.create_task(waiting()))
        await asyncio.sleep(0)

    loop = LoopThread("loop")
    loop.run(start())
    assert events == []
    loop.close()
    assert events == ["cleaned up"]
    assert tasks[0].cancelled()
