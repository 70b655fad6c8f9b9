"""Extraction by workers, processes or actors of a Ray cluster: each makes its own extractor, and one process writes."""

import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial

from selip_contracts.vocabulary import SITES, Site, set_sites
from selip_extract.database.columns import BatchRows
from selip_extract.extractors.base import Extractor
from selip_extract.extractors.read_batch import batch_read, collecting_rarely
from selip_extract.extractors.registry import ModelChoice, extractor_maker
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError
from selip_shared.execution.base import Workers
from selip_shared.execution.processes import start_server
from selip_shared.execution.workers import open_workers
from selip_shared.threads import granted_cpus

ON_PROCESSORS = {
    "both": ("selip_extract.extractors.both", "selip_extract.extractors.tagger"),
    "model": ("selip_extract.extractors.tagger",),
    "rules": ("selip_extract.extractors.rules",),
}
"""The extractors that workers share processors for, and the modules that these share; the others keep a GPU or a server
busy by themselves."""

REPORTS_PER_WORKER = 512
"""A worker takes seconds to start: fewer reports are read sooner without another one."""


@dataclass(frozen=True)
class ExtractorRecipe:
    """What a worker needs to make the extractor: its name, the model, and the vocabulary of the database."""

    name: str
    choice: ModelChoice
    sites: tuple[Site, ...]


@dataclass(frozen=True)
class ExtractorDescription:
    """What the extractor of a worker says of itself; the fingerprint as sorted pairs."""

    name: str
    batch_size: int
    fingerprint: tuple[tuple[str, str], ...]


class ExtractorWorkers:
    """The same extractor in each of the workers, which read batches for one writer."""

    def __init__(self, workers: Workers, recipe: ExtractorRecipe) -> None:
        """SelipError where a worker cannot make the extractor."""
        self._workers = workers
        self._recipe = recipe
        self.count = workers.count
        (self._description,) = workers.map(_describe, [recipe])
        self.name = self._description.name
        self.batch_size = self._description.batch_size

    def fingerprint(self) -> dict[str, str]:
        """As that of the extractor."""
        return dict(self._description.fingerprint)

    def rows(self, run_id: int, batches: Iterable[Sequence[Report]]) -> Iterator[BatchRows]:
        """The rows of the batches, in their order; SelipError where a worker has another model than the first."""
        return self._workers.map(partial(_rows, self._recipe, self._description, run_id), batches)


@contextmanager
def opened_extractor(
    name: str, choice: ModelChoice, reports: int, workers: int | None = None, ray: str | None = None
) -> Iterator[Extractor | ExtractorWorkers]:
    """The extractor of that name: in this process, in worker processes, or on the Ray cluster at an address.

    `workers` is their number, by default what the machine or the cluster grants, and fewer for few `reports`. It is for
    a database that is open, whose vocabulary the workers use. Raises SelipError where the options do not go together.
    """
    make = extractor_maker(name, choice)
    if name == "endpoint" and ray is not None:
        raise SelipError("A server reads on its own machine: leave out --ray, or use another extractor.")
    if name not in ON_PROCESSORS and ray is None and (workers or 1) > 1:
        raise SelipError(f"--extractor {name} reads many reports at once by itself: leave out --workers.")
    if ray is None:
        workers = _count(name, choice, reports, workers)
    if ray is None and workers == 1:
        with closing(make()) as made:
            yield made
    else:
        with open_workers(workers, ray, gpu=name == "vllm", modules=_modules(name)) as opened:
            yield ExtractorWorkers(opened, ExtractorRecipe(name, choice, tuple(SITES.values())))


def load_early(name: str, choice: ModelChoice, reports: int, workers: int | None, ray: str | None) -> None:
    """Begin to load what the processes of `opened_extractor` share, while the caller still opens the database."""
    if ray is None and _count(name, choice, reports, workers) > 1:
        start_server(_modules(name))


def _count(name: str, choice: ModelChoice, reports: int, workers: int | None) -> int:
    """The number of processes: as many as wanted, else what the machine grants, and fewer for few reports."""
    # Another model takes memory in each process, and computes in several threads by itself.
    shares = name in ON_PROCESSORS and choice.model is None
    return workers or (min(granted_cpus(), 1 + reports // REPORTS_PER_WORKER) if shares else 1)


def _modules(name: str) -> tuple[str, ...]:
    return ("selip_extract.extractors.workers", *ON_PROCESSORS.get(name, ()))


def automatic_on_cluster(ray: str) -> tuple[str, str]:
    """The name of the best extractor for the nodes of a Ray cluster, and the reason; raises as `open_workers`."""
    from selip_shared.execution.ray_cluster import cluster_gpus

    return ("vllm", "the cluster has GPUs") if cluster_gpus(ray) else ("both", "the cluster has no GPU")


@lru_cache(1)
def _made(recipe: ExtractorRecipe) -> Extractor:
    set_sites(recipe.sites)
    return extractor_maker(recipe.name, recipe.choice)()


@lru_cache(1)
def _describe(recipe: ExtractorRecipe) -> ExtractorDescription:
    made = _made(recipe)
    return ExtractorDescription(made.name, made.batch_size, tuple(sorted(made.fingerprint().items())))


def _rows(recipe: ExtractorRecipe, expected: ExtractorDescription, run_id: int, reports: Sequence[Report]) -> BatchRows:
    if _describe(recipe) != expected:
        raise SelipError(
            f"The model of {socket.gethostname()} differs from that of the first worker: install the same on each node."
        )
    with collecting_rarely():
        return batch_read(_made(recipe), run_id, reports)
