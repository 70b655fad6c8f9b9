"""均: what is stated of all of the lesions that have been told apart."""

from collections.abc import Sequence

from selip_extract.language.tokens import Token
from selip_extract.rules.mentions import ONE_SIDED, ReferenceKind, Sites, distinct, locations
from selip_extract.rules.references.site_references import WHOLE_BRAIN, specific
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Focus, State

_NAMING = frozenset(("site", "side", "lesion"))
_POINTING = frozenset(("上述", "其余", "前者", "后者"))


def refer_to_all_again(state: State, sentence: Sentence, at: int) -> State:
    """SWI左侧病灶呈低信号，右侧病灶呈等信号，T2WI均呈稍高信号: 均 takes together what one sequence told apart."""
    focus, tokens = state.focus, sentence.tokens
    if not sentence.text.startswith("均", tokens[at].start):
        return state
    clause = tokens[state.clause.start : at]
    listed = state.mentioned.listed
    if len(listed) > 1 and not focus.sites and not any(t.kind in _NAMING or t.value in _POINTING for t in tokens[:at]):
        return state.refer_to(Focus(listed, ReferenceKind.POINTED, tokens[at].start))
    if not any(t.kind in _NAMING or t.value in _POINTING for t in clause) and (
        sized := _sized_apart(state, sentence, at)
    ):
        return state.refer_to(Focus(sized, ReferenceKind.POINTED, tokens[at].start))
    if state.refers_to_rest and not any(t.value in _POINTING for t in clause):
        return state.refer_to(Focus(state.mentioned.in_item(), ReferenceKind.REST, tokens[at].start))
    if state.refers_to_rest or len(focus.sites) > 1:
        return state
    located = specific(state.own.sites)
    if not clause and not state.findings and len(located) > 1 and state.own.sites[0].site in WHOLE_BRAIN:
        # 脑内见四枚结节，两枚位于左侧额叶，一枚位于脑桥，均呈…
        return state.refer_to(Focus(located, ReferenceKind.POINTED, tokens[at].start))
    pair = state.mentioned.pair
    told = (pair[0].sites, pair[1].sites, ()) if len(pair) == 2 else ()
    if all(t.kind in ("other", "lesion") for t in clause) and focus.sites in told:
        return state.refer_to(
            Focus(distinct((*pair[0].sites, *pair[1].sites)), ReferenceKind.POINTED, tokens[at].start)
        )
    named = [t.value for t in clause if t.kind == "sequence"]
    if len(named) != 1 or any(t.kind in _NAMING or t.value in _POINTING for t in clause):
        return state
    sites = _told_apart(state, tokens[:at])
    if not sites or state.mentioned.has_stated(sites, named[0]):
        return state
    together = state.bilateral if focus.kind is ReferenceKind.HALF else sites
    return state.refer_to(Focus(together, ReferenceKind.POINTED, tokens[at].start))


def _sized_apart(state: State, sentence: Sentence, at: int) -> Sites:
    """左侧额叶结节约9mm；脑桥结节约6mm；均呈…: the sites of a sentence that has said no more of them than sizes."""
    sized = {location for location, _ in state.sizes}
    if len(sized) < 2 or state.findings:
        return ()
    named = [sentence.mention(site) for i, site in sentence.sites.items() if i < at and not site.is_qualifier]
    return distinct(site for site in named if site.site not in WHOLE_BRAIN)


def _told_apart(state: State, before: Sequence[Token]) -> Sites:
    """The sites of this sentence of each of which the last sequence has been stated, if the focus is on one of them."""
    focus, mentioned = state.focus, state.mentioned
    if not mentioned.stated or (state.announced.sites and not focus.sites):
        return ()
    if focus.kind is ReferenceKind.HALF:
        sites = tuple(s._replace(side=side) for s in focus.sites for side in ONE_SIDED)
    else:
        last = max((t.start for t in before if t.value == ";"), default=-1) if focus.sites else -1
        sites = tuple(site for site in state.own.sites if site.token.start > last)
        if len(sites) < 2 or any(site.side == "双侧" for site in focus.sites):
            return ()
    inside = locations(focus.sites) <= locations(sites)
    return sites if inside and not mentioned.without(sites, mentioned.stated[-1].modality) else ()
