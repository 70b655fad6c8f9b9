"""The study encoder on frozen features: studies that find their texts, with volumes missing."""

from collections.abc import Iterator

from selip_downstream.evaluation.comparison import Difference
from selip_downstream.evaluation.tasks import Metric, metric_phrase
from selip_downstream.page.comparison_tables import cell, difference_cell, difference_text
from selip_downstream.page.document import Section, Table
from selip_downstream.reproduce.page.figures import Figures
from selip_downstream.reproduce.page.summary import percent
from selip_downstream.reproduce.plan import ALL_SEQUENCES, BEST_SEQUENCE, MEAN_OF_SEQUENCES

MODELS = (BEST_SEQUENCE, MEAN_OF_SEQUENCES, ALL_SEQUENCES)
ADVANTAGE = Difference(ALL_SEQUENCES, BEST_SEQUENCE)
METRICS = (Metric.TOP_5, Metric.FIRST_HIT_SIDE)
DESIGN = (
    "A study is asked for its text, which names the findings of all its sequences, among the distinct texts of the "
    f"test studies, with a share of its volumes missing. {ALL_SEQUENCES}: attention over the sequences that a study "
    f"has. {MEAN_OF_SEQUENCES}: the mean of the embeddings of the same model. {BEST_SEQUENCE}: another model, which "
    "learnt to find the text of a study by one volume, with the study's volume of the sequence that is best in "
    "validation."
)


def study_summary(figures: Figures) -> Iterator[str]:
    """A paragraph; none where it was not measured."""
    parts = []
    for missing, comparison in figures.studies.items():
        found = comparison.difference(ADVANTAGE, METRICS[0])
        if found is not None and found.value is not None:
            significant = "" if found.excludes_zero else ", not significant"
            parts.append(f"{percent(missing)} of the volumes missing {difference_text(found)}{significant}")
    if parts:
        yield (
            f"By how much the study encoder on frozen features exceeds each study's best sequence in the "
            f"{metric_phrase(METRICS[0])}: {'; '.join(parts)}."
        )


def study_sections(figures: Figures) -> list[Section]:
    """A subsection for each metric, a row for each share of missing volumes."""
    sections = []
    for metric in METRICS if figures.studies else ():
        rows = [
            [
                percent(missing),
                *(cell(comparison.estimate(model, metric)) for model in MODELS),
                difference_cell(comparison.difference(ADVANTAGE, metric)),
            ]
            for missing, comparison in figures.studies.items()
        ]
        studies = next(iter(figures.studies.values())).setting.n
        columns = ["volumes missing", *MODELS, ADVANTAGE.name]
        label = metric_phrase(metric)
        table = Table(f"Share of studies, of {studies:,}", columns, rows)
        sections.append(Section(f"{label[0].upper()}{label[1:]}, by study", tables=[table]))
    return sections
