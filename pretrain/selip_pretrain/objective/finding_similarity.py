"""The findings of canonical texts as integers and sparse vectors, and how alike any two findings are.

A finding is one statement 在{l}表现为{d}: l are its location words, d its description words. Its signal has two
classes. `published_class` is the paper's: the first of 高, 低, 长, 短 or 等信号 in d, else d itself. So 稍高信号 and
斑片状高信号 are 高信号, while 混杂信号, 斑片状混杂信号, 强化 and 环形强化 are a class each. `signal_class` is the
contract's, in which all that is 混杂 is one class, and all 强化, whatever the form.
"""

import copy
import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, Self, cast

import torch
from torch import Tensor

from selip_contracts.statements import parse_statement, written_statements
from selip_contracts.vocabulary import (
    ENHANCEMENTS,
    SIDES,
    SIGNAL_CLASS,
    SIGNALS,
    SITES,
    Modality,
    Side,
    SignalClass,
    ancestors,
)
from selip_shared.errors import SelipError
from selip_shared.word_segmenter import word_segmenter

_PUBLISHED_CLASS = re.compile("[高低长短等]信号")
_SIDE_INDEX: dict[Side | None, int] = {side: index for index, side in enumerate((*SIDES, None))}
_SITE_INDEX = {site: index for index, site in enumerate(SITES)}
_SIDES_ALIKE = (
    (1.0, 0.0, 0.5, 0.5),
    (0.0, 1.0, 0.5, 0.5),
    (0.5, 0.5, 1.0, 0.5),
    (0.5, 0.5, 0.5, 1.0),
)
"""左侧, 右侧, 双侧 and no side said: half where one may hold the other."""


class RaggedIndex(NamedTuple):
    """Lists of integers, one behind the other: list i is members[bounds[i]:bounds[i + 1]]."""

    bounds: Tensor
    members: Tensor

    @classmethod
    def of(cls, lists: Iterable[Iterable[int]]) -> Self:
        """The lists, in their order."""
        bounds, members = array("q", [0]), array("q")
        for members_of_one in lists:
            members.extend(members_of_one)
            bounds.append(len(members))
        return cls(_tensor(bounds), _tensor(members))

    def take(self, index: Tensor) -> "RaggedIndex":
        """The lists at these positions (int64), in their order."""
        starts = self.bounds[index]
        sizes = self.bounds[index + 1] - starts
        bounds = _bounds(sizes)
        shift = torch.repeat_interleave(starts - bounds[:-1], sizes)
        return RaggedIndex(bounds, self.members[torch.arange(len(shift), device=shift.device) + shift])

    def among(self, kept: "Places", count: int) -> "RaggedIndex":
        """Of members below `count` those that are among `kept`, as places in it."""
        numbers = torch.arange(count, device=self.members.device)
        places = torch.full_like(numbers, -1)
        places[kept] = numbers[: len(numbers[kept])]
        members = places[self.members]
        there = members >= 0
        return RaggedIndex(_bounds(there)[self.bounds], members[there])

    def first(self) -> "RaggedIndex":
        """The first member of each list that has one."""
        there = self.sizes > 0
        return RaggedIndex(_bounds(there), self.members[self.bounds[:-1][there]])

    @property
    def sizes(self) -> Tensor:
        """How long each list is, int64."""
        return self.bounds.diff()

    def to(self, device: torch.device | str) -> "RaggedIndex":
        """The same on another device."""
        return RaggedIndex(self.bounds.to(device), self.members.to(device))


class IndexedStatement(NamedTuple):
    """One finding as a canonical text states it."""

    location: str
    description: str
    side: Side | None
    site: str
    published_class: str
    signal_class: SignalClass


def read_statement(written: str, modality: Modality) -> IndexedStatement:
    """The finding that a statement states; ValueError where it is none."""
    side, site, signal, _ = parse_statement(written, modality)
    location, description = written.removeprefix("在").split("表现为", maxsplit=1)
    told = _PUBLISHED_CLASS.search(description)
    return IndexedStatement(location, description, side, site, told[0] if told else description, SIGNAL_CLASS[signal])


class TextTable:
    """Canonical texts, each distinct text and each distinct finding once; all else is integers on one device.

    A text is a row, a list of finding numbers, empty for the normal text. SelipError where a text is not canonical.
    """

    def __init__(self, texts: Sequence[str], modalities: Sequence[str]) -> None:
        """Take in the texts with the sequence that each is of; a text may come again and again."""
        self._row_of: dict[str, int] = {}
        self.statements: list[IndexedStatement] = []
        numbers: dict[str, int] = {}
        bounds, members = array("q", [0]), array("q")
        for text, modality in zip(texts, modalities, strict=True):
            if text in self._row_of:
                continue
            for written in written_statements(text):
                number = numbers.get(written)
                if number is None:
                    number = numbers[written] = len(self.statements)
                    self.statements.append(_checked(written, cast("Modality", modality)))
                members.append(number)
            bounds.append(len(members))
            self._row_of[text] = len(self._row_of)
        self.findings = RaggedIndex(_tensor(bounds), _tensor(members))
        self.locations = _numbered(s.location for s in self.statements)
        self.published_classes = _numbered(s.published_class for s in self.statements)
        self.signal_classes = _numbered(s.signal_class for s in self.statements)
        self.sides = torch.tensor([_SIDE_INDEX[s.side] for s in self.statements], dtype=torch.int64)
        self.sites = torch.tensor([_SITE_INDEX[s.site] for s in self.statements], dtype=torch.int64)
        self.characters = _interned({*s.location, *s.description} for s in self.statements)
        self.regions = RaggedIndex.of([_SITE_INDEX[s] for s in (site, *ancestors(site))] for site in SITES)

    def __len__(self) -> int:
        return len(self._row_of)

    def rows(self, texts: Sequence[str]) -> Tensor:
        """The row of each text, int64 (len(texts),) on the table's device; KeyError for a text not taken in."""
        return torch.tensor([self._row_of[text] for text in texts], dtype=torch.int64, device=self.device)

    @property
    def device(self) -> torch.device:
        """Where the integers lie."""
        return self.locations.device

    def to(self, device: torch.device | str) -> Self:
        """The same table on another device."""
        moved = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor | RaggedIndex):
                setattr(moved, name, value.to(device))
        return moved

    @cached_property
    def words(self) -> RaggedIndex:
        """The distinct jieba words of each finding's l + d, cut when they are first asked for."""
        cut = _word_cutter()
        return _interned({*cut(s.location), *cut(s.description)} for s in self.statements).to(self.device)


Places = Tensor | slice
"""Which of some findings: int64, or a run of them, which costs no copy."""

ALL = slice(None)
"""All of them."""

Pairwise = Callable[[Places, Places], Tensor]
"""(len(x), len(y)) in 0..1 for findings at the places x among some and y among others."""


class Factor(Protocol):
    """One respect in which findings are alike."""

    @property
    def column(self) -> str:
        """The numbers of the table that this hangs on; equal numbers are wholly alike."""
        ...

    @property
    def graded(self) -> bool:
        """Whether different numbers may be alike in part."""
        ...

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """How alike the findings with these numbers, int64 (A,) and (B,), are."""
        ...


@dataclass(frozen=True)
class EqualityFactor:
    """1 where the numbers are equal, else 0: [l_a = l_b] or [g_a = g_b]."""

    column: str
    graded = False

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """Whether they are equal."""
        # Compared as what comes out, which is twice as fast; exact up to 2**24 different numbers.
        of_a, of_b = (getattr(table, self.column)[numbers].to(dtype) for numbers in (a, b))

        def same(x: Places, y: Places) -> Tensor:
            one, other = of_a[x][:, None], of_b[y]
            return torch.eq(one, other, out=other.new_empty(len(one), len(other)))

        return same


@dataclass(frozen=True)
class SiteHierarchyFactor:
    """Dice over the sites and all that contains them, times (1 + side) / 2.

    海马 and 颞叶 share more than 海马 and 额叶. `side` is 1 for equal sides, 0 for 左侧 against 右侧, else 0.5.
    """

    column = "locations"
    graded = True

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """How near they are."""
        sides = torch.tensor(_SIDES_ALIKE, dtype=dtype, device=a.device)
        regions = _dice(table.regions.take(table.sites[a]), table.regions.take(table.sites[b]), dtype)
        side_a, side_b = table.sides[a], table.sides[b]
        return lambda x, y: regions(x, y).mul_(sides[side_a[x]][:, side_b[y]].add_(1).mul_(0.5))


@dataclass(frozen=True)
class Wording:
    """2 |C_a ∩ C_b| / (|C_a| + |C_b|), C the set of characters of l + d, or of the words that jieba cuts from it."""

    units: str

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """How alike they are worded."""
        sets: RaggedIndex = getattr(table, self.units)
        return _dice(sets.take(a), sets.take(b), dtype)


@dataclass(frozen=True)
class Score:
    """How alike findings are: (0.5 place + 0.5 signal) · wording; without `meaning` or `wording` the other alone."""

    meaning: tuple[Factor, Factor] | None
    wording: Wording | None

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """The score of the findings with these numbers, int64 (A,) and (B,)."""
        wording = None if self.wording is None else self.wording.between(table, a, b, dtype)
        if self.meaning is None:
            assert wording is not None, "a score has at least one part"
            return wording
        place, signal = (part.between(table, a, b, dtype) for part in self.meaning)

        def score(x: Places, y: Places) -> Tensor:
            match = place(x, y).add_(signal(x, y)).mul_(0.5)
            return match if wording is None else match.mul_(wording(x, y))

        return score

    def keys(self, table: TextTable, numbers: Tensor) -> Tensor:
        """One integer for all that the score hangs on in each finding; what is like each other lies side by side."""
        columns = [getattr(table, part.column) for part in reversed(self.meaning or ())]
        if self.wording is not None:
            columns.append(torch.arange(len(table.statements), device=table.device))
        keys = torch.zeros_like(numbers)
        for column in columns:
            keys = keys * len(table.statements) + column[numbers]
        return keys

    def may_be_alike(self, table: TextTable, some: Tensor, others: Tensor) -> Places:
        """Those `others` whose score with any of `some` may be above 0."""
        if self.meaning is None or any(part.graded for part in self.meaning):
            return ALL
        alike = torch.zeros(len(others), dtype=torch.bool, device=others.device)
        for part in self.meaning:
            column = getattr(table, part.column)
            held = torch.zeros(len(table.statements), dtype=torch.bool, device=others.device)
            held[column[some]] = True
            alike |= held[column[others]]
        return alike.nonzero()[:, 0]


_PLACE = EqualityFactor("locations")
_CHARACTERS = Wording("characters")
PUBLISHED = Score((_PLACE, EqualityFactor("published_classes")), _CHARACTERS)
SYNTAX = Score(None, _CHARACTERS)
SYNTAX_WORDS = Score(None, Wording("words"))
SEMANTIC = Score((_PLACE, EqualityFactor("signal_classes")), None)
HIERARCHY = Score((SiteHierarchyFactor(), EqualityFactor("signal_classes")), None)


def _dice(a: RaggedIndex, b: RaggedIndex, dtype: torch.dtype) -> Pairwise:
    used, columns = torch.unique(torch.cat([a.members, b.members]), return_inverse=True)
    in_a = _incidence(a.sizes, columns[: len(a.members)], len(used), dtype)
    in_b = _incidence(b.sizes, columns[len(a.members) :], len(used), dtype)
    half_a, half_b = a.sizes.to(dtype) / 2, b.sizes.to(dtype) / 2
    return lambda x, y: (in_a[x] @ in_b[y].T).div_(half_a[x][:, None] + half_b[y])


def _incidence(sizes: Tensor, columns: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    matrix = torch.zeros(len(sizes), width, dtype=dtype, device=sizes.device)
    matrix[torch.repeat_interleave(sizes), columns] = 1
    return matrix


def _checked(written: str, modality: Modality) -> IndexedStatement:
    try:
        return read_statement(written, modality)
    except ValueError as error:
        raise SelipError(
            f"No canonical text of {modality}: {error}; extract the reports anew with this version."
        ) from error


def _bounds(sizes: Tensor) -> Tensor:
    """Where lists of these sizes begin, and the end of the last."""
    return torch.cat([sizes.new_zeros(1, dtype=torch.int64), sizes.cumsum(0)])


def _tensor(numbers: "array[int]") -> Tensor:
    return torch.frombuffer(numbers, dtype=torch.int64).clone() if numbers else torch.empty(0, dtype=torch.int64)


def _numbered(names: Iterable[str]) -> Tensor:
    """The same number for the same name."""
    numbers: dict[str, int] = {}
    return _tensor(array("q", (numbers.setdefault(name, len(numbers)) for name in names)))


def _interned(sets: Iterable[set[str]]) -> RaggedIndex:
    numbers: dict[str, int] = {}
    return RaggedIndex.of([numbers.setdefault(member, len(numbers)) for member in sorted(one)] for one in sets)


def _word_cutter() -> Callable[[str], list[str]]:
    """Cut a text into words: jieba's general dictionary, in which the vocabulary's words stay whole."""
    segmenter = word_segmenter((*SITES, *SIDES, *ENHANCEMENTS, *(f"{signal}信号" for signal in SIGNALS)))
    return lambda text: segmenter.lcut(text, HMM=False)
