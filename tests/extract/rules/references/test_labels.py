"""Labels of lesions are given with their sites and refer to them later."""

import pytest

from selip_extract.rules.mentions import ReferenceKind
from selip_extract.rules.references.label_lists import label_name
from selip_extract.rules.references.labels import begin_labelled, introduce_labelled, refer_to_label, use_label
from selip_extract.rules.state import NO_SEQUENCES, START, SequenceFocus
from tests.extract.rules.sentences import apply, named, names, sentence


def test_a_label_is_given_once_and_refers_from_then_on() -> None:
    given = apply(refer_to_label, named("左侧额叶"), "左侧额叶病灶1", "病灶")
    assert names(given.mentioned.labels["1"].sites) == "左侧额叶"
    later = apply(refer_to_label, given.refer_to(named("脑桥").focus), "病灶1呈高信号", "病灶")
    assert names(later.focus.sites) == "左侧额叶"
    assert later.focus.kind is ReferenceKind.LABEL
    assert apply(refer_to_label, given, "病灶呈高信号", "病灶") == given


@pytest.mark.parametrize(
    ("text", "word", "sites"),
    [
        ("病灶A位于左侧额叶，病灶B位于脑桥", "A", "左侧额叶"),
        ("右侧丘脑结节A", "A", "右侧丘脑"),
        ("病灶A：右侧丘脑，T1WI呈低信号", "A", "右侧丘脑"),
        ("右侧丘脑病灶（A）", "A", "右侧丘脑"),
        ("A左侧额叶，B脑桥", "A", "左侧额叶"),
        ("A.左侧额叶，B.脑桥", "A.", "左侧额叶"),
        ("Ⅰ、左侧额叶，Ⅱ、脑桥", "Ⅰ", "左侧额叶"),
    ],
)
def test_to_what_a_label_is_given(text: str, word: str, sites: str) -> None:
    before = named("右侧丘脑") if "右侧丘脑" in text else START
    given = apply(use_label, before, text, word).mentioned.labels
    assert names(given[label_name(word)].sites) == sites


def test_a_letter_that_stands_elsewhere_is_no_label() -> None:
    assert apply(use_label, named("左侧额叶"), "左侧额叶见B超", "B") == named("左侧额叶")


def test_a_label_that_no_lesion_has_names_no_site() -> None:
    given = apply(use_label, START, "病灶A位于左侧额叶", "A")
    assert apply(use_label, given, "病灶C呈低信号", "C").focus.sites == ()
    assert apply(use_label, named("左侧额叶"), "病灶C呈低信号", "C").focus == named("左侧额叶").focus


def test_a_mark_gives_a_label_to_the_sites_of_its_sentence() -> None:
    state = begin_labelled(START, sentence("左侧额叶，"), "：①", NO_SEQUENCES)
    assert names(state.mentioned.labels["1"].sites) == "左侧额叶"
    assert names(introduce_labelled(state, "：①").mentioned.lesions[0].sites) == "左侧额叶"
    assert begin_labelled(START, sentence("左侧额叶，"), "。", NO_SEQUENCES) == START


def test_a_mark_refers_to_its_lesion_on_the_sequences_before_it() -> None:
    state = START
    for mark, text in (("①", "左侧额叶，"), ("②", "脑桥。")):
        state = begin_labelled(state, sentence(text), mark, NO_SEQUENCES)
    heading = SequenceFocus((sentence("DWI：").tokens[0],))
    first = begin_labelled(state, sentence("呈低信号，"), "（1）", heading)
    assert names(first.focus.sites) == "左侧额叶"
    assert [token.value for token in first.sequences.tokens] == ["DWI"]
    both = begin_labelled(state, sentence("均呈低信号"), "①②", heading)
    assert (names(both.focus.sites), both.focus.kind) == ("左侧额叶 脑桥", ReferenceKind.LABEL)
    assert names(apply(use_label, first, "和②呈低信号", "②").focus.sites) == "左侧额叶 脑桥"


def test_a_site_that_follows_a_value_redefines_no_label() -> None:
    state = begin_labelled(START, sentence("左侧额叶，"), "①", NO_SEQUENCES)
    later = begin_labelled(state, sentence("呈低信号，右侧侧脑室受压"), "①", NO_SEQUENCES)
    assert names(later.mentioned.labels["1"].sites) == names(later.focus.sites) == "左侧额叶"
