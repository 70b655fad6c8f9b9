"""What a report is read as: typed tokens, sentence by sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from selip_extract.language.lexicon import Kind


class Token(NamedTuple):
    """One typed word: characters [start, end) of the report's text."""

    kind: Kind
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class LexedReport:
    """The tokens of a report, sentence by sentence.

    `read` is the mended text, of the length of `text`; `slips` are the spans of words that were mended by guess.
    """

    text: str
    read: str
    sentences: tuple[tuple[Token, ...], ...]
    slips: tuple[tuple[int, int], ...] = ()


def sentences_of(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The tokens of each sentence, with the stop that ends it."""
    start = 0
    for at, token in enumerate(tokens, start=1):
        if token.kind == "stop":
            yield tokens[start:at]
            start = at
    if start < len(tokens):
        yield tokens[start:]
