"""The targets that are compared on frozen features: those of the claim, and controls that a gain must exceed.

The settings of each target are in settings.toml, chosen on another cohort; search.py writes such a file.
"""

import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from math import log
from typing import NamedTuple

import torch
from torch import Tensor

from selip_downstream.reproduce.frozen.trainings import Loss
from selip_downstream.reproduce.plan import MODELS, SELIP_ALONE, SHUFFLED, SOFT_ALONE, UNIFORM
from selip_downstream.reproduce.sizes import SHARPENED
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.objective.loss import contrastive_loss
from selip_pretrain.objective.targets import TARGETS

SHUFFLE_SEED = 0
SETTINGS_FILE = "settings.toml"


class ComparedTarget(NamedTuple):
    """`similarity` (T, T) of the texts of a table, how the loss uses it, and AdamW's settings of its trainings."""

    similarity: Callable[[TextTable], Tensor]
    sharpness: float = 1.0
    soft_weight: float = 1.0
    hard_weight: float = 1.0
    rate: float = 3e-3
    weight_decay: float = 0.1

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


_BEST_MATCH = ComparedTarget(similarity_of("best-match"), float(SHARPENED["best-match"]["sharpness"]))

COMPARED: dict[str, ComparedTarget] = {
    MODELS["hard"]: ComparedTarget(similarity_of("hard"), soft_weight=0.0),
    MODELS["selip"]: ComparedTarget(similarity_of("selip")),
    MODELS["best-match"]: _BEST_MATCH,
    SOFT_ALONE: _BEST_MATCH._replace(hard_weight=0.0),
}
"""By model name the targets of the claim, before their settings are chosen."""


def compared_with(patients: float) -> dict[str, ComparedTarget]:
    """By model name the targets of the claim with the settings for a number of training patients, and controls.

    The controls have the settings of the target without the hard part.
    """
    own = {name: _with_settings(name, target, patients) for name, target in COMPARED.items()}
    alone = own[SOFT_ALONE]
    return own | {
        UNIFORM: alone._replace(similarity=uniform(alone), sharpness=1.0),
        SHUFFLED: alone._replace(similarity=shuffled(alone)),
        SELIP_ALONE: alone._replace(similarity=similarity_of("selip")),
    }


def _with_settings(model: str, target: ComparedTarget, patients: float) -> ComparedTarget:
    """The target with the settings of its model for the nearest number of patients that was searched."""
    one = min(_searched()[model], key=lambda one: abs(log(one["patients"] / patients)))
    return target._replace(rate=one["rate"], weight_decay=one["weight_decay"], sharpness=one["sharpness"])


@cache
def _searched() -> dict[str, list[dict[str, float]]]:
    text = files("selip_downstream.reproduce.frozen").joinpath(SETTINGS_FILE).read_text(encoding="utf-8")
    return tomllib.loads(text)
