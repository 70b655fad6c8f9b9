"""Plots of figures with their intervals."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from selip_shared.bootstrap import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

COLOURS = ("#8a94a6", "#1f5fbf", "#d9822b", "#2a8c5a", "#9b4dca", "#b8405e")
MARKERS = ("o", "s", "^", "D", "v", "P")
"""Models differ in their markers too, for colour-blind readers."""

MAX_WIDTH = 9.7
"""Inches that a page of 1,200 pixels shows at full size."""

Series = Mapping[str, Sequence[Estimate | None]]
"""By model its figure at each position of the axis, None where it was not measured."""


def draw_categories(categories: Sequence[str], series: Series, label: str) -> "Drawing":
    """Points with their intervals, the models of a category side by side."""
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(
        figsize=(min(MAX_WIDTH, max(5.0, 2.2 + 1.3 * len(categories))), 3.4), layout="constrained"
    )
    for number, (model, estimates) in enumerate(series.items()):
        offset = (number - (len(series) - 1) / 2) * 0.6 / len(series)
        _draw(axes, number, model, [index + offset for index in range(len(categories))], estimates, "")
    axes.set_xticks(range(len(categories)), categories, fontsize=9)
    axes.set_xlim(-0.5, len(categories) - 0.5)
    _finish(axes, label)
    return drawing


class Axis(NamedTuple):
    """Positions on the axis, the label of each tick, and the label of the axis."""

    positions: Sequence[float]
    ticks: Sequence[str]
    label: str


def draw_lines(axis: Axis, series: Series, label: str, levels: Mapping[str, Estimate]) -> "Drawing":
    """A line for each model along the axis; a level is a horizontal line, its interval a band.

    The models are slightly offset along the axis, so that no interval hides another.
    """
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(figsize=(7.6, 3.8), layout="constrained")
    step = 0.012 * ((max(axis.positions) - min(axis.positions)) or 1.0)
    for number, (name, level) in enumerate(levels.items()):
        colour = COLOURS[number % len(COLOURS)]
        if level.value is not None:
            axes.axhline(level.value, color=colour, linestyle="--", label=name)
        if level.low is not None and level.high is not None:
            axes.axhspan(level.low, level.high, color=colour, alpha=0.12, linewidth=0)
    for number, (model, estimates) in enumerate(series.items()):
        offset = (number - (len(series) - 1) / 2) * step
        _draw(axes, len(levels) + number, model, [position + offset for position in axis.positions], estimates, "-")
    axes.set_xticks(list(axis.positions), axis.ticks, fontsize=9)
    axes.set_xlabel(axis.label)
    _finish(axes, label)
    return drawing


def _draw(
    axes: "Axes", number: int, model: str, positions: Sequence[float], estimates: Sequence[Estimate | None], line: str
) -> None:
    """One model's figures; one without an interval is a bare point."""
    known = [
        (x, e.value, e) for x, e in zip(positions, estimates, strict=True) if e is not None and e.value is not None
    ]
    errors = [
        [value - (e.low if e.low is not None else value) for _, value, e in known],
        [(e.high if e.high is not None else value) - value for _, value, e in known],
    ]
    axes.errorbar(
        [x for x, _, _ in known],
        [value for _, value, _ in known],
        yerr=errors,
        marker=MARKERS[number % len(MARKERS)],
        linestyle=line,
        capsize=3,
        markersize=5,
        color=COLOURS[number % len(COLOURS)],
        label=model,
    )


def _finish(axes: "Axes", label: str) -> None:
    axes.set_ylabel(label)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
