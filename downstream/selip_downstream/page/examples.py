"""Examples of images, as models see them, as sections of a page."""

from collections.abc import Sequence, Set

from selip_contracts.statements import NORMAL_TEXT
from selip_downstream.explanation.examples import Example, ModelView
from selip_downstream.explanation.head_drawings import draw_cosines, draw_slices, draw_support
from selip_downstream.explanation.statement_labels import StatementLabel, statement_labels
from selip_downstream.page.document import Picture, Section, Table, picture
from selip_pretrain.data.pairs import Pair

MAX_NEAREST = 5
"""Texts in the table of each model."""
MAX_CANDIDATES = 3
"""Nearest texts of each model that all plots of cosines show."""
OWN = "✓"
"""Marks the image's own text."""


def example_sections(examples: Sequence[Example]) -> list[Section]:
    """A section for each example."""
    with statement_labels() as label_of:
        return [_section(example, label_of) for example in examples]


def _section(example: Example, label_of: StatementLabel) -> Section:
    """The image's slices; for each model its nearest texts, the cosines, and where it sees the statement."""
    pair, views = example.pair, example.views
    ranks = [1 + [text for text, _ in view.likenesses].index(pair.text) for view in views]
    ranked = " and ".join(f"{view.model} puts at rank {rank:,}" for view, rank in zip(views, ranks, strict=True))
    nearest = {text for view in views for text, _ in view.likenesses[:MAX_CANDIDATES]}
    candidates = nearest | {pair.text, NORMAL_TEXT}
    # Not the image's path: folders are often named after patients.
    image = f"{pair.modality} of report {pair.report_id}"
    slices = draw_slices(views[0].image, image)
    return Section(
        f"Example: {image}",
        [f"Its own text, which {ranked}: {pair.text}"],
        [_nearest_texts(view, pair) for view in views],
        [
            picture(slices, f"Slices of {image}, from bottom to top.", whole_row=True),
            *(_cosines(view, pair, candidates, label_of) for view in views),
            *(_support(view, example, label_of) for view in views),
        ],
    )


def _nearest_texts(view: ModelView, pair: Pair) -> Table:
    rows = [
        [str(rank), OWN if text == pair.text else "", text, f"{cosine:.3f}"]
        for rank, (text, cosine) in enumerate(view.likenesses[:MAX_NEAREST], start=1)
    ]
    caption = f"{view.model}: the nearest of {len(view.likenesses):,} texts of the {pair.split} split"
    return Table(f"{caption}; {OWN} marks its own", ["", "", "text", "cosine"], rows, numbers_from=3)


def _cosines(view: ModelView, pair: Pair, candidates: Set[str], label_of: StatementLabel) -> Picture:
    """The cosines of the candidates that are texts of the image's sequence."""
    shown = [likeness for likeness in view.likenesses if likeness.text in candidates]
    drawing = draw_cosines(shown, pair.modality, label_of, title=view.model, own=pair.text)
    return picture(drawing, f"{view.model}: cosines of the image and candidate texts, its own one darker.")


def _support(view: ModelView, example: Example, label_of: StatementLabel) -> Picture:
    label = label_of(example.statement, example.pair.modality)
    drawing = draw_support(view.image, view.support, f"{view.model}: {label}")
    return picture(drawing, f"Where {view.model} sees {example.statement}, in the slices with the strongest support.")
