"""Estimates as text, and comparisons of models as tables of a document."""

from collections.abc import Callable, Iterable, Sequence

from selip_downstream.evaluation.comparison import Comparison, Difference, last_differences
from selip_downstream.evaluation.tasks import METRICS, Metric, metric_label
from selip_downstream.page.document import Table
from selip_shared.bootstrap import Estimate

SIGNIFICANT = "*"
"""Marks a difference whose interval excludes 0."""
MISSING = "–"

Labelled = tuple[str, Comparison]
"""The label of a row and the comparison in it."""


def comparison_table(
    caption: str,
    comparison: Comparison,
    differences: Callable[[Sequence[str]], list[Difference]] = last_differences,
) -> Table:
    """A row for each metric that was measured; a column for each model, then for each difference."""
    wanted = differences(comparison.models)
    rows = [
        [
            metric_label(metric),
            *(cell(comparison.estimate(model, metric)) for model in comparison.models),
            *(difference_cell(comparison.difference(one, metric)) for one in wanted),
        ]
        for metric in METRICS[comparison.setting.task]
        if metric in comparison.metrics
    ]
    return Table(caption, ["", *comparison.models, *(one.name for one in wanted)], rows)


def models_table(caption: str, comparisons: Sequence[Labelled], metric: Metric) -> Table:
    """One metric of several comparisons: a row for each, a column for each model."""
    models = models_of(one for _, one in comparisons)
    rows = [[label, *(cell(one.estimate(model, metric)) for model in models)] for label, one in comparisons]
    return Table(caption, ["", *models], rows)


def differences_table(
    caption: str,
    comparisons: Sequence[Labelled],
    metrics: Sequence[Metric],
    differences: Sequence[Difference],
) -> Table:
    """The differences of several comparisons: a row for each metric and comparison that has any.

    The metric has a column of its own where there are several.
    """
    several = len(metrics) > 1
    rows = [
        [
            label,
            *([metric_label(metric)] if several else []),
            *(difference_cell(comparison.difference(one, metric)) for one in differences),
        ]
        for metric in metrics
        for label, comparison in comparisons
        if any(comparison.difference(one, metric) for one in differences)
    ]
    named = ["", ""] if several else [""]
    return Table(caption, [*named, *(one.name for one in differences)], rows, numbers_from=len(named))


def models_of(comparisons: Iterable[Comparison]) -> list[str]:
    """The models of several comparisons in the order they were measured in."""
    return list(dict.fromkeys(model for one in comparisons for model in one.models))


def cell(estimate: Estimate | None) -> str:
    """A figure as value (low–high); – where it is undefined."""
    if estimate is None or estimate.value is None:
        return MISSING
    digits = _digits(estimate.value)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f}–{estimate.high:.{digits}f})"


def difference_cell(estimate: Estimate | None) -> str:
    """A difference with its sign, marked where it is significant."""
    marked = estimate is not None and estimate.value is not None and estimate.excludes_zero
    return f"{difference_text(estimate)} {SIGNIFICANT}" if marked else difference_text(estimate)


def difference_text(estimate: Estimate | None) -> str:
    """A difference with its sign and interval."""
    if estimate is None or estimate.value is None:
        return MISSING
    digits = _digits(estimate.value)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.{digits}f}"
    return f"{estimate.value:+.{digits}f} ({estimate.low:+.{digits}f} to {estimate.high:+.{digits}f})"


def _digits(value: float) -> int:
    return 3 if abs(value) < 10 else 1
