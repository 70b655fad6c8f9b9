"""Laterality: a side carries over an enumeration of sites until another side is named (rule 2 of the annotation)."""

import re
from collections.abc import Sequence
from typing import NamedTuple, cast

from selip_contracts.vocabulary import SITES, Side, ancestors
from selip_extract.language.lexicon import LOBE_CHARACTERS, lexicon
from selip_extract.language.tokens import Token

_PREDICATES = frozenset(
    "signal enhancement restriction change negation abnormal normal verb sequence elsewhere".split()
)
_VENTRICLES = "脑室系统"
_INSIDE = frozenset(("内", "之内"))
PARTS_OF_A_SITE = frozenset(
    "上部 下部 中部 前部 后部 上份 下份 中份 前份 后份 内侧 外侧 背侧 腹侧 内侧部 外侧部".split()
)
"""Words for a part of a site, which may stand between it and its side, or a site within it: 脑桥下部偏左侧."""
_PART = re.compile("(?:[上下中前后背腹内外]{1,2}[侧部份缘]|[体头尾顶底]部|表面|实质)内?")
"""Words for a part of a site that the lexer does not hold together: 延髓背侧（极后区）."""
_NAMING = frozenset(("site", "side", "layer", "post_side"))
_ENDING_CUES = frozenset(("外", "其余", "上述", "前者", "后者", "同上"))


_OPPOSITE = {"左侧": "右侧", "右侧": "左侧"}


class LateralisedSite(NamedTuple):
    """A named site with its side.

    `index` is that of the site's `token`; `side_token` names the side; `is_qualifier` is true where the site only says
    in which larger site the next one lies.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nothing needs here
    token: Token
    site: str
    side: Side | None
    side_token: Token | None
    is_qualifier: bool


def lateralised_sites(tokens: Sequence[Token]) -> list[LateralisedSite]:
    """Every site token with its side, in the order of the tokens."""
    found: list[LateralisedSite] = []
    carried: Token | None = None
    for i, token in enumerate(tokens):
        if token.kind == "side":
            carried = token
            if i and tokens[i - 1].value == "位于" and not _leads_to_site(tokens, i):
                found = [s if s.side else s._replace(side=_side(token), side_token=token) for s in found]
        elif token.kind == "site":
            found.append(_lateralised(tokens, i, carried))
        elif carried is not None and _ends_enumeration(tokens, i):
            carried = None
    return found


def _side(token: Token) -> Side:
    return cast(Side, token.value)


def _ends_enumeration(tokens: Sequence[Token], at: int) -> bool:
    match tokens[at].kind:
        case "punctuation":
            # 左侧：额叶、枕叶；右侧：…
            heads = tokens[at].value == ":" and at > 0 and tokens[at - 1].kind == "side"
            return tokens[at].value in (";", ":") and not heads
        case "lesion":
            return not _continues(tokens, at)
        case "cue":
            # 左侧颞极蛛网膜囊肿压迫邻近颞叶; not 左侧侧脑室周围额叶
            beside = tokens[at].value == "周围" and at > 0 and tokens[at - 1].kind not in _NAMING
            return beside or tokens[at].value in _ENDING_CUES
        case "normal":
            return not _describes_a_side(tokens, at)
        case kind:
            return kind in _PREDICATES


def _describes_a_side(tokens: Sequence[Token], at: int) -> bool:
    """双侧对称的脑白质…, 双侧不对称多发…: how both sides look, before the site is named."""
    before = tokens[at - 2 : at] if at > 1 and tokens[at - 1].value == "不" else tokens[at - 1 : at]
    following = tokens[at + 1 : at + 2]
    return (
        bool(at and before) and before[0].kind == "side" and bool(following) and following[0].kind in ("other", "site")
    )


def _leads_to_site(tokens: Sequence[Token], at: int) -> bool:
    return at + 1 < len(tokens) and tokens[at + 1].kind in ("site", "other")


def _continues(tokens: Sequence[Token], at: int) -> bool:
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    return following is not None and following.value in ("、", "(")


def _lateralised(tokens: Sequence[Token], at: int, carried: Token | None) -> LateralisedSite:
    token = tokens[at]
    after = _side_after(tokens, at)
    if after is not None:
        governing: Token | None = after
    elif SITES[token.value].laterality == "paired" or (carried is not None and _stands_before(carried, tokens, at)):
        governing = carried
    else:
        governing = None
    side = None if governing is None else _side(governing)
    return LateralisedSite(at, token, token.value, side, governing, _is_qualifier(tokens, at))


def _stands_before(side: Token, tokens: Sequence[Token], at: int) -> bool:
    """左侧脑桥, 左侧额部脑沟, 左侧额部局部脑沟: nothing but qualifiers of the site stand between it and its side."""
    for token in reversed(tokens[:at]):
        if token is side:
            return True
        if token.value == "部分":
            continue
        if token.kind != "other":
            return False
        if SITES[tokens[at].value].laterality != "none" and token.value not in LOBE_CHARACTERS.values():
            return False
    return False


def _side_after(tokens: Sequence[Token], at: int) -> Token | None:
    """The side, if it follows its site: 脑桥左侧份, 额叶（左侧）, 额叶（仅左侧）."""
    for token in tokens[at + 1 : at + 4]:
        if token.kind == "post_side":
            return token
        if not (token.kind == "layer" or token.value in ("(", "仅")):
            return None
    return None


def _names_a_part(tokens: Sequence[Token], at: int) -> bool:
    """双侧基底节区（右侧壳核、左侧尾状核）, 中脑右侧大脑脚: parts of the site follow, each with its side."""
    bracketed = at + 1 < len(tokens) and tokens[at + 1].value == "("
    following = tokens[at + 1 + bracketed : at + 3 + bracketed]
    adjoins = bracketed or (bool(following) and following[0].start == tokens[at].end)
    named = adjoins and [t.kind for t in following] == ["side", "site"]
    return named and tokens[at].value in ancestors(following[1].value)


def _locates(tokens: Sequence[Token], at: int) -> bool:
    """第三脑室后部松果体区, 脑桥左份皮质脊髓束: a part of the site is named, and right after it the site meant."""
    if at + 2 >= len(tokens):
        return False
    part, meant = tokens[at + 1], tokens[at + 2]
    if meant.kind != "site" or meant.value in lexicon().site_groups.layers:
        return False
    adjoin = tokens[at].end == part.start and part.end == meant.start
    return adjoin and (part.kind == "post_side" or part.value in PARTS_OF_A_SITE)


def _behind_a_part(tokens: Sequence[Token], at: int) -> str | None:
    """The site right behind the words for a part of the site at `at`, or in a bracket there."""
    words, end = "", at + 1
    while end < len(tokens) and tokens[end].kind == "other" and tokens[end].start == tokens[end - 1].end:
        words, end = words + tokens[end].value, end + 1
    if not words or _PART.fullmatch(words) is None:
        return None
    end += end < len(tokens) and tokens[end].value == "("
    return tokens[end].value if end < len(tokens) and tokens[end].kind == "site" else None


def _is_qualifier(tokens: Sequence[Token], at: int) -> bool:
    """Whether the next site is a part of this one: 基底节区（壳核）, 基底节区壳核, 中脑右侧大脑脚 name the part."""
    behind = _behind_a_part(tokens, at)
    if behind is not None and tokens[at].value in ancestors(behind):
        return True
    following = tokens[at + 1 : at + 3]
    if len(following) > 1 and following[0].value == "(":
        named = [t.kind for t in tokens[at + 2 : at + 4]]
        of_a_territory = tokens[at].value.endswith("供血区") and named == ["side", "site"]
        return named[0] == "site" or of_a_territory or _names_a_part(tokens, at)
    if len(following) > 1 and following[0].value in PARTS_OF_A_SITE and following[1].value == "(":
        inside = tokens[at + 3 : at + 4]
        return bool(inside) and inside[0].kind == "site" and tokens[at].value in ancestors(inside[0].value)
    if len(following) > 1 and following[0].value in _INSIDE and following[1].kind == "site":
        return tokens[at].value in ancestors(following[1].value)
    if _locates(tokens, at) or _names_a_part(tokens, at):
        return True
    if not following or following[0].start != tokens[at].end or following[0].kind != "site":
        return False
    groups, value = lexicon().site_groups, tokens[at].value
    if following[0].value in groups.linings and _VENTRICLES in (value, *ancestors(value)):
        return True
    return value in groups.regions or value in ancestors(following[0].value)


def relative_side(token: Token, found: Sequence[Token], text: str) -> Token:
    """同侧 and 对侧 as the side that they mean, by the last one named."""
    one_sided = [
        t.value
        for t in found
        if t.kind in ("side", "post_side")
        and t.value in _OPPOSITE
        and text[t.start : t.end] not in ("同侧", "对侧")
        and not text.endswith(("较", "比"), 0, t.start)
    ]
    if not one_sided:
        return token._replace(kind="other")
    return token._replace(value=one_sided[-1] if token.value == "同侧" else _OPPOSITE[one_sided[-1]])
