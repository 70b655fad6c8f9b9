"""Sentences in which characters were lost: they state nothing, and are not normal either."""

from collections.abc import Sequence

from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token
from selip_extract.language.understanding.damage import is_damaged

_STATING: frozenset[Kind] = frozenset(
    ("site", "sequence", "signal", "enhancement", "restriction", "change", "negation", "abnormal", "normal")
)


def without_damaged_sentences(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens; those of a damaged sentence are words without a meaning."""
    found = list(tokens)
    if not is_damaged(text):
        return found
    start = begin = 0
    for at in range(len(tokens) + 1):
        if at < len(tokens) and tokens[at].kind != "stop":
            continue
        end = tokens[at].start if at < len(tokens) else len(text)
        if is_damaged(text, begin, end):
            found[start:at] = [t._replace(kind="other", value="") if t.kind in _STATING else t for t in found[start:at]]
        start, begin = at + 1, end
    return found
