"""Sites that are normal, that have changed, that are not seen."""

import pytest

from selip_extract.rules.descriptions import describe_as_normal, describe_change, is_not_seen
from selip_extract.rules.references.introductions import introduce
from selip_extract.rules.references.site_references import refer_to_rest
from selip_extract.rules.state import START, Standing
from tests.extract.rules.sentences import apply, named, names, sentence


def test_a_normal_site_is_not_what_the_next_value_is_stated_of() -> None:
    assert apply(describe_as_normal, named("双侧海马"), "双侧海马对称", "对称").standing is Standing.NORMAL
    margin = apply(describe_as_normal, named("左侧额叶"), "左侧额叶边界，清晰", "清晰")
    assert margin == named("左侧额叶").close()
    rest = apply(refer_to_rest, START, "其余正常", "其余")
    assert not apply(describe_as_normal, rest, "其余正常", "正常").refers_to_rest


@pytest.mark.parametrize(
    ("lesion", "text", "change", "announced"),
    [
        ("", "左侧海马萎缩", "萎缩", "左侧海马"),
        ("右侧颞叶", "右侧大脑脚受压", "受压", ""),
        ("右侧颞叶", "左侧海马体积缩小，其内见T2WI高信号", "体积缩小", "左侧海马"),
        ("右侧颞叶", "左侧海马萎缩，增强后右侧颞叶强化", "萎缩", ""),
    ],
)
def test_a_change_leads_in_to_an_account_or_belongs_to_the_lesion(
    lesion: str, text: str, change: str, announced: str
) -> None:
    state = named(lesion) if lesion else START
    state = introduce(state, state.focus, True).close() if lesion else state
    before = sentence(text).text.partition(change)[0]
    after = apply(describe_change, named(before, state), text, change)
    assert after.focus.sites == ()
    assert names(after.announced.sites) == announced
    assert names(after.mentioned.changed) == before


def test_a_denied_change_is_none() -> None:
    text = "左侧额叶病灶未见萎缩"
    negated = named("左侧额叶").negate(sentence(text).tokens[-2])
    after = apply(describe_change, negated, text, "萎缩")
    assert after.mentioned.changed == ()
    assert names(after.announced.sites) == "左侧额叶"
    assert apply(describe_change, negated, "左侧额叶未见萎缩", "萎缩").announced.sites == ()


def test_a_neighbour_that_is_not_seen() -> None:
    unseen, unclear = sentence("垂体柄显示不清"), sentence("左侧额叶边界不清")
    assert is_not_seen(unseen, unseen.tokens)
    assert not is_not_seen(unclear, unclear.tokens)
