"""Weighted random choices, and their notation in tables: `额叶8 顶叶5 岛叶`."""

import random
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

from selip_shared.errors import SelipError

T = TypeVar("T")
_ENTRY = re.compile(r"(\S*?[^\s\d])(\d*)(?:\s+|$)")


@dataclass(frozen=True)
class WeightedChoice(Generic[T]):
    """SignalValues and the running totals of their weights."""

    values: tuple[T, ...]
    totals: tuple[float, ...]

    def draw(self, rng: random.Random) -> T:
        """One value, as often as its weight says."""
        return rng.choices(self.values, cum_weights=self.totals)[0]


def weighted(entries: Iterable[tuple[T, float]]) -> WeightedChoice[T]:
    """The choice among (value, weight) pairs."""
    values, weights = zip(*entries, strict=True)
    return WeightedChoice(values, tuple(accumulate(weights)))


def words(text: str) -> list[tuple[str, int]]:
    """(word, weight) of each blank-separated entry; a number at a word's end is its weight, 1 without one."""
    return [(word, int(weight or 1)) for word, weight in _ENTRY.findall(text)]


def known(word: str, vocabulary: Collection[str], cell: str) -> str:
    """The word; SelipError where it is not in the vocabulary, which names the `cell` of a table."""
    if word not in vocabulary:
        raise SelipError(f"{cell}: {word} is unknown; use one of {', '.join(vocabulary)}.")
    return word
