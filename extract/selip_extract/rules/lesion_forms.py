"""Forms in a clause of their own: 病灶1T1WI等信号，T2WI高信号，卵圆形 gives it to the lesions the clause refers to."""

from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.mentions import StatedForm
from selip_extract.rules.references.introductions import referents
from selip_extract.rules.second_lesions import is_of_a_second_lesion
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import State


def state_form(state: State, sentence: Sentence, at: int) -> State:
    """卵圆形: the form, which ends at `at`, of the lesions in focus; 形态分别为团块状、点状 gives each its own."""
    if is_of_a_second_lesion(sentence, at):
        return state
    sites, forms = referents(state, sentence, at, True).sites, sentence.forms[at]
    each = forms if len(forms) == len(sites) else [forms[0]] * len(sites)
    start = sentence.tokens[at].start
    stated = (StatedForm(site.location, start, form) for site, form in zip(sites, each, strict=True))
    return replace(state, forms=(*state.forms, *stated))
