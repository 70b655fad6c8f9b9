"""Pairs of a volume and the canonical text of its sequence: what the encoders learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from selip_contracts.vocabulary import MODALITIES, Modality
from selip_pretrain.data.augment import AugmentationRecipe, augmented, draw_augmentation, mirrored, mirrored_image
from selip_pretrain.data.splits import Split
from selip_pretrain.volumes.read_volume import Source
from selip_pretrain.volumes.volume_cache import VolumeCache


@dataclass(frozen=True)
class Pair:
    """A row of the view `pairs`."""

    image_id: str
    report_id: str
    patient_id: str
    modality: Modality
    text: str
    normal: bool
    split: Split | None
    source: Source
    files: tuple[Path, ...]
    content_hash: str
    frames: tuple[int, ...] | None = None


class PairCounts(NamedTuple):
    """How many images and reports form pairs, and how many do not."""

    images: int
    images_without_report: int
    images_without_text: int
    """Their study has a report, which says nothing on their sequence."""
    pairs: int
    normal_pairs: int
    distinct_texts: int
    reports_without_image: int


class Draw(NamedTuple):
    """The index of a drawn pair, the epoch, and whether the pair is mirrored."""

    epoch: int
    pair: int
    mirrored: bool = False


class PairItem(NamedTuple):
    """A drawn pair: `image` float32 (1, D, H, W), its text, and the index of its sequence in MODALITIES."""

    image: Tensor
    text: str
    modality: int


class PairDataset(Dataset[PairItem]):
    """The pairs as items; random draws in `dataset[draw]` depend only on the seed and the draw."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        cache: VolumeCache,
        augment: bool,
        seed: int,
        recipe: AugmentationRecipe = AugmentationRecipe(),  # noqa: B008 # immutable
    ) -> None:
        self.pairs = pairs
        self.cache = cache
        self.augment = augment
        self.seed = seed
        self.recipe = recipe

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, draw: Draw) -> PairItem:
        """Raises UnusableImage where the volume cannot be read."""
        pair = self.pairs[draw.pair]
        image = self.cache.get(pair)
        if draw.mirrored:
            image = mirrored_image(image)
        if self.augment:
            random = np.random.default_rng((self.seed, draw.epoch, 1 + draw.pair))
            image = augmented(image, draw_augmentation(random, self.recipe))
        return PairItem(image, mirrored(pair.text) if draw.mirrored else pair.text, MODALITIES.index(pair.modality))


def read_pairs(connection: duckdb.DuckDBPyConnection, split: Split | None = None) -> list[Pair]:
    """The pairs of a split, or all of them, in the order of their images."""
    rows = connection.execute(
        """SELECT image_id, report_id, patient_id, modality, text, normal, split, source, files, content_hash, frames
        FROM pairs WHERE $split IS NULL OR split = $split ORDER BY image_id""",
        {"split": split},
    ).fetchall()
    return [_pair(*row) for row in rows]


def _pair(*columns: Any) -> Pair:
    *texts, files, content, frames = columns
    row = (*texts, tuple(map(Path, files)), content, None if frames is None else tuple(frames))
    return Pair(*row)


def count_pairs(connection: duckdb.DuckDBPyConnection) -> PairCounts:
    """Count the images and reports of a database that form pairs, and those that do not."""
    (row,) = connection.execute(
        """SELECT (SELECT count(*) FROM images),
               (SELECT count(*) FROM images WHERE report_id IS NULL),
               (SELECT count(*) FROM images ANTI JOIN pairs USING (image_id) WHERE report_id IS NOT NULL),
               count(*), count(*) FILTER (normal), count(DISTINCT text),
               (SELECT count(*) FROM reports ANTI JOIN images USING (report_id))
        FROM pairs"""
    ).fetchall()
    return PairCounts(*row)
