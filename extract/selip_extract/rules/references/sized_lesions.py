"""Two lesions that are told apart by their size: 大者位于右侧额叶，小者位于左侧顶叶。大者T2高，小者T2等."""

import re

from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import clause_after, sites_ahead
from selip_extract.rules.mentions import LesionMention, ReferenceKind
from selip_extract.rules.references.introductions import names_whole_brain
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Focus, State

_SIZED = re.compile("([大小])(?:者|病?灶|结节|肿块)?$")
_MAX_WORDS = 3
"""Characters from the word of the size on."""


def name_by_size(state: State, sentence: Sentence, at: int) -> State:
    """大者位于右侧额叶: the word that ends at `at` is the name of the lesion at the only site of its clause."""
    name = _size(sentence, at)
    named = [token for token in clause_after(sentence.tokens, at) if token.kind == "site"]
    if name is None or not named:
        return state
    sites = tuple(site for site in sites_ahead(sentence, at) if site.token.end <= named[-1].end)
    if len(sites) != 1 or names_whole_brain(sites):
        return state
    lesion = LesionMention((ReferenceKind.LABEL, sites[0].token.start), sites)
    return replace(state, mentioned=replace(state.mentioned, labels={**state.mentioned.labels, name: lesion}))


def sized_lesion(state: State, sentence: Sentence, at: int) -> Focus | None:
    """大者T2高: the lesion that has got this name, where both have one and the clause names no site."""
    labels, name = state.mentioned.labels, _size(sentence, at)
    if name is None or not {"大", "小"} <= labels.keys():
        return None
    if any(token.kind in ("site", "side") for token in clause_after(sentence.tokens, at)):
        return None
    return Focus.on(labels[name])


def _size(sentence: Sentence, at: int) -> str | None:
    end = sentence.tokens[at].end
    found = _SIZED.search(sentence.text, end - _MAX_WORDS, end)
    return None if found is None else found[1]
