"""Images as models see them: the texts that each model finds nearest, and where it sees a finding."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from selip_contracts.statements import NORMAL_TEXT, written_statements
from selip_downstream.evaluation.compared_models import EvaluatedModel
from selip_downstream.explanation.occlusion import Likeness, head_of, likenesses, support, windows
from selip_pretrain.data.pairs import Pair
from selip_pretrain.volumes.volume_cache import UnusableImage, VolumeCache
from selip_shared.execution.progress import progress


@dataclass(frozen=True)
class ModelView:
    """An image as one model sees it.

    `image` (1, D, H, W) is prepared by the model's recipe, `likenesses` are the texts of the image's sequence by
    falling cosine, `support` (D, H, W) is where the model sees the example's statement.
    """

    model: str
    image: Tensor
    likenesses: Sequence[Likeness]
    support: Tensor


@dataclass(frozen=True)
class Example:
    """An image with findings, the first statement of its text, and one view for each model."""

    pair: Pair
    statement: str
    views: Sequence[ModelView]


def find_examples(
    models: Sequence[EvaluatedModel], pairs: Sequence[Pair], folder: Path, count: int, seed: int
) -> list[Example]:
    """At most `count` random images with findings; `folder` holds the cache of prepared volumes."""
    caches = [VolumeCache(folder, evaluated.model.recipe) for evaluated in models]
    examples = []
    for pair in _usable_abnormal(pairs, caches, count, seed):
        statement = written_statements(pair.text)[0]
        gallery = sorted({other.text for other in pairs if other.modality == pair.modality})
        views = [
            _view(evaluated, cache.get(pair), pair, gallery, statement)
            for evaluated, cache in zip(models, caches, strict=True)
        ]
        examples.append(Example(pair, statement, views))
    return examples


def _view(evaluated: EvaluatedModel, image: Tensor, pair: Pair, gallery: Sequence[str], statement: str) -> ModelView:
    found = likenesses(evaluated.model, image, pair.modality, gallery)
    with progress("windows of the head", len(windows(head_of(image)))) as advance:
        (supporting,) = support(evaluated.model, image, pair.modality, [statement], advance)
    return ModelView(evaluated.name, image, found, supporting)


def _usable_abnormal(pairs: Sequence[Pair], caches: Sequence[VolumeCache], count: int, seed: int) -> Iterator[Pair]:
    """Random images with findings that every model can use."""
    abnormal = [pair for pair in pairs if pair.text != NORMAL_TEXT]
    missing = count
    for pair in random.Random(seed).sample(abnormal, len(abnormal)):
        if not missing:
            return
        try:
            for cache in caches:
                cache.get(pair)
        except UnusableImage:
            continue
        missing -= 1
        yield pair
