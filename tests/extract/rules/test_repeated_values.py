"""Values that are stated by pointing to others."""

from selip_extract.rules.repeated_values import (
    name_most_affected,
    state_as_compared,
    state_likewise,
    state_the_same,
)
from selip_extract.rules.state import State
from selip_extract.rules.values import state_signal
from tests.extract.rules.sentences import apply, at, named, names, sentence
from tests.extract.rules.test_values import found, on

FIRST = "左侧额叶T1WI、T2WI呈低信号"


def second(text: str) -> State:
    """A lesion of the pons after one of the frontal lobe that is low on T1 and T2."""
    first = apply(state_signal, on("T1WI、T2WI", named("左侧额叶")), FIRST, "低信号")
    return named(text, first.close())


def test_the_same_but_for_what_the_sentence_states_itself() -> None:
    state = apply(state_the_same, second("脑桥"), "脑桥信号同上，惟T2WI呈高信号", "信号同上")
    assert found(state) == "左侧额叶:T1低 左侧额叶:T2低 脑桥:T1低"


def test_the_same_on_the_sequences_that_are_named() -> None:
    state = apply(state_the_same, on("T2WI", second("脑桥")), "脑桥T2WI同上", "同上")
    assert found(state) == "左侧额叶:T1低 左侧额叶:T2低 脑桥:T2低"
    assert state.sequences.used


def test_as_the_lesion_that_is_compared() -> None:
    of = sentence("脑桥信号与左侧额叶病灶相同，但T1WI呈等信号")
    start = at(of, "与")
    state = state_as_compared(second("脑桥"), of, start, at(of, "，"))
    assert found(state) == "左侧额叶:T1低 左侧额叶:T2低 脑桥:T2低"
    assert found(state_as_compared(named("脑桥"), of, start, at(of, "，"))) == ""


def test_likewise_on_another_sequence() -> None:
    of = sentence("左侧额叶T2WI呈高信号，FLAIR亦然")
    state = state_signal(on("T2WI", named("左侧额叶")), of, at(of, "高信号"))
    assert found(state_likewise(on("FLAIR", state), of, at(of, "亦"))) == "左侧额叶:T2高 左侧额叶:FLAIR高"
    assert state_likewise(state, of, at(of, "亦")) == state


def test_the_most_affected_sites_share_what_was_stated() -> None:
    of = sentence("左侧大脑半球T2WI呈高信号，以额颞叶为著")
    state = state_signal(on("T2WI", named("左侧大脑半球")), of, at(of, "高信号"))
    state = name_most_affected(state, of, at(of, "以"), len(of.tokens))
    assert found(state) == "左侧大脑半球:T2高 左侧额叶:T2高 左侧颞叶:T2高"
    assert names(state.focus.sites) == names(state.introduced.sites) == "左侧大脑半球 左侧额叶 左侧颞叶"


def test_a_most_affected_site_that_is_named_already_adds_nothing() -> None:
    of = sentence("双侧额叶T2WI呈高信号，以左侧额叶为著")
    state = state_signal(on("T2WI", named("双侧额叶")), of, at(of, "高信号"))
    assert name_most_affected(state, of, at(of, "以"), len(of.tokens)) == state
