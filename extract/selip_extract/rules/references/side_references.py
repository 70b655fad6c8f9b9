"""Sides that stand for a lesion, or for the half of one: 右侧者轻度强化; 左侧T1WI呈高信号，右侧则呈等信号."""

import re
from itertools import takewhile
from typing import cast

from selip_contracts.vocabulary import Side
from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import adjoining, clause_after, is_mark, points_back
from selip_extract.rules.mentions import ReferenceKind, Sites
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Focus, State

_MEASURE = re.compile("(?:最大)?(?:厚度?|大小|直径|长径|范围)(?:分别)?")
_OF_A_COUNTERPART = frozenset(("sequence", "signal", "enhancement", "restriction", "negation", "verb"))
_POINTING = frozenset(("上述", "相应", "亦", "信号", "均"))
_OF_A_LESION = frozenset(("lesion", "sequence", "size", "signal", "enhancement", "restriction", "negation", "verb"))


def refer_to_side(state: State, sentence: Sentence, at: int) -> State:
    """右侧者轻度强化, 右侧T1WI呈高信号: a side that stands for the lesion, or the half of one, on it."""
    token, following = sentence.tokens[at], adjoining(sentence, at)
    if sentence.text.endswith(("较", "比", "高于", "低于"), 0, token.start):
        return state
    if (headed := _headed(state, sentence, at)) is not None:
        return state.refer_to(headed)
    if following is None or sentence.text.startswith("于", following.end):
        return state
    stands_for_a_lesion = (
        _is_of_a_lesion(following) or _changes_and_goes_on(sentence, at) or _is_pointed_at_next(sentence, at)
    )
    if not stands_for_a_lesion and not _is_measured(sentence, at):
        return state
    sites = state.focus.sites or state.announced.sites or state.current_lesion.sites
    if at and sentence.tokens[at - 1].value == "(":
        state = replace(state, before_bracket=state.before_bracket or state.focus)
    bilateral = tuple(s for s in sites if s.side == "双侧") or _of_the_same(state, sites)
    if bilateral:
        half = _on_side(bilateral, token)
        alone = tuple(s for s in sites if s.side == token.value and s not in state.half.sites)
        focus = Focus(half + alone, ReferenceKind.HALF, token.start)
        return replace(state.refer_to(focus), bilateral=bilateral, half=focus)
    mentioned = state.mentioned
    for known in (state.own.sites, mentioned.in_item(), mentioned.everywhere()):
        on_side = tuple(s for s in known if s.side == token.value)
        if on_side:
            return state.refer_to(Focus(on_side, ReferenceKind.POINTED, token.start))
    if sites and (following.kind in _OF_A_COUNTERPART or following.value in _POINTING or _are_headed(sites, sentence)):
        other = _on_side(sites, token)
        return state.refer_to(Focus(other, ReferenceKind.POINTED, token.start))
    return state


def leave_half(state: State, sentence: Sentence, at: int) -> State:
    """大者（左侧）呈高信号，小者呈等信号: the smaller ones of a bilateral lesion may lie on either side."""
    token = sentence.tokens[at]
    if state.focus.kind is not ReferenceKind.HALF or not sentence.text.endswith("小", 0, token.start):
        return state
    return state.refer_to(Focus(state.bilateral, ReferenceKind.POINTED, token.start))


def _of_the_same(state: State, sites: Sites) -> Sites:
    """双侧颞叶…，但左侧颞叶…，右侧…: the bilateral lesion of which the clause has named a side."""
    named = {site.site for site in sites}
    if not named or any(site.site in named for site in state.bilateral):
        return state.bilateral
    return tuple(site for site in state.own.sites if site.side == "双侧" and site.site in named)


def _on_side(sites: Sites, token: Token) -> Sites:
    return tuple(site._replace(side=cast(Side, token.value), side_token=token) for site in sites)


def _headed(state: State, sentence: Sentence, at: int) -> Focus | None:
    """海马：左侧体积小，T2高信号: the side of the site that heads the line; None where the side names another site."""
    following = sentence.tokens[at + 1] if at + 1 < len(sentence.tokens) else None
    if not at or following is None or following.kind == "site":
        return None
    # 硬膜下积液：左侧无，右侧有
    has = is_mark(sentence.tokens[at - 1]) and sentence.words(at + 1) in ("有", "见", "无", "可见")
    if sentence.tokens[at - 1].value != ":" and not has:
        return None
    sites = state.announced.sites
    if not sites or any(site.side is not None for site in sites):
        return None
    token = sentence.tokens[at]
    sided = _on_side(sites, token)
    return Focus(sided, ReferenceKind.POINTED, token.start)


def _are_headed(sites: Sites, sentence: Sentence) -> bool:
    """苍白球：左侧T1WI高信号，右侧T1WI等信号: the site stands before the colon, its side behind."""
    sides = [site.side_token for site in sites if site.side_token is not None]
    return bool(sides) and all(sentence.text[side.start - 1] in ":：" for side in sides)


def _is_of_a_lesion(token: Token) -> bool:
    """右侧者, 右侧呈…, 右侧该病灶, 右侧对应区域, 对侧同样."""
    return token.kind in _OF_A_LESION or (token.kind == "cue" and token.value in _POINTING)


def _changes_and_goes_on(sentence: Sentence, at: int) -> bool:
    """左侧萎缩并T2WI信号增高: the clause of the change states a signal, and names no site."""
    following = sentence.tokens[at + 1 : at + 2]
    if not following or following[0].kind != "change":
        return False
    kinds = {t.kind for t in clause_after(sentence.tokens, at)}
    return "sequence" in kinds and "site" not in kinds


def _is_pointed_at_next(sentence: Sentence, at: int) -> bool:
    """双侧海马不等大，左侧较小，其T2WI信号增高: the clause only describes the side, and the next one speaks of it."""
    tokens = sentence.tokens
    mark = next((i for i in range(at + 1, len(tokens)) if is_mark(tokens[i])), None)
    if mark is None or tokens[mark].value != "," or not points_back(sentence, mark + 1):
        return False
    return not any(token.kind == "site" for token in tokens[at + 1 : mark])


def _is_measured(sentence: Sentence, at: int) -> bool:
    """左侧厚约6mm，呈…, 厚度左侧约9mm: a clause that gives the size of a side, but no site."""
    kinds = {t.kind for t in clause_after(sentence.tokens, at)}
    if "size" not in kinds or not kinds.isdisjoint(("site", "change")):
        return False
    opens = [*takewhile(lambda t: not is_mark(t), reversed(sentence.tokens[:at]))]
    return not opens or _MEASURE.fullmatch(sentence.text, opens[-1].start, sentence.tokens[at].start) is not None
