"""Images with what a model says of them, to look at: the texts it finds for them, and where it sees their findings."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from selip_contracts.statements import NORMAL_TEXT, written_statements
from selip_downstream.chinese_type import Lettering, chinese_type
from selip_downstream.contenders import Contender
from selip_downstream.explanation import head_of, likenesses, support, windows
from selip_downstream.head_drawings import draw_slices, draw_support
from selip_downstream.page import Section, Table, picture
from selip_pretrain.pairs import Pair
from selip_pretrain.volume_cache import UnusableImage, VolumeCache
from selip_shared.progress import progress

NEAREST = 5
RIGHT = "✓"


def example_sections(contender: Contender, pairs: Sequence[Pair], folder: Path, count: int, seed: int) -> list[Section]:
    """So many images with findings, drawn by the seed; `folder` holds the cache of prepared volumes."""
    cache = VolumeCache(folder, contender.model.recipe)
    with chinese_type() as lettering:
        return [_section(contender, pair, pairs, cache, lettering) for pair in _drawn(pairs, cache, count, seed)]


def _section(
    contender: Contender, pair: Pair, pairs: Sequence[Pair], cache: VolumeCache, lettering: Lettering
) -> Section:
    """The image's slices, the nearest of all texts of its sequence, and where it supports its first finding."""
    image, model = cache.get(pair), contender.model
    gallery = sorted({other.text for other in pairs if other.modality == pair.modality})
    found = likenesses(model, image, pair.modality, gallery)
    rank = 1 + [text for text, _ in found].index(pair.text)
    rows = [
        [str(place), RIGHT if text == pair.text else "", text, f"{cosine:.3f}"]
        for place, (text, cosine) in enumerate(found[:NEAREST], start=1)
    ]
    caption = f"The nearest of {len(gallery):,} texts of the {pair.split} split; {RIGHT} marks its own"
    statement = written_statements(pair.text)[0]
    with progress("windows of the head", len(windows(head_of(image)))) as advance:
        (supporting,) = support(model, image, pair.modality, [statement], advance)
    slices = draw_slices(image, f"{pair.image_id}, {pair.modality}")
    strongest = draw_support(image, supporting, lettering(statement, pair.modality))
    return Section(
        f"Example: {pair.image_id}",
        [f"Its own text, which {contender.name} puts at rank {rank:,}: {pair.text}"],
        [Table(caption, ["", "", "text", "cosine"], rows, numbers_from=3)],
        [
            picture(slices, f"Slices of {pair.image_id}, {pair.modality}, from bottom to top."),
            picture(strongest, f"Where the image supports {statement}, in the slices that do most."),
        ],
    )


def _drawn(pairs: Sequence[Pair], cache: VolumeCache, count: int, seed: int) -> Iterator[Pair]:
    """Images that can be used and have findings."""
    abnormal = [pair for pair in pairs if pair.text != NORMAL_TEXT]
    left = count
    for pair in random.Random(seed).sample(abnormal, len(abnormal)):
        if not left:
            return
        try:
            cache.get(pair)
        except UnusableImage:
            continue
        left -= 1
        yield pair
