"""Images with what a model says of them, to look at: the texts it finds for them, and where it sees their findings."""

import random
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from selip_contracts.statements import NORMAL_TEXT, written_statements
from selip_downstream.evaluation.compared_models import EvaluatedModel
from selip_downstream.explanation.head_drawings import draw_cosines, draw_slices, draw_support
from selip_downstream.explanation.occlusion import Likeness, head_of, likenesses, support, windows
from selip_downstream.explanation.statement_labels import StatementLabel, statement_labels
from selip_downstream.page.document import Picture, Section, Table, picture
from selip_pretrain.data.pairs import Pair
from selip_pretrain.volumes.volume_cache import UnusableImage, VolumeCache
from selip_shared.progress import progress

NEAREST = 5
CANDIDATES = 3
"""So many of each model's nearest texts are candidates in the plot of cosines."""
RIGHT = "✓"


@dataclass(frozen=True)
class _Seen:
    """An image as one model sees it: prepared by its recipe, and the texts of its sequence by falling cosine."""

    contender: EvaluatedModel
    image: Tensor
    found: Sequence[Likeness]


def example_sections(
    contenders: Sequence[EvaluatedModel], pairs: Sequence[Pair], folder: Path, count: int, seed: int
) -> list[Section]:
    """So many images with findings, drawn by the seed, as each model sees them; `folder` holds the prepared volumes."""
    caches = [VolumeCache(folder, contender.model.recipe) for contender in contenders]
    with statement_labels() as label_of:
        return [
            _section([_seen(*it, pair, pairs) for it in zip(contenders, caches, strict=True)], pair, label_of)
            for pair in _drawn(pairs, caches, count, seed)
        ]


def _seen(contender: EvaluatedModel, cache: VolumeCache, pair: Pair, pairs: Sequence[Pair]) -> _Seen:
    image = cache.get(pair)
    gallery = sorted({other.text for other in pairs if other.modality == pair.modality})
    return _Seen(contender, image, likenesses(contender.model, image, pair.modality, gallery))


def _section(seen: Sequence[_Seen], pair: Pair, label_of: StatementLabel) -> Section:
    """The image's slices; of each model the nearest texts, the cosines, and where it supports the first finding."""
    ranks = [1 + [text for text, _ in one.found].index(pair.text) for one in seen]
    put = " and ".join(f"{one.contender.name} puts at rank {rank:,}" for one, rank in zip(seen, ranks, strict=True))
    nearest = [text for one in seen for text, _ in one.found[:CANDIDATES]]
    candidates = set(nearest) | {pair.text, NORMAL_TEXT}
    statement = written_statements(pair.text)[0]
    # Not the image's path: folders are often named after patients.
    image = f"{pair.modality} of report {pair.report_id}"
    slices = draw_slices(seen[0].image, image)
    return Section(
        f"Example: {image}",
        [f"Its own text, which {put}: {pair.text}"],
        [_nearest(one, pair) for one in seen],
        [
            picture(slices, f"Slices of {image}, from bottom to top.", whole_row=True),
            *(_cosines(one, pair, candidates, label_of) for one in seen),
            *(_supported(one, pair, statement, label_of) for one in seen),
        ],
    )


def _nearest(seen: _Seen, pair: Pair) -> Table:
    rows = [
        [str(place), RIGHT if text == pair.text else "", text, f"{cosine:.3f}"]
        for place, (text, cosine) in enumerate(seen.found[:NEAREST], start=1)
    ]
    caption = f"{seen.contender.name}: the nearest of {len(seen.found):,} texts of the {pair.split} split"
    return Table(f"{caption}; {RIGHT} marks its own", ["", "", "text", "cosine"], rows, numbers_from=3)


def _cosines(seen: _Seen, pair: Pair, candidates: Set[str], label_of: StatementLabel) -> Picture:
    """The cosines of those texts that both the image's sequence and the candidates hold."""
    found = [likeness for likeness in seen.found if likeness.text in candidates]
    name = seen.contender.name
    drawing = draw_cosines(found, pair.modality, label_of, title=name, own=pair.text)
    return picture(drawing, f"{name}: cosines of the image and candidate texts, its own one darker.")


def _supported(seen: _Seen, pair: Pair, statement: str, label_of: StatementLabel) -> Picture:
    with progress("windows of the head", len(windows(head_of(seen.image)))) as advance:
        (supporting,) = support(seen.contender.model, seen.image, pair.modality, [statement], advance)
    name = seen.contender.name
    drawing = draw_support(seen.image, supporting, f"{name}: {label_of(statement, pair.modality)}")
    return picture(drawing, f"Where {name} sees {statement}, in the slices that do most.")


def _drawn(pairs: Sequence[Pair], caches: Sequence[VolumeCache], count: int, seed: int) -> Iterator[Pair]:
    """Images that every model can use and that have findings."""
    abnormal = [pair for pair in pairs if pair.text != NORMAL_TEXT]
    left = count
    for pair in random.Random(seed).sample(abnormal, len(abnormal)):
        if not left:
            return
        try:
            for cache in caches:
                cache.get(pair)
        except UnusableImage:
            continue
        left -= 1
        yield pair
