"""The progress of the steps on stderr: a live table on a terminal, else a line for each step."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from rich.console import Console
from rich.live import Live
from rich.table import Table

from selip_downstream.reproduce.runner.steps import Step
from selip_shared.messages.console import say

TAIL_BYTES = 400


@contextmanager
def display(steps: Iterable[Step], workers: int) -> Iterator["Display"]:
    """A display to report progress to; its table is redrawn every half second."""
    console = Console(stderr=True)
    shown = Display(steps, workers, live=console.is_terminal)
    if not console.is_terminal:
        yield shown
        return
    with Live(get_renderable=shown.table, console=console, refresh_per_second=2, transient=True):
        yield shown


class Display:
    """Finished and running steps, the last log line of each running one, and the remaining time."""

    def __init__(self, steps: Iterable[Step], workers: int, *, live: bool) -> None:
        self._expected = {step.name: step.seconds for step in steps}
        self._workers = workers
        self._live = live
        self._running: dict[str, tuple[float, Path]] = {}
        self._taken: dict[str, float] = {}
        self._lock = Lock()

    def began(self, step: Step, log: Path) -> None:
        """The step runs."""
        with self._lock:
            self._running[step.name] = (time.monotonic(), log)

    def ended(self, step: Step, seconds: float) -> None:
        """The step is done; prints a line where there is no table."""
        self._over(step, seconds)
        if not self._live:
            took = f"{seconds:,.0f} s" if seconds else "done before"
            say(f"{self._whole()}: {step.name}, {took}", sys.stderr)

    def failed(self, step: Step, why: str) -> None:
        """The step has failed and the others continue; prints a line, above the table if there is one."""
        self._over(step, 0.0)
        say(f"{self._whole()}: {step.name} failed: {why}", sys.stderr)

    def table(self) -> Table:
        """A table of the running steps, titled with the overall progress."""
        table = Table(title=self._whole(), title_justify="left", box=None, padding=(0, 1), show_header=False)
        with self._lock:
            running = dict(self._running)
        for name, (began, log) in sorted(running.items()):
            table.add_row(name, f"{time.monotonic() - began:,.0f} s", _last_line(log))
        return table

    def _over(self, step: Step, seconds: float) -> None:
        with self._lock:
            self._running.pop(step.name, None)
            self._taken[step.name] = seconds

    def _whole(self) -> str:
        with self._lock:
            elapsed = {name: time.monotonic() - began for name, (began, _) in self._running.items()}
            done = len(self._taken)
            left = seconds_left(self._expected, self._taken, elapsed, self._workers)
        parts = [f"{done}/{len(self._expected)} steps"]
        if left:
            parts.append(f"about {max(1, round(left / 60))} min left")
        return ", ".join(parts)


def seconds_left(
    expected: Mapping[str, float], taken: Mapping[str, float], elapsed: Mapping[str, float], workers: int
) -> float:
    """The seconds that the remaining steps will take with this number of workers, at the speed of the finished ones.

    By name: the `expected` seconds of each step, those `taken` by each finished step, 0 if it was done before, and
    those `elapsed` for each running step. The longest remaining step is a lower bound.
    """
    run = {name: seconds for name, seconds in taken.items() if seconds}
    slowness = sum(run.values()) / sum(expected[name] for name in run) if run else 1.0
    left = [
        max(0.0, slowness * seconds - elapsed.get(name, 0.0)) for name, seconds in expected.items() if name not in taken
    ]
    return max(sum(left) / workers, max(left, default=0.0))


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode("utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
