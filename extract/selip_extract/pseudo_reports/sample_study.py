"""Random head-MRI studies, plausible in anatomy and signal: what a pseudo-report is written from."""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from math import exp, log
from typing import cast

from selip_contracts.findings import Count
from selip_contracts.vocabulary import (
    CHANGES,
    ENHANCEMENTS,
    MODALITIES,
    SIGNALS,
    SITES,
    Change,
    Enhancement,
    Modality,
    Side,
    Signal,
    ancestors,
)
from selip_extract.pseudo_reports.lesion_archetypes import (
    ARCHETYPES,
    REGIONS,
    SPREADS,
    Archetype,
    Sidedness,
    Spread,
    Values,
)
from selip_extract.pseudo_reports.weighted_choice import WeightedChoice, weighted, words


@dataclass(frozen=True)
class SampledSite:
    """Where a lesion lies; `side` None where no side is said."""

    side: Side | None
    site: str


@dataclass(frozen=True)
class SampledLesion:
    """One lesion or one group of like lesions; in `signals` a second value is the rim's or a part's."""

    archetype: str
    places: tuple[SampledSite, ...]
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


NORMAL_SHARE = 0.15
FREE_LESION_SHARE = 0.25
GENERAL_NOUNS = weighted({"异常信号影": 6, "异常信号": 5, "信号影": 3, "病灶": 3, "异常信号灶": 1, None: 2}.items())
FREE_MORPHOLOGIES = ("片状", "斑片状", "点状", "斑点状", "结节状", "团块状", "类圆形", "条状", "不规则形", "小片状")
FREE_MARGINS = ("清楚", "清", "尚清", "欠清", "不清", "模糊")
FREE_SPREADS = weighted(
    (SPREADS[name], weight) for name, weight in words("focal3 regional5 scattered3 multiple3 diffuse")
)
FREE_EXTENT_OF_SIGNALS = weighted(enumerate((14, 26, 26, 18, 10, 6), start=1))
FREE_SIGNALS: WeightedChoice[Signal] = weighted(zip(SIGNALS, (8, 5, 4, 4, 7, 3), strict=True))
FREE_ENHANCEMENTS: WeightedChoice[Enhancement] = weighted(zip(ENHANCEMENTS, (4, 3, 3, 4, 3, 4), strict=True))
FREE_SECOND_VALUE_SHARE = 0.12

_ARTERIES = {"血管", "颈内动脉", "大脑前动脉", "大脑中动脉", "大脑后动脉", "基底动脉", "椎动脉"}
_UNDIVIDED = {"中线结构", "透明隔", "三脑室", "中脑导水管", "松果体区", "基底动脉", "垂体柄"}
LESION_SITES: tuple[str, ...] = tuple(name for name in SITES if name not in _ARTERIES | {"中线结构"})
_ANY_SITE: WeightedChoice[str] = weighted(
    [(name, 2) for name in LESION_SITES] + [entry for region in REGIONS.values() for entry in words(region)]
)
_KINDS: WeightedChoice[Archetype] = weighted((kind, kind.weight) for kind in ARCHETYPES)

_ACQUIRED: dict[Modality, float] = {
    "T1": 0.97, "T2": 0.98, "FLAIR": 0.82, "DWI": 0.76, "ADC": 0.6, "T1CE": 0.3, "SWI": 0.26,
}  # fmt: skip
_MENTIONED: dict[Modality, float] = {
    "T1": 0.88, "T2": 0.92, "FLAIR": 0.78, "DWI": 0.72, "ADC": 0.66, "T1CE": 0.92, "SWI": 0.68,
}  # fmt: skip
_LESION_NUMBER = weighted(enumerate((40, 30, 17, 9, 4), start=1))
_CHANGE_NUMBER = weighted(enumerate((22, 30, 23, 14, 7, 4)))
_OPPOSITES: dict[Change, tuple[Change, ...]] = {
    "扩大": ("变窄", "受压", "扩张", "增宽", "萎缩", "狭窄"),
    "扩张": ("变窄", "狭窄", "受压", "闭塞"),
    "狭窄": ("闭塞", "变窄"),
    "增宽": ("变浅", "变窄"),
    "萎缩": ("肿胀", "增厚"),
    "积液": ("积气",),
}
_PRESSING_KINDS = frozenset(kind.name for kind in ARCHETYPES if kind.presses)
_PRESSED: dict[str, tuple[tuple[str, Change], ...]] = {
    "脑实质": (("侧脑室", "受压"), ("侧脑室", "变窄"), ("中线结构", "移位"), ("脑沟", "变浅"), ("环池", "变窄")),
    "脑外间隙": (("侧脑室", "受压"), ("中线结构", "移位"), ("脑沟", "变浅"), ("大脑半球", "受压"), ("外侧裂", "变窄")),
    "小脑": (("四脑室", "受压"), ("四脑室", "变窄"), ("脑干", "受压"), ("小脑扁桃体", "移位"), ("脑室系统", "扩大")),
    "脑干": (("四脑室", "受压"), ("四脑室", "变窄"), ("桥前池", "变窄"), ("脑干", "肿胀")),
    "桥小脑角区": (("桥臂", "受压"), ("脑桥", "受压"), ("四脑室", "变窄"), ("小脑半球", "受压"), ("内听道", "扩大")),
    "鞍区": (("视交叉", "受压"), ("鞍区", "扩大"), ("垂体柄", "移位"), ("三脑室", "受压"), ("鞍上池", "变窄")),
    "脑室系统": (("侧脑室", "扩张"), ("脑室系统", "扩大"), ("透明隔", "移位"), ("三脑室", "扩大")),
}


@dataclass(frozen=True)
class _ChangeKind:
    site: str
    changes: WeightedChoice[Change]
    sidedness: WeightedChoice[Sidedness]


def _read_change_kinds() -> Iterator[tuple[_ChangeKind, int]]:
    table = files("selip_extract.pseudo_reports").joinpath("general_changes.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        changes = words(row["changes"])
        assert row["site"] in SITES, row
        assert all(change in CHANGES for change, _ in changes), row
        sidedness = cast(list[tuple[Sidedness, int]], words(row["sidedness"]))
        kind = _ChangeKind(row["site"], weighted(cast(list[tuple[Change, int]], changes)), weighted(sidedness))
        yield kind, int(row["weight"])


_CHANGE_KINDS: WeightedChoice[_ChangeKind] = weighted(_read_change_kinds())


def sample_study(rng: random.Random) -> SampledStudy:
    """A study drawn from `rng` alone; about 15 % are normal: neither lesions nor changes."""
    modalities = _sample_modalities(rng)
    if rng.random() < NORMAL_SHARE:
        return SampledStudy((), (), modalities)
    lesions = () if rng.random() < 0.05 else _sample_lesions(rng, modalities)
    pressed = [change for lesion in lesions for change in _sample_mass_effect(rng, lesion)]
    unsided = {place.site for lesion in lesions for place in lesion.places if place.side is None}
    drawn = [c for c in (*pressed, *sample_changes(rng)) if c.side is None or c.site not in unsided]
    changes = _without_contradictions(drawn)
    if not lesions and not changes:
        lesions = (sample_lesion(rng, modalities),)
    return SampledStudy(lesions, changes, modalities)


def sample_lesion(rng: random.Random, modalities: tuple[Modality, ...]) -> SampledLesion:
    """One lesion, at least one of its signals present on the acquired `modalities` (at least one)."""
    assert modalities, "a lesion shows on a sequence: modalities is empty"
    for _ in range(6):
        if rng.random() < FREE_LESION_SHARE:
            break
        kind = _KINDS.draw(rng)
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
    acquired = {modality for modality, share in _ACQUIRED.items() if rng.random() < share} | {"T2"}
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


def _contradicts(lesion: SampledLesion, other: SampledLesion) -> bool:
    """Whether `lesion` is not seen where, and on a sequence on which, `other` is, or has no side where `other` has."""
    denied = any(modality in other.signals for modality in lesion.absent)
    if denied and not set(lesion.places).isdisjoint(other.places):
        return True
    unsided = {place.site for place in lesion.places if place.side is None}
    return any(place.side is not None and place.site in unsided for place in other.places)


def _sample_signals(rng: random.Random, kind: Archetype, modalities: tuple[Modality, ...]) -> dict[Modality, Values]:
    """The values that a report would mention; an empty one is an explicit not seen."""
    known = [modality for modality in modalities if modality in kind.signals]
    thoroughness = rng.random()
    if thoroughness < 0.12 and known:
        said = set(rng.sample(known, min(len(known), rng.choice((1, 1, 2)))))
    elif thoroughness < 0.4:
        said = set(known)
    else:
        said = {modality for modality in known if rng.random() < _MENTIONED[modality]}
    return {modality: kind.signals[modality].draw(rng) for modality in known if modality in said}


def _lesion_of_kind(rng: random.Random, kind: Archetype, signals: dict[Modality, Values]) -> SampledLesion:
    places = _sample_places(rng, kind.sites, kind.spread)
    count = kind.spread.counts.draw(rng)
    return SampledLesion(
        archetype=kind.name,
        places=places,
        signals={modality: values for modality, values in signals.items() if values},
        absent=tuple(modality for modality, values in signals.items() if not values),
        noun=GENERAL_NOUNS.draw(rng) if rng.random() < 0.6 else rng.choice(kind.nouns),
        morphology=rng.choice(kind.morphologies) if rng.random() < 0.85 else None,
        count=None if count == "单发" and _is_plural(places) else count,
        size_mm=_sample_size(rng, *kind.size_mm) if kind.size_mm and rng.random() < 0.4 else (),
        margin=rng.choice(kind.margins) if rng.random() < 0.35 else None,
    )


def _free_lesion(rng: random.Random, modalities: tuple[Modality, ...]) -> SampledLesion:
    """A lesion whose sites and signals owe nothing to a disease, so that no reader can guess one from the other."""
    number = min(len(modalities), FREE_EXTENT_OF_SIGNALS.draw(rng))
    shown = set(rng.sample(modalities, number))
    spread = FREE_SPREADS.draw(rng)
    places = _sample_places(rng, _ANY_SITE, spread)
    count = spread.counts.draw(rng)
    return SampledLesion(
        archetype="free",
        places=places,
        signals={modality: _free_values(rng, modality) for modality in modalities if modality in shown},
        absent=tuple(modality for modality in modalities if modality not in shown and rng.random() < 0.15),
        noun=GENERAL_NOUNS.draw(rng),
        morphology=rng.choice(FREE_MORPHOLOGIES) if rng.random() < 0.75 else None,
        count=None if count == "单发" and _is_plural(places) else count,
        size_mm=_sample_size(rng, 3, 50) if rng.random() < 0.25 else (),
        margin=rng.choice(FREE_MARGINS) if rng.random() < 0.25 else None,
    )


def _free_values(rng: random.Random, modality: Modality) -> Values:
    table: WeightedChoice[Signal] | WeightedChoice[Enhancement] = (
        FREE_ENHANCEMENTS if modality == "T1CE" else FREE_SIGNALS
    )
    first = table.draw(rng)
    second = table.draw(rng) if rng.random() < FREE_SECOND_VALUE_SHARE else first
    return (first,) if second == first else (first, second)


def _is_plural(places: tuple[SampledSite, ...]) -> bool:
    return len(places) > 1 or places[0].side == "双侧"


def _sample_size(rng: random.Random, smallest: int, largest: int) -> tuple[int, ...]:
    """One to three diameters in millimetres, the largest first; small lesions are as likely as large ones."""
    diameter = exp(rng.uniform(log(smallest), log(largest + 1)))
    ratios = [rng.uniform(0.5, 1) for _ in range(rng.choice((0, 1, 1, 2)))]
    return tuple(sorted((max(1, int(diameter * ratio)) for ratio in (1, *ratios)), reverse=True))


def _sample_places(rng: random.Random, sites: WeightedChoice[str], spread: Spread) -> tuple[SampledSite, ...]:
    number = spread.extent.draw(rng)
    sidedness = spread.sidedness.draw(rng)
    common = None if rng.random() < 0.04 else "双侧" if sidedness == "both" else _one_sided(rng)
    places: list[SampledSite] = []
    for _ in range(number + 2):
        site = sites.draw(rng)
        side = rng.choice(("左侧", "右侧", "双侧")) if sidedness == "mixed" and common else common
        place = SampledSite(_side_at(rng, site, side, 0.15), site)
        if not any(_overlap(place, other) for other in places):
            places.append(place)
        if len(places) == number:
            break
    return tuple(places)


def _one_sided(rng: random.Random) -> Side:
    return "左侧" if rng.random() < 0.5 else "右侧"


def _side_at(rng: random.Random, site: str, side: Side | None, lateral_share: float) -> Side | None:
    """`side` where the site is paired; of a midline site the left or right part, as often as `lateral_share`."""
    laterality = SITES[site].laterality
    if laterality == "paired":
        return side
    if laterality == "midline" and site not in _UNDIVIDED and rng.random() < lateral_share:
        return _one_sided(rng)
    return None


def _overlap(place: SampledSite | GeneralChange, other: SampledSite | GeneralChange) -> bool:
    """Whether one lies inside the other or is the same, as far as their sides allow."""
    sides_meet = place.side == other.side or not {None, "双侧"}.isdisjoint((place.side, other.side))
    related = place.site == other.site or place.site in ancestors(other.site) or other.site in ancestors(place.site)
    return sides_meet and related


def _without_contradictions(drawn: list[GeneralChange]) -> tuple[GeneralChange, ...]:
    kept: list[GeneralChange] = []
    for change in drawn:
        if not any(_overlap(change, other) and _repeats_or_opposes(change.change, other.change) for other in kept):
            kept.append(change)
    return tuple(kept)


def _repeats_or_opposes(change: Change, other: Change) -> bool:
    return change == other or other in _OPPOSITES.get(change, ()) or change in _OPPOSITES.get(other, ())


def _sample_mass_effect(rng: random.Random, lesion: SampledLesion) -> Iterator[GeneralChange]:
    """What a large lesion does to its neighbours."""
    if lesion.archetype not in _PRESSING_KINDS or rng.random() < 0.5:
        return
    place = lesion.places[0]
    region = next((site for site in (place.site, *ancestors(place.site)) if site in _PRESSED), "脑实质")
    for site, change in rng.sample(_PRESSED[region], rng.choice((1, 1, 2))):
        yield GeneralChange(_side_at(rng, site, place.side, 0), site, change)
