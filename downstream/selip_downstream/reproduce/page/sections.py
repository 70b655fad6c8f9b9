"""What a reproduction's page shows: its figures as tables and plots. A section without figures is left out."""

import math
from collections.abc import Sequence

from selip_downstream.evaluation.compared_models import RANDOM
from selip_downstream.evaluation.comparison import Comparison, Difference
from selip_downstream.evaluation.tasks import METRICS, TOGETHER, Metric, metric_label, metric_phrase
from selip_downstream.page.comparison_tables import (
    MISSING,
    Labelled,
    cell,
    comparison_table,
    difference_cell,
    differences_table,
    models_of,
    models_table,
)
from selip_downstream.page.document import Picture, Section, Table, picture
from selip_downstream.page.examples import example_sections
from selip_downstream.page.plots import Axis, draw_categories, draw_lines
from selip_downstream.page.sections import english_site, sequence_name
from selip_downstream.reproduce.page.conclusions import CLAIM_METRICS, clip_differences
from selip_downstream.reproduce.page.figures import Figures
from selip_downstream.reproduce.page.frozen_claim import CONTROL_NOTE, DESIGN, frozen_sections
from selip_downstream.reproduce.page.frozen_studies import DESIGN as STUDY_DESIGN
from selip_downstream.reproduce.page.frozen_studies import study_sections
from selip_downstream.reproduce.page.step_results import ExtractorScore
from selip_downstream.reproduce.page.summary import percent
from selip_downstream.reproduce.plan import EXTRACTED_FINDINGS, TRUE_FINDINGS

EXTRACTORS = {
    "model": "language model",
    "rules": "rules",
    "both": "both, the default",
    "free": "language model without the grammar",
    "adapted": "language model, adapted (LoRA)",
}
SCORES = {
    "finding_f1": "finding F1",
    "class_f1": "F1, class of signal",
    "site_f1": "F1, side and site",
    "exact_match": "reports exactly right",
    "positive_exact_match": "of those with findings",
}
COUNTS = {"negation_errors": "negation errors", "ungrounded": "ungrounded", "not_extracted": "not extracted"}
INTERVALS = "Bars are 95 % intervals over patients and trainings."


def measured_sections(figures: Figures) -> list[Section]:
    """The sections that have figures, from extraction to the cost of its errors."""
    sections = (
        (
            "Extraction",
            "How well the findings of a report are extracted. F1 is of findings: sequence, side, site and signal must "
            "be right. Intervals are over reports. The speed was measured while other steps ran on the same machine.",
            extraction(figures),
        ),
        ("The claim on frozen features", f"{DESIGN} {CONTROL_NOTE}", frozen_sections(figures)),
        ("The study encoder on frozen features", STUDY_DESIGN, study_sections(figures)),
        (
            "Retrieval, by target and by share of the training studies",
            "How well an image finds its text among the distinct ones of the test split. Similarity of texts as a "
            "target is meant to lower the need for data: what counts is the comparison with few training studies.",
            retrieval(figures),
        ),
        (
            "Classification",
            "What the frozen encoders know of a label: without any labels, by statements alone, and learnt from few "
            "labels or from all.",
            classification(figures),
        ),
        (
            "Segmentation",
            "Gliomas segmented by a U-Net around each encoder, learnt from few patients or from all.",
            segmentation(figures),
        ),
        (
            "What the models look at",
            "Whether the voxel that supports a statement most is at the lesion; then images of the test split with the "
            "cosines of candidate texts, and where in the head each model sees the first statement.",
            [*pointing(figures), *example_sections(figures.examples)],
        ),
        (
            "What an extraction error costs",
            "The same training from true findings, from extracted findings, and from findings of which a known share "
            "is wrong: missed, on the other side, at another site or of another signal. All are measured with the true "
            "texts of the same patients.",
            errors(figures),
        ),
    )
    return [Section(title, [about], sections=sections) for title, about, sections in sections if sections]


def extraction(figures: Figures) -> list[Section]:
    """A subsection for each set of annotated reports, a row for each extractor."""
    columns = ["extractor", *SCORES.values(), *COUNTS.values(), "reports a second"]
    return [
        Section(reports, tables=[Table(f"{own[0].figures['reports']:,} reports", columns, list(map(_score, own)))])
        for reports, own in figures.extraction.items()
    ]


def retrieval(figures: Figures) -> list[Section]:
    """A subsection for each metric of the claim by share; then all metrics and sequences at the largest share."""
    main = figures.main_retrieval
    if not main:
        return []
    rows = [(f"{percent(share)} of the studies", comparison) for share, comparison in main.items()]
    axis = Axis([math.log10(share) for share in main], [percent(share) for share in main], "share of training studies")
    largest = max(main)
    return [
        *(_curve(metric, rows, axis) for metric in CLAIM_METRICS),
        _all_retrieval(largest, figures.retrieval[largest]),
    ]


def classification(figures: Figures) -> list[Section]:
    """Zero-shot classification; then each set of labels and classifier, by share of the labels."""
    sections = []
    for comparison in figures.zero_shot:
        if comparison.configuration["sequence"] == TOGETHER:
            table = comparison_table(_tested(comparison, "images"), comparison, clip_differences)
            sections.append(Section("Without labels: mean AUC over all questions of a kind", tables=[table]))
    groups: dict[str, list[Comparison]] = {}
    for comparison in figures.classification:
        about = comparison.configuration
        groups.setdefault(f"{about['labels']}: {about['classifier']}", []).append(comparison)
    return sections + [_by_share(title, own, Metric.AUC, "labels") for title, own in groups.items()]


def segmentation(figures: Figures) -> list[Section]:
    """One subsection, by share of the patients."""
    own = figures.segmentation
    return [_by_share("Tumours", own, Metric.DICE, "patients")] if own else []


def pointing(figures: Figures) -> list[Section]:
    """One subsection, a row for each site."""
    if not figures.pointing:
        return []
    rows = [(f"{english_site(one.configuration['site'])} ({one.setting.n:,})", one) for one in figures.pointing]
    first = figures.pointing[0]
    tolerance = first.configuration["tolerance_mm"]
    caption = f"Share of findings hit: at most {tolerance:g} mm from the lesion. In brackets the number of findings"
    tables = [
        models_table(caption, rows, Metric.POINTING),
        differences_table("Differences", rows, [Metric.POINTING], clip_differences(first.models)),
    ]
    return [Section("The pointing game", tables=tables)]


def errors(figures: Figures) -> list[Section]:
    """The figures of each training by its findings, and plots over the share of wrong findings."""
    comparison = figures.errors
    if comparison is None:
        return []
    models = comparison.models
    values = [[model, *(cell(comparison.estimate(model, metric)) for metric in CLAIM_METRICS)] for model in models]
    differences = [
        [one.name, *(difference_cell(comparison.difference(one, metric)) for metric in CLAIM_METRICS)]
        for one in (Difference(model, TRUE_FINDINGS) for model in models if model not in (RANDOM, TRUE_FINDINGS))
    ]
    columns = ["trained on", *map(metric_phrase, CLAIM_METRICS)]
    tables = [Table(_tested(comparison, "images"), columns, values), Table("Differences", columns, differences)]
    pictures = [_error_plot(comparison, figures, metric) for metric in CLAIM_METRICS]
    return [Section("Retrieval after training on findings with errors", tables=tables, pictures=pictures)]


def _curve(metric: Metric, rows: Sequence[Labelled], axis: Axis) -> Section:
    """A metric over the shares of the training studies, with the differences from CLIP."""
    comparisons = [comparison for _, comparison in rows]
    models = models_of(comparisons)
    series = {model: [one.estimate(model, metric) for one in comparisons] for model in models}
    label = metric_phrase(metric)
    title = _capitalised(label)
    return Section(
        title,
        tables=[
            models_table(f"Share of images, of {comparisons[0].setting.n:,}", rows, metric),
            differences_table("Paired differences", rows, [metric], clip_differences(models)),
        ],
        pictures=[
            picture(draw_lines(axis, series, label, {}), f"{title}, by the share of training studies. {INTERVALS}")
        ],
    )


def _all_retrieval(share: float, comparisons: Sequence[Comparison]) -> Section:
    """Every shown metric in both directions over all sequences, and the first five within each sequence."""
    tables = []
    for comparison in comparisons:
        about = comparison.configuration
        if about["sequence"] == TOGETHER:
            counts = f"{comparison.setting.n:,} queries, gallery of {about['gallery']:,}"
            caption = f"All sequences, {about['direction']}: {counts}"
            tables.append(comparison_table(caption, comparison, clip_differences))
    rows = [
        (f"{sequence_name(about)} ({comparison.setting.n:,} of {about['gallery']:,})", comparison)
        for comparison in comparisons
        for about in [comparison.configuration]
        if about["direction"] == "image to text" and about["sequence"] != TOGETHER
    ]
    if rows:
        label = metric_phrase(Metric.TOP_5)
        caption = f"By sequence, image to text: {label}. In brackets the numbers of images and of texts in the gallery"
        tables.append(models_table(caption, rows, Metric.TOP_5))
    return Section(f"All figures with {percent(share)} of the training studies", tables=tables)


def _by_share(title: str, comparisons: Sequence[Comparison], metric: Metric, of: str) -> Section:
    """One metric over the shares of the training data, then the differences of all metrics from CLIP."""
    rows = [(_learnt_from(comparison, of), comparison) for comparison in comparisons]
    models = models_of(comparisons)
    series = {model: [one.estimate(model, metric) for one in comparisons] for model in models}
    shares = [f"{percent(one.configuration['share'])}\nof the {of}" for one in comparisons]
    label = metric_label(metric)
    drawing = draw_categories(shares, series, label)
    metrics = METRICS[comparisons[0].setting.task]
    tables = [
        models_table(f"{label}. {_tested(comparisons[0], 'cases')}", rows, metric),
        differences_table("Paired differences", rows, metrics, clip_differences(models)),
    ]
    caption = f"{title}: {label}, by the share of the {of}. {INTERVALS}"
    return Section(title, tables=tables, pictures=[picture(drawing, caption)])


def _error_plot(comparison: Comparison, figures: Figures, metric: Metric) -> Picture:
    rates, label = figures.error_rates, metric_phrase(metric)
    axis = Axis(list(rates.values()), [f"{rate:g} %" for rate in rates.values()], "share of wrong findings")
    levels = {
        name: level for name in (RANDOM, EXTRACTED_FINDINGS) if (level := comparison.estimate(name, metric)) is not None
    }
    series = {"planted errors": [comparison.estimate(model, metric) for model in rates]}
    drawing = draw_lines(axis, series, label, levels)
    return picture(drawing, f"{_capitalised(label)}, by the share of findings that are wrong. {INTERVALS}")


def _tested(comparison: Comparison, what: str) -> str:
    return f"{comparison.setting.n:,} {what} of the {comparison.setting.split} split"


def _learnt_from(comparison: Comparison, of: str) -> str:
    return f"{percent(comparison.configuration['share'])} of the {of} ({comparison.configuration['train']:,} cases)"


def _score(score: ExtractorScore) -> list[str]:
    figures = score.figures
    speed = figures.get("reports_per_second")
    return [
        EXTRACTORS.get(score.extractor, score.extractor),
        *(_share(figures.get(name), figures.get(f"{name}_95ci")) for name in SCORES),
        *(MISSING if figures.get(name) is None else f"{figures[name]:,}" for name in COUNTS),
        MISSING if speed is None else f"{speed:,.1f}",
    ]


def _share(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.3f}–{interval[1]:.3f})"


def _capitalised(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
