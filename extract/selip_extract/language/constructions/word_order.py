"""Signals that stand before their sequence: 呈稍低T1、稍高T2信号 is T1稍低信号、T2稍高信号."""

from collections.abc import Sequence

from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token

_NAMES: frozenset[Kind] = frozenset(("sequence", "signal"))
_ENDS = frozenset((",", ";", ":"))


def with_usual_order(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, each sequence that has its signal right before it moved before that signal."""
    found = list(tokens)
    start = 0
    for at in range(len(tokens) + 1):
        if at < len(tokens) and not (tokens[at].kind in ("stop", "mark") or tokens[at].value in _ENDS):
            continue
        for first, second in _inverted(tokens, start, at):
            found[first], found[second] = tokens[second], tokens[first]
        start = at + 1
    return found


def _inverted(tokens: Sequence[Token], start: int, end: int) -> list[tuple[int, int]]:
    """The pairs of a clause in which every signal stands right before its sequence, and a noun behind the last."""
    named = [at for at in range(start, end) if tokens[at].kind in _NAMES]
    if not named or len(named) % 2:
        return []
    pairs = list(zip(named[::2], named[1::2], strict=True))
    adjoin = all(
        tokens[a].kind == "signal" and tokens[b].kind == "sequence" and b == a + 1 and tokens[a].end == tokens[b].start
        for a, b in pairs
    )
    behind = tokens[named[-1] + 1 : named[-1] + 2]
    return pairs if adjoin and behind and behind[0].kind in ("cue", "abnormal", "lesion") else []
