"""The targets that are compared on frozen features: those of the claim, and controls that a gain must exceed."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from selip_downstream.reproduce.frozen.trainings import Loss
from selip_downstream.reproduce.plan import MODELS, SHARPENED_SELIP, SHUFFLED, SOFT_ALONE, UNIFORM
from selip_downstream.reproduce.sizes import SHARPENED
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.objective.loss import contrastive_loss
from selip_pretrain.objective.targets import TARGETS

SHUFFLE_SEED = 0
SOFT_ALONE_SHARPNESS = 2.0
"""Of 2, 3, 5 and 8 the best one where soft targets replace the hard ones, on a cohort with another seed."""


class ComparedTarget(NamedTuple):
    """`similarity` (T, T) of the texts of a table, and how the loss uses it."""

    similarity: Callable[[TextTable], Tensor]
    sharpness: float = 1.0
    soft_weight: float = 1.0
    hard_weight: float = 1.0

    def loss(self) -> Loss:
        """The loss of one batch."""

        def total(images: Tensor, texts: Tensor, logit_scale: Tensor, similarity: Tensor) -> Tensor:
            return contrastive_loss(
                images,
                texts,
                logit_scale,
                similarity,
                hard_weight=self.hard_weight,
                soft_weight=self.soft_weight,
                sharpness=self.sharpness,
            ).total

        return total


def similarity_of(target: str) -> Callable[[TextTable], Tensor]:
    """The similarity of all texts by a target of selip-pretrain."""

    def similarity(table: TextTable) -> Tensor:
        rows = torch.arange(len(table))
        return TARGETS[target].similarity(table, rows, rows)

    return similarity


def uniform(of: ComparedTarget) -> Callable[[TextTable], Tensor]:
    """Control: every other text has the same similarity, with the mean weight that `of` gives to others."""

    def similarity(table: TextTable) -> Tensor:
        texts = len(table)
        sharpened = of.similarity(table) ** of.sharpness
        mean = (sharpened.sum() - texts) / max(1, texts * (texts - 1))
        return torch.full((texts, texts), float(mean)).fill_diagonal_(1)

    return similarity


def shuffled(of: ComparedTarget) -> Callable[[TextTable], Tensor]:
    """Control: the similarities of `of`, assigned to other texts at random."""

    def similarity(table: TextTable) -> Tensor:
        order = torch.randperm(len(table), generator=torch.Generator().manual_seed(SHUFFLE_SEED))
        return of.similarity(table)[order][:, order]

    return similarity


_SHARPNESS = float(SHARPENED["best-match"]["sharpness"])
_BEST_MATCH = ComparedTarget(similarity_of("best-match"), _SHARPNESS)

COMPARED: dict[str, ComparedTarget] = {
    MODELS["hard"]: ComparedTarget(similarity_of("hard"), soft_weight=0.0),
    MODELS["selip"]: ComparedTarget(similarity_of("selip")),
    MODELS["best-match"]: _BEST_MATCH,
    SOFT_ALONE: _BEST_MATCH._replace(sharpness=SOFT_ALONE_SHARPNESS, hard_weight=0.0),
}
"""By model name the targets of the claim."""
CONTROLS: dict[str, ComparedTarget] = {
    UNIFORM: ComparedTarget(uniform(_BEST_MATCH)),
    SHUFFLED: ComparedTarget(shuffled(_BEST_MATCH), _SHARPNESS),
    SHARPENED_SELIP: ComparedTarget(similarity_of("selip"), _SHARPNESS),
}
"""By model name the targets that a gain is compared with."""
