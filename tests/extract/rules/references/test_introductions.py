"""Which lesion a value is stated of, and which lesions a report has introduced."""

import pytest

from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.references.introductions import introduce, referents, take_apart
from selip_extract.rules.references.side_references import refer_to_side
from selip_extract.rules.state import START, Standing, State
from tests.extract.rules.sentences import apply, at, named, names, sentence


def introduced(text: str) -> State:
    state = named(text)
    return introduce(state, state.focus, True)


def test_a_new_lesion() -> None:
    state = introduced("左侧额叶、脑桥")
    assert len(state.mentioned.lesions) == 1
    assert state.introduced == state.mentioned.subject == state.mentioned.lesions[0]
    assert names(state.own.sites) == "左侧额叶 脑桥"


def test_a_part_of_a_lesion_does_not_change_which_one_is_continued() -> None:
    state = introduced("左侧额叶、脑桥")
    part = named("脑桥").focus._replace(source=30)
    assert introduce(state, part, True).introduced == state.introduced
    assert introduce(state, part, True).mentioned == state.mentioned


def test_an_absence_introduces_no_lesion_and_keeps_the_subject() -> None:
    state = introduced("左侧额叶")
    absent = introduce(state, named("脑桥").focus._replace(source=30), False)
    assert absent.mentioned == state.mentioned
    assert names(absent.introduced.sites) == "脑桥"


def test_the_half_of_a_bilateral_lesion_is_no_new_lesion() -> None:
    state = apply(refer_to_side, introduced("双侧基底节区"), "右侧者轻度强化", "右侧")
    assert introduce(state, state.focus, True) == state


def test_what_was_announced_is_introduced_once() -> None:
    state = replace(START, announced=named("左侧额叶").focus)
    assert introduce(state, state.announced, True).announced == START.announced


@pytest.mark.parametrize(
    ("state", "text", "word", "sites"),
    [
        (named("左侧额叶"), "左侧额叶呈高信号", "高信号", "左侧额叶"),
        (replace(START, announced=named("左侧额叶").focus), "呈高信号", "高信号", "左侧额叶"),
        (introduced("左侧额叶").refer_to(START.focus), "呈高信号", "高信号", "左侧额叶"),
        (START, "可见高信号，累及左侧额叶、脑桥", "高信号", "左侧额叶 脑桥"),
        (named("脑实质"), "脑实质见高信号，位于左侧额叶", "高信号", "左侧额叶"),
        (named("双侧海马"), "T1高信号：脑桥", "高信号", "脑桥"),
        (START, "呈高信号", "高信号", ""),
    ],
)
def test_of_which_sites_a_value_is_stated(state: State, text: str, word: str, sites: str) -> None:
    of = sentence(text)
    assert names(referents(state, of, at(of, word), positive=True).sites) == sites


def test_after_a_normal_neighbour_the_lesion_is_continued() -> None:
    of = sentence("呈高信号")
    state = introduced("左侧额叶").refer_to(named("双侧海马").focus)
    normal = replace(state, standing=Standing.NORMAL)
    assert names(referents(state, of, at(of, "高信号"), positive=True).sites) == "双侧海马"
    assert names(referents(normal, of, at(of, "高信号"), positive=True).sites) == "左侧额叶"
    assert names(referents(normal, of, at(of, "高信号"), positive=False).sites) == "双侧海马"


def test_sites_taken_apart_are_described_one_after_the_other() -> None:
    state = take_apart(named("左侧丘脑、脑桥"), 90)
    assert names(state.focus.sites) == "左侧丘脑"
    assert names(state.awaiting) == "脑桥"
    assert [names(part.sites) for part in state.mentioned.pair] == ["左侧丘脑", "脑桥"]
    assert names(state.introduced.sites) == "左侧丘脑 脑桥"
