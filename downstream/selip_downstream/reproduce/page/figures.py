"""All figures of a reproduction, computed once from the results of its steps.

Conclusions, page, Markdown and JSON are made from these alone.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from selip_contracts.database_file import read_store
from selip_contracts.vocabulary import MODALITIES, Modality
from selip_downstream.datasets.split_pairs import split_pairs
from selip_downstream.evaluation.compared_models import EvaluatedModel
from selip_downstream.evaluation.comparison import Comparison
from selip_downstream.evaluation.tasks import TOGETHER, Task
from selip_downstream.explanation.examples import Example, find_examples
from selip_downstream.reproduce.page.step_results import (
    ExtractorScore,
    StepResults,
    TrainingResult,
)
from selip_downstream.reproduce.plan import (
    EXTRACTED,
    FROZEN,
    MODELS,
    PHANTOM,
    STUDIES,
    TRUE,
    error_rate_of,
    training_step,
)
from selip_pretrain.data.pairs import Pair, read_pairs
from selip_pretrain.data.splits import SPLITS, Split
from selip_pretrain.model.selip_model import SelipModel

EXAMPLE_TARGETS = ("hard", "best-match")
"""The targets whose models stand side by side in the examples."""
RETRIEVE_STEP = re.compile(r"retrieve-(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class CohortCounts:
    """The images of a split that have a text."""

    patients: int
    images: int
    normal: int
    distinct_texts: int
    unique_texts: int
    sequences: Mapping[Modality, int]


@dataclass(frozen=True)
class TrainingGroup:
    """Trainings that differ only in their seed."""

    name: str
    trainings: Sequence[TrainingResult]


@dataclass(frozen=True)
class Figures:
    """All that a reproduction shows.

    `retrieval` are the comparisons with distinct texts by share of the training studies, the smallest first;
    `main_retrieval` is of each share the one over all sequences from image to text. `frozen` are by share the
    comparisons of many trainings on frozen features, `frozen_errors` the one with errors in the findings, `studies` by
    share of missing volumes those of study encoders.
    `validation_top_5` are by share and model the figures of single trainings.
    """

    results: StepResults
    extraction: Mapping[str, Sequence[ExtractorScore]]
    retrieval: Mapping[float, Sequence[Comparison]]
    main_retrieval: Mapping[float, Comparison]
    frozen: Mapping[float, Comparison]
    frozen_errors: Comparison | None
    studies: Mapping[float, Comparison]
    zero_shot: Sequence[Comparison]
    classification: Sequence[Comparison]
    segmentation: Sequence[Comparison]
    pointing: Sequence[Comparison]
    errors: Comparison | None
    error_rates: Mapping[str, float]
    cohort: Mapping[Split, CohortCounts]
    training_groups: Sequence[TrainingGroup]
    validation_top_5: Mapping[float, Mapping[str, Sequence[float]]]
    undefined: Mapping[str, int]
    examples: Sequence[Example]
    machine: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def is_phantom(self) -> bool:
        """Whether the images are rendered."""
        return PHANTOM in self.results.folders

    @property
    def is_truth_unknown(self) -> bool:
        """Whether models are measured against extracted findings, since the true ones are unknown."""
        return EXTRACTED in self.results.folders and TRUE not in self.results.folders

    @property
    def shown_comparisons(self) -> list[tuple[str, Comparison]]:
        """Step and comparison, without galleries of repeated texts, which stay in the databases of their steps."""
        return [
            (step, one)
            for step, comparisons in self.results.comparisons.items()
            for one in comparisons
            if one.setting.task != Task.RETRIEVAL or one.configuration["texts"] == "distinct"
        ]


def compute_figures(
    results: StepResults, examples: Sequence[Example], machine: Mapping[str, str], versions: Mapping[str, str]
) -> Figures:
    """The figures of these results."""
    retrieval = _retrieval_by_share(results)
    frozen = [
        (one.configuration["share"], "findings" in one.configuration, one)
        for one in results.comparisons.get(FROZEN, [])
    ]
    errors = _main(_comparisons(results, "retrieve-errors", Task.RETRIEVAL))
    return Figures(
        results=results,
        extraction=_grouped(results.scores),
        retrieval=retrieval,
        main_retrieval={share: main for share, own in retrieval.items() if (main := _main(own)) is not None},
        frozen={share: one for share, is_wrong, one in frozen if not is_wrong},
        frozen_errors=next((one for _, is_wrong, one in frozen if is_wrong), None),
        studies={one.configuration["missing"]: one for one in results.comparisons.get(STUDIES, [])},
        zero_shot=_comparisons(results, "classify", Task.ZERO_SHOT),
        classification=_comparisons(results, "classify", Task.CLASSIFICATION),
        segmentation=_comparisons(results, "segment", Task.SEGMENTATION),
        pointing=_comparisons(results, "pointing", Task.EXPLANATION),
        errors=errors,
        error_rates={
            model: rate for model in (errors.models if errors else []) if (rate := error_rate_of(model)) is not None
        },
        cohort=_cohort(results),
        training_groups=_training_groups(results.trainings),
        validation_top_5=_validation_top_5(results.trainings),
        undefined=_undefined(results),
        examples=examples,
        machine=machine,
        versions=versions,
    )


def compute_examples(results: StepResults, count: int, seed: int, device: str) -> list[Example]:
    """Images of the test split, as the best training of each of `EXAMPLE_TARGETS` sees them."""
    best = {target: one for target in EXAMPLE_TARGETS if (one := _best(results.trainings, target)) is not None}
    if results.database is None or not best or not count:
        return []
    with closing(read_store(results.database)) as connection:
        pairs = split_pairs(connection, results.database, "test")
    models = [
        EvaluatedModel(MODELS[target], SelipModel.from_pretrained(str(one.checkpoint), device), one.step)
        for target, one in best.items()
    ]
    return find_examples(models, pairs, results.database.parent / "volumes", count, seed)


def _best(trainings: Sequence[TrainingResult], target: str) -> TrainingResult | None:
    """Of the trainings on true findings with the largest share, the one with the best validation."""
    own = [one for one in trainings if one.configuration.target == target and one.step.startswith(f"train-{target}-")]
    return max(own, key=lambda one: (one.configuration.share, one.validation["mean_reciprocal_rank"]), default=None)


def _comparisons(results: StepResults, prefix: str, task: Task) -> list[Comparison]:
    """The comparisons of a task in the steps whose names begin with the prefix."""
    own = (comparisons for step, comparisons in results.comparisons.items() if step.startswith(prefix))
    return [one for comparisons in own for one in comparisons if one.setting.task == task]


def _retrieval_by_share(results: StepResults) -> dict[float, list[Comparison]]:
    """The comparisons of the steps retrieve-PERCENT that have distinct texts."""
    found = {
        float(percent[1]) / 100: [one for one in comparisons if one.configuration["texts"] == "distinct"]
        for step, comparisons in results.comparisons.items()
        if (percent := RETRIEVE_STEP.fullmatch(step))
    }
    return {share: comparisons for share, comparisons in sorted(found.items()) if comparisons}


def _main(comparisons: Iterable[Comparison]) -> Comparison | None:
    """The comparison by which a retrieval is judged: images of all sequences search distinct texts."""
    wanted = {"sequence": TOGETHER, "direction": "image to text", "texts": "distinct"}
    return next((one for one in comparisons if wanted.items() <= one.configuration.items()), None)


def _cohort(results: StepResults) -> dict[Split, CohortCounts]:
    if results.database is None:
        return {}
    with closing(read_store(results.database)) as connection:
        return {split: _counts(read_pairs(connection, split)) for split in SPLITS}


def _counts(pairs: Sequence[Pair]) -> CohortCounts:
    texts = Counter(pair.text for pair in pairs)
    sequences = Counter(pair.modality for pair in pairs)
    return CohortCounts(
        patients=len({pair.patient_id for pair in pairs}),
        images=len(pairs),
        normal=sum(pair.normal for pair in pairs),
        distinct_texts=len(texts),
        unique_texts=sum(count == 1 for count in texts.values()),
        sequences={name: sequences[name] for name in MODALITIES if sequences[name]},
    )


def _training_groups(trainings: Sequence[TrainingResult]) -> list[TrainingGroup]:
    groups: dict[tuple[str, str, float], list[TrainingResult]] = {}
    for one in trainings:
        name = one.step.removesuffix(f"-{one.configuration.seed}")
        groups.setdefault((name, one.configuration.target, one.configuration.share), []).append(one)
    return [TrainingGroup(name, own) for (name, _, _), own in groups.items()]


def _validation_top_5(trainings: Sequence[TrainingResult]) -> dict[float, dict[str, list[float]]]:
    """By share, smallest first, and model the top-5 of each training of the comparison."""
    found: dict[float, dict[str, list[float]]] = {}
    for one in sorted(trainings, key=lambda one: [*MODELS].index(one.configuration.target)):
        about = one.configuration
        if one.step == training_step(about.target, about.share, about.seed):
            found.setdefault(about.share, {}).setdefault(MODELS[about.target], []).append(one.validation["top_5"])
    return dict(sorted(found.items()))


def _undefined(results: StepResults) -> dict[str, int]:
    """By step how many figures are undefined."""
    counts = {
        step: sum(estimate.value is None for one in comparisons for estimate in one.estimates.values())
        for step, comparisons in results.comparisons.items()
    }
    return {step: count for step, count in counts.items() if count}


def _grouped(scores: Sequence[ExtractorScore]) -> dict[str, list[ExtractorScore]]:
    """The scores by the set of reports they are of."""
    groups: dict[str, list[ExtractorScore]] = {}
    for score in scores:
        groups.setdefault(score.reports, []).append(score)
    return groups
