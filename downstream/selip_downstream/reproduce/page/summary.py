"""The conclusions in plain words."""

from collections import Counter
from collections.abc import Iterator, Sequence

from selip_downstream.evaluation.compared_models import RANDOM
from selip_downstream.evaluation.comparison import Comparison, Difference
from selip_downstream.evaluation.tasks import Task, metric_phrase
from selip_downstream.page.comparison_tables import cell, difference_cell, difference_text
from selip_downstream.page.document import Table
from selip_downstream.reproduce.page.conclusions import (
    CLAIM_METRICS,
    CLIP,
    MAX_FEW_SHARE,
    SIMILARITY_MODELS,
    ClaimTest,
    Conclusions,
    Verdict,
)
from selip_downstream.reproduce.page.figures import Figures
from selip_downstream.reproduce.plan import MODELS

MODEL_PHRASES = {MODELS["selip"]: "SeLIP as published", MODELS["best-match"]: "best-match"}
TASK_PHRASES = {
    Task.ZERO_SHOT: "Classification without labels (AUC of the site)",
    Task.CLASSIFICATION: "Classification with labels (AUC)",
    Task.SEGMENTATION: "Segmentation (mean Dice)",
    Task.EXPLANATION: "Site of the strongest support for a statement (pointing game)",
}
SIGN_PHRASES = {1: "above CLIP", -1: "below CLIP", 0: "not significantly different from CLIP"}


def summary(figures: Figures, conclusions: Conclusions) -> list[str]:
    """The paragraphs on the main comparison; none where it was not measured."""
    if not conclusions.tests:
        return []
    return [
        *_experiment(figures),
        *(_model(model, conclusions.tests) for model in SIMILARITY_MODELS if _of(model, conclusions.tests)),
        _verdict(conclusions),
        *_training_range(figures),
    ]


def further_results(figures: Figures, conclusions: Conclusions) -> list[str]:
    """A paragraph for each other thing that was measured."""
    return [*_tasks(conclusions), *_errors(conclusions), *_extraction(figures)]


def claim_table(figures: Figures, conclusions: Conclusions) -> Table:
    """The figures behind the verdict: a row for each share of the training studies and metric."""
    models = list(dict.fromkeys(test.model for test in conclusions.tests))
    differences = {(test.share, test.metric, test.model): test.difference for test in conclusions.tests}
    rows = [
        [
            percent(share),
            metric_phrase(metric),
            cell(figures.main_retrieval[share].estimate(CLIP, metric)),
            *(difference_cell(differences.get((share, metric, model))) for model in models),
        ]
        for share, metric in dict.fromkeys((test.share, test.metric) for test in conclusions.tests)
    ]
    columns = ["studies", "", CLIP, *(Difference(model, CLIP).name for model in models)]
    return Table("Retrieval of texts by images, by the share of the training studies", columns, rows, 2)


def percent(share: float) -> str:
    """A share in percent, e.g. 10 %."""
    return f"{share * 100:g} %"


def _experiment(figures: Figures) -> Iterator[str]:
    """What was measured, the figures of the untrained weights and CLIP, and a warning where truth is unknown."""
    shares = figures.main_retrieval
    largest = max(shares)
    comparison = shares[largest]
    seeds = [_trainings_of_each(one) for one in shares.values()]
    counts = _listed([str(count) for count in (seeds if len({*seeds}) > 1 else seeds[:1])])
    first = CLAIM_METRICS[0]
    yield (
        f"Trained on {_listed([*map(percent, shares)])} of the training studies, with {counts} "
        f"{'trainings' if max(seeds) > 1 else 'training'} for each target, the models searched the texts of "
        f"{comparison.setting.n:,} images of the {comparison.setting.split} split, among "
        f"{comparison.configuration['gallery']:,} distinct texts. With {percent(largest)} of the studies the text is "
        f"among the first five for {cell(comparison.estimate(RANDOM, first))} of the images with untrained weights, "
        f"for {cell(comparison.estimate(CLIP, first))} with CLIP."
    )
    if figures.is_truth_unknown:
        yield (
            "The texts are made of the findings that were extracted from the reports. How many of them are wrong is "
            "not known: models learn from the errors too, and are measured by them."
        )


def _trainings_of_each(comparison: Comparison) -> int:
    """The largest number of trainings of a model."""
    return max(map(len, comparison.configuration.get("models", {}).values()), default=1)


def _of(model: str, tests: Sequence[ClaimTest]) -> list[ClaimTest]:
    return [test for test in tests if test.model == model]


def _model(model: str, tests: Sequence[ClaimTest]) -> str:
    """How often a model is above and below CLIP, with few studies and with more."""
    own = _of(model, tests)
    few = [test.difference.sign for test in own if test.share <= MAX_FEW_SHARE]
    more = [test.difference.sign for test in own if test.share > MAX_FEW_SHARE]
    parts = [
        f"{condition}, it is {tally(signs)}"
        for condition, signs in (
            (f"with {percent(MAX_FEW_SHARE)} of the training studies or less", few),
            (f"with more than {percent(MAX_FEW_SHARE)}", more),
        )
        if signs
    ]
    return f"{MODEL_PHRASES[model]} against CLIP: {'; '.join(parts)}."


def _verdict(conclusions: Conclusions) -> str:
    tests = len(conclusions.tests)
    chance = (
        f"Of {tests} such intervals of 95 % about {tests / 20:.1f} would exclude 0 by chance alone, if no model "
        "differed from CLIP."
    )
    if conclusions.verdict is Verdict.NOT_MEASURED:
        return f"Nothing was measured with as few training studies as the claim is about. {chance}"
    phrase = {
        Verdict.CONFIRMED: "is confirmed by these figures: {winners} beats CLIP in both{worse_too}.",
        Verdict.PARTLY_CONFIRMED: "is partly confirmed: no model beats CLIP in both at one share, though some "
        "differences are above 0{and_below}.",
        Verdict.CONTRADICTED: "is contradicted by these figures: similarity does not beat CLIP, and CLIP is better in "
        "every significant difference.",
        Verdict.NOT_CONFIRMED: "is not confirmed by these figures: no difference between similarity and CLIP is "
        "significant.",
    }[conclusions.verdict].format(
        winners=" and ".join(f"{MODEL_PHRASES[model]} at {percent(share)}" for model, share in conclusions.winners),
        worse_too=", though other differences are below 0" if conclusions.some_worse else "",
        and_below=" and others below it" if conclusions.some_worse else "",
    )
    return (
        "The claim that similar texts as targets spare training studies, in the first five texts and in the site or "
        f"side of the first hit, {phrase} {chance}"
    )


def _training_range(figures: Figures) -> Iterator[str]:
    """The range of single trainings that differ only in their seed."""
    ranges = [
        f"with {percent(share)} of the studies "
        + ", ".join(f"{model} {min(values):.3f}–{max(values):.3f}" for model, values in of_model.items())
        for share, of_model in figures.validation_top_5.items()
    ]
    if any(len(values) > 1 for of_model in figures.validation_top_5.values() for values in of_model.values()):
        yield (
            "The intervals are over patients and trainings. The range of single trainings, which differ only in their "
            "seed, in the share of validation images whose text is among the first five: "
            f"{'; '.join(ranges)}."
        )


def _tasks(conclusions: Conclusions) -> Iterator[str]:
    for task, of_model in conclusions.tasks.items():
        parts = []
        for model, differences in of_model.items():
            figure = f", {difference_text(differences[0])}" if len(differences) == 1 else ""
            parts.append(f"{MODEL_PHRASES[model]} is {tally([one.sign for one in differences])}{figure}")
        yield f"{TASK_PHRASES[task]}: {'; '.join(parts)}."


def _errors(conclusions: Conclusions) -> Iterator[str]:
    parts = [
        f"with findings {model} {difference_text(difference)}{'' if difference.excludes_zero else ', not significant'}"
        for model, difference in conclusions.errors.items()
    ]
    if parts:
        yield f"What errors in the findings change in the text among the first five: {'; '.join(parts)}."


def _extraction(figures: Figures) -> Iterator[str]:
    parts = [
        f"{reports} ({scores[0].figures['reports']:,}): "
        + ", ".join(f"{score.extractor} {score.figures['finding_f1']:.3f}" for score in scores)
        for reports, scores in figures.extraction.items()
    ]
    if parts:
        yield f"Extraction, F1 of the findings by extractor. {'; '.join(parts)}."


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def tally(signs: Sequence[int]) -> str:
    """In words how often the differences are above 0, below 0 and neither."""
    counts = Counter(signs)
    parts = [(phrase, counts[sign]) for sign, phrase in SIGN_PHRASES.items() if counts[sign]]
    if len(signs) == 1:
        return parts[0][0]
    if len(parts) == 1:
        return f"{parts[0][0]} in each of {len(signs)} comparisons"
    return f"{' and '.join(f'{phrase} in {count}' for phrase, count in parts)} of {len(signs)} comparisons"
