"""Forms and nouns that are said later (病灶1呈高信号，卵圆形; 该囊肿边界清) are those of the lesions referred to."""

from selip_extract.language.lesion_words import LesionWords, lesion_at
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lesions.second_lesions import is_of_a_second_lesion
from selip_extract.rules.mentions import StatedWords
from selip_extract.rules.references.introductions import referents
from selip_extract.rules.references.site_references import all_above
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import State


def state_form(state: State, sentence: Sentence, at: int) -> State:
    """卵圆形: the form, which ends at `at`, of the lesions in focus; 形态分别为团块状、点状 gives each its own."""
    if is_of_a_second_lesion(sentence, at):
        return state
    forms, clause = sentence.forms[at], sentence.tokens[state.clause.start : at + 1]
    of_all = sentence.text[clause[0].start] in "均都皆" and state.mentioned.lesions  # 均呈类圆形
    focus = all_above(state, clause[0].start) if of_all else referents(state, sentence, at, True)
    sites = focus.sites
    each = forms if len(forms) == len(sites) else [forms[0]] * len(sites)
    start = sentence.tokens[at].start
    stated = (StatedWords(site.location, start, LesionWords(form)) for site, form in zip(sites, each, strict=True))
    return replace(state, words=(*state.words, *stated))


def state_noun(state: State, sentence: Sentence, at: int) -> State:
    """该囊肿, 上述囊肿: the noun behind the word at `at` that points back, or within it."""
    token = sentence.tokens[at]
    noun = lesion_at(sentence.text, token.end) or lesion_at(sentence.text, token.start + 1)
    if noun is None:
        return state
    sites = referents(state, sentence, at, True).sites
    stated = (StatedWords(site.location, token.end, LesionWords(lesion=noun)) for site in sites)
    return replace(state, words=(*state.words, *stated))
