"""Figures of the table `results` as text, and comparisons of models as tables of a page."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from selip_downstream.evaluation.bootstrap import Estimate
from selip_downstream.evaluation.comparison import difference, is_difference
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.page.document import Table

CLEAR = "*"
"""Behind a difference whose interval does not hold 0."""
MISSING = "–"

Block = Sequence[MetricResult]
"""The figures of one comparison: every model, every difference, every metric."""


class Lead(NamedTuple):
    """A model's figures less those of another."""

    model: str
    less: str

    @property
    def name(self) -> str:
        """As the table `results` calls it."""
        return difference(self.model, self.less)


class Row(NamedTuple):
    """A comparison that stands in one row of a table, and what the row is called."""

    label: str
    block: Block


def blocks_of(figures: Sequence[MetricResult], task: str) -> list[Block]:
    """The comparisons of a task, in the order in which they were measured."""
    blocks: dict[str, list[MetricResult]] = {}
    for figure in figures:
        if figure.task == task:
            key = json.dumps([figure.split, figure.configuration], sort_keys=True)
            blocks.setdefault(key, []).append(figure)
    return list(blocks.values())


def models_of(block: Block) -> list[str]:
    """The models in the order they were measured in, without differences."""
    return [model for model in dict.fromkeys(figure.model for figure in block) if not is_difference(model)]


def last_leads(models: Sequence[str]) -> list[Lead]:
    """The last model's lead over each of the others."""
    return [Lead(models[-1], less) for less in models[:-1]]


def estimate_of(block: Block, model: str, metric: str) -> Estimate | None:
    """A model's figure, None where it was not measured."""
    return next((f.estimate for f in block if (f.model, f.metric) == (model, metric)), None)


def lead_of(block: Block, lead: Lead, metric: str) -> Estimate | None:
    """The paired difference of two models, whichever of them was measured first; None where there is none."""
    found = estimate_of(block, lead.name, metric)
    if found is not None:
        return found
    turned = estimate_of(block, difference(lead.less, lead.model), metric)
    return None if turned is None else Estimate(*(_negative(end) for end in (turned.value, turned.high, turned.low)))


def is_clear(estimate: Estimate) -> bool:
    """Whether a difference's interval does not hold 0."""
    return estimate.low is not None and estimate.high is not None and (estimate.low > 0 or estimate.high < 0)


def block_table(
    caption: str, block: Block, metrics: Mapping[str, str], leads: Callable[[list[str]], list[Lead]] = last_leads
) -> Table:
    """A row for each metric that was measured, under its label; a column for each model, then for each lead."""
    models = models_of(block)
    wanted = leads(models)
    rows = [
        [
            label,
            *(cell(estimate_of(block, model, metric)) for model in models),
            *(lead_cell(lead_of(block, lead, metric)) for lead in wanted),
        ]
        for metric, label in metrics.items()
        if any(estimate_of(block, model, metric) for model in models)
    ]
    return Table(caption, ["", *models, *(lead.name for lead in wanted)], rows)


def models_table(caption: str, rows: Sequence[Row], metric: str) -> Table:
    """One metric of several comparisons: a row for each, a column for each model."""
    models = list(dict.fromkeys(model for row in rows for model in models_of(row.block)))
    cells = [[row.label, *(cell(estimate_of(row.block, model, metric)) for model in models)] for row in rows]
    return Table(caption, ["", *models], cells)


def leads_table(caption: str, rows: Sequence[Row], metrics: Mapping[str, str], leads: Sequence[Lead]) -> Table:
    """The differences of several comparisons: a row for each metric and comparison with any, a column for each lead.

    The metric is named where there are several.
    """
    several = len(metrics) > 1
    cells = [
        [row.label, *([label] if several else []), *(lead_cell(lead_of(row.block, lead, metric)) for lead in leads)]
        for metric, label in metrics.items()
        for row in rows
        if any(lead_of(row.block, lead, metric) for lead in leads)
    ]
    named = ["", ""] if several else [""]
    return Table(caption, [*named, *(lead.name for lead in leads)], cells, numbers_from=len(named))


def cell(estimate: Estimate | None) -> str:
    """A figure as value (low–high); – where it is not defined."""
    if estimate is None or estimate.value is None:
        return MISSING
    digits = _digits(estimate.value)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f}–{estimate.high:.{digits}f})"


def lead_cell(estimate: Estimate | None) -> str:
    """A difference with its sign, marked where its interval does not hold 0."""
    if estimate is None or estimate.value is None:
        return MISSING
    digits = _digits(estimate.value)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.{digits}f}"
    mark = f" {CLEAR}" if is_clear(estimate) else ""
    return f"{estimate.value:+.{digits}f} ({estimate.low:+.{digits}f} to {estimate.high:+.{digits}f}){mark}"


def _digits(value: float) -> int:
    return 3 if abs(value) < 10 else 1


def _negative(value: float | None) -> float | None:
    return None if value is None else -value
