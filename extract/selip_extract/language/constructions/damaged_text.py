"""Sentences in which characters were lost: they state nothing, and are not normal either."""

from collections.abc import Sequence

from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token, sentences_of
from selip_extract.language.understanding.damage import is_damaged

_STATING: frozenset[Kind] = frozenset(
    ("site", "sequence", "signal", "enhancement", "restriction", "change", "negation", "abnormal", "normal")
)


def without_damaged_sentences(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens; those of a damaged sentence are words without a meaning."""
    if not is_damaged(text):
        return list(tokens)
    found: list[Token] = []
    begin = 0
    for sentence in sentences_of(tokens):
        end = sentence[-1].start if sentence[-1].kind == "stop" else len(text)
        if is_damaged(text, begin, end):
            sentence = [t._replace(kind="other", value="") if t.kind in _STATING else t for t in sentence]
        found += sentence
        begin = end
    return found
