"""Kinds of lesions: where each lies, its signal on each sequence, its words and its extent."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, cast

from pydantic import PositiveInt

from selip_contracts.findings import Count
from selip_contracts.vocabulary import ENHANCEMENTS, MODALITIES, SIGNALS, SITES, Enhancement, Modality, Signal
from selip_extract.pseudo_reports.phrases import FOLDER, PhraseFile, load
from selip_extract.pseudo_reports.weighted_choice import WeightedChoice, known, weighted, words

SignalValue = Signal | Enhancement
SignalValues = tuple[SignalValue, ...]
Sidedness = Literal["one", "both", "mixed"]


@dataclass(frozen=True)
class Spread:
    """How many sites a lesion has, on which sides, and how its number is worded."""

    extent: WeightedChoice[int]
    sidedness: WeightedChoice[Sidedness]
    counts: WeightedChoice[Count | None]


@dataclass(frozen=True)
class Archetype:
    """One kind of lesion; no values in `signals`: not seen on the sequence. `size_mm` is the range of its diameter."""

    name: str
    weight: int
    sites: WeightedChoice[str]
    signals: dict[Modality, WeightedChoice[SignalValues]]
    spread: Spread
    nouns: tuple[str, ...]
    morphologies: tuple[str, ...]
    margins: tuple[str, ...]
    size_mm: tuple[int, int] | None
    presses: bool


class _SpreadWeights(PhraseFile):
    extent: tuple[PositiveInt, ...]
    sidedness: dict[Sidedness, PositiveInt]
    counts: dict[Count | Literal[""], PositiveInt]

    def spread(self) -> Spread:
        return Spread(
            weighted(enumerate(self.extent, start=1)),
            weighted(self.sidedness.items()),
            weighted((count or None, weight) for count, weight in self.counts.items()),
        )


class _ArchetypeNames(PhraseFile):
    regions: dict[str, str]
    spreads: dict[str, _SpreadWeights]


def _expanded(regions: dict[str, str]) -> dict[str, str]:
    """The regions as sites alone: the name of an earlier region is replaced by its sites."""
    expanded: dict[str, str] = {}
    for name, entries in regions.items():
        expanded[name] = " ".join(expanded.get(entry, entry) for entry in entries.split())
    return expanded


_NAMES = load(_ArchetypeNames, "lesion_archetypes")
SPREADS = {name: weights.spread() for name, weights in _NAMES.spreads.items()}
REGIONS = _expanded(_NAMES.regions)


def _sites(text: str, cell: str) -> WeightedChoice[str]:
    entries = words(" ".join(REGIONS.get(word, word) for word in text.split()))
    return weighted((known(name, SITES, cell), weight) for name, weight in entries)


def _values(word: str, modality: Modality, cell: str) -> SignalValues:
    allowed: tuple[str, ...] = ENHANCEMENTS if modality == "T1CE" else SIGNALS
    values = () if word == "-" else tuple(known(value, allowed, cell) for value in word.split("/"))
    return cast(SignalValues, values)


def _size_range(cell: str) -> tuple[int, int] | None:
    if not cell:
        return None
    smallest, largest = cell.split("-")
    return int(smallest), int(largest)


def _read_archetypes() -> Iterator[Archetype]:
    """The rows of lesion_archetypes.csv: `低8 稍低2` weighs values, `低/高` is centre and rim, `-` is not seen."""
    table = files(FOLDER).joinpath("lesion_archetypes.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        name = row["archetype"]
        cell = f"lesion_archetypes.csv, {name}"
        yield Archetype(
            name=name,
            weight=int(row["weight"]),
            sites=_sites(row["sites"], f"{cell}, sites"),
            signals={
                modality: weighted(
                    (_values(word, modality, f"{cell}, {modality}"), weight) for word, weight in words(row[modality])
                )
                for modality in MODALITIES
                if row[modality]
            },
            spread=SPREADS[known(row["spread"], SPREADS, f"{cell}, spread")],
            nouns=tuple(row["nouns"].split()),
            morphologies=tuple(row["morphologies"].split()),
            margins=tuple(row["margins"].split()),
            size_mm=_size_range(row["size_mm"]),
            presses=row["presses"] == "yes",
        )


ARCHETYPES: tuple[Archetype, ...] = tuple(_read_archetypes())
