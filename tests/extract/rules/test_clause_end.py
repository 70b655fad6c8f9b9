"""What the end of a clause leaves in focus."""

from selip_extract.rules.clause_end import end_clause, punctuate
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.mentions import NO_LESION
from selip_extract.rules.references.introductions import introduce
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import START, Clause, State
from tests.extract.rules.sentences import apply, at, named, names, sentence


def read(text: str, mark: str, state: State = START) -> State:
    """The state after the first clause of the text."""
    of = sentence(text)
    first = Sentence(text, text, of.tokens[: at(of, mark)])
    return punctuate(named(text[: text.index(mark)], state) if first.sites else state, of, at(of, mark))


def test_a_clause_that_only_names_a_lesion_introduces_it() -> None:
    state = read("左侧额叶见结节，边界清", "，")
    assert names(state.introduced.sites) == "左侧额叶"
    assert not state.open
    assert read("左侧额叶，边界清", "，").introduced == NO_LESION


def test_sites_before_a_colon_or_semicolon_are_announced() -> None:
    assert names(read("左侧桥臂：边界欠清", "：").announced.sites) == "左侧桥臂"
    assert names(read("左侧额叶边界不清；T1WI呈低信号", "；").announced.sites) == "左侧额叶"
    assert read("左侧额叶边界不清；脑桥T1WI呈低信号", "；").announced.sites == ()


def test_a_semicolon_forgets_the_focus_and_a_comma_keeps_it() -> None:
    state = named("左侧额叶")
    state = introduce(state, state.focus, True)
    assert names(apply(punctuate, state, "左侧额叶，边界", "，").focus.sites) == "左侧额叶"
    after = apply(punctuate, state, "左侧额叶；边界", "；")
    assert after.focus.sites == ()
    assert after.introduced == NO_LESION
    assert after.mentioned.subject == state.introduced


def test_negation_doubt_and_largest_end_with_the_clause() -> None:
    of = sentence("左侧额叶未见，边界")
    state = replace(named("左侧额叶"), clause=Clause(0, of.tokens[-3], True, True))
    assert punctuate(state, of, at(of, "，")).clause == Clause(start=at(of, "，") + 1)


def test_a_denial_ends_before_a_sequence() -> None:
    of = sentence("无占位效应、T1WI呈低信号")
    state = START.negate(of.tokens[0])
    assert punctuate(state, of, at(of, "、")).clause.negation is None
    of = sentence("无占位效应、水肿")
    assert punctuate(START.negate(of.tokens[0]), of, at(of, "、")).clause.negation == of.tokens[0]


def test_a_clause_of_a_prior_study_changes_nothing_but_the_clause() -> None:
    state = replace(named("左侧额叶"), before_prior=START.sequences)
    after = apply(punctuate, state, "左侧额叶见结节；脑桥", "；")
    assert replace(after, clause=state.clause) == state


def test_after_a_neighbour_that_is_not_seen_the_lesion_is_continued() -> None:
    state = named("左侧额叶")
    state = introduce(state, state.focus, True).close()
    assert read("垂体柄显示不清，T1WI呈低信号", "，", state).focus.sites == ()


def test_the_end_of_the_sentence_introduces_a_lesion_too() -> None:
    of = sentence("左侧额叶见结节")
    assert names(end_clause(named(of.text), of, len(of.tokens)).introduced.sites) == "左侧额叶"
