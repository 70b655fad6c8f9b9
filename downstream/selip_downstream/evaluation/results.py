"""The table `results`: what the downstream tasks measured, written once and never changed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from selip_contracts.database_file import transaction, utc_now
from selip_downstream.evaluation.tasks import Metric, Task
from selip_shared.bootstrap import Estimate


@dataclass(frozen=True)
class MetricResult:
    """One row: a metric of a model on a split, over n cases.

    `configuration` is what else decides the figure (gallery, sequence, share of labels, seed …), as JSON can hold it.
    Its "models" maps each name to a list of trainings, each with "checkpoint", its folder, and "weights", their hash.
    """

    task: Task
    model: str
    split: str
    metric: Metric
    estimate: Estimate
    n: int
    configuration: dict[str, Any] = field(default_factory=dict)


def training_weights(configuration: Mapping[str, Any]) -> dict[str, list[str]]:
    """From the configuration of a result by model the sorted hashes of its trainings' weights."""
    models = configuration.get("models", {})
    return {name: sorted(training["weights"] for training in own) for name, own in models.items()}


def training_counts(configurations: Iterable[Mapping[str, Any]]) -> list[int]:
    """How many trainings each model of these results has."""
    return [len(own) for configuration in configurations for own in training_weights(configuration).values()]


def write_results(connection: duckdb.DuckDBPyConnection, path: Path, results: Iterable[MetricResult]) -> int:
    """Add the results of one computation to the database at `path`, all or none, with the same time.

    Returns their number.
    """
    now = utc_now()
    rows = [
        (
            result.task.value, result.model, result.split, result.metric.value,
            result.estimate.value, result.estimate.low, result.estimate.high,
            result.n, json.dumps(result.configuration, ensure_ascii=False, sort_keys=True), now,
        )
        for result in results
    ]  # fmt: skip
    with transaction(connection, path), connection.appender("results") as appender:
        appender.append_rows(rows)
    return len(rows)


def read_results(connection: duckdb.DuckDBPyConnection, task: Task | None = None) -> list[MetricResult]:
    """The results of a task, or of all, oldest first; of what was measured more than once only the newest.

    The same weights in another folder are the same model; other weights in the same folder are another one. Rows with a
    task or metric of another program's are skipped.
    """
    rows = connection.execute(
        """SELECT task, model, split, metric, value, low, high, n, configuration FROM results
        WHERE task = coalesce(?, task) AND list_contains(?, task) AND list_contains(?, metric)
        ORDER BY computed_at, rowid""",
        [task, [*Task], [*Metric]],
    ).fetchall()
    newest: dict[tuple[str, ...], MetricResult] = {}
    for task_name, model, split, metric, value, low, high, n, text in rows:
        configuration = json.loads(text)
        key = json.dumps(configuration | {"models": training_weights(configuration)})
        identity = (task_name, model, split, metric, key)
        newest.pop(identity, None)
        estimate = Estimate(value, low, high)
        newest[identity] = MetricResult(Task(task_name), model, split, Metric(metric), estimate, n, configuration)
    return list(newest.values())
