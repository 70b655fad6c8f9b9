"""Extraction on a machine that others use: the command alone and beside busy loops, one after the other.

A fair scheduler gives one process of `b + 1` runnable ones on `c` processors `c / (b + 1)` of a processor. The figures
compare the command with that share, in seconds and in processor time. With --write they are stored in results.json.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

from selip_shared.threads import granted_cpus
from tests.benchmarks.bench_extract import command, reports_of_usual_length, write_csv
from tests.benchmarks.figures import Figure, keep, machine, show

BUSY_LOOPS = 8
REPORTS = {"rules": 4_000, "both": 400}


@contextmanager
def busy_loop() -> Iterator[None]:
    """A process that computes until the end."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def processor_seconds() -> float:
    """Processor time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(texts: Path, extractor: str) -> tuple[float, float]:
    """Reports per second, and processor seconds of the whole command with one worker."""
    before = processor_seconds()
    rate = command(texts, "--extractor", extractor, "--workers", "1").reports_per_second
    texts.with_suffix(".command.duckdb").unlink()
    return rate, processor_seconds() - before


def shares(folder: Path) -> Iterator[Figure]:
    """Each extractor alone and beside the loops."""
    # Affinity holds for the commands and the loops.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    fair = min(1.0, granted_cpus() / (BUSY_LOOPS + 1))
    for extractor, count in REPORTS.items():
        rows = [(r.report_id, r.findings_text) for r in islice(reports_of_usual_length(), count)]
        texts = write_csv(folder / f"{extractor}.csv", rows)
        alone, seconds_alone = measured(texts, extractor)
        with ExitStack() as loops:
            for _ in range(BUSY_LOOPS):
                loops.enter_context(busy_loop())
            beside, seconds_beside = measured(texts, extractor)
        name = f"{extractor} beside {BUSY_LOOPS} busy loops"
        yield Figure(f"{name}, of its fair share", beside / alone / fair, "", "≥ 0.7")
        yield Figure(f"{name}, processor time", seconds_beside / seconds_alone, "times alone")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    with tempfile.TemporaryDirectory() as folder:
        found = show(f"selip-extract on a busy machine, {machine()}", shares(Path(folder)))
    if sys.argv[1:] == ["--write"]:
        keep("busy", found)


if __name__ == "__main__":
    main()
