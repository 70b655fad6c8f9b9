"""Extraction by worker processes and on a Ray cluster: the same rows in the same order as in one process."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster

from selip_contracts.vocabulary import SITES
from selip_extract.database.store import Store
from selip_extract.extractors.registry import ModelChoice
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.extractors.workers import ExtractorRecipe, ExtractorWorkers, opened_extractor
from selip_extract.language.vocabulary_file import use_vocabulary
from selip_extract.pipeline import RunOptions, extract
from selip_extract.pseudo_reports.generate import pseudo_reports, write_pseudo_reports
from selip_extract.reports.report import Report
from selip_extract.reports.report_table import open_reports
from selip_shared.errors import SelipError
from selip_shared.execution.base import Result, Task
from selip_shared.execution.processes import ProcessWorkers
from selip_shared.execution.ray_cluster import RayWorkers
from tests.shared.execution.ray_nodes import kill_node, loopback_cluster, nodes_of_one_cpu

REPORTS = 400
SMALL_BATCHES = RunOptions(batch_size=32)
TABLES = {
    "extractions": "* EXCLUDE (seconds)",
    "finding_rows": "*",
    "general_finding_rows": "*",
    "review_rows": "*",
}
RULES = ("rules", ModelChoice())


def tables(store: Store) -> dict[str, list[Any]]:
    """All rows, in the order in which they were written."""
    return {name: store.connection.execute(f"SELECT {what} FROM {name}").fetchall() for name, what in TABLES.items()}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    write_pseudo_reports(folder, pseudo_reports(REPORTS, seed=5))
    return folder / "reports.csv"


@pytest.fixture(scope="module")
def expected(reports: Path) -> dict[str, list[Any]]:
    with Store(reports.with_name("one.duckdb")) as store:
        extract(open_reports(reports), store, RuleExtractor(), SMALL_BATCHES)
        return tables(store)


def recipe() -> ExtractorRecipe:
    return ExtractorRecipe(*RULES, tuple(SITES.values()))


def test_two_processes_write_what_one_writes(reports: Path, expected: dict[str, list[Any]], tmp_path: Path) -> None:
    with Store(tmp_path / "two.duckdb") as store, opened_extractor(*RULES, REPORTS, workers=2) as extractor:
        assert isinstance(extractor, ExtractorWorkers)
        outcome = extract(open_reports(reports), store, extractor, SMALL_BATCHES)
        assert (outcome.read, outcome.remaining) == (REPORTS, 0)
        assert tables(store) == expected
        # A run of one process and a run of several are the same run.
        again = extract(open_reports(reports), store, RuleExtractor(), SMALL_BATCHES)
        assert (again.run_id, again.read) == (outcome.run_id, 0)


@pytest.mark.usefixtures("own_vocabulary")
def test_workers_read_with_the_vocabulary_of_the_database(tmp_path: Path) -> None:
    file = tmp_path / "ward.toml"
    file.write_text('[[site]]\nname = "甲状丘"\nlaterality = "none"\n', encoding="utf-8")
    use_vocabulary(file)
    with Store(tmp_path / "selip.duckdb") as store, ProcessWorkers(2) as workers:
        store.add_reports([Report("a", "甲状丘见长T2信号。", 1)], "a.csv")
        run = store.begin_run({"extractor": "rules", "code_version": "1"})
        windows = (window.reports for window in store.pending(run, 10))
        for rows in ExtractorWorkers(workers, recipe()).rows(run, windows):
            store.write_rows(rows)
        assert store.connection.execute("SELECT site FROM finding_rows").fetchall() == [("甲状丘",)]


@pytest.mark.parametrize(
    ("name", "choice", "options", "sentence"),
    [
        ("endpoint", ModelChoice(base_url="http://127.0.0.1:1/v1"), {"ray": "auto"}, "leave out --ray"),
        ("endpoint", ModelChoice(base_url="http://127.0.0.1:1/v1"), {"workers": 2}, "leave out --workers"),
        ("rules", ModelChoice(), {"ray": "127.0.0.1:1"}, "The Ray cluster 127.0.0.1:1 cannot be joined"),
    ],
)
def test_options_that_do_not_go_together(
    name: str, choice: ModelChoice, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SelipError, match=sentence), opened_extractor(name, choice, 10, **options):
        pass


class LosingANode(RayWorkers):
    """Workers on a cluster that loses a node when the sixth task is taken."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.address)
        self.cluster = cluster

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task], chunk_size: int = 1) -> Iterator[Result]:
        yield from super().map(function, self._watched(tasks), chunk_size)

    def _watched(self, tasks: Iterable[Task]) -> Iterator[Task]:
        for number, task in enumerate(tasks, 1):
            if number == 6:
                kill_node(self.cluster, next(iter(self.cluster.worker_nodes)).node_id)
            yield task


def test_on_a_cluster_that_loses_a_node_every_report_is_read_once(
    reports: Path, expected: dict[str, list[Any]], tmp_path: Path
) -> None:
    with (
        Store(tmp_path / "ray.duckdb") as store,
        loopback_cluster() as cluster,
        nodes_of_one_cpu(cluster, 2),
        LosingANode(cluster) as workers,
    ):
        outcome = extract(open_reports(reports), store, ExtractorWorkers(workers, recipe()), SMALL_BATCHES)
        assert len(cluster.worker_nodes) == 1
        assert (outcome.read, outcome.remaining) == (REPORTS, 0)
        assert tables(store) == expected
