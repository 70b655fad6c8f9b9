"""Many studies in parallel: each in its own folder, those that are complete left as they are, truth.json at the end."""

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import TemporaryDirectory

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from selip_contracts.findings import AnnotatedReport
from selip_pretrain.phantom.anatomy import Anatomy, load_anatomy, open_anatomy
from selip_pretrain.phantom.grid import Grid
from selip_pretrain.phantom.render import PhantomRecipe, render
from selip_pretrain.phantom.study_files import LESIONS, check_report_id, fingerprint, is_complete, write_study
from selip_shared.errors import SelipError
from selip_shared.files import write_text

TRUTH = "truth.json"
_STUDIES_A_TURN = 4
_anatomy: Anatomy | None = None


def write_cohort(
    reports: Sequence[AnnotatedReport],
    folder: Path,
    recipe: PhantomRecipe,
    processes: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Render the studies that `folder` does not hold yet, say how many; the same whatever the number of processes."""
    for report in reports:
        check_report_id(report.report_id)
    folder.mkdir(parents=True, exist_ok=True)
    pending = [r for r in reports if not is_complete(folder / r.report_id, fingerprint(r, recipe))]
    advance(len(reports) - len(pending))
    if pending:
        for _ in _rendered(pending, folder, recipe, processes):
            advance(1)
    studies = [json.loads((folder / report.report_id / LESIONS).read_bytes()) for report in reports]
    truth = {"recipe": recipe.model_dump(mode="json"), "studies": studies}
    write_text(folder / TRUTH, json.dumps(truth, ensure_ascii=False, indent=1) + "\n")
    return len(pending)


def _rendered(pending: list[AnnotatedReport], folder: Path, recipe: PhantomRecipe, processes: int) -> Iterator[None]:
    anatomy = load_anatomy(Grid(recipe.shape).slice_mm)
    if processes == 1:
        with threadpool_limits(1):
            for report in pending:
                write_study(folder / report.report_id, report, render(report, anatomy, recipe), recipe)
                yield
        return
    with TemporaryDirectory(prefix="selip-anatomy-") as shared:
        anatomy.save(Path(shared))
        pool = ProcessPoolExecutor(
            min(processes, len(pending)), multiprocessing.get_context("spawn"), _start_worker, (Path(shared),)
        )
        jobs = [(report, folder, recipe) for report in pending]
        try:
            yield from pool.map(_render_one, jobs, chunksize=_STUDIES_A_TURN)
        except BrokenProcessPool as error:
            raise SelipError(
                "A process that renders was ended from outside, perhaps for want of memory: run the command again, "
                "with fewer --processes."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker(shared: Path) -> None:
    global _anatomy
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    _anatomy = open_anatomy(shared)


def _render_one(job: tuple[AnnotatedReport, Path, PhantomRecipe]) -> None:
    report, folder, recipe = job
    assert _anatomy is not None, "the worker has been started"
    write_study(folder / report.report_id, report, render(report, _anatomy, recipe), recipe)
