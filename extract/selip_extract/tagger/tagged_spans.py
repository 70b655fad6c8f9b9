"""Spans out of tags: the runs of characters that the network takes for a role, each with its probability."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selip_extract.tagger.statements import BEGIN, INSIDE, OUTSIDE

Probabilities = NDArray[np.float32]


class TaggedSpan(NamedTuple):
    """Characters [start, end) of a window that have one role, and the least probability of their tags."""

    start: int
    end: int
    probability: float


def tagged_spans(tags: Probabilities) -> list[TaggedSpan]:
    """The spans of one role: tags (length, 3) are the probabilities of outside, begin and inside."""
    likeliest = tags.argmax(-1)
    greatest = tags.max(-1)
    begins = np.flatnonzero(likeliest == BEGIN)
    others = np.append(np.flatnonzero(likeliest != INSIDE), len(tags))
    ends = others[np.searchsorted(others, begins, side="right")]
    return [
        TaggedSpan(start, end, float(greatest[start:end].min()))
        for start, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]


def probability_of(tags: Probabilities, start: int, end: int) -> float:
    """The probability that a character of [start, end) has the role at all: the greatest of any."""
    return float(1 - tags[start:end, OUTSIDE].min()) if end > start else 0.0
