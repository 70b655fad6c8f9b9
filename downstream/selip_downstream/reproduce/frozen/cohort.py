"""The cohort on frozen features: its pairs, their features, and the studies that each training learns from."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from selip_contracts.database_file import read_store
from selip_contracts.vocabulary import MODALITIES
from selip_downstream.reproduce.frozen.features import image_features, pooled_volumes, text_features
from selip_downstream.reproduce.frozen.trainings import FrozenData
from selip_downstream.retrieval.experiment import distinct_texts
from selip_pretrain.data.pairs import Pair, read_pairs
from selip_pretrain.data.splits import check_leakage, hash_fraction
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.volumes.volume_cache import VolumeCache, prepare_all, print_problems
from selip_shared.errors import SelipError
from selip_shared.execution.workers import open_workers


class Findings(NamedTuple):
    """The pairs whose texts come from one database: the training and the validation split."""

    train: Sequence[Pair]
    validation: Sequence[Pair]


@dataclass(frozen=True)
class FrozenCohort:
    """The features (N, F) of images, which are in the rows `row_of` by their id."""

    features: Tensor
    row_of: Mapping[str, int]
    components: int

    def usable(self, pairs: Sequence[Pair]) -> list[Pair]:
        """The pairs whose volume could be prepared."""
        return [pair for pair in pairs if pair.image_id in self.row_of]

    def usable_findings(self, findings: Findings) -> Findings:
        """The same of both splits."""
        return Findings(*map(self.usable, findings))

    def data(self, train: Sequence[Pair], *others: Sequence[Pair]) -> tuple[TextTable, list[FrozenData]]:
        """The distinct texts of the training pairs, and the features of these and of other pairs."""
        everything = [train, *others]
        modality_of = {pair.text: pair.modality for pairs in everything for pair in pairs}
        known = {pair.text for pair in train}
        texts = sorted(modality_of)
        features = text_features(texts, [text in known for text in texts], self.components)
        row = {text: number for number, text in enumerate(texts)}
        parts = []
        for pairs in everything:
            own = distinct_texts(pairs)
            number = {text: position for position, text in enumerate(own)}
            parts.append(
                FrozenData(
                    self.features[[self.row_of[pair.image_id] for pair in pairs]],
                    features[[row[text] for text in own]],
                    torch.tensor([number[pair.text] for pair in pairs]),
                )
            )
        own = distinct_texts(train)
        return TextTable(own, [modality_of[text] for text in own]), parts


def read_frozen(pairs: Sequence[Pair], cache: VolumeCache, components: int) -> FrozenCohort:
    """The features of the distinct images of these pairs, fitted to those of the training split."""
    with open_workers() as workers:
        images, problems = prepare_all(list({pair.image_id: pair for pair in pairs}.values()), cache, workers)
    print_problems(problems)
    modalities = torch.tensor([MODALITIES.index(pair.modality) for pair in images])
    is_train = torch.tensor([pair.split == "train" for pair in images])
    features = image_features(pooled_volumes(images, cache), modalities, is_train, components)
    return FrozenCohort(features, {pair.image_id: row for row, pair in enumerate(images)}, components)


def read_findings(db: Path) -> Findings:
    """The training and validation pairs of a database; SelipError where there are none."""
    with closing(read_store(db)) as connection:
        check_leakage(connection)
        found = Findings(read_pairs(connection, "train"), read_pairs(connection, "validation"))
    if not all(found):
        raise SelipError(f"{db} has no pairs in the training or in the validation split: scan more studies.")
    return found


def patients_of_share(train: Sequence[Pair], share: float) -> float:
    """The expected number of patients that a training learns from."""
    return share * len({pair.patient_id for pair in train})


def studies_of_seeds(train: Sequence[Pair], share: float, seeds: int) -> list[Tensor]:
    """By seed the positions of the pairs that a training learns from: those of a share of the patients."""
    return [
        torch.tensor([i for i, pair in enumerate(train) if hash_fraction(seed, f"share/{pair.patient_id}") < share])
        for seed in range(seeds)
    ]
