"""The figures of the table `results` as sections of a page, in the order of the paper: tables and plots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selip_contracts.vocabulary import SITES
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.evaluation.tasks import CLASSIFICATION_METRICS, HEADING, RETRIEVAL_METRICS, SEGMENTATION_METRICS
from selip_downstream.page.comparison_tables import Block, block_table, blocks_of, estimate_of, models_of
from selip_downstream.page.document import Picture, Section, Table, picture
from selip_downstream.page.plots import draw_places

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class TaskSection:
    """How one task's figures are shown: which comparisons as tables, and the plot of one metric over them.

    `plotted` says which comparisons stand in one plot, `place` where in it.
    """

    task: str
    title: str
    paragraph: str
    metrics: Mapping[str, str]
    caption: Callable[[MetricResult], str]
    metric: str
    place: Callable[[Settings], str]
    plotted: Callable[[Settings], str] = lambda _: ""
    shown: Callable[[Settings], bool] = lambda _: True


def _of_retrieval(figure: MetricResult) -> str:
    about = figure.configuration
    return (
        f"{sequence_name(about)}, {about['direction']}: {figure.n:,} queries, gallery of {about['gallery']:,}; "
        f"{about['distinct_texts']:,} distinct texts, {about['repeated_texts']:,} repeated"
    )


def _of_zero_shot(figure: MetricResult) -> str:
    asked = ", ".join(f"{count:,} of {kind}" for kind, count in figure.configuration["questions"].items())
    return f"{sequence_name(figure.configuration)}: {figure.n:,} images; questions: {asked}"


def _of_classification(figure: MetricResult) -> str:
    about = figure.configuration
    classes = ", ".join(f"{count:,} {label}" for label, count in about["classes"].items())
    return (
        f"{about['labels']}: {about['classifier']}, {about['share']:.0%} of the labels ({about['train']:,} cases, "
        f"drawn {_times(about['seeds'])}); tested on {figure.n:,} cases: {classes}"
    )


def _of_segmentation(figure: MetricResult) -> str:
    about = figure.configuration
    return (
        f"{about['share']:.0%} of the patients ({about['train']:,} cases, drawn {_times(about['seeds'])}); "
        f"tested on {figure.n:,} cases"
    )


def _of_explanation(figure: MetricResult) -> str:
    about = figure.configuration
    allowed = f"a hit is at most {about['tolerance_mm']:g} mm from the lesion"
    return f"{english_site(about['site'])}: {figure.n:,} findings; {allowed}"


PARTS = (
    TaskSection(
        "retrieval",
        "Retrieval",
        "How well an image finds its text among the distinct ones, and a text its images; equal texts are all hits. "
        "Every rank from 1 to 10, and galleries with repeated texts, are in the table results.",
        RETRIEVAL_METRICS,
        _of_retrieval,
        "top-1 of equal text",
        lambda about: sequence_name(about),
        lambda about: f", {about['direction']}",
        lambda about: about["texts"] == "distinct",
    ),
    TaskSection(
        "zero-shot",
        "Zero-shot classification",
        "What statements alone tell of an image: the mean area under the ROC curve over all questions of a kind.",
        CLASSIFICATION_METRICS,
        _of_zero_shot,
        "AUC of site",
        lambda about: sequence_name(about),
    ),
    TaskSection(
        "classification",
        "Classification",
        "What can be learnt from few labels or all of them on each encoder.",
        CLASSIFICATION_METRICS,
        _of_classification,
        "AUC",
        lambda about: f"{about['classifier']}\n{about['share']:.0%}",
        lambda about: f", {about['labels']}",
    ),
    TaskSection(
        "segmentation",
        "Segmentation",
        "Tumours segmented by a U-Net around each encoder.",
        SEGMENTATION_METRICS,
        _of_segmentation,
        "Dice WT",
        lambda about: f"{about['share']:.0%} of the patients",
    ),
    TaskSection(
        "explanation",
        "Explanation",
        "The pointing game: how often the place that supports a statement most is where the lesion is. Chance is the "
        "share of the head that would be a hit.",
        {"pointing": "hits"},
        _of_explanation,
        "pointing",
        lambda about: english_site(about["site"]).replace(" ", "\n"),
    ),
)


def sections_of(figures: Sequence[MetricResult]) -> list[Section]:
    """A section for each task that was measured, and where the models came from."""
    sections = []
    for part in PARTS:
        blocks = [block for block in blocks_of(figures, part.task) if part.shown(block[0].configuration)]
        if blocks:
            captions = [f"{part.caption(block[0])} ({block[0].split})" for block in blocks]
            captions = _told_apart(captions, blocks, "; ")
            tables = [block_table(*both, part.metrics) for both in zip(captions, blocks, strict=True)]
            sections.append(Section(part.title, [part.paragraph], tables, _plots(part, blocks)))
    return [*sections, _origins(figures)] if sections else []


def _told_apart(names: Sequence[str], blocks: Sequence[Block], between: str) -> list[str]:
    """The names of the comparisons; where several have one, with the weights of the models that were trained anew."""
    weights = [block[0].weights for block in blocks]
    apart = []
    for name, own in zip(names, weights, strict=True):
        namesakes = [other for also, other in zip(names, weights, strict=True) if also == name]
        anew = [model for model in own if any(other.get(model) != own[model] for other in namesakes)]
        apart.append(between.join([name, *(f"{model} {' '.join(own[model])}" for model in anew)]))
    return apart


def _plots(part: TaskSection, blocks: Sequence[Block]) -> list[Picture]:
    """A plot of the part's metric for each set of comparisons that belong together."""
    together: dict[str, list[Block]] = {}
    for block in blocks:
        if any(figure.metric == part.metric for figure in block):
            together.setdefault(part.plotted(block[0].configuration), []).append(block)
    label = part.metrics[part.metric]
    pictures = []
    for which, own in together.items():
        models = dict.fromkeys(model for block in own for model in models_of(block))
        series = {model: [estimate_of(block, model, part.metric) for block in own] for model in models}
        places = _told_apart([part.place(block[0].configuration) for block in own], own, "\n")
        drawing = draw_places(places, series, label)
        pictures.append(picture(drawing, f"{part.title}{which}: {label}. {HEADING}."))
    return pictures


def _origins(figures: Sequence[MetricResult]) -> Section:
    """Which checkpoint each name stands for."""
    rows = {
        (model, training["checkpoint"], training["weights"])
        for figure in figures
        for model, trainings in figure.configuration.get("models", {}).items()
        for training in trainings
    }
    columns = ["model", "checkpoint", "weights"]
    return Section("Models", tables=[Table("Where the weights came from", columns, sorted(rows), len(columns))])


def sequence_name(about: Settings) -> str:
    """What a comparison of one sequence, or of all together, is called."""
    return "all sequences" if about["sequence"] == "together" else str(about["sequence"])


def english_site(site: str) -> str:
    """The English name of a site, by which every machine can letter a plot; what is no site stays as it is."""
    return SITES[site].english if site in SITES else site


def _times(seeds: Sequence[int]) -> str:
    return "once" if len(seeds) == 1 else f"{len(seeds)} times"
