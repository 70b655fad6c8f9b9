"""Random head-MRI studies, plausible in anatomy and signal: what a pseudo-report is written from."""

import random
from dataclasses import dataclass

from selip_contracts.findings import Count
from selip_contracts.vocabulary import Change, Enhancement, Modality, Side, Signal


@dataclass(frozen=True)
class Place:
    """Where a lesion lies; `side` None where no side is said."""

    side: Side | None
    site: str


@dataclass(frozen=True)
class Lesion:
    """One lesion or one group of like lesions; in `signals` a second value is the rim's or a part's."""

    archetype: str
    places: tuple[Place, ...]
    signals: dict[Modality, tuple[Signal | Enhancement, ...]]
    absent: tuple[Modality, ...]
    noun: str | None
    morphology: str | None
    count: Count | None
    size_mm: tuple[int, ...]
    margin: str | None


@dataclass(frozen=True)
class GeneralChange:
    """A change that belongs to no sequence."""

    side: Side | None
    site: str
    change: Change


@dataclass(frozen=True)
class SampledStudy:
    """One study: its lesions, its general changes, and the sequences that were acquired."""

    lesions: tuple[Lesion, ...]
    changes: tuple[GeneralChange, ...]
    modalities: tuple[Modality, ...]


def sample_study(rng: random.Random) -> SampledStudy:
    """A study drawn from `rng` alone."""
    raise NotImplementedError
