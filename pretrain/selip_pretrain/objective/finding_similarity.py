"""The findings of canonical texts as integers and sparse vectors, and the similarity of any two findings.

A finding is one statement 在{l}表现为{d}: l is its location, d its description. Its signal has two classes.
`published_class` is the paper's (arXiv 2503.19801): the first of 高, 低, 长, 短 or 等信号 in d, else d itself. So
稍高信号 and 斑片状高信号 are 高信号, while 混杂信号, 斑片状混杂信号, 强化 and 环形强化 are a class each.
`signal_class` is the contract's, with one class for every form of 混杂, and one for every form of 强化.
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

from selip_contracts.statements import parse_statement, statements_with_sequence
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
_SIDE_SIMILARITY = (
    (1.0, 0.0, 0.5, 0.5),
    (0.0, 1.0, 0.5, 0.5),
    (0.5, 0.5, 1.0, 0.5),
    (0.5, 0.5, 0.5, 1.0),
)
"""Of 左侧, 右侧, 双侧 and no stated side: 0.5 where one may include the other."""


class RaggedIndex(NamedTuple):
    """Lists of integers in one int64 tensor: list i is members[offsets[i]:offsets[i + 1]]."""

    offsets: Tensor
    members: Tensor

    @classmethod
    def of(cls, lists: Iterable[Iterable[int]]) -> Self:
        """The lists in their order."""
        offsets, members = array("q", [0]), array("q")
        for members_of_one in lists:
            members.extend(members_of_one)
            offsets.append(len(members))
        return cls(_tensor(offsets), _tensor(members))

    def take(self, index: Tensor) -> "RaggedIndex":
        """The lists at these positions (int64), in their order."""
        starts = self.offsets[index]
        sizes = self.offsets[index + 1] - starts
        offsets = _offsets(sizes)
        shift = torch.repeat_interleave(starts - offsets[:-1], sizes)
        return RaggedIndex(offsets, self.members[torch.arange(len(shift), device=shift.device) + shift])

    def restricted(self, kept: "Index", count: int) -> "RaggedIndex":
        """Only the members that are in `kept`, as positions in it; all members are below `count`."""
        numbers = torch.arange(count, device=self.members.device)
        position_of = torch.full_like(numbers, -1)
        position_of[kept] = numbers[: len(numbers[kept])]
        members = position_of[self.members]
        is_kept = members >= 0
        return RaggedIndex(_offsets(is_kept)[self.offsets], members[is_kept])

    def first(self) -> "RaggedIndex":
        """The lists cut after their first member."""
        filled = self.sizes > 0
        return RaggedIndex(_offsets(filled), self.members[self.offsets[:-1][filled]])

    @property
    def sizes(self) -> Tensor:
        """The length of each list, int64."""
        return self.offsets.diff()

    def to(self, device: torch.device | str) -> "RaggedIndex":
        """The same on another device."""
        return RaggedIndex(self.offsets.to(device), self.members.to(device))


class IndexedStatement(NamedTuple):
    """One finding as a canonical text states it."""

    location: str
    description: str
    side: Side | None
    site: str
    published_class: str
    signal_class: SignalClass


def read_statement(written: str, modality: Modality) -> IndexedStatement:
    """The finding of a canonical statement; ValueError where it is not one."""
    side, site, signal, _ = parse_statement(written, modality)
    location, description = written.removeprefix("在").split("表现为", maxsplit=1)
    found = _PUBLISHED_CLASS.search(description)
    published_class = found[0] if found else description
    return IndexedStatement(location, description, side, site, published_class, SIGNAL_CLASS[signal])


class TextTable:
    """Canonical texts, with every distinct text and every distinct finding once, as integers on one device.

    A text, of a sequence or of a whole study, is a row: a list of finding numbers, empty for the normal text. A finding
    that a study has on several sequences is in its row as often. SelipError where a text is not canonical.
    """

    def __init__(self, texts: Sequence[str], modalities: Sequence[str]) -> None:
        """Index the texts, which may repeat, each with its sequence, which does not matter for that of a study."""
        self._row_of: dict[str, int] = {}
        self.statements: list[IndexedStatement] = []
        numbers: dict[str, int] = {}
        offsets, members = array("q", [0]), array("q")
        for text, modality in zip(texts, modalities, strict=True):
            if text in self._row_of:
                continue
            for written, sequence in statements_with_sequence(text, cast("Modality", modality)):
                number = numbers.get(written)
                if number is None:
                    number = numbers[written] = len(self.statements)
                    self.statements.append(_checked(written, sequence))
                members.append(number)
            offsets.append(len(members))
            self._row_of[text] = len(self._row_of)
        self.findings = RaggedIndex(_tensor(offsets), _tensor(members))
        self.locations = _numbered(s.location for s in self.statements)
        self.published_classes = _numbered(s.published_class for s in self.statements)
        self.signal_classes = _numbered(s.signal_class for s in self.statements)
        self.sides = torch.tensor([_SIDE_INDEX[s.side] for s in self.statements], dtype=torch.int64)
        site_index = {site: index for index, site in enumerate(SITES)}
        self.sites = torch.tensor([site_index[s.site] for s in self.statements], dtype=torch.int64)
        self.characters = _interned({*s.location, *s.description} for s in self.statements)
        self.regions = RaggedIndex.of([site_index[s] for s in (site, *ancestors(site))] for site in SITES)

    def __len__(self) -> int:
        return len(self._row_of)

    def rows(self, texts: Sequence[str]) -> Tensor:
        """The row of each text, int64 (len(texts),) on the table's device; KeyError for a text that is not indexed."""
        return torch.tensor([self._row_of[text] for text in texts], dtype=torch.int64, device=self.device)

    @property
    def device(self) -> torch.device:
        """The device of the integers."""
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
        """The distinct jieba words of each finding's l + d, segmented on first use."""
        cut = _word_cutter()
        return _interned({*cut(s.location), *cut(s.description)} for s in self.statements).to(self.device)


Index = Tensor | slice
"""A selection of findings: int64 positions, or a slice, which needs no copy."""

ALL = slice(None)

Pairwise = Callable[[Index, Index], Tensor]
"""Similarities (len(x), len(y)) in 0..1 of the selections x of some findings and y of others."""


class Factor(Protocol):
    """A factor of the similarity of two findings."""

    @property
    def column(self) -> str:
        """The column of the table that determines the factor, which is 1 for equal numbers."""
        ...

    @property
    def graded(self) -> bool:
        """Whether the factor may be above 0 for different numbers."""
        ...

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """The factor for the findings with the numbers `a`, int64 (A,), and `b`, int64 (B,)."""
        ...


@dataclass(frozen=True)
class EqualityFactor:
    """1 where the numbers are equal, else 0: [l_a = l_b] or [g_a = g_b]."""

    column: str
    graded = False

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """The factor for these findings."""
        # Compared in the result's type, which is twice as fast and exact up to 2**24 different numbers.
        of_a, of_b = (getattr(table, self.column)[numbers].to(dtype) for numbers in (a, b))

        def same(x: Index, y: Index) -> Tensor:
            one, other = of_a[x][:, None], of_b[y]
            return torch.eq(one, other, out=other.new_empty(len(one), len(other)))

        return same


@dataclass(frozen=True)
class SiteHierarchyFactor:
    """Dice coefficient of the two sets {site and all sites that contain it}, times (1 + side) / 2.

    So 海马 and 颞叶 are more similar than 海马 and 额叶. `side` is 1 for equal sides, 0 for 左侧 and 右侧, else 0.5.
    """

    column = "locations"
    graded = True

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """The factor for these findings."""
        sides = torch.tensor(_SIDE_SIMILARITY, dtype=dtype, device=a.device)
        regions = _dice(table.regions.take(table.sites[a]), table.regions.take(table.sites[b]), dtype)
        side_a, side_b = table.sides[a], table.sides[b]
        return lambda x, y: regions(x, y).mul_(sides[side_a[x]][:, side_b[y]].add_(1).mul_(0.5))


@dataclass(frozen=True)
class WordingFactor:
    """2 |C_a ∩ C_b| / (|C_a| + |C_b|), where C is the set of characters, or of jieba words, of l + d."""

    units: str

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """The factor for the findings with the numbers `a`, int64 (A,), and `b`, int64 (B,)."""
        sets: RaggedIndex = getattr(table, self.units)
        return _dice(sets.take(a), sets.take(b), dtype)


@dataclass(frozen=True)
class FindingSimilarity:
    """(0.5 location + 0.5 signal) · wording; without `meaning` (location, signal) or `wording`, the other alone."""

    meaning: tuple[Factor, Factor] | None
    wording: WordingFactor | None

    def between(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Pairwise:
        """The similarity of the findings with the numbers `a`, int64 (A,), and `b`, int64 (B,)."""
        wording = None if self.wording is None else self.wording.between(table, a, b, dtype)
        if self.meaning is None:
            assert wording is not None, "there is at least one factor"
            return wording
        location, signal = (factor.between(table, a, b, dtype) for factor in self.meaning)

        def similarity(x: Index, y: Index) -> Tensor:
            meaning = location(x, y).add_(signal(x, y)).mul_(0.5)
            return meaning if wording is None else meaning.mul_(wording(x, y))

        return similarity

    def keys(self, table: TextTable, numbers: Tensor) -> Tensor:
        """A sort key, int64 (N,), for findings: equal where all factors are, close where findings are similar."""
        columns = [getattr(table, factor.column) for factor in reversed(self.meaning or ())]
        if self.wording is not None:
            columns.append(torch.arange(len(table.statements), device=table.device))
        keys = torch.zeros_like(numbers)
        for column in columns:
            keys = keys * len(table.statements) + column[numbers]
        return keys

    def candidates(self, table: TextTable, some: Tensor, others: Tensor) -> Index:
        """The positions in `others` of the findings whose similarity to any of `some` may be above 0."""
        if self.meaning is None or any(factor.graded for factor in self.meaning):
            return ALL
        may_be_similar = torch.zeros(len(others), dtype=torch.bool, device=others.device)
        for factor in self.meaning:
            column = getattr(table, factor.column)
            occurs = torch.zeros(len(table.statements), dtype=torch.bool, device=others.device)
            occurs[column[some]] = True
            may_be_similar |= occurs[column[others]]
        return may_be_similar.nonzero()[:, 0]


_LOCATION = EqualityFactor("locations")
_CHARACTERS = WordingFactor("characters")
PUBLISHED = FindingSimilarity((_LOCATION, EqualityFactor("published_classes")), _CHARACTERS)
"""The paper's (arXiv 2503.19801): (0.5 [l_a = l_b] + 0.5 [g_a = g_b]) · Dice of the characters, g the signal class."""
SYNTAX = FindingSimilarity(None, _CHARACTERS)
SYNTAX_WORDS = FindingSimilarity(None, WordingFactor("words"))
SEMANTIC = FindingSimilarity((_LOCATION, EqualityFactor("signal_classes")), None)
HIERARCHY = FindingSimilarity((SiteHierarchyFactor(), EqualityFactor("signal_classes")), None)


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
            f"A text of {modality} is not canonical ({error}): extract the reports again with this version."
        ) from error


def _offsets(sizes: Tensor) -> Tensor:
    """The offsets of lists of these sizes, int64 (N + 1,)."""
    return torch.cat([sizes.new_zeros(1, dtype=torch.int64), sizes.cumsum(0)])


def _tensor(numbers: "array[int]") -> Tensor:
    return torch.frombuffer(numbers, dtype=torch.int64).clone() if numbers else torch.empty(0, dtype=torch.int64)


def _numbered(names: Iterable[str]) -> Tensor:
    """A number for each name, the same for equal names, int64 (N,)."""
    numbers: dict[str, int] = {}
    return _tensor(array("q", (numbers.setdefault(name, len(numbers)) for name in names)))


def _interned(sets: Iterable[set[str]]) -> RaggedIndex:
    numbers: dict[str, int] = {}
    return RaggedIndex.of([numbers.setdefault(member, len(numbers)) for member in sorted(one)] for one in sets)


def _word_cutter() -> Callable[[str], list[str]]:
    """A function that segments a text by jieba's general dictionary, with the vocabulary's terms as whole words."""
    segmenter = word_segmenter((*SITES, *SIDES, *ENHANCEMENTS, *(f"{signal}信号" for signal in SIGNALS)))
    return lambda text: segmenter.lcut(text, HMM=False)
