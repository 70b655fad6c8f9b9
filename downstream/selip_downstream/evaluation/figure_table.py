"""Figures as a table for the terminal: a row for each metric, a column for each model and each difference."""

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from selip_downstream.evaluation.bootstrap import Estimate
from selip_downstream.evaluation.comparison import difference, is_difference
from selip_downstream.evaluation.results import MetricResult


def figure_table(title: str, figures: Sequence[MetricResult], metrics: Mapping[str, str]) -> Table:
    """Those of the metrics (a label for each) that were measured: of every model, and the last one's lead over others.

    Each figure has its 95 % interval below it.
    """
    cells = {(figure.metric, figure.model): figure.estimate for figure in figures}
    models = [model for model in dict.fromkeys(figure.model for figure in figures) if not is_difference(model)]
    columns = [*models, *(difference(models[-1], less) for less in models[:-1])]
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column(no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    for metric, label in metrics.items():
        if any((metric, model) in cells for model in models):
            table.add_row(label, *(shown(cells[metric, column]) for column in columns))
    return table


def shown(estimate: Estimate) -> str:
    """A figure and, on a line of its own, its interval; – where they are not defined."""
    if estimate.value is None:
        return "–"
    digits = 3 if abs(estimate.value) < 10 else 1
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f}\n{estimate.low:.{digits}f} – {estimate.high:.{digits}f}"
