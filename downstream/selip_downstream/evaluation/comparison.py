"""Several models on the same cases: each one's figures, and every difference, paired over patients and seeds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

from selip_downstream.evaluation.bootstrap import Bootstrap, Sampled, Statistic
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.evaluation.tasks import Metric, Task, metric_bounds
from selip_shared.bootstrap import Estimate

_MINUS = " − "


@dataclass(frozen=True)
class ExperimentSetting:
    """What the results of one comparison share: the columns of `results` except model, metric and figure."""

    task: Task
    split: str
    n: int
    configuration: Mapping[str, Any]


class Difference(NamedTuple):
    """A model's figure minus that of a reference model."""

    model: str
    reference: str

    @property
    def name(self) -> str:
        """As the table `results` names it in the column `model`."""
        return f"{self.model}{_MINUS}{self.reference}"


@dataclass(frozen=True)
class Comparison:
    """Several models measured on the same cases: a setting, and by model or difference and metric an estimate."""

    setting: ExperimentSetting
    estimates: Mapping[tuple[str, Metric], Estimate]

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The setting's configuration."""
        return self.setting.configuration

    @property
    def models(self) -> list[str]:
        """The models in the order they were measured in."""
        return [name for name in dict.fromkeys(name for name, _ in self.estimates) if not is_difference(name)]

    @property
    def metrics(self) -> set[Metric]:
        """The metrics that were measured."""
        return {metric for _, metric in self.estimates}

    def estimate(self, model: str, metric: Metric) -> Estimate | None:
        """A model's figure; None where it was not measured."""
        return self.estimates.get((model, metric))

    def difference(self, difference: Difference, metric: Metric) -> Estimate | None:
        """The paired difference of two models, whichever was measured first; None where there is none."""
        found = self.estimates.get((difference.name, metric))
        if found is not None:
            return found
        reverse = self.estimates.get((Difference(difference.reference, difference.model).name, metric))
        return None if reverse is None else reverse.negated()


def is_difference(model: str) -> bool:
    """Whether a model of the table `results` is the difference of two."""
    return _MINUS in model


def last_differences(models: Sequence[str]) -> list[Difference]:
    """The last model minus each of the others."""
    return [Difference(models[-1], reference) for reference in models[:-1]]


def compare(
    setting: ExperimentSetting, bootstrap: Bootstrap, statistics: Mapping[str, Mapping[Metric, Statistic]]
) -> list[MetricResult]:
    """The results of each model, then each model minus every model before it, all on the same resamples.

    `statistics` are by model, then by metric; every model has the same metrics.
    """
    wanted = {(model, metric): one for model, own in statistics.items() for metric, one in own.items()}
    sampled = bootstrap.sampled(wanted)
    for before, after in combinations(statistics, 2):
        for metric in statistics[after]:
            sampled[Difference(after, before).name, metric] = sampled[after, metric].minus(sampled[before, metric])
    resampling = {"units": bootstrap.patients, "rounds": bootstrap.rounds, "bootstrap_seed": bootstrap.seed}
    configuration = {**setting.configuration, **resampling}
    return [
        MetricResult(setting.task, model, setting.split, metric, estimate, setting.n, configuration)
        for (model, metric), one in sampled.items()
        for estimate in [_estimate(model, metric, one, bootstrap)]
    ]


def _estimate(model: str, metric: Metric, sampled: Sampled, bootstrap: Bootstrap) -> Estimate:
    is_share = metric_bounds(metric) == (0, 1) and not is_difference(model)
    return sampled.share_estimate(bootstrap.patients) if is_share else sampled.estimate()


def comparisons_of(results: Sequence[MetricResult]) -> list[Comparison]:
    """The results grouped into comparisons, in the order in which they were measured."""
    groups: dict[str, list[MetricResult]] = {}
    for result in results:
        key = json.dumps([result.task, result.split, result.configuration], sort_keys=True)
        groups.setdefault(key, []).append(result)
    return [
        Comparison(
            ExperimentSetting(first.task, first.split, first.n, first.configuration),
            {(result.model, result.metric): result.estimate for result in group},
        )
        for group in groups.values()
        for first in group[:1]
    ]
