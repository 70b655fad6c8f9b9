"""Clauses that say all that they say of their sites: 左侧额叶术后改变，左侧颞叶见片状长T2信号 speaks of two lesions."""

import re
from collections.abc import Sequence
from itertools import takewhile

from selip_extract.language.lexicon import Kind, lexicon
from selip_extract.language.tokens import Token

_COMPLETE = re.compile(
    "术后|切除|不规则|欠规则|形态(?:失常|异常|改变)|不对称|缺如|变薄|骨折|不连续|开颅|气化不良|发育不良"
)
_NORMAL = re.compile(
    "(?:分界|界[限线]|对比|交界|形态|大小|结构|位置|显示|发育|轮廓|信号)(?:[均尚较亦]|基本)*(?:清楚?|清晰|可|佳|良?好|正常|如常|存在|自然|分明|规则)(?=[,，]|$)"
)
"""双侧大脑半球灰白质分界清: what is said of the sites is that they are normal."""
_STATING: frozenset[Kind] = frozenset(("sequence", "signal", "enhancement", "restriction"))
_VALUES: frozenset[Kind] = frozenset(("signal", "enhancement", "restriction"))
_ENDS: frozenset[Kind] = frozenset(("stop", "mark"))
_MARKS = frozenset((",", ";", ":"))
_NEXT: frozenset[Kind] = frozenset(("sequence", "site", "side"))
"""With one of these a further statement begins."""
_BEFORE_THE_NEXT: frozenset[Kind] = frozenset((*_VALUES, "abnormal", "change", "normal", "cue"))
_DESCRIBING: frozenset[Kind] = frozenset(("layer", "post_side", "other", "cue"))
_DISEASE = re.compile("变性|畸形|梗死|梗塞|出血|[瘤炎疝]|发育|肥大|裂伤|挫伤|脱髓鞘|硬化")
_PLACES = re.compile(
    "(?:[内外处区部侧缘端面旁周及约各均可上下前后左右中份半央心的一二三四五六七两数多几枚个灶者]|[()、]|周围|皮[层质]|深部|浅部|深层|白质|灰质|交界|局部|多发|散在|少许|表面|部分|偏|背|腹|近|体|头|尾|范围|邻近|[A-Za-z0-9.×*\\-~])*"
)
"""Words that say where in a site a lesion lies, or how many there are."""
_OPENING: frozenset[Kind] = frozenset(("site", "side"))
_BEFORE_SITES: frozenset[Kind] = frozenset(("side", "sequence", "verb"))
_STOP = Token("stop", "stop", 0, 0)
_COMPLETING: frozenset[Kind] = frozenset(("change", "normal", "cue"))
_NAMES: frozenset[Kind] = frozenset(("site", "layer", "post_side"))
_SAYING: frozenset[Kind] = _STATING | {"negation", "change", "abnormal", "normal", "stop", "mark"}


def with_closed_clauses(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, the comma after such a clause as a semicolon where the next one opens with a site of its own."""
    tokens = _with_dashes(tokens, text) if "——" in text else tokens
    found = _with_open_brackets(tokens) if "(" in text or "[" in text else list(tokens)
    start = 0
    for at, token in enumerate(found):
        if token.value == "位于" and text.startswith("其次", token.start) and at and found[at - 1].value == ",":
            # 位于豆状核、丘脑，其次为齿状核
            found[at - 1], found[at] = found[at - 1]._replace(value="、"), token._replace(kind="other", value="")
        if token.kind in _ENDS or (token.kind == "punctuation" and token.value in _MARKS):
            if token.value == "," and _opens(found, at) and _is_complete(found[start:at], text):
                found[at] = token._replace(value=";")
            start = at + 1
    found = _with_lists_by_value(found) if ":" in text else found
    return _separated(_denial_ended(found), text) if any(map(_goes_straight_on, found, found[1:])) else found


def _goes_straight_on(token: Token, following: Token) -> bool:
    """Whether another statement may begin right behind what states something, without a mark between them."""
    return token.end == following.start and following.kind in _NEXT and token.kind in _BEFORE_THE_NEXT


def _with_dashes(tokens: Sequence[Token], text: str) -> list[Token]:
    """DWI高信号——左侧额叶、脑桥: the tokens, the dash between a value and its sites as a colon."""
    found: list[Token] = []
    for at, token in enumerate(tokens):
        lists = (
            text.startswith("——", token.start)
            and at + 2 < len(tokens)
            and tokens[at + 2].kind in _OPENING
            and bool(found)
            and found[-1].kind in _VALUES
        )
        dashed = found and found[-1].value == ":" and found[-1].end == token.start and text[token.start] == "—"
        if not dashed:
            found.append(token._replace(value=":") if lists else token)
    return found


def _with_open_brackets(tokens: Sequence[Token]) -> list[Token]:
    """The tokens; a mark in brackets that describe a site (额叶（皮层下，点状）) or list sites ends no clause."""
    found = list(tokens)
    brackets: list[_Bracket] = []
    for at, token in enumerate(tokens):
        if token.value == "(":
            brackets.append(_Bracket(bool(at) and tokens[at - 1].kind in _NAMES))
        elif token.kind in _SAYING:
            brackets = []
        elif not brackets:
            continue
        elif token.value == ")":
            for mark in brackets.pop().marks:
                found[mark] = found[mark]._replace(value="、")
        elif token.value in (",", ";"):
            brackets[-1].marks.append(at)
        elif brackets[-1].of_a_site and token.kind in _OPENING and token.value not in lexicon().site_groups.layers:
            brackets = []
    return found


def _with_lists_by_value(tokens: list[Token]) -> list[Token]:
    """多发T2高信号灶：左额叶2枚；脑桥1枚: the tokens; a semicolon between the sites of one value ends no clause."""
    found = list(tokens)
    start = 0
    before: int | None = None
    in_list = False
    for at, token in enumerate([*tokens, _STOP]):
        ends = token.kind in ("stop", "mark") or token.value == ";"
        if token.value == ":":
            heading = {t.kind for t in tokens[start:at] if t.value not in lexicon().site_groups.whole_brain}
            in_list, before = bool(heading & _VALUES) and "site" not in heading, None
        elif in_list and ends:
            if before is not None:
                found[before] = found[before]._replace(value=",")
            before, in_list = at, token.value == ";"
        elif token.kind in _SAYING or token.kind == "verb" or token.value == "位于":
            in_list = False
        start = at + 1 if ends or token.value in (",", ":") else start
    return found


class _Bracket:
    """An open bracket: whether it stands behind a site, and the marks in it."""

    def __init__(self, of_a_site: bool) -> None:
        self.of_a_site = of_a_site
        self.marks: list[int] = []


def _separated(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, with an end of the sentence where a text without punctuation goes on to the next site."""
    found: list[Token] = []
    for at, token in enumerate(tokens):
        found.append(token)
        if token.kind in _VALUES or (token.kind in _COMPLETING and _says_all(token, text)):
            following = tokens[at + 1 : at + 3]
            if [t.kind for t in following] == ["side", "site"] and following[0].start == token.end:
                found.append(Token("stop", "stop", token.end, token.end))
    return found


def _says_all(token: Token, text: str) -> bool:
    """脑沟增宽, 海马对称, 异常信号: words that complete a statement; 占位 and 正常 may belong to the site behind."""
    if token.kind in ("change", "normal"):
        return token.value != "占位" and text[token.start : token.end] != "正常"
    return token.kind == "cue" and token.value == "信号"


def _denial_ended(tokens: Sequence[Token]) -> list[Token]:
    """ADC未见减低增强后强化: the tokens, with an end of the sentence behind what is denied where the next adjoins."""
    found: list[Token] = []
    denied = False
    for at, token in enumerate(tokens):
        kind, value, start, _ = token
        if denied and kind in _NEXT and _ends_a_denial(tokens[at - 1], start) and not _is_relaxation(tokens, at):
            found.append(Token("stop", "stop", start, start))
            denied = False
        elif kind in _ENDS or value in _MARKS:
            denied = False
        denied = denied or kind == "negation"
        found.append(token)
    return found


def _ends_a_denial(token: Token, at: int) -> bool:
    """Whether what is denied ends right before the offset."""
    return token.end == at and (token.kind in _VALUES or token.kind == "abnormal")


def _is_relaxation(tokens: Sequence[Token], at: int) -> bool:
    """长T2 is a sequence and its signal in one word."""
    return at + 1 < len(tokens) and tokens[at + 1].start == tokens[at].start


def _is_complete(clause: Sequence[Token], text: str) -> bool:
    kinds = {t.kind for t in clause}
    if "site" not in kinds or kinds & _STATING:
        return False
    said = text[clause[0].start : clause[-1].end]
    return bool(_COMPLETE.search(said) or _NORMAL.search(said)) or _says_more(clause, text)


def _says_more(clause: Sequence[Token], text: str) -> bool:
    """左侧额叶大面积脑梗死, 小脑扁桃体下缘位置低: words behind the sites that neither place nor name a lesion there."""
    last = max(i for i, token in enumerate(clause) if token.kind == "site")
    behind = clause[last + 1 :]
    if not behind or any(token.kind not in _DESCRIBING for token in behind):
        return False
    words = text[behind[0].start : behind[-1].end]
    opens = clause[0].kind in _OPENING
    return _DISEASE.search(words) is not None or (opens and _PLACES.fullmatch(words) is None)


def _opens(tokens: Sequence[Token], at: int) -> bool:
    """Whether a site is named behind the mark at `at`, behind nothing but sequences and a verb: DWI示左侧额叶."""
    following = [*takewhile(lambda t: t.kind in _BEFORE_SITES or t.value == "、", tokens[at + 1 : at + 9])]
    named = tokens[at + 1 + len(following) : at + 2 + len(following)]
    return bool(named) and named[0].kind == "site"
