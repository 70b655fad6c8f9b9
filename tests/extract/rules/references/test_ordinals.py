"""Ordinals select lesions by the order in which they were mentioned."""

import pytest

from selip_extract.rules.references.ordinals import choose_lesions
from selip_extract.rules.references.pairs import refer_to_one_of_two
from selip_extract.rules.references.phrases import Chosen
from selip_extract.rules.state import START, State
from tests.extract.rules.references.test_site_references import introduced
from tests.extract.rules.sentences import apply, named, names

THREE = ("左侧额叶", "脑桥", "右侧丘脑")


@pytest.mark.parametrize(
    "state",
    [introduced(*THREE), introduced("、".join(THREE)), named("、".join(THREE))],
    ids=["lesions", "sites", "named"],
)
@pytest.mark.parametrize(
    ("chosen", "sites"),
    [
        ((0, 1), "左侧额叶 脑桥"),
        ((-2, -1), "脑桥 右侧丘脑"),
        ((1,), "脑桥"),
        ((0, 2), "左侧额叶 右侧丘脑"),
        ((0,), "左侧额叶"),
        ((-1,), "右侧丘脑"),
        ((3,), ""),
    ],
)
def test_which_lesions_are_chosen(state: State, chosen: Chosen, sites: str) -> None:
    after = choose_lesions(state, chosen, 0)
    assert after == state if not sites else names(after.focus.sites) == sites


def test_one_lesion_is_not_counted() -> None:
    state = introduced("左侧额叶")
    assert choose_lesions(state, (0,), 0) == state
    assert choose_lesions(START, (0, 1), 0) == START


def test_the_latter_are_those_that_were_not_chosen() -> None:
    state = choose_lesions(introduced(*THREE), (0, 1), 0)
    assert names(apply(refer_to_one_of_two, state, "后者呈低信号", "后者").focus.sites) == "右侧丘脑"
    state = choose_lesions(introduced(*THREE), (-2, -1), 0)
    assert names(apply(refer_to_one_of_two, state, "前者呈低信号", "前者").focus.sites) == "左侧额叶"
