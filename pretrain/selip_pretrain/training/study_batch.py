"""The loss of a batch of studies: of their volumes against the texts of their sequences, and of them as a whole."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from selip_contracts.vocabulary import MODALITIES
from selip_pretrain.model.study_encoder import StudyEncoder, by_study
from selip_pretrain.training.gather import gather

HIDDEN = 0.4
"""The probability that a volume is hidden from the study encoder in a step, so that it learns to do without any."""


class StudyBatch(NamedTuple):
    """A batch of S studies over all processes, each with K = len(MODALITIES) places, where some may be empty.

    `volumes`, `texts` (S, K, E): embeddings of volumes and of the texts of their sequences; `modalities` and `rows`
    int64 (S, K): the sequences, and the rows of these texts in the table, -1 where there is none; `study_texts` (S, E)
    and `study_rows` (S,) are of the studies' own texts.
    """

    volumes: Tensor
    modalities: Tensor
    texts: Tensor
    rows: Tensor
    study_texts: Tensor
    study_rows: Tensor

    def stated(self) -> Tensor:
        """Places (T, 2) of the volumes whose sequence has a text, the first one of each distinct text.

        The report often says the same of several sequences, and equal texts are no negatives of each other.
        """
        places = (self.rows >= 0).nonzero()
        rows = self.rows[places[:, 0], places[:, 1]]
        numbers = torch.arange(len(rows), device=rows.device)
        is_first = (rows[:, None] == rows).int().argmax(1) == numbers
        return places[is_first]

    def embedded(self, encoder: StudyEncoder, seed: int, hidden: float = HIDDEN) -> Tensor:
        """The embeddings (S, E) of the studies, of unit length, with some volumes hidden, drawn by the seed."""
        return normalize(encoder(self.volumes, some_hidden(self.modalities, seed, hidden)), dim=1)


def some_hidden(modalities: Tensor, seed: int, hidden: float) -> Tensor:
    """Sequences of volumes (S, K), -1 where there is none, also for each with the probability `hidden`.

    At least one volume of each study is left.
    """
    present = modalities >= 0
    draw = torch.rand(present.shape, generator=torch.Generator().manual_seed(seed)).to(present.device)
    draw = draw.masked_fill(~present, -1)
    seen = present & ((draw >= hidden) | (draw == draw.amax(1, keepdim=True)))
    return modalities.masked_fill(~seen, -1)


def gathered(
    volumes: Tensor,
    modalities: Tensor,
    study_of: Tensor,
    texts: Tensor,
    rows: Tensor,
    study_texts: Tensor,
    study_rows: Tensor,
) -> StudyBatch:
    """The batch of all processes, of this one's volumes (N, …), with the texts of their sequences, and studies (S, …).

    `rows` are -1, and `texts` of any value, where a sequence has no text.
    """

    def whole(values: Tensor, missing: float = 0) -> Tensor:
        return gather(by_study(values, study_of, len(study_rows), len(MODALITIES), missing))

    return StudyBatch(
        whole(volumes), whole(modalities, -1), whole(texts), whole(rows, -1), gather(study_texts), gather(study_rows)
    )
