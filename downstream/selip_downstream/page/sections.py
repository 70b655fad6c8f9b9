"""The results of the table `results` as sections of a page, in the order of the paper: tables and plots."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selip_contracts.vocabulary import SITES
from selip_downstream.evaluation.comparison import Comparison, comparisons_of
from selip_downstream.evaluation.results import MetricResult, training_counts, training_weights
from selip_downstream.evaluation.tasks import TASK_LABELS, TOGETHER, Metric, Task, interval_note, metric_label
from selip_downstream.page.comparison_tables import comparison_table, models_of
from selip_downstream.page.document import Picture, Section, Table, picture
from selip_downstream.page.plots import draw_categories

Configuration = Mapping[str, Any]


@dataclass(frozen=True)
class TaskSection:
    """How the comparisons of one task are shown: a table each, and plots of one metric.

    `plot` names the plot that a comparison belongs to, `category` its position on the axis.
    """

    task: Task
    paragraph: str
    caption: Callable[[Comparison], str]
    plotted_metric: Metric
    category: Callable[[Configuration], str]
    plot: Callable[[Configuration], str] = lambda _: ""
    is_shown: Callable[[Configuration], bool] = lambda _: True


def _retrieval_caption(comparison: Comparison) -> str:
    about = comparison.configuration
    return (
        f"{sequence_name(about)}, {about['direction']}: {comparison.setting.n:,} queries, gallery of "
        f"{about['gallery']:,}; {about['distinct_texts']:,} distinct texts, {about['repeated_texts']:,} repeated"
    )


def _zero_shot_caption(comparison: Comparison) -> str:
    about = comparison.configuration
    questions = ", ".join(f"{count:,} of {kind}" for kind, count in about["questions"].items())
    return f"{sequence_name(about)}: {comparison.setting.n:,} images; questions: {questions}"


def _classification_caption(comparison: Comparison) -> str:
    about = comparison.configuration
    classes = ", ".join(f"{count:,} {label}" for label, count in about["classes"].items())
    return (
        f"{about['labels']}: {about['classifier']}, {about['share']:.0%} of the labels ({about['train']:,} cases, "
        f"drawn {_times(about['seeds'])}); tested on {comparison.setting.n:,} cases: {classes}"
    )


def _segmentation_caption(comparison: Comparison) -> str:
    about = comparison.configuration
    return (
        f"{about['share']:.0%} of the patients ({about['train']:,} cases, drawn {_times(about['seeds'])}); "
        f"tested on {comparison.setting.n:,} cases"
    )


def _explanation_caption(comparison: Comparison) -> str:
    about = comparison.configuration
    tolerance = f"a hit is at most {about['tolerance_mm']:g} mm from the lesion"
    return f"{english_site(about['site'])}: {comparison.setting.n:,} findings; {tolerance}"


TASK_SECTIONS = (
    TaskSection(
        Task.RETRIEVAL,
        "How well an image finds its text among the distinct ones, and a text its images; equal texts are all hits. "
        "Every rank from 1 to 10, and galleries with repeated texts, are in the table results.",
        _retrieval_caption,
        Metric.TOP_1,
        lambda about: sequence_name(about),
        lambda about: f", {about['direction']}",
        lambda about: about["texts"] == "distinct",
    ),
    TaskSection(
        Task.ZERO_SHOT,
        "Classification by statements alone: the mean area under the ROC curve over all questions of a kind.",
        _zero_shot_caption,
        Metric.AUC_SITE,
        lambda about: sequence_name(about),
    ),
    TaskSection(
        Task.CLASSIFICATION,
        "What can be learnt on each encoder from few labels or from all.",
        _classification_caption,
        Metric.AUC,
        lambda about: f"{about['classifier']} {about['share']:.0%}".replace(" ", "\n"),
        lambda about: f", {about['labels']}",
    ),
    TaskSection(
        Task.SEGMENTATION,
        "Tumours segmented by a U-Net around each encoder.",
        _segmentation_caption,
        Metric.DICE_WT,
        lambda about: f"{about['share']:.0%} of the patients",
    ),
    TaskSection(
        Task.EXPLANATION,
        "The pointing game: how often the voxel that supports a statement most is at the lesion. Chance is the share "
        "of the head that would be a hit.",
        _explanation_caption,
        Metric.POINTING,
        lambda about: english_site(about["site"]).replace(" ", "\n"),
    ),
)


def sections_of(results: Sequence[MetricResult]) -> list[Section]:
    """A section for each task that was measured, then where the models came from."""
    comparisons = comparisons_of(results)
    sections = []
    for section in TASK_SECTIONS:
        own = [one for one in comparisons if one.setting.task == section.task and section.is_shown(one.configuration)]
        if own:
            captions = [f"{section.caption(one)} ({one.setting.split})" for one in own]
            tables = [comparison_table(*both) for both in zip(_distinguished(captions, own, "; "), own, strict=True)]
            sections.append(Section(TASK_LABELS[section.task], [section.paragraph], tables, _plots(section, own)))
    return [*sections, _origins(comparisons)] if sections else []


def _distinguished(names: Sequence[str], comparisons: Sequence[Comparison], separator: str) -> list[str]:
    """The names of the comparisons; to equal names the weights of the models that differ are added."""
    weights = [training_weights(one.configuration) for one in comparisons]
    distinguished = []
    for name, own in zip(names, weights, strict=True):
        namesakes = [other for other_name, other in zip(names, weights, strict=True) if other_name == name]
        differing = [model for model in own if any(other.get(model) != own[model] for other in namesakes)]
        distinguished.append(separator.join([name, *(f"{model} {' '.join(own[model])}" for model in differing)]))
    return distinguished


def _plots(section: TaskSection, comparisons: Sequence[Comparison]) -> list[Picture]:
    """A plot of the section's metric for each set of comparisons that belong together and are of the same weights."""
    by_plot: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in comparisons:
        if section.plotted_metric in comparison.metrics:
            weights = json.dumps(training_weights(comparison.configuration))
            by_plot.setdefault((section.plot(comparison.configuration), weights), []).append(comparison)
    label = metric_label(section.plotted_metric)
    names = [f"{TASK_LABELS[section.task]}{plot}: {label}" for plot, _ in by_plot]
    pictures = []
    for name, own in zip(
        _distinguished(names, [own[0] for own in by_plot.values()], "; "), by_plot.values(), strict=True
    ):
        series = {model: [one.estimate(model, section.plotted_metric) for one in own] for model in models_of(own)}
        drawing = draw_categories([section.category(one.configuration) for one in own], series, label)
        note = interval_note(training_counts(one.configuration for one in own))
        pictures.append(picture(drawing, f"{name}. {note}.", whole_row=True))
    return pictures


def _origins(comparisons: Sequence[Comparison]) -> Section:
    """The checkpoint of each model name."""
    rows = {
        (model, training["checkpoint"], training["weights"])
        for comparison in comparisons
        for model, trainings in comparison.configuration.get("models", {}).items()
        for training in trainings
    }
    columns = ["model", "checkpoint", "weights"]
    return Section("Models", tables=[Table("Where the weights came from", columns, sorted(rows), len(columns))])


def sequence_name(configuration: Configuration) -> str:
    """The label of the sequence that was measured, or of all together."""
    return "all sequences" if configuration["sequence"] == TOGETHER else str(configuration["sequence"])


def english_site(site: str) -> str:
    """The English name of a site; other text is unchanged."""
    return SITES[site].english if site in SITES else site


def _times(seeds: Sequence[int]) -> str:
    return "once" if len(seeds) == 1 else f"{len(seeds)} times"
