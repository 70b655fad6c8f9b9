"""Ordinals: 前两枚, 后两处, 第二枚, 末者 select lesions by the order in which they were mentioned."""

from collections.abc import Sequence

from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.mentions import LesionMention, ReferenceKind, Sites, distinct, locations
from selip_extract.rules.references.phrases import Chosen
from selip_extract.rules.references.site_references import parts
from selip_extract.rules.state import Focus, State


def choose_lesions(state: State, chosen: Chosen, source: int) -> State:
    """The focus on the chosen lesions; 前者 and 后者 then tell them from the others."""
    counted = _counted(state)
    needed = _needed(chosen)
    # 前两处 tells two from others, where there are others
    wanted = (max(needed, len(chosen) + 1), needed)
    lesions = next((lesions for least in wanted for lesions in counted if len(lesions) >= least), ())
    if not lesions:
        return state
    selected = tuple(lesions[at] for at in chosen)
    sites = distinct(site for lesion in selected for site in lesion.sites)
    if len(selected) > 1 and len(selected) < len(lesions):
        others = [lesion for lesion in lesions if lesion not in selected]
        pair = (_together(selected), _together(others))
        pair = pair if lesions[0] in selected else pair[::-1]
        state = replace(state, mentioned=replace(state.mentioned, pair=pair))
    return state.refer_to(Focus(sites, ReferenceKind.POINTED, source))


def nth_lesion(state: State, at: int) -> Sites:
    """The sites of the lesion that was mentioned as the `at`-th in this item; none where there are not so many."""
    lesions = state.mentioned.lesions[state.mentioned.item_start :] or state.mentioned.lesions
    lesions = lesions if at < len(lesions) else state.mentioned.lesions
    return lesions[at].sites if at < len(lesions) else ()


def _counted(state: State) -> list[tuple[LesionMention, ...]]:
    """What may be counted: lesions or sites of this sentence, then those of the item."""
    mentioned = state.mentioned
    own = locations(state.own.sites)
    in_item = mentioned.lesions[mentioned.item_start :]
    in_sentence = tuple(lesion for lesion in in_item if locations(lesion.sites) <= own)
    focus = parts(state.focus.sites) if not own and state.focus.kind is not ReferenceKind.POINTED else ()
    return [
        candidates
        for candidates in (
            focus,
            in_sentence if len(in_sentence) > 1 else (),
            parts(state.own.sites),
            in_item if len(in_item) > 1 else (),
            parts(mentioned.in_item()),
            parts(sorted(distinct(s for lesion in mentioned.pair for s in lesion.sites), key=lambda s: s.token.start)),
        )
        if len(candidates) > 1
    ]


def _needed(chosen: Chosen) -> int:
    """How many lesions there must be."""
    return max(2, *(at + 1 if at >= 0 else -at for at in chosen))


def _together(lesions: Sequence[LesionMention]) -> LesionMention:
    sites = distinct(site for lesion in lesions for site in lesion.sites)
    return LesionMention((ReferenceKind.POINTED, sites[0].token.start), sites)
