from pathlib import Path

import duckdb
import pytest

from selip_contracts.tables import open_store, read_store
from selip_downstream.evaluation.bootstrap import Estimate
from selip_downstream.evaluation.results import MetricResult, read_figures, write_figures


def figure(value: float | None, model: str = "selip", task: str = "retrieval", **configuration: object) -> MetricResult:
    return MetricResult(task, model, "test", "top-1", Estimate(value, value, None), 12, configuration)


def test_figures_come_back_as_they_were_written(tmp_path: Path) -> None:
    written = [figure(0.5, sequence="T2", share=0.05, texts="所有"), figure(None, model="clip", task="zero-shot")]
    with open_store(tmp_path / "a.duckdb") as connection:
        assert write_figures(connection, tmp_path / "a.duckdb", written) == 2
    with read_store(tmp_path / "a.duckdb") as connection:
        assert read_figures(connection) == written
        assert read_figures(connection, "zero-shot") == written[1:]
        assert read_figures(connection, "segmentation") == []


def test_of_two_computations_of_one_thing_the_newer_is_read_and_both_are_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "a.duckdb") as connection:
        write_figures(connection, tmp_path / "a.duckdb", [figure(0.1, seed=0), figure(0.2, seed=1)])
        write_figures(connection, tmp_path / "a.duckdb", [figure(0.3, seed=0)])
        assert read_figures(connection) == [figure(0.2, seed=1), figure(0.3, seed=0)]
        assert connection.execute("SELECT count(*) FROM results").fetchall() == [(3,)]


def of_weights(value: float, checkpoint: str, *weights: str) -> MetricResult:
    trainings = [{"checkpoint": f"{checkpoint}/{number}", "weights": own} for number, own in enumerate(weights)]
    return figure(value, models={"selip": trainings})


def test_figures_of_other_weights_stay_beside_each_other_and_moved_weights_are_the_same(tmp_path: Path) -> None:
    first, retrained = of_weights(0.1, "here", "a1", "b2"), of_weights(0.2, "here", "a1", "c3")
    with open_store(tmp_path / "a.duckdb") as connection:
        write_figures(connection, tmp_path / "a.duckdb", [first, retrained])
        assert read_figures(connection) == [first, retrained]
        moved = of_weights(0.3, "elsewhere", "b2", "a1")
        write_figures(connection, tmp_path / "a.duckdb", [moved])
        assert read_figures(connection) == [retrained, moved]


def test_a_figure_that_cannot_be_written_leaves_none_of_its_computation(tmp_path: Path) -> None:
    with open_store(tmp_path / "a.duckdb") as connection:
        wrong = MetricResult("retrieval", "selip", "test", "top-1", Estimate("no number", None, None), 1)  # type: ignore[arg-type]
        with pytest.raises(duckdb.Error):
            write_figures(connection, tmp_path / "a.duckdb", [figure(0.1), wrong])
        assert read_figures(connection) == []
        write_figures(connection, tmp_path / "a.duckdb", [figure(0.2)])
        assert read_figures(connection) == [figure(0.2)]


def test_figures_can_be_asked_for_by_their_configuration_in_sql(tmp_path: Path) -> None:
    with open_store(tmp_path / "a.duckdb") as connection:
        write_figures(connection, tmp_path / "a.duckdb", [figure(0.1, sequence="T2"), figure(0.2, sequence="DWI")])
        rows = connection.execute("SELECT value FROM results WHERE configuration->>'sequence' = 'DWI'").fetchall()
        assert rows == [(0.2,)]
