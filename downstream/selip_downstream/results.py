"""The table `results`: figures of the downstream tasks, written once and never changed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from selip_contracts.tables import utc_now
from selip_downstream.statistics import Estimate


@dataclass(frozen=True)
class Figure:
    """One row: what was measured of which model on which split, over n cases.

    `configuration` holds what else decides the figure (gallery, sequence, share of labels, seed …), as JSON can.
    """

    task: str
    model: str
    split: str
    metric: str
    estimate: Estimate
    n: int
    configuration: dict[str, Any] = field(default_factory=dict)


def write_figures(connection: duckdb.DuckDBPyConnection, figures: Iterable[Figure]) -> int:
    """Add the figures of one computation, all or none, under one time; how many."""
    now = utc_now()
    rows = [
        (
            figure.task, figure.model, figure.split, figure.metric,
            figure.estimate.value, figure.estimate.low, figure.estimate.high,
            figure.n, json.dumps(figure.configuration, ensure_ascii=False, sort_keys=True), now,
        )
        for figure in figures
    ]  # fmt: skip
    connection.begin()
    try:
        with connection.appender("results") as appender:
            appender.append_rows(rows)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return len(rows)


def read_figures(connection: duckdb.DuckDBPyConnection, task: str | None = None) -> list[Figure]:
    """The figures of a task, or of all: of what was measured more than once the newest; oldest first."""
    rows = connection.execute(
        """SELECT task, model, split, metric, value, low, high, n, configuration
        FROM results WHERE task = coalesce(?, task)
        QUALIFY row_number() OVER (
            PARTITION BY task, model, split, metric, configuration ORDER BY computed_at DESC, rowid DESC
        ) = 1 ORDER BY computed_at, rowid""",
        [task],
    ).fetchall()
    return [
        Figure(task, model, split, metric, Estimate(value, low, high), n, json.loads(configuration))
        for task, model, split, metric, value, low, high, n, configuration in rows
    ]
