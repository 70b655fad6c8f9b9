"""The figures of the table `results` as sections of a page, in the order of the paper: tables and plots."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selip_contracts.vocabulary import SITES
from selip_downstream import classify_command, retrieve_command, segment_command
from selip_downstream.comparison import difference, is_difference
from selip_downstream.page import Picture, Section, Table, picture
from selip_downstream.results import Figure
from selip_downstream.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

CLEAR = "*"
"""Behind a difference whose interval does not hold 0."""
COLOURS = ("#8a94a6", "#1f5fbf", "#d9822b", "#2a8c5a", "#9b4dca", "#b8405e")
HEADING = "Each figure with its 95 % interval, from resampled patients"

Settings = Mapping[str, Any]
Block = list[Figure]
"""The figures of one comparison: every model, every difference, every metric."""


@dataclass(frozen=True)
class Part:
    """How one task's figures are shown: which comparisons as tables, and the plot of one metric over them.

    `plotted` says which comparisons stand in one plot, `place` where in it.
    """

    task: str
    title: str
    paragraph: str
    metrics: Mapping[str, str]
    caption: Callable[[Figure], str]
    metric: str
    place: Callable[[Settings], str]
    plotted: Callable[[Settings], str] = lambda _: ""
    shown: Callable[[Settings], bool] = lambda _: True


def _of_retrieval(figure: Figure) -> str:
    about = figure.configuration
    return (
        f"{_sequence(about)}, {about['direction']}: {figure.n:,} queries, gallery of {about['gallery']:,}; "
        f"{about['distinct_texts']:,} distinct texts, {about['repeated_texts']:,} repeated"
    )


def _of_zero_shot(figure: Figure) -> str:
    asked = ", ".join(f"{count:,} of {kind}" for kind, count in figure.configuration["questions"].items())
    return f"{_sequence(figure.configuration)}: {figure.n:,} images; questions: {asked}"


def _of_classification(figure: Figure) -> str:
    about = figure.configuration
    classes = ", ".join(f"{count:,} {label}" for label, count in about["classes"].items())
    return (
        f"{about['labels']}: {about['classifier']}, {about['share']:.0%} of the labels ({about['train']:,} cases, "
        f"drawn {_times(about['seeds'])}); tested on {figure.n:,} cases: {classes}"
    )


def _of_segmentation(figure: Figure) -> str:
    about = figure.configuration
    return (
        f"{about['share']:.0%} of the patients ({about['train']:,} cases, drawn {_times(about['seeds'])}); "
        f"tested on {figure.n:,} cases"
    )


def _of_explanation(figure: Figure) -> str:
    about = figure.configuration
    allowed = f"a hit is at most {about['tolerance_mm']:g} mm from the lesion"
    return f"{_english(about['site'])}: {figure.n:,} findings; {allowed}"


PARTS = (
    Part(
        "retrieval",
        "Retrieval",
        "How well an image finds its text among the distinct ones, and a text its images; equal texts are all hits. "
        "Every rank from 1 to 10, and galleries with repeated texts, are in the table results.",
        retrieve_command.SHOWN,
        _of_retrieval,
        "top-1 of equal text",
        lambda about: _sequence(about),
        lambda about: f", {about['direction']}",
        lambda about: about["texts"] == "distinct",
    ),
    Part(
        "zero-shot",
        "Zero-shot classification",
        "What statements alone tell of an image: the mean area under the ROC curve over all questions of a kind.",
        classify_command.SHOWN,
        _of_zero_shot,
        "AUC of site",
        lambda about: _sequence(about),
    ),
    Part(
        "classification",
        "Classification",
        "What can be learnt from few labels or all of them on each encoder.",
        classify_command.SHOWN,
        _of_classification,
        "AUC",
        lambda about: f"{about['classifier']}\n{about['share']:.0%}",
        lambda about: f", {about['labels']}",
    ),
    Part(
        "segmentation",
        "Segmentation",
        "Tumours segmented by a U-Net around each encoder.",
        segment_command.SHOWN,
        _of_segmentation,
        "Dice WT",
        lambda about: f"{about['share']:.0%} of the patients",
    ),
    Part(
        "explanation",
        "Explanation",
        "The pointing game: how often the place that supports a statement most is where the lesion is. Chance is the "
        "share of the head that would be a hit.",
        {"pointing": "hits"},
        _of_explanation,
        "pointing",
        lambda about: _english(about["site"]).replace(" ", "\n"),
    ),
)


def sections_of(figures: Sequence[Figure]) -> list[Section]:
    """A section for each task that was measured, and where the models came from."""
    sections = []
    for part in PARTS:
        blocks = [block for block in _blocks(figures, part.task) if part.shown(block[0].configuration)]
        if blocks:
            tables = [figures_table(part, block) for block in blocks]
            sections.append(Section(part.title, [part.paragraph], tables, _plots(part, blocks)))
    return [*sections, _origins(figures)] if sections else []


def figures_table(part: Part, block: Block) -> Table:
    """A row for each metric, a column for each model, then the last model's lead over each of the others."""
    cells = {(figure.metric, figure.model): figure.estimate for figure in block}
    models = models_of(block)
    leads = [difference(models[-1], less) for less in models[:-1]]
    rows = [
        [label, *(_cell(cells.get((metric, m))) for m in models), *(_lead(cells.get((metric, lead))) for lead in leads)]
        for metric, label in part.metrics.items()
        if any((metric, model) in cells for model in models)
    ]
    return Table(f"{part.caption(block[0])} ({block[0].split})", ["", *models, *leads], rows)


def models_of(block: Block) -> list[str]:
    """The models in the order they were measured in, without differences."""
    return [model for model in dict.fromkeys(figure.model for figure in block) if not is_difference(model)]


def _blocks(figures: Sequence[Figure], task: str) -> list[Block]:
    blocks: dict[str, Block] = {}
    for figure in figures:
        if figure.task == task:
            key = json.dumps([figure.split, figure.configuration], sort_keys=True)
            blocks.setdefault(key, []).append(figure)
    return list(blocks.values())


def _plots(part: Part, blocks: Sequence[Block]) -> list[Picture]:
    """A plot of the part's metric for each set of comparisons that belong together."""
    together: dict[str, list[Block]] = {}
    for block in blocks:
        if any(figure.metric == part.metric for figure in block):
            together.setdefault(part.plotted(block[0].configuration), []).append(block)
    label = part.metrics[part.metric]
    return [
        picture(_drawn(part, own, label), f"{part.title}{which}: {label}. {HEADING}.")
        for which, own in together.items()
    ]


def _drawn(part: Part, blocks: Sequence[Block], label: str) -> "Drawing":
    """Points with their intervals, the comparisons side by side, the models beside each other in each."""
    from matplotlib import pyplot

    models = list(dict.fromkeys(model for block in blocks for model in models_of(block)))
    drawing, axes = pyplot.subplots(figsize=(max(5.0, 2.2 + 1.3 * len(blocks)), 3.4), layout="constrained")
    for number, model in enumerate(models):
        found = [_estimate(block, model, part.metric) for block in blocks]
        offset = (number - (len(models) - 1) / 2) * 0.6 / len(models)
        known = [(place + offset, e.value, e) for place, e in enumerate(found) if e is not None and e.value is not None]
        errors = [
            [value - (e.low if e.low is not None else value) for _, value, e in known],
            [(e.high if e.high is not None else value) - value for _, value, e in known],
        ]
        axes.errorbar(
            [x for x, _, _ in known],
            [value for _, value, _ in known],
            yerr=errors,
            fmt="o",
            capsize=3,
            markersize=5,
            color=COLOURS[number % len(COLOURS)],
            label=model,
        )
    axes.set_xticks(range(len(blocks)), [part.place(block[0].configuration) for block in blocks], fontsize=9)
    axes.set_xlim(-0.5, len(blocks) - 0.5)
    axes.set_ylabel(label)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    return drawing


def _estimate(block: Block, model: str, metric: str) -> Estimate | None:
    return next((f.estimate for f in block if (f.model, f.metric) == (model, metric)), None)


def _origins(figures: Sequence[Figure]) -> Section:
    """Which checkpoint each name stands for."""
    rows = {
        (model, str(place))
        for figure in figures
        for model, places in figure.configuration.get("models", {}).items()
        for place in (places if isinstance(places, list) else [places])
    }
    return Section("Models", tables=[Table("Where the weights came from", ["model", "checkpoint"], sorted(rows), 2)])


def _cell(estimate: Estimate | None) -> str:
    """A figure as value (low–high); – where it is not defined."""
    if estimate is None or estimate.value is None:
        return "–"
    digits = 3 if abs(estimate.value) < 10 else 1
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f}–{estimate.high:.{digits}f})"


def _lead(estimate: Estimate | None) -> str:
    """A difference with its sign, marked where its interval does not hold 0."""
    if estimate is None or estimate.value is None:
        return "–"
    digits = 3 if abs(estimate.value) < 10 else 1
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.{digits}f}"
    mark = f" {CLEAR}" if estimate.low > 0 or estimate.high < 0 else ""
    return f"{estimate.value:+.{digits}f} ({estimate.low:+.{digits}f} to {estimate.high:+.{digits}f}){mark}"


def _sequence(about: Settings) -> str:
    return "all sequences" if about["sequence"] == "together" else str(about["sequence"])


def _english(site: str) -> str:
    """The English name of a site, by which every machine can letter a plot; what is no site stays as it is."""
    return SITES[site].english if site in SITES else site


def _times(seeds: Sequence[int]) -> str:
    return "once" if len(seeds) == 1 else f"{len(seeds)} times"
