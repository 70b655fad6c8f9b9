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
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self, cast

import jieba
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


class Sets(NamedTuple):
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

    def take(self, index: Tensor) -> "Sets":
        """The lists at these positions (int64), in their order."""
        starts = self.bounds[index]
        sizes = self.bounds[index + 1] - starts
        bounds = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        shift = torch.repeat_interleave(starts - bounds[:-1], sizes)
        return Sets(bounds, self.members[torch.arange(len(shift), device=shift.device) + shift])

    @property
    def sizes(self) -> Tensor:
        """How long each list is, int64."""
        return self.bounds.diff()

    def to(self, device: torch.device | str) -> "Sets":
        """The same on another device."""
        return Sets(self.bounds.to(device), self.members.to(device))


class Statement(NamedTuple):
    """One finding as a canonical text states it."""

    location: str
    description: str
    side: Side | None
    site: str
    published_class: str
    signal_class: SignalClass


def read_statement(written: str, modality: Modality) -> Statement:
    """The finding that a statement states; ValueError where it is none."""
    side, site, signal, _ = parse_statement(written, modality)
    location, description = written.removeprefix("在").split("表现为", maxsplit=1)
    told = _PUBLISHED_CLASS.search(description)
    return Statement(location, description, side, site, told[0] if told else description, SIGNAL_CLASS[signal])


class TextTable:
    """Canonical texts, each distinct text and each distinct finding once; all else is integers on one device.

    A text is a row, a list of finding numbers, empty for the normal text. SelipError where a text is not canonical.
    """

    def __init__(self, texts: Sequence[str], modalities: Sequence[str]) -> None:
        """Take in the texts with the sequence that each is of; a text may come again and again."""
        self._row_of: dict[str, int] = {}
        self.statements: list[Statement] = []
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
        self.findings = Sets(_tensor(bounds), _tensor(members))
        self.locations = _numbered(s.location for s in self.statements)
        self.published_classes = _numbered(s.published_class for s in self.statements)
        self.signal_classes = _numbered(s.signal_class for s in self.statements)
        self.sides = torch.tensor([_SIDE_INDEX[s.side] for s in self.statements], dtype=torch.int64)
        self.sites = torch.tensor([_SITE_INDEX[s.site] for s in self.statements], dtype=torch.int64)
        self.characters = _interned({*s.location, *s.description} for s in self.statements)
        self.regions = Sets.of([_SITE_INDEX[s] for s in (site, *ancestors(site))] for site in SITES)

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
            if isinstance(value, Tensor | Sets):
                setattr(moved, name, value.to(device))
        return moved

    @cached_property
    def words(self) -> Sets:
        """The distinct jieba words of each finding's l + d, cut when they are first asked for."""
        cut = _word_cutter()
        return _interned({*cut(s.location), *cut(s.description)} for s in self.statements).to(self.device)


Part = Callable[[TextTable, Tensor, Tensor, torch.dtype], Tensor]
"""How alike in one respect the findings with these numbers, int64 (A,) and (B,), are: (A, B) in 0..1."""


@dataclass(frozen=True)
class Score:
    """How alike findings are: (0.5 place + 0.5 signal) · wording; without `meaning` or `wording` the other alone."""

    meaning: tuple[Part, Part] | None
    wording: Part | None

    def __call__(self, table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
        """The scores (A, B) in 0..1 of the findings with these numbers."""
        score = None if self.wording is None else self.wording(table, a, b, dtype)
        if self.meaning is None:
            assert score is not None, "a score has at least one part"
            return score
        place, signal = (part(table, a, b, dtype) for part in self.meaning)
        match = place.add_(signal).mul_(0.5)
        return match if score is None else score.mul_(match)


def same_place(table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """[l_a = l_b]: site and side are equal."""
    return _equal(table.locations, a, b).to(dtype)


def near_place(table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """Dice over the sites and all that contains them, times (1 + side) / 2.

    海马 and 颞叶 share more than 海马 and 额叶. `side` is 1 for equal sides, 0 for 左侧 against 右侧, else 0.5.
    """
    sides = torch.tensor(_SIDES_ALIKE, dtype=dtype, device=a.device)[table.sides[a]][:, table.sides[b]]
    regions = _dice(table.regions.take(table.sites[a]), table.regions.take(table.sites[b]), dtype)
    return regions.mul_(sides.add_(1).mul_(0.5))


def same_published_class(table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """[g_a = g_b], g the paper's class."""
    return _equal(table.published_classes, a, b).to(dtype)


def same_signal_class(table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """Whether the contract's signal classes are equal."""
    return _equal(table.signal_classes, a, b).to(dtype)


def character_dice(table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """2 |C_a ∩ C_b| / (|C_a| + |C_b|), C the set of characters of l + d."""
    return _dice(table.characters.take(a), table.characters.take(b), dtype)


def word_dice(table: TextTable, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """The same over the words of l + d that jieba cuts, with the vocabulary as its user dictionary."""
    return _dice(table.words.take(a), table.words.take(b), dtype)


PUBLISHED = Score((same_place, same_published_class), character_dice)
SYNTAX = Score(None, character_dice)
SYNTAX_WORDS = Score(None, word_dice)
SEMANTIC = Score((same_place, same_signal_class), None)
HIERARCHY = Score((near_place, same_signal_class), None)


def _equal(of: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return of[a][:, None] == of[b]


def _dice(a: Sets, b: Sets, dtype: torch.dtype) -> Tensor:
    used, columns = torch.unique(torch.cat([a.members, b.members]), return_inverse=True)
    in_a = _incidence(a.sizes, columns[: len(a.members)], len(used), dtype)
    in_b = _incidence(b.sizes, columns[len(a.members) :], len(used), dtype)
    mean_size = (a.sizes.to(dtype)[:, None] + b.sizes).mul_(0.5)
    return (in_a @ in_b.T).div_(mean_size)


def _incidence(sizes: Tensor, columns: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    matrix = torch.zeros(len(sizes), width, dtype=dtype, device=sizes.device)
    matrix[torch.repeat_interleave(sizes), columns] = 1
    return matrix


def _checked(written: str, modality: Modality) -> Statement:
    try:
        return read_statement(written, modality)
    except ValueError as error:
        raise SelipError(
            f"No canonical text of {modality}: {error}; extract the reports anew with this version."
        ) from error


def _tensor(numbers: "array[int]") -> Tensor:
    return torch.frombuffer(numbers, dtype=torch.int64).clone() if numbers else torch.empty(0, dtype=torch.int64)


def _numbered(names: Iterable[str]) -> Tensor:
    """The same number for the same name."""
    numbers: dict[str, int] = {}
    return _tensor(array("q", (numbers.setdefault(name, len(numbers)) for name in names)))


def _interned(sets: Iterable[set[str]]) -> Sets:
    numbers: dict[str, int] = {}
    return Sets.of([numbers.setdefault(member, len(numbers)) for member in sorted(one)] for one in sets)


def _word_cutter() -> Callable[[str], list[str]]:
    """Cut a text into words: jieba's general dictionary, in which the vocabulary's words stay whole."""
    jieba.setLogLevel("ERROR")
    tokenizer = jieba.Tokenizer()
    # By default it would load what it finds under a known name in the folder that all users share.
    with TemporaryDirectory() as folder:
        tokenizer.tmp_dir = folder
        tokenizer.initialize()
    for word in (*SITES, *SIDES, *ENHANCEMENTS, *(f"{signal}信号" for signal in SIGNALS)):
        tokenizer.add_word(word)
    return lambda text: tokenizer.lcut(text, HMM=False)
