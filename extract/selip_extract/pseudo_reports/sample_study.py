"""Random head-MRI studies, plausible in anatomy and signal: from which pseudo-reports are written."""

import csv
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from math import exp, log
from typing import Annotated, cast

from pydantic import AfterValidator, Field, PositiveInt

from selip_contracts.findings import Count
from selip_contracts.vocabulary import (
    CHANGES,
    MODALITIES,
    SITES,
    Change,
    Enhancement,
    Modality,
    Side,
    Signal,
    ancestors,
    unlisted,
)
from selip_extract.pseudo_reports.lesion_archetypes import (
    ARCHETYPES,
    REGIONS,
    SPREADS,
    Archetype,
    Sidedness,
    SignalValues,
    Spread,
)
from selip_extract.pseudo_reports.phrases import FOLDER, PhraseFile, Phrases, SiteName, SiteNames, each_of, load
from selip_extract.pseudo_reports.unlisted_sites import UnlistedSites
from selip_extract.pseudo_reports.weighted_choice import WeightedChoice, known, weighted, words

Share = Annotated[float, Field(ge=0, le=1)]
_ShareOfEachSequence = Annotated[dict[Modality, Share], AfterValidator(each_of(MODALITIES))]


@dataclass(frozen=True)
class SampledSite:
    """The site of a lesion; `side` None where none is stated."""

    side: Side | None
    site: str


@dataclass(frozen=True)
class SampledLesion:
    """One lesion or one group of similar lesions; in `signals` a second value is that of the rim or of a part."""

    archetype: str
    sites: tuple[SampledSite, ...]
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

    lesions: tuple[SampledLesion, ...]
    changes: tuple[GeneralChange, ...]
    modalities: tuple[Modality, ...]


class _FreeLesions(PhraseFile):
    share: Share
    second_value_share: Share
    sequences: tuple[PositiveInt, ...]
    spreads: dict[str, PositiveInt]
    morphologies: Phrases
    margins: Phrases
    signals: dict[Signal, PositiveInt]
    enhancements: dict[Enhancement, PositiveInt]


class _StudySampling(PhraseFile):
    normal_share: Share
    lesions: tuple[PositiveInt, ...]
    changes: tuple[PositiveInt, ...]
    sites_without_lesions: SiteNames
    undivided_sites: SiteNames
    acquired: _ShareOfEachSequence
    mentioned: _ShareOfEachSequence
    general_nouns: dict[str, PositiveInt]
    free_lesions: _FreeLesions
    opposite_changes: dict[Change, tuple[Change, ...]]
    mass_effects: dict[SiteName, tuple[tuple[SiteName, Change], ...]]
    unlisted_sites: UnlistedSites


_SAMPLING = load(_StudySampling, "studies")
_FREE = _SAMPLING.free_lesions
UNLISTED_SITES = _SAMPLING.unlisted_sites.names()
"""All names of unlisted sites that are drawn from."""
_GENERAL_NOUNS = weighted((noun or None, weight) for noun, weight in _SAMPLING.general_nouns.items())
_FREE_SPREADS = weighted((SPREADS[name], weight) for name, weight in _FREE.spreads.items())
_FREE_SEQUENCES = weighted(enumerate(_FREE.sequences, start=1))
_FREE_SIGNALS = weighted(_FREE.signals.items())
_FREE_ENHANCEMENTS = weighted(_FREE.enhancements.items())
_LESION_SITES = tuple(name for name in SITES if name not in _SAMPLING.sites_without_lesions)
_ANY_SITE: WeightedChoice[str] = weighted(
    [(name, 2) for name in _LESION_SITES] + [entry for region in REGIONS.values() for entry in words(region)]
)
_ARCHETYPES: WeightedChoice[Archetype] = weighted((kind, kind.weight) for kind in ARCHETYPES)
_LESION_NUMBER = weighted(enumerate(_SAMPLING.lesions, start=1))
_CHANGE_NUMBER = weighted(enumerate(_SAMPLING.changes))
_PRESSING_ARCHETYPES = frozenset(kind.name for kind in ARCHETYPES if kind.presses)


@dataclass(frozen=True)
class _ChangeKind:
    site: str
    changes: WeightedChoice[Change]
    sidedness: WeightedChoice[Sidedness]


def _read_change_kinds() -> Iterator[tuple[_ChangeKind, int]]:
    table = files(FOLDER).joinpath("general_changes.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        site = row["site"]
        cell = f"general_changes.csv, {site}"
        changes = [(known(word, CHANGES, f"{cell}, changes"), weight) for word, weight in words(row["changes"])]
        sides = [(known(word, ("one", "both"), f"{cell}, sidedness"), n) for word, n in words(row["sidedness"])]
        kind = _ChangeKind(
            known(site, SITES, f"{cell}, site"),
            weighted(cast(list[tuple[Change, int]], changes)),
            weighted(cast(list[tuple[Sidedness, int]], sides)),
        )
        yield kind, int(row["weight"])


_CHANGE_KINDS: WeightedChoice[_ChangeKind] = weighted(_read_change_kinds())
CHANGES_AT: Mapping[str, tuple[Change, ...]] = {kind.site: kind.changes.values for kind in _CHANGE_KINDS.values}
"""The changes that reports state of each site."""


def sample_study(rng: random.Random) -> SampledStudy:
    """A study drawn from `rng` alone; about 15 % are normal: neither lesions nor changes."""
    modalities = _sample_modalities(rng)
    if rng.random() < _SAMPLING.normal_share:
        return SampledStudy((), (), modalities)
    lesions = () if rng.random() < 0.05 else _sample_lesions(rng, modalities)
    pressed = [change for lesion in lesions for change in _sample_mass_effect(rng, lesion)]
    unsided = {s.site for lesion in lesions for s in lesion.sites if s.side is None}
    drawn = [c for c in (*pressed, *sample_changes(rng)) if c.side is None or c.site not in unsided]
    changes = _without_contradictions(drawn)
    if not lesions and not changes:
        lesions = (sample_lesion(rng, modalities),)
    if lesions and rng.random() < _SAMPLING.unlisted_sites.share:
        lesions = (_at_unlisted_site(rng, lesions[0]), *lesions[1:])
    return SampledStudy(lesions, changes, modalities)


def sample_lesion(rng: random.Random, modalities: tuple[Modality, ...]) -> SampledLesion:
    """One lesion, at least one of its signals present on the acquired `modalities` (at least one)."""
    assert modalities, "a lesion shows on a sequence: modalities is empty"
    for _ in range(6):
        if rng.random() < _FREE.share:
            break
        kind = _ARCHETYPES.draw(rng)
        signals = _sample_signals(rng, kind, modalities)
        if any(value != "等" for values in signals.values() for value in values):
            return _lesion_of_kind(rng, kind, signals)
    return _free_lesion(rng, modalities)


def sample_changes(rng: random.Random) -> tuple[GeneralChange, ...]:
    """Changes that go together in one study, none to five."""
    drawn = []
    for _ in range(_CHANGE_NUMBER.draw(rng)):
        kind = _CHANGE_KINDS.draw(rng)
        side: Side | None = _one_sided(rng) if kind.sidedness.draw(rng) == "one" else "双侧"
        if rng.random() < 0.06:
            side = None
        drawn.append(GeneralChange(_side_at(rng, kind.site, side, 0.04), kind.site, kind.changes.draw(rng)))
    return _without_contradictions(drawn)


def _sample_modalities(rng: random.Random) -> tuple[Modality, ...]:
    acquired = {modality for modality, share in _SAMPLING.acquired.items() if rng.random() < share} | {"T2"}
    if "DWI" not in acquired:
        acquired.discard("ADC")
    return tuple(modality for modality in MODALITIES if modality in acquired)


def _sample_lesions(rng: random.Random, modalities: tuple[Modality, ...]) -> tuple[SampledLesion, ...]:
    lesions: list[SampledLesion] = []
    for _ in range(_LESION_NUMBER.draw(rng)):
        lesion = sample_lesion(rng, modalities)
        if not any(_contradicts(lesion, other) or _contradicts(other, lesion) for other in lesions):
            lesions.append(lesion)
    return tuple(lesions)


def _at_unlisted_site(rng: random.Random, lesion: SampledLesion) -> SampledLesion:
    """The lesion, one of its sites replaced by a place that no vocabulary holds."""
    at = rng.randrange(len(lesion.sites))
    place = SampledSite(lesion.sites[at].side or _one_sided(rng), unlisted(rng.choice(UNLISTED_SITES)))
    return replace(lesion, sites=(*lesion.sites[:at], place, *lesion.sites[at + 1 :]))


def _contradicts(lesion: SampledLesion, other: SampledLesion) -> bool:
    """Whether `lesion` is absent at a site and on a sequence that show `other`, or lacks the side that `other` has."""
    denied = any(modality in other.signals for modality in lesion.absent)
    if denied and not set(lesion.sites).isdisjoint(other.sites):
        return True
    unsided = {s.site for s in lesion.sites if s.side is None}
    return any(s.side is not None and s.site in unsided for s in other.sites)


def _sample_signals(
    rng: random.Random, kind: Archetype, modalities: tuple[Modality, ...]
) -> dict[Modality, SignalValues]:
    """The signals that a report would mention; no values where the lesion is explicitly not seen."""
    known = [modality for modality in modalities if modality in kind.signals]
    thoroughness = rng.random()
    if thoroughness < 0.12 and known:
        said = set(rng.sample(known, min(len(known), rng.choice((1, 1, 2)))))
    elif thoroughness < 0.4:
        said = set(known)
    else:
        said = {modality for modality in known if rng.random() < _SAMPLING.mentioned[modality]}
    return {modality: kind.signals[modality].draw(rng) for modality in known if modality in said}


def _lesion_of_kind(rng: random.Random, kind: Archetype, signals: dict[Modality, SignalValues]) -> SampledLesion:
    sites = _sample_sites(rng, kind.sites, kind.spread)
    count = kind.spread.counts.draw(rng)
    return SampledLesion(
        archetype=kind.name,
        sites=sites,
        signals={modality: values for modality, values in signals.items() if values},
        absent=tuple(modality for modality, values in signals.items() if not values),
        noun=_GENERAL_NOUNS.draw(rng) if rng.random() < 0.6 else rng.choice(kind.nouns),
        morphology=rng.choice(kind.morphologies) if rng.random() < 0.85 else None,
        count=None if count == "单发" and _is_plural(sites) else count,
        size_mm=_sample_size(rng, *kind.size_mm) if kind.size_mm and rng.random() < 0.4 else (),
        margin=rng.choice(kind.margins) if rng.random() < 0.35 else None,
    )


def _free_lesion(rng: random.Random, modalities: tuple[Modality, ...]) -> SampledLesion:
    """A lesion whose sites and signals do not depend on a disease, so that one cannot be guessed from the other."""
    number = min(len(modalities), _FREE_SEQUENCES.draw(rng))
    shown = set(rng.sample(modalities, number))
    spread = _FREE_SPREADS.draw(rng)
    sites = _sample_sites(rng, _ANY_SITE, spread)
    count = spread.counts.draw(rng)
    return SampledLesion(
        archetype="free",
        sites=sites,
        signals={modality: _free_values(rng, modality) for modality in modalities if modality in shown},
        absent=tuple(modality for modality in modalities if modality not in shown and rng.random() < 0.15),
        noun=_GENERAL_NOUNS.draw(rng),
        morphology=rng.choice(_FREE.morphologies) if rng.random() < 0.75 else None,
        count=None if count == "单发" and _is_plural(sites) else count,
        size_mm=_sample_size(rng, 3, 50) if rng.random() < 0.25 else (),
        margin=rng.choice(_FREE.margins) if rng.random() < 0.25 else None,
    )


def _free_values(rng: random.Random, modality: Modality) -> SignalValues:
    table: WeightedChoice[Signal] | WeightedChoice[Enhancement] = (
        _FREE_ENHANCEMENTS if modality == "T1CE" else _FREE_SIGNALS
    )
    first = table.draw(rng)
    second = table.draw(rng) if rng.random() < _FREE.second_value_share else first
    return (first,) if second == first else (first, second)


def _is_plural(sites: tuple[SampledSite, ...]) -> bool:
    return len(sites) > 1 or sites[0].side == "双侧"


def _sample_size(rng: random.Random, smallest: int, largest: int) -> tuple[int, ...]:
    """One to three diameters in millimetres, the largest first; small lesions are as likely as large ones."""
    diameter = exp(rng.uniform(log(smallest), log(largest + 1)))
    ratios = [rng.uniform(0.5, 1) for _ in range(rng.choice((0, 1, 1, 2)))]
    return tuple(sorted((max(1, int(diameter * ratio)) for ratio in (1, *ratios)), reverse=True))


def _sample_sites(rng: random.Random, sites: WeightedChoice[str], spread: Spread) -> tuple[SampledSite, ...]:
    number = spread.extent.draw(rng)
    sidedness = spread.sidedness.draw(rng)
    common = None if rng.random() < 0.04 else "双侧" if sidedness == "both" else _one_sided(rng)
    sampled: list[SampledSite] = []
    for _ in range(number + 2):
        name = sites.draw(rng)
        side = rng.choice(("左侧", "右侧", "双侧")) if sidedness == "mixed" and common else common
        site = SampledSite(_side_at(rng, name, side, 0.15), name)
        if not any(_overlap(site, other) for other in sampled):
            sampled.append(site)
        if len(sampled) == number:
            break
    return tuple(sampled)


def _one_sided(rng: random.Random) -> Side:
    return "左侧" if rng.random() < 0.5 else "右侧"


def _side_at(rng: random.Random, site: str, side: Side | None, lateral_share: float) -> Side | None:
    """`side` where the site is paired; for a midline site seldom (`lateral_share`) left or right, else None."""
    laterality = SITES[site].laterality
    if laterality == "paired":
        return side
    if laterality == "midline" and site not in _SAMPLING.undivided_sites and rng.random() < lateral_share:
        return _one_sided(rng)
    return None


def _overlap(one: SampledSite | GeneralChange, other: SampledSite | GeneralChange) -> bool:
    """Whether the two sites are the same or one contains the other, on sides that overlap."""
    sides_meet = one.side == other.side or not {None, "双侧"}.isdisjoint((one.side, other.side))
    related = one.site == other.site or one.site in ancestors(other.site) or other.site in ancestors(one.site)
    return sides_meet and related


def _without_contradictions(drawn: list[GeneralChange]) -> tuple[GeneralChange, ...]:
    kept: list[GeneralChange] = []
    for change in drawn:
        if not any(_overlap(change, other) and _repeats_or_opposes(change.change, other.change) for other in kept):
            kept.append(change)
    return tuple(kept)


def _repeats_or_opposes(change: Change, other: Change) -> bool:
    return (
        change == other
        or other in _SAMPLING.opposite_changes.get(change, ())
        or change in _SAMPLING.opposite_changes.get(other, ())
    )


def _sample_mass_effect(rng: random.Random, lesion: SampledLesion) -> Iterator[GeneralChange]:
    """The changes that a large lesion causes at neighbouring sites."""
    if lesion.archetype not in _PRESSING_ARCHETYPES or rng.random() < 0.5:
        return
    origin = lesion.sites[0]
    region = next((site for site in (origin.site, *ancestors(origin.site)) if site in _SAMPLING.mass_effects), "脑实质")
    for site, change in rng.sample(_SAMPLING.mass_effects[region], rng.choice((1, 1, 2))):
        yield GeneralChange(_side_at(rng, site, origin.side, 0), site, change)
