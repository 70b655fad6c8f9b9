"""Pairs of a volume and the canonical text of its sequence: what the encoders learn from.

Read by study, they include the volumes of whose sequence the report says nothing, and each has the text of its study.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb
import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from selip_contracts.statements import whole_study_text
from selip_contracts.vocabulary import MODALITIES, Modality
from selip_pretrain.data.augment import AugmentationRecipe, augmented, draw_augmentation, mirrored, mirrored_image
from selip_pretrain.data.sentences import mirrored_sentences, read_sentences
from selip_pretrain.data.splits import Split
from selip_pretrain.volumes.read_volume import Source
from selip_pretrain.volumes.volume_cache import VolumeCache

Texts = Literal["canonical", "sentences", "both"]


@dataclass(frozen=True)
class Pair:
    """A row of the view `pairs`.

    `study` is what the files call the study. Read by study, `text` is empty where the report says nothing on the
    sequence, and `study_text` is what it says on all sequences; otherwise `study_text` is empty.
    `sentences` is what the report says on the sequence in its own words, if these were read and there are any.
    """

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
    study: str = ""
    study_text: str = ""
    sentences: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """Its canonical text and that of its study, where there are any."""
        return tuple(filter(None, (self.text, self.study_text)))


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
    """A drawn pair: `image` float32 (1, D, H, W), its text, and the index of its sequence in MODALITIES.

    `written` is what the text encoder reads for it.
    """

    image: Tensor
    text: str
    modality: int
    written: str


class PairDataset(Dataset[PairItem]):
    """The pairs as items; random draws in `dataset[draw]` depend only on the seed and the draw."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        cache: VolumeCache,
        augment: bool,
        seed: int,
        recipe: AugmentationRecipe = AugmentationRecipe(),  # noqa: B008 # immutable
        texts: Texts = "canonical",
    ) -> None:
        self.pairs = pairs
        self.cache = cache
        self.augment = augment
        self.seed = seed
        self.recipe = recipe
        self.texts = texts

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
        text = mirrored(pair.text) if draw.mirrored else pair.text
        written = text
        if self._in_own_words(draw) and pair.sentences:
            written = mirrored_sentences(pair.sentences) if draw.mirrored else pair.sentences
        return PairItem(image, text, MODALITIES.index(pair.modality), written)

    def _in_own_words(self, draw: Draw) -> bool:
        """Whether the text is the report's own words; where both are read, half of the draws are."""
        if self.texts == "both":
            return bool(np.random.default_rng((self.seed, draw.epoch, 1 + draw.pair, 1)).random() < 0.5)
        return self.texts == "sentences"


_PAIRS = "pairs JOIN (SELECT image_id, study FROM images) USING (image_id)"
_VOLUMES_OF_STUDIES = """images SEMI JOIN statements USING (report_id)
    LEFT JOIN statements USING (report_id, modality) LEFT JOIN splits USING (patient_id)"""


def read_pairs(
    connection: duckdb.DuckDBPyConnection, split: Split | None = None, by_study: bool = False, sentences: bool = False
) -> list[Pair]:
    """The pairs of a split, or all of them, in the order of their images.

    With `by_study` also the volumes without a text, of studies with one on another sequence; all have their study's.
    With `sentences` they have the report's own words.
    """
    rows = connection.execute(
        f"""SELECT image_id, report_id, patient_id, modality, coalesce(text, ''), coalesce(normal, false), split,
            source, files, content_hash, frames, study
        FROM {_VOLUMES_OF_STUDIES if by_study else _PAIRS}
        WHERE $split IS NULL OR split = $split ORDER BY image_id""",
        {"split": split},
    ).fetchall()
    study_texts = _study_texts(connection) if by_study else {}
    own_words = read_sentences(connection) if sentences else {}
    return [_pair(row, study_texts.get(row[1], ""), own_words.get((row[1], row[3]), "")) for row in rows]


def _study_texts(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The text of each study by its report."""
    texts: dict[str, dict[Modality, str]] = defaultdict(dict)
    for report_id, modality, text in connection.execute("SELECT report_id, modality, text FROM statements").fetchall():
        texts[report_id][modality] = text
    return {report_id: whole_study_text(own) for report_id, own in texts.items()}


def _pair(row: Sequence[Any], study_text: str, sentences: str) -> Pair:
    *others, files, content, frames, study = row
    used = None if frames is None else tuple(frames)
    columns: tuple[Any, ...] = (*others, tuple(map(Path, files)), content, used, study, study_text, sentences)
    return Pair(*columns)


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
