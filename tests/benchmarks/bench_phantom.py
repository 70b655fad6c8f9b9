"""Speed of the phantom: python -m tests.benchmarks.bench_phantom [--write].

Studies of five sequences at 24 x 128 x 128, one process per core, after the anatomy is loaded: rendering alone,
rendering and writing, and the processor time per study.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_contracts.vocabulary import SIDES
from selip_pretrain.phantom.head_model.anatomy import Anatomy, load_anatomy, open_anatomy
from selip_pretrain.phantom.head_model.grid import PhantomGrid
from selip_pretrain.phantom.phantom_cohort import write_study
from selip_pretrain.phantom.render import ALWAYS, PhantomRecipe, render
from tests.benchmarks.figures import Figure, keep, machine, show

RECIPE = PhantomRecipe()
SITES = ("额叶", "基底节区", "侧脑室旁", "小脑半球", "硬膜下", "脑干")
_anatomy: Anatomy


def reports(count: int) -> list[AnnotatedReport]:
    """Studies with up to three lesions, each stated on all five sequences."""
    return [
        AnnotatedReport(
            report_id=f"bench-{n}",
            findings_text="",
            study=Study(
                findings=tuple(
                    Finding(modality=m, side=SIDES[(n + k) % 3], site=SITES[(n + k) % len(SITES)], signal="高")
                    for k in range(n % 4)
                    for m in ALWAYS
                )
            ),
        )
        for n in range(count)
    ]


def start(folder: Path) -> None:
    """Load the anatomy in a worker before its first study."""
    global _anatomy
    threadpool_limits(1)
    _anatomy = open_anatomy(folder)
    render(reports(1)[0], _anatomy, RECIPE)


def render_only(report: AnnotatedReport) -> None:
    """Render a study without saving it."""
    render(report, _anatomy, RECIPE)


def render_and_write(folder: Path, report: AnnotatedReport) -> None:
    """Render a study and write its files."""
    write_study(folder, RECIPE, _anatomy, report)


def measure(folder: Path, count: int) -> Iterator[Figure]:
    """The figures; worker processes have loaded the anatomy before the measurement."""
    processes = os.cpu_count() or 1
    started = time.perf_counter()
    anatomy = load_anatomy(PhantomGrid(RECIPE.shape).slice_mm)
    yield Figure("anatomy loaded", time.perf_counter() - started, "s")
    anatomy.save(folder)
    start(folder)
    studies = reports(count)
    for name, task in (("rendered", render_only), ("rendered and written", partial(render_and_write, folder))):
        before = time.process_time()
        for report in studies[: count // 8]:
            task(report)
        yield Figure(f"{name}, processor", (time.process_time() - before) / (count // 8) * 1000, "ms/study")
        with multiprocessing.get_context("spawn").Pool(processes, start, (folder,)) as pool:
            pool.map(render_only, reports(processes * 4), chunksize=1)
            started = time.perf_counter()
            pool.map(task, studies, chunksize=4)
            speed = count / (time.perf_counter() - started)
        yield Figure(f"{name}, {processes} processes", speed, "studies/s", "≥ 10 on 2 cores")


def main() -> None:
    """Measure and print the figures; with --write, store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=160)
    parser.add_argument("--write", action="store_true", help="store the figures in results.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = show(f"the phantom on {machine()}", measure(Path(folder), options.studies))
    if options.write:
        keep("phantom", found)


if __name__ == "__main__":
    main()
