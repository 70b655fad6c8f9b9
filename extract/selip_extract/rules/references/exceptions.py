"""Exceptions: 除左侧额叶外均呈高信号, and 双侧额叶呈高信号，唯左侧正常, are stated of the others."""

from collections.abc import Container

from selip_contracts.vocabulary import Side
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import clause_after
from selip_extract.rules.mentions import (
    ONE_SIDED,
    LesionMention,
    Location,
    ReferenceKind,
    SiteMention,
    Sites,
    locations,
)
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import NO_FOCUS, Focus, State

_NORMAL = (["normal"], ["cue", "normal"], ["negation", "abnormal"])
"""The kinds of what is said of a site that is nothing but normal."""


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
    return site._replace(side=_side_left(site.location, left_out))


def _side_left(location: Location, left_out: Container[Location]) -> Side | None:
    side, site = location
    left, right = ((one, site) in left_out for one in ONE_SIDED)
    return ("右侧" if left else "左侧") if side == "双侧" and left != right else side


def return_from_exception(state: State) -> State:
    """除左侧额叶外呈高信号，…: after the clause of the exception the focus is on all of them again."""
    focus = state.focus if state.refers_to_rest else state.whole
    return replace(state, focus=focus, whole=NO_FOCUS, open=False)


def except_normal(state: State, sentence: Sentence) -> State:
    """双侧额叶、岛叶T2高信号，唯左侧岛叶正常: what the sentence has stated of both sides is true of the other one."""
    left_out = locations(state.focus.sites)
    sides = {site for side, site in left_out if side in ONE_SIDED}
    named = max((at for at in sentence.sites if at >= state.clause.start), default=None)
    if named is None or not any(f.present and f.side == "双侧" and f.site_name in sides for f in state.findings):
        return state
    if [token.kind for token in clause_after(sentence.tokens, named)] not in _NORMAL:
        return state
    mentioned = replace(
        state.mentioned,
        lesions=tuple(_one_sided(lesion, left_out) for lesion in state.mentioned.lesions),
        subject=_one_sided(state.mentioned.subject, left_out),
        stated=tuple(
            one._replace(location=(_side_left(one.location, left_out), one.location[1]))
            for one in state.mentioned.stated
        ),
    )
    return replace(
        state,
        mentioned=mentioned,
        introduced=_one_sided(state.introduced, left_out),
        own=state.own._replace(sites=_on_side_left(state.own.sites, left_out)),
        findings=tuple(
            f.model_copy(update={"side": _side_left((f.side, f.site_name), left_out)}) for f in state.findings
        ),
    )


def _one_sided(lesion: LesionMention, left_out: Container[Location]) -> LesionMention:
    return lesion._replace(sites=_on_side_left(lesion.sites, left_out))


def _on_side_left(sites: Sites, left_out: Container[Location]) -> Sites:
    return tuple(_without_side(site, left_out) for site in sites)
