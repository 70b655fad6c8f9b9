"""Kinds of lesions: where each lies, its signal on each sequence, its words and its extent."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, cast

from selip_contracts.findings import Count
from selip_contracts.vocabulary import ENHANCEMENTS, MODALITIES, SIGNALS, SITES, Enhancement, Modality, Signal
from selip_extract.pseudo_reports.weighted_choice import WeightedChoice, weighted, words

Values = tuple[Signal | Enhancement, ...]
Sidedness = Literal["one", "both", "mixed"]


@dataclass(frozen=True)
class Spread:
    """How many places a lesion takes, on which sides, and how its number is said."""

    extent: WeightedChoice[int]
    sidedness: WeightedChoice[Sidedness]
    counts: WeightedChoice[Count | None]


@dataclass(frozen=True)
class Archetype:
    """One kind of lesion; an empty value in `signals` says not seen, `size_mm` bounds its diameter."""

    name: str
    weight: int
    sites: WeightedChoice[str]
    signals: dict[Modality, WeightedChoice[Values]]
    spread: Spread
    nouns: tuple[str, ...]
    morphologies: tuple[str, ...]
    margins: tuple[str, ...]
    size_mm: tuple[int, int] | None
    presses: bool


def _spread(extent: tuple[int, ...], one: int, both: int, mixed: int, counts: dict[Count | None, int]) -> Spread:
    sides: list[tuple[Sidedness, int]] = [("one", one), ("both", both), ("mixed", mixed)]
    return Spread(weighted(enumerate(extent, start=1)), weighted(sides), weighted(counts.items()))


FOCAL = _spread((86, 14), 96, 3, 1, {None: 7, "单发": 2})
REGIONAL = _spread((42, 30, 18, 7, 3), 80, 8, 12, {None: 1})
SCATTERED = _spread((30, 28, 22, 13, 7), 18, 60, 22, {None: 3, "多发": 5, "散在": 3})
DIFFUSE = _spread((10, 25, 30, 20, 10, 5), 2, 90, 8, {None: 4, "多发": 4, "散在": 2})
MULTIPLE = _spread((34, 32, 20, 9, 5), 35, 35, 30, {None: 1, "多发": 6, "散在": 1})
SYMMETRIC = _spread((50, 30, 15, 5), 3, 95, 2, {None: 1})
SINUSES = _spread((55, 28, 12, 5), 40, 50, 10, {None: 1})
SPREADS = {
    "focal": FOCAL,
    "regional": REGIONAL,
    "scattered": SCATTERED,
    "diffuse": DIFFUSE,
    "multiple": MULTIPLE,
    "symmetric": SYMMETRIC,
    "sinuses": SINUSES,
}

LOBES = "额叶9 顶叶8 颞叶6 枕叶5 岛叶3"
GYRI = "中央前回2 中央后回2 楔前叶 扣带回 额底 海马 杏仁核"
WHITE = "半卵圆中心8 侧脑室旁8 放射冠6 皮层下5 脑白质3 侧脑室前角旁2 侧脑室后角旁2"
CAPSULES = "内囊后肢3 内囊2 内囊前肢 内囊膝部 外囊2"
NUCLEI = "基底节区8 丘脑6 豆状核2 壳核3 尾状核3 苍白球"
STEM = "脑桥7 脑干2 延髓2 中脑2 大脑脚"
CEREBELLUM = "小脑半球6 小脑 小脑蚓部2 桥臂2 齿状核 小脑扁桃体"
CALLOSUM = "胼胝体2 胼胝体压部3 胼胝体体部2 胼胝体膝部2"
REGIONS = {
    "LOBES": LOBES,
    "WHITE": WHITE,
    "CALLOSUM": CALLOSUM,
    "CEREBELLUM": CEREBELLUM,
    "NUCLEI": NUCLEI,
    "STEM": STEM,
    "CAPSULES": CAPSULES,
    "GYRI": GYRI,
    "VASCULAR": f"{LOBES} {GYRI} {WHITE} {CAPSULES} {NUCLEI} {STEM} {CEREBELLUM} 胼胝体 胼胝体压部 大脑半球",
    "HAEMORRHAGE": f"{NUCLEI} 基底节区9 外囊2 {LOBES} 脑桥3 脑干 小脑半球3 小脑蚓部",
}


def _sites(cell: str) -> WeightedChoice[str]:
    entries = words(" ".join(REGIONS.get(word, word) for word in cell.split()))
    assert all(name in SITES for name, _ in entries), cell
    return weighted(entries)


def _values(word: str, modality: Modality) -> Values:
    values = () if word == "-" else tuple(word.split("/"))
    allowed: tuple[str, ...] = ENHANCEMENTS if modality == "T1CE" else SIGNALS
    assert set(values) <= set(allowed), f"{modality} {word}"
    return cast(Values, values)


def _size_range(cell: str) -> tuple[int, int] | None:
    if not cell:
        return None
    smallest, largest = cell.split("-")
    return int(smallest), int(largest)


def _read_archetypes() -> Iterator[Archetype]:
    """The rows of lesion_archetypes.csv: `低8 稍低2` weighs values, `低/高` is centre and rim, `-` is not seen."""
    table = files("selip_extract.pseudo_reports").joinpath("lesion_archetypes.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        yield Archetype(
            name=row["archetype"],
            weight=int(row["weight"]),
            sites=_sites(row["sites"]),
            signals={
                modality: weighted((_values(word, modality), weight) for word, weight in words(row[modality]))
                for modality in MODALITIES
                if row[modality]
            },
            spread=SPREADS[row["spread"]],
            nouns=tuple(row["nouns"].split()),
            morphologies=tuple(row["morphologies"].split()),
            margins=tuple(row["margins"].split()),
            size_mm=_size_range(row["size_mm"]),
            presses=row["presses"] == "yes",
        )


ARCHETYPES: tuple[Archetype, ...] = tuple(_read_archetypes())
