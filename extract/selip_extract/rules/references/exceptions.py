"""Exceptions: 除左侧额叶外均呈高信号 is stated of the others."""

from collections.abc import Container

from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.mentions import Location, ReferenceKind, SiteMention, locations
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import NO_FOCUS, Focus, State

_ONE_SIDED = ("左侧", "右侧")


def begin_exception(state: State) -> State:
    """除: the sites that follow are left out."""
    return replace(state, before_exception=state.focus, open=False)


def names_exception(state: State) -> bool:
    """Whether sites have come into focus since 除."""
    before = state.before_exception
    return before is not None and before.lesion_id != state.focus.lesion_id


def end_exception(state: State, sentence: Sentence, at: int) -> State:
    """外: what follows is stated of the others, of this sentence if the excepted are among them, else of the item."""
    if not names_exception(state):
        return replace(state, before_exception=None)
    source = sentence.tokens[at].start
    left_out = locations(state.focus.sites)
    in_sentence = left_out < locations(state.own.sites)
    whole = state.own if in_sentence else Focus(state.mentioned.in_item(), ReferenceKind.POINTED, source)
    bilateral = {site.site for site in whole.sites if site.side == "双侧"}
    whole = whole._replace(
        sites=tuple(s for s in whole.sites if s.location not in left_out or s.side == "双侧" or s.site not in bilateral)
    )
    others = [_without_side(site, left_out) for site in whole.sites if site.location not in left_out]
    return replace(state, focus=state.narrow(others, source), open=False, whole=whole, before_exception=None)


def _without_side(site: SiteMention, left_out: Container[Location]) -> SiteMention:
    """除右侧顶叶外 leaves the left side of 双侧顶叶."""
    left, right = ((side, site.site) in left_out for side in _ONE_SIDED)
    return site._replace(side="右侧" if left else "左侧") if site.side == "双侧" and left != right else site


def return_from_exception(state: State) -> State:
    """除左侧额叶外呈高信号，…: after the clause of the exception the focus is on all of them again."""
    focus = state.focus if state.refers_to_rest else state.whole
    return replace(state, focus=focus, whole=NO_FOCUS, open=False)
