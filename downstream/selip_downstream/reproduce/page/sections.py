"""What a reproduction measured, as sections of its page in the order of the argument; one that is empty is left out."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from selip_downstream.classification.experiment import CLASSIFICATION, ZERO_SHOT
from selip_downstream.evaluation.compared_models import RANDOM
from selip_downstream.evaluation.tasks import CLASSIFICATION_METRICS, RETRIEVAL_METRICS, SEGMENTATION_METRICS
from selip_downstream.explanation.pointing import EXPLANATION
from selip_downstream.page.comparison_tables import (
    MISSING,
    Block,
    Lead,
    Row,
    block_table,
    cell,
    estimate_of,
    lead_cell,
    lead_of,
    leads_table,
    models_of,
    models_table,
)
from selip_downstream.page.document import Picture, Section, Table, picture
from selip_downstream.page.plots import Axis, draw_lines, draw_places
from selip_downstream.page.sections import english_site, sequence_name
from selip_downstream.reproduce.page.conclusions import (
    EXTRACTED,
    METRICS,
    TRUE_FINDINGS,
    clip_leads,
    main_block,
    percent,
)
from selip_downstream.reproduce.page.step_results import ExtractorScore, Measured
from selip_downstream.retrieval.experiment import TOGETHER
from selip_downstream.segmentation.experiment import SEGMENTATION

READERS = {
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


def measured_sections(measured: Measured, explanation: Sequence[Section]) -> list[Section]:
    """Sections 1 to 6; `explanation` are the examples of images within section 5."""
    parts = (
        (
            "1. Extraction",
            "How well the findings of a report are read. F1 is of findings: sequence, side, site and signal must be "
            "right. Intervals are over reports. The speed is that of a machine that did other steps meanwhile.",
            extraction(measured.scores),
        ),
        (
            "2. Retrieval, by target and by share of the training studies",
            "How well an image finds its text among the distinct ones of the test split. Similarity of texts as a "
            "target is meant to lower the hunger for data: so what counts is where training studies are few.",
            retrieval(measured),
        ),
        (
            "3. Classification and transfer to gliomas",
            "What the frozen encoders tell of a label: without any labels, by their statements alone, and learnt from "
            "few labels or all.",
            classification(measured),
        ),
        (
            "4. Segmentation",
            "Gliomas segmented by a U-Net around each encoder, learnt from few patients or all.",
            segmentation(measured),
        ),
        (
            "5. What the models look at",
            "Whether the place that supports a statement most is where the lesion is; then images of the test split "
            "with the cosines of candidate texts, and where in the head each model sees the first statement.",
            [*pointing(measured), *explanation],
        ),
        (
            "6. What an extraction error costs",
            "The same training from true findings, from findings as they were extracted, and from findings of which a "
            "known share is wrong: missed, on the other side, at another site or of another signal. All are measured "
            "with the true texts of the same patients.",
            errors(measured),
        ),
    )
    return [Section(title, [about], sections=sections) for title, about, sections in parts if sections]


def extraction(scores: Sequence[ExtractorScore]) -> list[Section]:
    """A part for each set of annotated reports, a row for each reader."""
    by_reports: dict[str, list[ExtractorScore]] = {}
    for score in scores:
        by_reports.setdefault(score.reports, []).append(score)
    columns = ["reader", *SCORES.values(), *COUNTS.values(), "reports a second"]
    return [
        Section(reports, tables=[Table(f"{own[0].figures['reports']:,} reports", columns, list(map(_score, own)))])
        for reports, own in by_reports.items()
    ]


def retrieval(measured: Measured) -> list[Section]:
    """A part for each metric of the claim over the shares, then all metrics and all sequences at the largest share."""
    shares = measured.retrieval_by_share()
    main = {share: block for share, blocks in shares.items() if (block := main_block(blocks)) is not None}
    if not main:
        return []
    rows = [Row(f"{percent(share)} of the studies", block) for share, block in main.items()]
    axis = Axis([math.log10(share) for share in main], [percent(share) for share in main], "share of training studies")
    return [
        *(_curve(metric, label, rows, axis) for metric, label in METRICS.items()),
        _all_retrieval(max(main), shares[max(main)]),
    ]


def classification(measured: Measured) -> list[Section]:
    """A part for each step without labels; then for each set of labels and classifier, over the shares of labels."""
    sections = []
    for block in measured.blocks("classify", ZERO_SHOT):
        if block[0].configuration["sequence"] == TOGETHER:
            table = block_table(_tested(block, "images"), block, CLASSIFICATION_METRICS, clip_leads)
            sections.append(Section("Without labels: mean AUC over all questions of a kind", tables=[table]))
    groups: dict[str, list[Block]] = {}
    for block in measured.blocks("classify", CLASSIFICATION):
        about = block[0].configuration
        groups.setdefault(f"{about['labels']}: {about['classifier']}", []).append(block)
    metrics = {name: label for name, label in CLASSIFICATION_METRICS.items() if " of " not in name}
    return sections + [_by_share(title, blocks, "AUC", metrics, "labels") for title, blocks in groups.items()]


def segmentation(measured: Measured) -> list[Section]:
    """One part, over the shares of the patients."""
    blocks = measured.blocks("segment", SEGMENTATION)
    return [_by_share("Tumours", blocks, "Dice", SEGMENTATION_METRICS, "patients")] if blocks else []


def pointing(measured: Measured) -> list[Section]:
    """One part, a row for each site."""
    blocks = measured.blocks("pointing", EXPLANATION)
    if not blocks:
        return []
    rows = [Row(f"{english_site(it[0].configuration['site'])} ({it[0].n:,})", it) for it in blocks]
    tolerance = blocks[0][0].configuration["tolerance_mm"]
    caption = f"Share of findings hit: at most {tolerance:g} mm from the lesion. In brackets how many findings"
    leads = clip_leads(models_of(blocks[0]))
    tables = [models_table(caption, rows, "pointing"), leads_table("Differences", rows, {"pointing": "hits"}, leads)]
    return [Section("The pointing game", tables=tables)]


def errors(measured: Measured) -> list[Section]:
    """The figures of each training by what it was trained on, and plots over the share of wrong findings."""
    block = main_block(measured.blocks("retrieve-errors", "retrieval"))
    if block is None:
        return []
    models = models_of(block)
    figures = [[model, *(cell(estimate_of(block, model, metric)) for metric in METRICS)] for model in models]
    less = [
        [lead.name, *(lead_cell(lead_of(block, lead, metric)) for metric in METRICS)]
        for lead in (Lead(model, TRUE_FINDINGS) for model in models if model not in (RANDOM, TRUE_FINDINGS))
    ]
    columns = ["trained on", *METRICS.values()]
    rates = {TRUE_FINDINGS: 0.0} | {
        model: float(found[1]) for model in models if (found := re.fullmatch(r"(\d+(?:\.\d+)?) % wrong", model))
    }
    tables = [Table(_tested(block, "images"), columns, figures), Table("Differences", columns, less)]
    pictures = [_error_plot(block, rates, metric, label) for metric, label in METRICS.items()]
    return [Section("Retrieval after training on findings with errors", tables=tables, pictures=pictures)]


def _curve(metric: str, label: str, rows: Sequence[Row], axis: Axis) -> Section:
    """A metric over the shares of the training studies, with the leads over CLIP."""
    models = list(dict.fromkeys(model for row in rows for model in models_of(row.block)))
    series = {model: [estimate_of(row.block, model, metric) for row in rows] for model in models}
    title = f"{label[0].upper()}{label[1:]}"
    caption = f"{title}, by the share of training studies. {INTERVALS}"
    return Section(
        title,
        tables=[
            models_table(f"Share of images, of {rows[0].block[0].n:,}", rows, metric),
            leads_table("Paired differences", rows, {metric: label}, clip_leads(models)),
        ],
        pictures=[picture(draw_lines(axis, series, label, {}), caption)],
    )


def _all_retrieval(share: float, blocks: Sequence[Block]) -> Section:
    """Every shown metric in both directions over all sequences, and the first five within each sequence."""
    distinct = [block for block in blocks if block[0].configuration["texts"] == "distinct"]
    tables = []
    for block in distinct:
        about = block[0].configuration
        if about["sequence"] == TOGETHER:
            caption = f"All sequences, {about['direction']}: {block[0].n:,} queries, gallery of {about['gallery']:,}"
            tables.append(block_table(caption, block, RETRIEVAL_METRICS, clip_leads))
    metric, label = next(iter(METRICS.items()))
    rows = [
        Row(f"{sequence_name(about)} ({block[0].n:,} of {about['gallery']:,})", block)
        for block in distinct
        for about in [block[0].configuration]
        if about["direction"] == "image to text" and about["sequence"] != TOGETHER
    ]
    if rows:
        caption = f"By sequence, image to text: {label}. In brackets the images, and the texts they are asked for among"
        tables.append(models_table(caption, rows, metric))
    return Section(f"All figures with {percent(share)} of the training studies", tables=tables)


def _by_share(title: str, blocks: Sequence[Block], metric: str, metrics: Mapping[str, str], of: str) -> Section:
    """One metric over the shares that were learnt from, then the leads of all metrics over CLIP."""
    rows = [Row(_learnt_from(block[0].configuration, of), block) for block in blocks]
    models = list(dict.fromkeys(model for block in blocks for model in models_of(block)))
    series = {model: [estimate_of(block, model, metric) for block in blocks] for model in models}
    places = [f"{percent(block[0].configuration['share'])}\nof the {of}" for block in blocks]
    label = metrics[metric]
    drawn = picture(draw_places(places, series, label), f"{title}: {label}, by the share of the {of}. {INTERVALS}")
    tables = [
        models_table(f"{label}. {_tested(blocks[0], 'cases')}", rows, metric),
        leads_table("Paired differences", rows, metrics, clip_leads(models)),
    ]
    return Section(title, tables=tables, pictures=[drawn])


def _error_plot(block: Block, rates: Mapping[str, float], metric: str, label: str) -> Picture:
    axis = Axis(list(rates.values()), [f"{rate:g} %" for rate in rates.values()], "share of wrong findings")
    levels = {name: level for name in (RANDOM, EXTRACTED) if (level := estimate_of(block, name, metric))}
    series = {"planted errors": [estimate_of(block, model, metric) for model in rates]}
    drawing = draw_lines(axis, series, label, levels)
    return picture(drawing, f"{label[0].upper()}{label[1:]}, by the share of findings that are wrong. {INTERVALS}")


def _tested(block: Block, what: str) -> str:
    return f"{block[0].n:,} {what} of the {block[0].split} split"


def _learnt_from(about: Mapping[str, Any], of: str) -> str:
    return f"{percent(about['share'])} of the {of} ({about['train']:,} cases)"


def _score(score: ExtractorScore) -> list[str]:
    said = score.figures
    speed = said.get("reports_per_second")
    return [
        READERS.get(score.reader, score.reader),
        *(_share(said.get(name), said.get(f"{name}_95ci")) for name in SCORES),
        *(MISSING if said.get(name) is None else f"{said[name]:,}" for name in COUNTS),
        MISSING if speed is None else f"{speed:,.1f}",
    ]


def _share(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.3f}–{interval[1]:.3f})"
