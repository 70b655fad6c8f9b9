"""Negation as a grammar: a negator before or after what it denies, whose parts need not be one word of the lexicon.

Before: [尚仍亦均并]? 未/不/无/没/欠 [再有曾能伴]? [明显显著确切]? + signal, enhancement, restriction, change, abnormal.
After: signal, enhancement, restriction, change + 不明显, 不著, 阴性, 未见, 消失 at the end of the clause, by the
expressions of words/negations.toml.
"""

import re
from collections.abc import Sequence

from selip_extract.language.lexicon import Kind, lexicon
from selip_extract.language.tokens import Token

_DENIED: frozenset[Kind] = frozenset(("signal", "enhancement", "restriction", "change", "abnormal"))
_BEFORE = re.compile(
    "(?:尚|仍|亦|均|并|也|都|皆|现)?(?:未|不|没有?|无|欠)(?:再|有|曾|能|伴|呈|见|及|甚|太|显示)*(?:明显|显著|确切|明确|肯定|异常)?的?"
)
_OPENING = frozenset("尚仍亦均并也都皆现未不没无欠")
_LOOSE: frozenset[Kind] = frozenset(("other", "cue", "negation", "verb"))
_CLAUSE_ENDS = frozenset((",", ";", ":", "、"))


def with_negations(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, with every negator that the lexicon does not hold as a word as one token of kind negation."""
    found: list[Token] = []
    done = 0
    for at, token in enumerate(tokens):
        if at < done:
            continue
        end = None
        if token.kind == "other" and text[token.start] in _OPENING:
            end = _before(tokens, at, text)
        if end is None and found and found[-1].kind in _DENIED and found[-1].end == token.start:
            end = _after(tokens, at, text)
        if end is not None:
            token = Token("negation", "未见", token.start, tokens[end - 1].end)
            done = end
        found.append(token)
    return found


def _before(tokens: Sequence[Token], at: int, text: str) -> int | None:
    """The end of the negator that begins at `at`, with a word that opens one, right before what it denies."""
    end = at
    while end < len(tokens) and end < at + 4 and tokens[end].kind == "other" and _adjoins(tokens, end):
        end += 1
        denied = tokens[end] if end < len(tokens) else None
        if denied is not None and denied.kind in _DENIED and denied.start == tokens[end - 1].end:
            return end if _BEFORE.fullmatch(text, tokens[at].start, denied.start) else None
    return None


def _after(tokens: Sequence[Token], at: int, text: str) -> int | None:
    """The end of the negator that begins at `at`, right behind what may be denied, and ends its clause."""
    # 强化：无, a line of a template
    end = at + 1 if tokens[at].value == ":" else at
    while end < len(tokens) and end < at + 5 and tokens[end].kind in _LOOSE and _adjoins(tokens, end):
        end += 1
    if end == at:
        return None
    closed = end == len(tokens) or tokens[end].kind in ("stop", "mark") or tokens[end].value in _CLAUSE_ENDS
    if not closed:
        return None
    return end if lexicon().negation_behind.fullmatch(text, tokens[at].start, tokens[end - 1].end) else None


def _adjoins(tokens: Sequence[Token], at: int) -> bool:
    return at == 0 or tokens[at].start == tokens[at - 1].end
