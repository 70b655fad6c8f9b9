"""The table `results`: figures of the downstream tasks, written once and never changed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from selip_contracts.tables import transaction, utc_now
from selip_downstream.evaluation.bootstrap import Estimate


@dataclass(frozen=True)
class MetricResult:
    """One row: what was measured of which model on which split, over n cases.

    `configuration` holds what else decides the figure (gallery, sequence, share of labels, seed …), as JSON can; under
    "models" by name a list of trainings, each with "checkpoint", where it lay, and "weights", their hash.
    """

    task: str
    model: str
    split: str
    metric: str
    estimate: Estimate
    n: int
    configuration: dict[str, Any] = field(default_factory=dict)

    @property
    def weights(self) -> dict[str, list[str]]:
        """By name of the models that were measured together, the hashes of their trainings' weights."""
        models = self.configuration.get("models", {})
        return {name: sorted(training["weights"] for training in own) for name, own in models.items()}


def write_figures(connection: duckdb.DuckDBPyConnection, path: Path, figures: Iterable[MetricResult]) -> int:
    """Add the figures of one computation to the database at `path`, all or none, under one time; how many."""
    now = utc_now()
    rows = [
        (
            figure.task, figure.model, figure.split, figure.metric,
            figure.estimate.value, figure.estimate.low, figure.estimate.high,
            figure.n, json.dumps(figure.configuration, ensure_ascii=False, sort_keys=True), now,
        )
        for figure in figures
    ]  # fmt: skip
    with transaction(connection, path), connection.appender("results") as appender:
        appender.append_rows(rows)
    return len(rows)


def read_figures(connection: duckdb.DuckDBPyConnection, task: str | None = None) -> list[MetricResult]:
    """The figures of a task, or of all: of what was measured more than once the newest; oldest first.

    The same is what has the same weights, wherever they lay; other weights in the same place are something else.
    """
    rows = connection.execute(
        """SELECT task, model, split, metric, value, low, high, n, configuration
        FROM results WHERE task = coalesce(?, task) ORDER BY computed_at, rowid""",
        [task],
    ).fetchall()
    newest: dict[tuple[str, ...], MetricResult] = {}
    for task, model, split, metric, value, low, high, n, configuration in rows:
        figure = MetricResult(task, model, split, metric, Estimate(value, low, high), n, json.loads(configuration))
        measured = (figure.task, model, split, metric, json.dumps(figure.configuration | {"models": figure.weights}))
        newest.pop(measured, None)
        newest[measured] = figure
    return list(newest.values())
