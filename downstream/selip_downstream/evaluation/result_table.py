"""Results as a table for the terminal: a row for each metric, a column for each model and each difference."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selip_downstream.evaluation.comparison import Comparison, last_differences
from selip_downstream.evaluation.tasks import METRICS, metric_label
from selip_shared.bootstrap import Estimate

LABEL_WIDTH, FIGURE_WIDTH, MARGIN = 16, 17, 3
"""Characters of the first column and of the others, and between columns."""


def result_tables(comparison: Comparison, width: int) -> Iterator[Table]:
    """The metrics that were measured, of every model, then of the last model minus each of the others.

    Each figure has its 95 % interval below it. The columns are in as many tables as a screen of this width needs.
    """
    per_table = max(1, (width - LABEL_WIDTH - MARGIN - 1) // (FIGURE_WIDTH + MARGIN))
    differences = [one.name for one in last_differences(comparison.models)]
    metrics = [metric for metric in METRICS[comparison.setting.task] if metric in comparison.metrics]
    parts = [
        names[start : start + per_table]
        for names in (comparison.models, differences)
        for start in range(0, len(names), per_table)
    ]
    for columns in parts:
        table = Table(box=SIMPLE_HEAD)
        table.add_column(max_width=LABEL_WIDTH)
        for column in columns:
            table.add_column(column, justify="right", max_width=FIGURE_WIDTH)
        for metric in metrics:
            table.add_row(metric_label(metric), *(two_lines(comparison.estimate(one, metric)) for one in columns))
        yield table


def two_lines(estimate: Estimate | None) -> str:
    """A figure and below it its interval; – where they are undefined."""
    if estimate is None or estimate.value is None:
        return "–"
    digits = 3 if abs(estimate.value) < 10 else 1
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f}\n{estimate.low:.{digits}f} – {estimate.high:.{digits}f}"
