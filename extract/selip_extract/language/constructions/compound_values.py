"""Signals and enhancements that several words say together: 高、等混杂信号, 花环状高强化, 不均匀稍高强化."""

import re
from collections.abc import Sequence

from selip_extract.language.tokens import Token

_MANNERS = (
    ("环形强化", re.compile("环|晕")),
    ("不均匀强化", re.compile("不均|欠均|混杂")),
    ("均匀强化", re.compile("均匀|均一")),
    ("明显强化", re.compile("明显|显著|强烈")),
    ("轻度强化", re.compile("轻|稍|略|微|淡")),
)
"""What the words before 强化 say of it; the first that is found counts: a pattern before a degree."""
_COMPARED = re.compile(
    "强化(?:程度|幅度)?(?:明显|稍|略|均)?(?:(?P<less>[低弱]于|不及|不如)|[高强]于)(?:周围|邻近|相邻|同侧|对侧)?(?:的?正常|(?=垂体|脑|[灰白]质))"
)
"""强化程度低于正常垂体."""
_BRACKETED = re.compile(
    r"\((?P<manner>(?:[呈为、,]|明显|显著|轻度|轻微|稍|略|不均匀?|均匀|环形|环状|花环|[状样]|强化)+)\)"
)
"""强化（呈环形）."""
_TEXTURE = re.compile(
    "[、,]?[且而但又和及]?(?:尚|较|很|也)?(?P<manner>[不欠]甚?均匀?|均匀|均一|均质)(?=[,;。、\n\\s]|$)"
)
"""强化明显且均匀."""
_QUOTED = re.compile('(?:轻度|轻微|中度|明显|显著|不均匀|均匀)*[“"][^“”"]{1,8}[”"]$')
"""轻度“蜂房样”强化, “开环状”强化."""
_DEGREES = frozenset(("强化", "明显强化", "轻度强化"))
_DEGREE = re.compile("(?:轻度|轻微|稍|略)$")
_DEGREE_BEFORE = re.compile("[度微稍略](?:[A-Z]|[弥扩压抑水黑磁])")
_FILLING = re.compile(".{0,4}充盈")


def with_compound_values(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, values that are said together as one; the normal filling of vessels states nothing."""
    hydrocephalus = "脑积水" in text
    compound = [token for token in tokens if token.kind == "enhancement" or token.value == "混杂"]
    if not (compound or hydrocephalus or "强" in text or _DEGREE_BEFORE.search(text)):
        return list(tokens)
    found: list[Token] = []
    end = 0
    for token in tokens:
        if token.start < end:
            continue
        known = hydrocephalus and token.value and token.kind != "elsewhere"
        ends = known and text.startswith("脑积水", max(token.end - 3, token.start))
        if ends and not text.startswith((":", "分流", "引流", "术后"), token.end):
            found += _hydrocephalus(token)
            continue
        compared = _COMPARED.match(text, token.start) if text[token.start] == "强" else None
        if compared is not None and token.kind in ("enhancement", "other"):
            less = compared["less"] is not None
            token = Token("enhancement", "轻度强化" if less else "明显强化", token.start, token.end)
        if token.kind == "signal" and token.value in ("高", "低") and _has_its_degree_before(found, token, text):
            token = token._replace(value="稍" + token.value)
        elif token.kind == "enhancement" and _FILLING.match(text, token.end):
            token = token._replace(kind="other")
        elif token.kind == "enhancement" and (manner := _bracketed_manner(token, text)) is not None:
            token = manner
            end = token.end
        elif token.value in _DEGREES and (texture := _TEXTURE.match(text, token.end)) is not None:
            even = texture["manner"][0] == "均"
            token = Token("enhancement", "均匀强化" if even else "不均匀强化", token.start, texture.end())
            end = token.end
        elif token.kind == "enhancement" and (quoted := _QUOTED.search(text, max(0, token.start - 16), token.start)):
            while found and found[-1].start >= quoted.start():
                found.pop()
            manner_said = manner_of_enhancement(quoted[0]) or token.value
            token = Token("enhancement", manner_said, quoted.start(), token.end)
        elif token.kind == "enhancement" and found and _adjoins(found[-1], token) and found[-1].kind == "signal":
            token = _enhancement(found, token, text)
        elif token.kind == "signal" and token.value == "混杂":
            token = _mixed(found, token)
        found.append(token)
    return found


def _has_its_degree_before(found: list[Token], token: Token, text: str) -> bool:
    """轻度T2高信号, 略FLAIR低信号: the degree stands before the sequence, right behind which the signal follows."""
    start = token.start
    for before in reversed(found):
        if before.end != start or not (before.kind == "sequence" or before.value == "、"):
            break
        start = before.start
    return start < token.start and _DEGREE.search(text, max(0, start - 2), start) is not None


def _hydrocephalus(token: Token) -> tuple[Token, Token]:
    """脑积水 says that the ventricles are dilated."""
    at = token.end - 3
    return Token("site", "脑室系统", at, at + 1), Token("change", "扩张", at + 1, token.end)


def _mixes(before: Token, right_before: bool) -> bool:
    """A signal (等 is one only after the next step of lexing), or a mark between two."""
    return before.kind == "signal" or before.value == "等" or (before.value == "、" and not right_before)


def _adjoins(before: Token, token: Token) -> bool:
    return before.end == token.start


def _bracketed_manner(token: Token, text: str) -> Token | None:
    """强化（呈环形）: the manner in brackets behind an enhancement of no manner."""
    bracket = _BRACKETED.match(text, token.end) if token.value == "强化" else None
    manner = None if bracket is None else manner_of_enhancement(bracket["manner"])
    return None if bracket is None or manner is None else Token("enhancement", manner, token.start, bracket.end())


def _enhancement(found: list[Token], token: Token, text: str) -> Token:
    """花环状高强化: the form and the degree before 强化 are those of the enhancement."""
    start = token.start
    while found and found[-1].kind in ("signal", "other") and found[-1].end == start:
        start = found.pop().start
    said = text[start : token.end]
    return Token("enhancement", manner_of_enhancement(said) or "强化", start, token.end)


def manner_of_enhancement(words: str) -> str | None:
    """The enhancement that 环形, 不均匀, 明显 and the like describe; None where the words describe none."""
    return next((value for value, manner in _MANNERS if manner.search(words)), None)


def _mixed(found: list[Token], token: Token) -> Token:
    """高、等混杂信号 is one mixed signal, not three."""
    start = token.start
    while found and found[-1].end == start and _mixes(found[-1], start == token.start):
        start = found.pop().start
    return token._replace(start=start)
