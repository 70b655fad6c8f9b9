"""What the figures say about the paper's claim, for or against it; labels have no influence on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from selip_downstream.evaluation.compared_models import RANDOM
from selip_downstream.evaluation.comparison import Comparison, Difference, last_differences
from selip_downstream.evaluation.tasks import TOGETHER, Metric, Task
from selip_downstream.explanation.pointing import ALL_SITES, CHANCE
from selip_downstream.reproduce.page.figures import Figures
from selip_downstream.reproduce.plan import MODELS, SELIP_ALONE, SHUFFLED, SOFT_ALONE, TRUE_FINDINGS, UNIFORM
from selip_shared.bootstrap import Estimate

CLIP = MODELS["hard"]
SIMILARITY_MODELS = (MODELS["selip"], MODELS["best-match"])
"""The models with similarities as targets: the claim is about them."""
CLAIM_METRICS = (Metric.TOP_5, Metric.FIRST_HIT_SITE, Metric.FIRST_HIT_SIDE)
"""The metrics of the claim: the first, and one of the others, must be better."""
FROZEN_MODELS = (*SIMILARITY_MODELS, SOFT_ALONE)
"""The models with similarities as targets that are trained on frozen features."""
CONTROLS = (UNIFORM, SHUFFLED, SELIP_ALONE)
FROZEN_METRICS = (Metric.TOP_5, Metric.FIRST_HIT_SIDE)
"""The metrics by which trainings on frozen features are judged."""
MAX_FEW_SHARE = 0.3
"""The largest share of the training studies that the claim's "few data" means."""
MAIN_METRICS = {
    Task.ZERO_SHOT: Metric.AUC_SITE,
    Task.CLASSIFICATION: Metric.AUC,
    Task.SEGMENTATION: Metric.DICE,
    Task.EXPLANATION: Metric.POINTING,
}
"""The metric by which each further task is judged."""


class Verdict(Enum):
    """Whether similarity of texts as targets spares training studies."""

    NOT_MEASURED = auto()
    CONFIRMED = auto()
    PARTLY_CONFIRMED = auto()
    CONTRADICTED = auto()
    NOT_CONFIRMED = auto()


class ClaimTest(NamedTuple):
    """A model minus CLIP in one metric, trained on a share of the training studies."""

    share: float
    model: str
    metric: Metric
    difference: Estimate


class FrozenTest(NamedTuple):
    """On frozen features, at one share: a model and a reference in one metric of the claim."""

    share: float
    model: str
    reference: str
    metric: Metric
    difference: Estimate


class Winner(NamedTuple):
    """A model that confirms the claim, and the share of the training studies."""

    model: str
    share: float


@dataclass(frozen=True)
class Conclusions:
    """What follows from the figures.

    `tests` is empty where the claim was not measured by whole trainings, `frozen` where it was not on frozen features.
    `tasks` are by task and model the differences from CLIP in the
    task's main metric, `errors` by model the differences from the training on true findings.
    """

    tests: Sequence[ClaimTest]
    frozen: Sequence[FrozenTest]
    verdict: Verdict
    winners: Sequence[Winner]
    some_better: bool
    some_worse: bool
    tasks: Mapping[Task, Mapping[str, Sequence[Estimate]]]
    errors: Mapping[str, Estimate]


def draw_conclusions(figures: Figures) -> Conclusions:
    """The conclusions from these figures."""
    tests = _claim_tests(figures.main_retrieval)
    few = [test for test in tests if test.share <= MAX_FEW_SHARE]
    winners = _winners(few)
    better, worse = any(test.difference.sign > 0 for test in few), any(test.difference.sign < 0 for test in few)
    return Conclusions(
        tests=tests,
        frozen=_frozen_tests(figures.frozen),
        verdict=_verdict(few, winners, better, worse),
        winners=winners,
        some_better=better,
        some_worse=worse,
        tasks=_tasks(figures),
        errors=_errors(figures.errors),
    )


def clip_differences(models: Sequence[str]) -> list[Difference]:
    """The trained models minus CLIP; without CLIP, the last model minus the others."""
    if CLIP not in models:
        return last_differences(models)
    return [Difference(model, CLIP) for model in models if model not in (CLIP, RANDOM, CHANCE)]


def _claim_tests(main: Mapping[float, Comparison]) -> list[ClaimTest]:
    return [
        ClaimTest(share, model, metric, found)
        for share, comparison in main.items()
        for model in SIMILARITY_MODELS
        for metric in CLAIM_METRICS
        if (found := comparison.difference(Difference(model, CLIP), metric)) is not None and found.value is not None
    ]


def _frozen_tests(frozen: Mapping[float, Comparison]) -> list[FrozenTest]:
    """Each model minus CLIP, and the models with similarities minus each control."""
    wanted = [Difference(model, CLIP) for model in (*FROZEN_MODELS, *CONTROLS)]
    wanted += [Difference(model, control) for model in FROZEN_MODELS for control in CONTROLS]
    return [
        FrozenTest(share, one.model, one.reference, metric, found)
        for share, comparison in frozen.items()
        for one in wanted
        for metric in FROZEN_METRICS
        if (found := comparison.difference(one, metric)) is not None and found.value is not None
    ]


def _winners(few: Sequence[ClaimTest]) -> list[Winner]:
    """The models that beat CLIP in the first metric of the claim and in one of the others at the same share."""
    better = {(test.share, test.model, test.metric) for test in few if test.difference.sign > 0}
    first, *others = CLAIM_METRICS
    pairs = {(test.share, test.model) for test in few}
    return sorted(
        Winner(model, share)
        for share, model in pairs
        if (share, model, first) in better and any((share, model, other) in better for other in others)
    )


def _verdict(few: Sequence[ClaimTest], winners: Sequence[Winner], better: bool, worse: bool) -> Verdict:
    if not few:
        return Verdict.NOT_MEASURED
    if winners:
        return Verdict.CONFIRMED
    if better:
        return Verdict.PARTLY_CONFIRMED
    return Verdict.CONTRADICTED if worse else Verdict.NOT_CONFIRMED


def _tasks(figures: Figures) -> dict[Task, dict[str, list[Estimate]]]:
    comparisons = {
        Task.ZERO_SHOT: [one for one in figures.zero_shot if one.configuration["sequence"] == TOGETHER],
        Task.CLASSIFICATION: figures.classification,
        Task.SEGMENTATION: figures.segmentation,
        Task.EXPLANATION: [one for one in figures.pointing if one.configuration["site"] == ALL_SITES],
    }
    found: dict[Task, dict[str, list[Estimate]]] = {}
    for task, own in comparisons.items():
        for model in SIMILARITY_MODELS:
            differences = (one.difference(Difference(model, CLIP), MAIN_METRICS[task]) for one in own)
            known = [one for one in differences if one is not None and one.value is not None]
            if known:
                found.setdefault(task, {})[model] = known
    return found


def _errors(comparison: Comparison | None) -> dict[str, Estimate]:
    """By model the difference in the claim's first metric from the training on true findings."""
    if comparison is None:
        return {}
    return {
        model: found
        for model in comparison.models
        if model not in (RANDOM, TRUE_FINDINGS)
        and (found := comparison.difference(Difference(model, TRUE_FINDINGS), CLAIM_METRICS[0])) is not None
        and found.value is not None
    }
