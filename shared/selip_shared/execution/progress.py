"""Progress of long work on stderr: a bar on a terminal, otherwise a line from time to time."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from selip_shared.messages.translation import translated

Advance = Callable[[int], None]
MIN_HOURS = 2
"""Less is told in minutes."""


@contextmanager
def progress(unit: str, total: int | None = None, *, seconds_between_lines: float = 10.0) -> Iterator[Advance]:
    """A function to call with the number of newly finished `unit` (reports, steps …); `total` None where unknown."""
    console = Console(stderr=True)
    unit = translated(unit)
    show = _bar(console, unit, total) if console.is_terminal else _lines(unit, total, seconds_between_lines)
    with show as advance:
        yield advance


@contextmanager
def _bar(console: Console, unit: str, total: int | None) -> Iterator[Advance]:
    columns = (TextColumn(unit), BarColumn(), _Done(), _Rate(unit), TimeRemainingColumn())
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(unit, total=total)
        yield lambda count: bar.advance(task, count)


def rough_duration(seconds: float) -> str:
    """A time as an estimate of long work is told: in minutes, at least one, or in hours."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes:,} min" if minutes < MIN_HOURS * 60 else f"{seconds / 3600:,.1f} h"


class _Done(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_done(int(task.completed), None if task.total is None else int(task.total)))


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f} {self.unit}/s")


@contextmanager
def _lines(unit: str, total: int | None, seconds_between: float) -> Iterator[Advance]:
    start = time.monotonic()
    done = shown = 0
    last = start

    def show(now: float) -> None:
        nonlocal shown, last
        shown, last = done, now
        print(_line(unit, done, total, now - start), file=sys.stderr, flush=True)

    def advance(count: int) -> None:
        nonlocal done
        done += count
        now = time.monotonic()
        if now - last >= seconds_between:
            show(now)

    yield advance
    if done != shown:
        show(time.monotonic())


def _line(unit: str, done: int, total: int | None, seconds: float) -> str:
    parts = [f"{_done(done, total)} {unit}"]
    if done and seconds:
        parts.append(f"{done / seconds:,.1f} {unit}/s")
        if total is not None and done < total:
            parts.append(translated(f"{_duration(seconds * (total - done) / done)} left"))
    return ", ".join(parts)


def _done(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,}/{total:,}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
