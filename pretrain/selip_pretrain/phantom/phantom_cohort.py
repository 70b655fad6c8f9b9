"""Many studies in parallel: each in its own folder, complete ones are kept, and truth.json is written at the end."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from selip_contracts.annotated import format_annotated
from selip_contracts.findings import AnnotatedReport
from selip_pretrain.phantom.head_model.anatomy import Anatomy, load_anatomy, open_anatomy
from selip_pretrain.phantom.head_model.grid import PhantomGrid
from selip_pretrain.phantom.render import PhantomRecipe, render
from selip_pretrain.phantom.study_files import (
    TRUTH_OF_STUDY,
    check_report_id,
    describe,
    fingerprint,
    is_complete,
    write_folder,
)
from selip_shared.execution.workers import open_workers
from selip_shared.files import write_text

TRUTH = "truth.json"
JOBS_PER_TASK = 4


def write_cohort(
    reports: Sequence[AnnotatedReport],
    folder: Path,
    recipe: PhantomRecipe,
    processes: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Render the studies that `folder` does not hold yet, and return their number.

    The files do not depend on the number of processes.
    """
    for report in reports:
        check_report_id(report.report_id)
    folder.mkdir(parents=True, exist_ok=True)
    pending = [r for r in reports if not is_complete(folder / r.report_id, fingerprint(format_annotated(r), recipe))]
    advance(len(reports) - len(pending))
    for _ in on_anatomy(partial(write_study, folder, recipe), pending, PhantomGrid(recipe.shape).slice_mm, processes):
        advance(1)
    studies = [json.loads((folder / report.report_id / TRUTH_OF_STUDY).read_bytes()) for report in reports]
    truth = {"recipe": recipe.model_dump(mode="json"), "studies": studies}
    write_text(folder / TRUTH, json.dumps(truth, ensure_ascii=False, indent=1) + "\n")
    return len(pending)


def on_anatomy(
    task: Callable[[Anatomy, Any], None], jobs: Sequence[object], slice_mm: float, processes: int
) -> Iterator[None]:
    """Run the task on the template's anatomy for each job, in this process or in several that share it."""
    if not jobs:
        return
    anatomy = load_anatomy(slice_mm)
    processes = min(processes, len(jobs))
    if processes == 1:
        with threadpool_limits(1):
            for job in jobs:
                task(anatomy, job)
                yield
        return
    with TemporaryDirectory(prefix="selip-anatomy-") as shared:
        anatomy.save(Path(shared))
        with open_workers(processes) as workers:
            yield from workers.map(partial(_in_worker, task, Path(shared)), jobs, JOBS_PER_TASK)


_open_anatomy = cache(open_anatomy)


def _in_worker(task: Callable[[Anatomy, Any], None], shared: Path, job: object) -> None:
    task(_open_anatomy(shared), job)


def write_study(folder: Path, recipe: PhantomRecipe, anatomy: Anatomy, report: AnnotatedReport) -> None:
    """Render one study into its folder below `folder`."""
    rendered = render(report, anatomy, recipe)
    truth = {
        "report_id": report.report_id,
        "fingerprint": fingerprint(format_annotated(report), recipe),
        "modalities": list(rendered.volumes),
        "lesions": [describe(site, rendered) for site in rendered.sites],
    }
    files: dict[str, NDArray[Any]] = {str(modality): volume for modality, volume in rendered.volumes.items()}
    files["lesions"] = rendered.labels
    write_folder(folder / report.report_id, files, rendered.grid, truth)
