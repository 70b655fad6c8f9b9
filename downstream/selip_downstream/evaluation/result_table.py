"""Results as a table for the terminal: a row for each metric, a column for each model and each difference."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selip_downstream.evaluation.comparison import Comparison, last_differences
from selip_downstream.evaluation.tasks import METRICS, metric_label
from selip_shared.bootstrap import Estimate


def result_table(title: str, comparison: Comparison) -> Table:
    """The metrics that were measured, of every model, and the last model minus each of the others.

    Each figure has its 95 % interval below it.
    """
    columns = [*comparison.models, *(one.name for one in last_differences(comparison.models))]
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column(no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    for metric in METRICS[comparison.setting.task]:
        if metric in comparison.metrics:
            table.add_row(metric_label(metric), *(two_lines(comparison.estimate(one, metric)) for one in columns))
    return table


def two_lines(estimate: Estimate | None) -> str:
    """A figure and below it its interval; – where they are undefined."""
    if estimate is None or estimate.value is None:
        return "–"
    digits = 3 if abs(estimate.value) < 10 else 1
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f}\n{estimate.low:.{digits}f} – {estimate.high:.{digits}f}"
