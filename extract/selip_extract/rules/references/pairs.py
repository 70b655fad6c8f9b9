"""Pairs of lesions: 前者 and 后者."""

from collections.abc import Sequence

from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.mentions import LesionMention
from selip_extract.rules.references.site_references import parts
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Focus, State


def refer_to_one_of_two(state: State, sentence: Sentence, at: int) -> State:
    """前者 and 后者: the first and the second lesion of the pair that is compared."""
    state = compare_pair(state, sentence.text)
    pair = state.mentioned.pair
    if at and sentence.tokens[at - 1].value == "(":
        state = replace(state, before_bracket=state.focus)
    if len(pair) != 2:
        return state.refer_to(Focus.on(state.focus.lesion))
    return state.refer_to(Focus.on(pair[0 if sentence.tokens[at].value == "前者" else 1]))


def compare_pair(state: State, text: str) -> State:
    """左侧额叶、脑桥见结节，前者…: the two sites in focus, else those of the last lesion, else the last two lesions."""
    mentioned, focus = state.mentioned, state.focus
    last = mentioned.lesions[-1].sites if mentioned.lesions else ()
    if len(focus.sites) == 2 and (not mentioned.pair or focus.sites == state.introduced.sites):
        pair = parts(focus.sites)
    elif len(state.announced.sites) == 2 and not mentioned.pair:
        pair = parts(state.announced.sites)
    elif len(last) == 2 and not mentioned.has_stated(last):
        pair = parts(last)
    elif len(mentioned.pair) != 2 and len(mentioned.lesions) > 1:
        pair = _last_two(mentioned.lesions, text)
    elif len(mentioned.subject.sites) == 2 and not mentioned.pair:
        pair = parts(mentioned.subject.sites)
    else:
        return state
    return replace(state, mentioned=replace(mentioned, pair=pair))


def _last_two(lesions: Sequence[LesionMention], text: str) -> tuple[LesionMention, ...]:
    """The last two lesions; where the last one stands alone in its sentence, the two of a sentence before it."""
    last_three = [lesion.sites[0].token.start for lesion in lesions[-3:]]
    if len(last_three) == 3:
        first, second, third = last_three
        if "。" not in text[first:second] and "。" in text[second:third]:
            return tuple(lesions[-3:-1])
    return tuple(lesions[-2:])
