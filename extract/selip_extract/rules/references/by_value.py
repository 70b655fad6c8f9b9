"""Lesions referred to by what was stated of them: 上述DWI高信号灶ADC均呈低信号; 强化灶T2WI呈等信号."""

from selip_contracts.vocabulary import ENHANCEMENTS
from selip_extract.rules.lookahead import VALUES
from selip_extract.rules.mentions import ReferenceKind, Sites
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Focus, State

_NAMING = frozenset(("sequence", "enhancement"))


def with_value(state: State, sentence: Sentence, at: int, end: int) -> Focus | None:
    """The sites with the signal that the tokens from `at` to `end` name; None where it was stated of none."""
    tokens = sentence.tokens[at:end]
    value = next((t for t in tokens if t.kind in VALUES), None)
    if value is None or tokens[0].kind not in _NAMING or any(t.kind in ("site", "verb") for t in tokens):
        return None
    sequence = next((t.value for t in tokens if t.kind == "sequence"), "T1CE")
    known = {
        s.location
        for s in state.mentioned.stated
        if s.modality == sequence and s.value is not None and _is_of_the_class(str(s.value), value.value)
    }
    scopes = (state.focus.sites if state.whole.sites else (), state.own.sites, state.mentioned.in_item())
    for scope in (*scopes, state.mentioned.everywhere()):
        sites: Sites = tuple(site for site in scope if site.location in known)
        if sites:
            return Focus(sites, ReferenceKind.POINTED, sentence.tokens[at].start)
    return None


def _is_of_the_class(stated: str, named: str) -> bool:
    """稍高 is 高; every enhancement is 强化."""
    if named in ENHANCEMENTS:
        return stated in ENHANCEMENTS and named in ("强化", stated)
    return stated.removeprefix("稍") == named.removeprefix("稍")
