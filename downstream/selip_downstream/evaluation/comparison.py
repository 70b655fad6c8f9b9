"""Several models on the same cases: each one's figures, and every difference, paired over patients and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from selip_downstream.evaluation.bootstrap import Bootstrap, Metric
from selip_downstream.evaluation.results import MetricResult

_LESS = " − "


@dataclass(frozen=True)
class ExperimentSetting:
    """What the figures of one comparison have in common: columns of `results`, but for model, metric and figure."""

    task: str
    split: str
    n: int
    configuration: Mapping[str, Any]


def difference(model: str, less: str) -> str:
    """What the table `results` calls the difference of two models."""
    return f"{model}{_LESS}{less}"


def is_difference(model: str) -> bool:
    """Whether a model of the table `results` is the difference of two."""
    return _LESS in model


def compare(
    setting: ExperimentSetting, bootstrap: Bootstrap, metrics: Mapping[str, Mapping[str, Metric]]
) -> list[MetricResult]:
    """The figures of each model, then each model's minus those of every model before it, all on the same resamples.

    `metrics` are by model, then by name; every model has the same ones.
    """
    wanted = {(model, name): metric for model, own in metrics.items() for name, metric in own.items()}
    sampled = bootstrap.sampled(wanted)
    for before, after in combinations(metrics, 2):
        for name in metrics[after]:
            sampled[difference(after, before), name] = sampled[after, name].minus(sampled[before, name])
    drawn = {"units": bootstrap.patients, "rounds": bootstrap.rounds, "bootstrap_seed": bootstrap.seed}
    configuration = {**setting.configuration, **drawn}
    return [
        MetricResult(setting.task, model, setting.split, name, one.estimate(), setting.n, configuration)
        for (model, name), one in sampled.items()
    ]
