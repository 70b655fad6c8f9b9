"""The claim on frozen features: many small trainings for each target, with controls."""

import math
from collections.abc import Iterator, Mapping, Sequence

from selip_downstream.evaluation.comparison import Comparison, Difference
from selip_downstream.evaluation.tasks import Metric, metric_phrase
from selip_downstream.page.comparison_tables import cell, difference_cell, difference_text
from selip_downstream.page.document import Section, Table, picture
from selip_downstream.page.plots import Axis, draw_lines
from selip_downstream.reproduce.page.conclusions import CLIP, CONTROLS, FROZEN_METRICS, FROZEN_MODELS, FrozenTest
from selip_downstream.reproduce.page.figures import Figures
from selip_downstream.reproduce.page.summary import MODEL_PHRASES, percent, tally
from selip_downstream.reproduce.plan import (
    MODELS,
    SELIP_ALONE,
    SHUFFLED,
    SOFT_ALONE,
    TRUE_FINDINGS,
    UNIFORM,
)

PHRASES = {
    **MODEL_PHRASES,
    SOFT_ALONE: "best-match alone, without the hard part of the loss,",
    UNIFORM: "uniform smoothing",
    SHUFFLED: "best-match alone with shuffled similarities",
    SELIP_ALONE: "the published similarity alone, sharpened,",
}
DESIGN = (
    "Whole trainings are few and differ much by their seed. Here the encoders are small and their input is frozen: an "
    "image is the principal components of its blurred volume, a text those of its pairs of adjacent characters: which "
    "findings are alike must be learnt, as by a text encoder. Two networks of one hidden layer are trained with "
    "the loss of selip-pretrain, and for each seed with the same studies, initial weights and batches. The settings of "
    "each target were chosen on a cohort with another seed. The weights are averaged over steps, and the validation "
    "split selects the step. The figures say what a target does, not how good an encoder is."
)
BEST_MATCH = MODELS["best-match"]
MEANINGLESS = (UNIFORM, SHUFFLED)
"""The controls whose similarities do not depend on what texts mean."""
CONTROL_NOTE = (
    f"Controls have what {SOFT_ALONE} has besides its meaning, and its settings. {UNIFORM}: every other text gets the "
    f"same weight, as much in sum. {SHUFFLED}: the same similarities, between other texts. {SELIP_ALONE}: the "
    "published similarity in its place."
)


def frozen_summary(figures: Figures, tests: Sequence[FrozenTest]) -> Iterator[str]:
    """The paragraphs on frozen features; none where nothing was measured on them."""
    if not tests:
        return
    trainings = max(len(own) for one in figures.frozen.values() for own in one.configuration["models"].values())
    yield (
        f"On frozen features, with {trainings} trainings for each target and share, in the text among the first five "
        f"and in side and site of the first hit: {'; '.join(_of_models(tests, FROZEN_MODELS, CLIP))}. The controls: "
        f"{'; '.join(_of_models(tests, CONTROLS, CLIP))}. The widest interval of a difference between two targets has "
        f"a half-width of {max(_half_width(test) for test in tests):.3f}."
    )
    yield from _what_is_claimed(tests)
    if figures.frozen_errors is not None:
        yield from _errors(figures.frozen_errors)


def frozen_sections(figures: Figures) -> list[Section]:
    """By metric the figures and differences; then the controls, and the cost of errors in the findings."""
    if not figures.frozen:
        return []
    shares = figures.frozen
    models = [CLIP, *FROZEN_MODELS]
    from_clip = [Difference(model, CLIP) for model in FROZEN_MODELS]
    sections = []
    for metric in FROZEN_METRICS:
        label = metric_phrase(metric)
        series = {model: [one.estimate(model, metric) for one in shares.values()] for model in models}
        axis = Axis([math.log10(share) for share in shares], [percent(s) for s in shares], "share of training studies")
        rows = [
            [percent(share), *(cell(one.estimate(model, metric)) for model in models)] for share, one in shares.items()
        ]
        tested = next(iter(shares.values())).setting
        sections.append(
            Section(
                f"{label[0].upper()}{label[1:]}, on frozen features",
                tables=[
                    Table(f"Share of images, of {tested.n:,}", ["studies", *models], rows),
                    _differences("Paired differences", shares, from_clip, metric),
                    _differences("Controls", shares, [Difference(control, CLIP) for control in CONTROLS], metric),
                    _differences(
                        "Above the controls",
                        shares,
                        [Difference(SOFT_ALONE, control) for control in CONTROLS],
                        metric,
                    ),
                ],
                pictures=[picture(draw_lines(axis, series, label, {}), f"{label}, on frozen features.")],
            )
        )
    if figures.frozen_errors is not None:
        sections.append(_error_section(figures.frozen_errors))
    return sections


def _what_is_claimed(tests: Sequence[FrozenTest]) -> Iterator[str]:
    """By share, whether best-match is above CLIP, and whether a control without meaning is too."""
    from_clip = [test for test in tests if test.reference == CLIP]
    meant: list[str] = []
    regularised: list[str] = []
    for share in dict.fromkeys(test.share for test in from_clip):
        own = [test for test in from_clip if test.share == share]
        if all(test.difference.sign > 0 for test in own if test.model == BEST_MATCH):
            controlled = any(test.difference.sign > 0 for test in own if test.model in MEANINGLESS)
            (regularised if controlled else meant).append(percent(share))
    if meant:
        yield (
            f"What is claimed: with {', '.join(meant)} of the studies best-match is above CLIP in both metrics, and no "
            "control without meaning is above CLIP in either; so there the meaning of the similarities helps."
        )
    if regularised:
        yield (
            f"What is not claimed: with {', '.join(regularised)} best-match is above CLIP in both, but so is a control "
            "without meaning in at least one; so there the lead cannot be told from that of smoothed targets, which "
            "regularise."
        )
    if meant or regularised:
        yield (
            "Nor is it claimed that best-match is above a CLIP with other settings: with a stronger weight decay for "
            "both it was above CLIP with few studies, and not with all (docs/experiments.md)."
        )


def _differences(
    caption: str, shares: Mapping[float, Comparison], wanted: Sequence[Difference], metric: Metric
) -> Table:
    rows = [
        [percent(share), *(difference_cell(comparison.difference(one, metric)) for one in wanted)]
        for share, comparison in shares.items()
    ]
    return Table(caption, ["studies", *(one.name for one in wanted)], rows)


def _error_section(comparison: Comparison) -> Section:
    models = comparison.models
    rows = [
        [
            model,
            *(cell(comparison.estimate(model, metric)) for metric in FROZEN_METRICS),
            *(difference_cell(comparison.difference(Difference(model, TRUE_FINDINGS), m)) for m in FROZEN_METRICS),
        ]
        for model in models
    ]
    phrases = [metric_phrase(metric) for metric in FROZEN_METRICS]
    columns = ["trained on", *phrases, *(f"{phrase}: minus {TRUE_FINDINGS}" for phrase in phrases)]
    return Section("Errors in the findings, on frozen features", tables=[Table("With all studies", columns, rows)])


def _of_models(tests: Sequence[FrozenTest], models: Sequence[str], reference: str) -> Iterator[str]:
    for model in models:
        signs = [test.difference.sign for test in tests if (test.model, test.reference) == (model, reference)]
        if signs:
            yield f"{PHRASES[model]} is {tally(signs)}"


def _half_width(test: FrozenTest) -> float:
    low, high = test.difference.low, test.difference.high
    return math.nan if low is None or high is None else (high - low) / 2


def _errors(comparison: Comparison) -> Iterator[str]:
    parts = []
    for model in comparison.models:
        found = comparison.difference(Difference(model, TRUE_FINDINGS), FROZEN_METRICS[0])
        if found is not None and found.value is not None:
            parts.append(f"{model} {difference_text(found)}{'' if found.excludes_zero else ', not significant'}")
    yield f"On frozen features errors in the findings change the text among the first five: {'; '.join(parts)}."
