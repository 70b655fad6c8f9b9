"""Impressions in the cell of the findings: 影像诊断：1.右侧基底节区脑梗死。2.…. They state nothing."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token

_EXAM = "(?:影[像象]|MRI?|核?磁共振|核磁|放射|检查|初步|报告|头颅|颅脑|平扫|增强)*学?"
_UNMISTAKABLE = "(?:影[像象]学?诊断|诊断意见|诊断印象|结论|印象)[:：]"
"""A heading even where the line before it has no end: a hard line break is mended before headings are looked for."""
_HEADING = re.compile(
    rf"(?:^|(?<=[\n。;；】\]])|(?={_UNMISTAKABLE}))[【\[(（]?{_EXAM}(?:"
    "(?P<impression>(?:诊断|印象|结论|意见|小结|建议)+(?:结果|意见)?|IMPRESSIONS?|CONCLUSIONS?|DIAGNOSIS)"
    r"|(?:所见|表现|描述|征象|FINDINGS))[】\])）]?(?:[:：\n]|(?=[(（]?\d[.、．)）]))"
)
_HINT = re.compile("诊断|印象|结论|意见|小结|建议|IMPRESSION|CONCLUSION|DIAGNOSIS")
_STATING: frozenset[Kind] = frozenset(("site", "sequence", "abnormal", "normal"))
_MARKS: frozenset[Kind] = frozenset(("punctuation", "stop", "mark"))


def without_impressions(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens; each sentence of an impression is a word of kind elsewhere and words without a meaning."""
    if _HINT.search(text) is None:
        return list(tokens)
    found = list(tokens)
    for start, end in _impressions(tokens, text):
        opens = True
        for at, token in enumerate(found):
            if not start <= token.start < end:
                continue
            if token.kind in ("stop", "mark"):
                opens = True
            elif token.kind not in _MARKS:
                kind: Kind = "elsewhere" if opens else "other"
                found[at] = Token(kind, "他处" if opens else "", token.start, token.end)
                opens = False
    return found


def _impressions(tokens: Sequence[Token], text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each impression; one before all findings is the question of the exam, and is left as it is."""
    for heading, following in pairwise([*_HEADING.finditer(text), None]):
        if heading is None or heading["impression"] is None:
            continue
        if any(token.kind in _STATING and token.start < heading.start() for token in tokens):
            yield heading.start(), len(text) if following is None else following.start()
