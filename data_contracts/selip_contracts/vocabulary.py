"""The controlled vocabulary: sequences, sides, signals, changes, and the anatomy with its hierarchy."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Literal, ParamSpec, TypeVar, cast, get_args

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

Modality = Literal["T1", "T2", "FLAIR", "DWI", "ADC", "T1CE", "SWI"]
Side = Literal["左侧", "右侧", "双侧"]
Signal = Literal["高", "稍高", "等", "稍低", "低", "混杂"]
Enhancement = Literal["明显强化", "轻度强化", "均匀强化", "不均匀强化", "环形强化", "强化"]
SignalClass = Literal["高", "等", "低", "混杂", "强化"]
Laterality = Literal["paired", "midline", "none"]
Change = Literal[
    "扩大", "变窄", "增宽", "变浅", "萎缩", "肿胀", "增厚", "移位", "受压",
    "积液", "积气", "缺损", "占位", "狭窄", "闭塞", "扩张", "其他",
]  # fmt: skip

MODALITIES: tuple[Modality, ...] = get_args(Modality)
SIDES: tuple[Side, ...] = get_args(Side)
SIGNALS: tuple[Signal, ...] = get_args(Signal)
ENHANCEMENTS: tuple[Enhancement, ...] = get_args(Enhancement)
CHANGES: tuple[Change, ...] = get_args(Change)
LATERALITIES: tuple[Laterality, ...] = get_args(Laterality)

SIGNAL_CLASS: dict[Signal | Enhancement, SignalClass] = {
    "高": "高", "稍高": "高", "等": "等", "稍低": "低", "低": "低", "混杂": "混杂",
    "明显强化": "强化", "轻度强化": "强化", "均匀强化": "强化",
    "不均匀强化": "强化", "环形强化": "强化", "强化": "强化",
}  # fmt: skip


def _read_english() -> dict[str, str]:
    """The English name of every term in terms.csv."""
    table = files("selip_contracts").joinpath("terms.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    for kind, terms in (("side", SIDES), ("signal", SIGNALS), ("enhancement", ENHANCEMENTS), ("change", CHANGES)):
        named = tuple(row["term"] for row in rows if row["kind"] == kind)
        assert named == terms, f"terms.csv: each {kind} of the vocabulary has one row, in the same order"
    return {row["term"]: row["english"] for row in rows}


ENGLISH: dict[str, str] = _read_english()
"""English names of sides, signals, enhancements, counts, certainties and changes. Sites have theirs in `SITES`."""


@dataclass(frozen=True)
class Site:
    """One anatomical site: its Chinese name is its key, `parent` the site that contains it."""

    name: str
    english: str
    parent: str | None
    laterality: Laterality
    surface_forms: tuple[str, ...]


def _read_sites() -> dict[str, Site]:
    table = files("selip_contracts").joinpath("sites.csv").read_text(encoding="utf-8")
    sites: dict[str, Site] = {}
    for row in csv.DictReader(table.splitlines()):
        laterality = row["laterality"]
        assert laterality in LATERALITIES, f"sites.csv: laterality {laterality} of {row['site']}"
        sites[row["site"]] = Site(
            name=row["site"],
            english=row["english"],
            parent=row["parent"] or None,
            laterality=laterality,
            surface_forms=tuple(form for form in row["surface_forms"].split("|") if form),
        )
    return sites


UNLISTED = "未列部位"
"""The site of a finding whose place the vocabulary lacks; the report's words for it are kept beside it."""


class _Sites(dict[str, Site]):
    """The vocabulary; a name made by `unlisted` is a site too, without being listed."""

    def __missing__(self, name: str) -> Site:
        site, mark, _ = name.partition(_MARK)
        if not mark or site != UNLISTED:
            raise KeyError(name)
        return replace(self[UNLISTED], name=name)


_MARK = ":"

LISTED_SITES: tuple[Site, ...] = tuple(_read_sites().values())
"""The sites of sites.csv."""

SITES: dict[str, Site] = _Sites({site.name: site for site in LISTED_SITES})
"""The sites of sites.csv, and those that the user has added."""


def unlisted(words: str) -> str:
    """The name of the unlisted site that a report calls so: different words are different sites."""
    return f"{UNLISTED}{_MARK}{words}"


def site_and_words(name: str) -> tuple[str, str | None]:
    """The listed site of a name, and of an unlisted one the report's words for it."""
    site, mark, words = name.partition(_MARK)
    return (site, words) if mark else (name, None)


def set_sites(sites: Iterable[Site]) -> None:
    """Make these the sites of the vocabulary; what was derived of the former ones is forgotten."""
    new = {site.name: site for site in sites}
    if new != dict(SITES):
        SITES.clear()
        SITES.update(new)
        for clear in _CLEAR_CACHES:
            clear()


_CLEAR_CACHES: list[Callable[[], None]] = []


def cached_until_sites_change(
    size: int | None = None,
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """As functools.lru_cache(size), for what is derived of the sites: `set_sites` empties the cache."""

    def decorated(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        cached = lru_cache(size)(function)
        _CLEAR_CACHES.append(cached.cache_clear)
        return cast(Callable[_Arguments, _Result], cached)

    return decorated


@cached_until_sites_change()
def ancestors(site: str) -> tuple[str, ...]:
    """The sites that contain `site`, nearest first; KeyError where the vocabulary lacks it."""
    parent = SITES[site].parent
    return () if parent is None else (parent, *ancestors(parent))


@cached_until_sites_change()
def parts(site: str) -> tuple[str, ...]:
    """The sites that lie inside `site`, in the order of the vocabulary; KeyError where it is unknown."""
    assert site in SITES or not site, site
    return tuple(name for name in SITES if site in ancestors(name))
