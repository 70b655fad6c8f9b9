from pathlib import Path

import duckdb
import pytest

from selip_contracts.database_file import open_store, read_store
from selip_downstream.evaluation.results import MetricResult, read_results, write_results
from selip_downstream.evaluation.tasks import Metric, Task
from selip_shared.bootstrap import Estimate


def figure(
    value: float | None, model: str = "selip", task: Task = Task.RETRIEVAL, **configuration: object
) -> MetricResult:
    return MetricResult(task, model, "test", Metric.TOP_1, Estimate(value, value, None), 12, configuration)


def test_figures_come_back_as_they_were_written(tmp_path: Path) -> None:
    written = [figure(0.5, sequence="T2", share=0.05, texts="所有"), figure(None, model="clip", task=Task.ZERO_SHOT)]
    with open_store(tmp_path / "a.duckdb") as connection:
        assert write_results(connection, tmp_path / "a.duckdb", written) == 2
    with read_store(tmp_path / "a.duckdb") as connection:
        assert read_results(connection) == written
        assert read_results(connection, Task.ZERO_SHOT) == written[1:]
        assert read_results(connection, Task.SEGMENTATION) == []


def test_of_two_computations_of_one_thing_the_newer_is_read_and_both_are_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "a.duckdb") as connection:
        write_results(connection, tmp_path / "a.duckdb", [figure(0.1, seed=0), figure(0.2, seed=1)])
        write_results(connection, tmp_path / "a.duckdb", [figure(0.3, seed=0)])
        assert read_results(connection) == [figure(0.2, seed=1), figure(0.3, seed=0)]
        assert connection.execute("SELECT count(*) FROM results").fetchall() == [(3,)]


def of_weights(value: float, checkpoint: str, *weights: str) -> MetricResult:
    trainings = [{"checkpoint": f"{checkpoint}/{number}", "weights": own} for number, own in enumerate(weights)]
    return figure(value, models={"selip": trainings})


def test_figures_of_other_weights_stay_beside_each_other_and_moved_weights_are_the_same(tmp_path: Path) -> None:
    first, retrained = of_weights(0.1, "here", "a1", "b2"), of_weights(0.2, "here", "a1", "c3")
    with open_store(tmp_path / "a.duckdb") as connection:
        write_results(connection, tmp_path / "a.duckdb", [first, retrained])
        assert read_results(connection) == [first, retrained]
        moved = of_weights(0.3, "elsewhere", "b2", "a1")
        write_results(connection, tmp_path / "a.duckdb", [moved])
        assert read_results(connection) == [retrained, moved]


def test_a_figure_that_cannot_be_written_leaves_none_of_its_computation(tmp_path: Path) -> None:
    with open_store(tmp_path / "a.duckdb") as connection:
        wrong = MetricResult(Task.RETRIEVAL, "selip", "test", Metric.TOP_1, Estimate("no number", None, None), 1)  # type: ignore[arg-type]
        with pytest.raises(duckdb.Error):
            write_results(connection, tmp_path / "a.duckdb", [figure(0.1), wrong])
        assert read_results(connection) == []
        write_results(connection, tmp_path / "a.duckdb", [figure(0.2)])
        assert read_results(connection) == [figure(0.2)]


def test_figures_can_be_asked_for_by_their_configuration_in_sql(tmp_path: Path) -> None:
    with open_store(tmp_path / "a.duckdb") as connection:
        write_results(connection, tmp_path / "a.duckdb", [figure(0.1, sequence="T2"), figure(0.2, sequence="DWI")])
        rows = connection.execute("SELECT value FROM results WHERE configuration->>'sequence' = 'DWI'").fetchall()
        assert rows == [(0.2,)]


def test_rows_of_other_programs_are_skipped(tmp_path: Path) -> None:
    with open_store(tmp_path / "a.duckdb") as connection:
        write_results(connection, tmp_path / "a.duckdb", [figure(0.1)])
        connection.execute("INSERT INTO results SELECT * REPLACE ('survival' AS task) FROM results")
        connection.execute("INSERT INTO results SELECT * REPLACE ('C-index' AS metric) FROM results LIMIT 1")
        assert read_results(connection) == [figure(0.1)]
