"""Words that refer to sites: each transition moves the focus to the sites that the words mean."""

import re

from selip_extract.language.tokens import Token
from selip_extract.rules.frozen import replace
from selip_extract.rules.lookahead import lesion_follows, names_a_site, sites_follow
from selip_extract.rules.mentions import LesionMention, ReferenceKind, Sites, locations
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import CURRENT, NO_FOCUS, Focus, State

_NAMED = ReferenceKind.NAMED
_LABEL = re.compile("[0-9A-Za-z]")
_LESION_ON_A_SIDE = frozenset(("lesion", "sequence", "size"))


def name_site(state: State, sentence: Sentence, at: int) -> State:
    """左侧额叶、顶叶: a site joins the sites of its enumeration; 其内见…，脑桥: the first of one replaces the focus."""
    named = sentence.sites[at]
    if named.is_qualifier or state.clause.of_the_largest:
        return state
    here = (state.introduced.sites, state.own.sites)
    sites = state.mentioned.resolve(sentence.mention(named), here, lesion_follows(sentence.tokens, at))
    if not state.open:
        focus = Focus(sites, _NAMED, sentence.tokens[at].start)
        return replace(state, focus=focus, open=True, standing=CURRENT)
    named_before, kind, source = state.focus
    state = replace(state, focus=Focus(named_before + sites, kind, source))
    return _extend_lesion(state, sites) if state.introduced.id == state.focus.lesion_id else state


def _extend_lesion(state: State, sites: Sites) -> State:
    """左侧额叶信号同上，右侧额叶…: an enumeration that goes on after its lesion was introduced extends the lesion."""
    lesion = state.introduced
    return replace(
        state, introduced=lesion._replace(sites=lesion.sites + sites), mentioned=state.mentioned.extend(lesion, sites)
    )


def refer_to_side(state: State, sentence: Sentence, at: int) -> State:
    """右侧者轻度强化, 右侧T1WI呈高信号: a side that stands for the lesion, or the half of one, on it."""
    token, following = sentence.tokens[at], _adjoining(sentence, at)
    if following is None or following.kind not in _LESION_ON_A_SIDE:
        return state
    sites = state.focus.sites or state.current_lesion.sites
    bilateral = tuple(s for s in sites if s.side == "双侧") or state.bilateral
    if bilateral:
        half = tuple(s._replace(side=token.value, side_token=token) for s in bilateral)  # type: ignore[arg-type]
        focus = Focus(half, ReferenceKind.HALF, token.start)
        return replace(state.refer_to(focus), bilateral=bilateral, half=focus)
    on_side = tuple(s for s in state.mentioned.everywhere() if s.side == token.value)
    return state.refer_to(Focus(on_side, ReferenceKind.POINTED, token.start)) if on_side else state


def refer_to_label(state: State, sentence: Sentence, at: int) -> State:
    """左侧额叶（病灶1） gives the site a label; 病灶1呈高信号 refers to it later."""
    following = _adjoining(sentence, at)
    if following is None or following.kind != "other":
        return state
    label = sentence.words(at + 1)
    labels = state.mentioned.labels
    if not _LABEL.fullmatch(label):
        return state
    if label in labels:
        return state.refer_to(Focus.on(labels[label]))
    if not state.focus.sites:
        return state
    labelled = LesionMention((ReferenceKind.LABEL, following.start), state.focus.sites[-1:])
    return replace(state, mentioned=replace(state.mentioned, labels={**labels, label: labelled}))


def _adjoining(sentence: Sentence, at: int) -> Token | None:
    """The token after the one at `at`, if nothing stands in between."""
    following = sentence.tokens[at + 1] if at + 1 < len(sentence.tokens) else None
    return following if following is not None and following.start == sentence.tokens[at].end else None


def refer_to_one_of_two(state: State, sentence: Sentence, at: int) -> State:
    """前者 and 后者: the first and the second lesion of the pair that is compared."""
    state = compare_pair(state)
    pair = state.mentioned.pair
    if len(pair) != 2:
        return state.refer_to(Focus.on(state.focus.lesion))
    return state.refer_to(Focus.on(pair[0 if sentence.tokens[at].value == "前者" else 1]))


def compare_pair(state: State) -> State:
    """左侧额叶、脑桥见结节，前者…: the two sites in focus, else those of the last lesion, else the last two lesions."""
    mentioned, focus = state.mentioned, state.focus
    last = mentioned.lesions[-1].sites if mentioned.lesions else ()
    if len(focus.sites) == 2 and (not mentioned.pair or focus.sites == state.introduced.sites):
        pair = parts(focus.sites)
    elif len(last) == 2 and not mentioned.has_stated(last):
        pair = parts(last)
    elif len(mentioned.pair) != 2 and len(mentioned.lesions) > 1:
        pair = mentioned.lesions[-2:]
    elif len(mentioned.subject.sites) == 2 and not mentioned.pair:
        pair = parts(mentioned.subject.sites)
    else:
        return state
    return replace(state, mentioned=replace(mentioned, pair=pair))


def parts(sites: Sites) -> tuple[LesionMention, ...]:
    """Each site as a lesion of its own."""
    return tuple(LesionMention((ReferenceKind.PART, site.token.start), (site,)) for site in sites)


def refer_to_rest(state: State, sentence: Sentence, at: int) -> State:
    """其余病灶: those of which the sequence that follows has not been stated; 其余脑实质 names its own site."""
    if _names_its_sites(state, sentence, at) or sites_follow(sentence.text, sentence.tokens, at, spreads=False):
        return state
    return state.refer_to(Focus(state.mentioned.in_item(), ReferenceKind.REST, sentence.tokens[at].start))


def rest(state: State, modality: str) -> Sites:
    """其余病灶: of this sentence, of the item, else of all, the sites of which the sequence has not been stated."""
    mentioned = state.mentioned
    nearest_first = (state.own.sites, mentioned.in_item(), mentioned.everywhere())
    return next((left for sites in nearest_first if (left := mentioned.without(sites, modality))), ())


def deny_rest(state: State, sentence: Sentence, at: int) -> State:
    """其余未见强化: the rest, and a negation."""
    return refer_to_rest(state, sentence, at).negate(sentence.tokens[at])


def refer_to_above(state: State, sentence: Sentence, at: int) -> State:
    """上述病灶: all of this sentence, else of the item; 两者 and 前两处 are two of them; 其, 该, 此 keep the focus."""
    if _names_its_sites(state, sentence, at):
        return state
    token = sentence.tokens[at]
    first = sentence.text[token.start]
    if first in "其该此所":
        return state
    return state.refer_to(_two(state, sentence, token) if first in "两二" else all_above(state, token.start))


def all_above(state: State, source: int) -> Focus:
    """All lesions of this sentence, else of the item."""
    return state.own if state.own.sites else Focus(state.mentioned.in_item(), ReferenceKind.POINTED, source)


def _two(state: State, sentence: Sentence, token: Token) -> Focus:
    mentioned = state.mentioned
    if sentence.text.endswith("前", 0, token.start):
        two: LesionMention | Sites = mentioned.first_two()
    elif mentioned.pair or not state.own.sites:
        two = mentioned.last_two()
    else:
        return state.own
    return Focus.on(two) if isinstance(two, LesionMention) else Focus(two, ReferenceKind.POINTED, token.start)


def _names_its_sites(state: State, sentence: Sentence, at: int) -> bool:
    """其余脑实质, 左侧额叶、顶叶病灶均, 除…外上述病灶: the sites are named here, or the exception has decided them."""
    tokens = sentence.tokens
    return bool(
        names_a_site(tokens, at)
        or state.whole.sites
        or (state.open and any(t.kind == "site" for t in tokens[state.clause.start : at]))
    )


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
    others = [site for site in whole.sites if site.location not in left_out]
    return replace(state, focus=state.narrow(others, source), open=False, whole=whole, before_exception=None)


def return_from_exception(state: State) -> State:
    """除左侧额叶外呈高信号，…: after the clause of the exception the focus is on all of them again."""
    whole = state.whole._replace(kind=ReferenceKind.REST) if state.refers_to_rest else state.whole
    return replace(state, focus=whole, whole=NO_FOCUS, open=False)
