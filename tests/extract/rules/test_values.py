"""Values are stated on the sequences in focus, of the sites in focus."""

import pytest

from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.mentions import StatedValue
from selip_extract.rules.references.introductions import introduce
from selip_extract.rules.references.site_references import refer_to_rest
from selip_extract.rules.repeated_values import state_the_same
from selip_extract.rules.state import SequenceFocus, Standing, State
from selip_extract.rules.values import (
    begin_order,
    name_sequence,
    preview_sequences,
    resume_sequences,
    state_abnormality,
    state_enhancement,
    state_restriction,
    state_signal,
)
from tests.extract.rules.sentences import Transition, apply, at, findings, named, sentence


def on(sequences: str, state: State, used: bool = False) -> State:
    """The state after the sequences have been named."""
    of = sentence(sequences)
    tokens = tuple(token for token in of.tokens if token.kind == "sequence")
    return replace(state, sequences=SequenceFocus(tokens, used))


def found(state: State) -> str:
    return " ".join(f"{f.side or ''}{f.site}:{f.modality}{f.signal or '无'}" for f in state.findings)


@pytest.mark.parametrize(
    ("transition", "sequences", "text", "word", "findings"),
    [
        (state_signal, "T1WI、T2WI", "左侧额叶呈高信号", "高信号", "左侧额叶:T1高 左侧额叶:T2高"),
        (state_signal, "增强", "左侧额叶呈高信号", "高信号", ""),
        (state_signal, "T1WI", "左侧额叶高信号未见", "高信号", "左侧额叶:T1无"),
        (state_enhancement, "T1WI", "左侧额叶环形强化", "环形强化", "左侧额叶:T1CE环形强化"),
        (state_restriction, "T1WI", "左侧额叶弥散受限", "弥散受限", "左侧额叶:DWI高 左侧额叶:ADC低"),
        (state_restriction, "DWI", "左侧额叶弥散受限", "弥散受限", "左侧额叶:DWI高"),
    ],
)
def test_a_value(transition: Transition, sequences: str, text: str, word: str, findings: str) -> None:
    state = apply(transition, on(sequences, named("左侧额叶")), text, word)
    assert found(state) == findings
    assert state.sequences.used == bool(findings)


def test_a_value_introduces_its_lesion_and_is_remembered() -> None:
    state = apply(state_signal, on("T1WI", named("左侧额叶")), "左侧额叶呈高信号", "高信号")
    assert state.introduced == state.mentioned.lesions[0]
    assert state.mentioned.stated == (StatedValue(("左侧", "额叶"), "T1", "高"),)


def test_a_description_of_a_stated_signal_is_no_other_signal() -> None:
    state = on("T1WI", named("左侧额叶"), used=True)
    assert apply(state_signal, state, "内部信号欠均匀", "信号欠均匀") == state


def test_the_rest_takes_each_value_where_its_sequence_is_missing() -> None:
    state = named("左侧额叶、脑桥")
    state = introduce(state, state.focus, True)
    stated = (StatedValue(("左侧", "额叶"), "T1", "低"),)
    state = replace(state, mentioned=replace(state.mentioned, stated=stated))
    state = apply(refer_to_rest, on("T1WI、T2WI", state), "其余呈高信号", "其余")
    assert found(apply(state_signal, state, "其余呈高信号", "高信号")) == "脑桥:T1高 左侧额叶:T2高 脑桥:T2高"


def test_values_in_order_of_sequences_and_of_sites() -> None:
    text = "分别呈低、高信号"
    by_sequence = apply(begin_order, on("T1WI、T2WI", named("左侧额叶")), text, "分别呈")
    by_site = apply(begin_order, on("T1WI", named("左侧额叶、脑桥")), text, "分别呈")
    for state, expected in ((by_sequence, "左侧额叶:T1低 左侧额叶:T2高"), (by_site, "左侧额叶:T1低 脑桥:T1高")):
        after = apply(state_signal, apply(state_signal, state, text, "低"), text, "高信号")
        assert found(after) == expected
        assert after.sequences.used
        assert after.sequences.order is None


def test_an_account_of_each_site_begins_with_its_sequence() -> None:
    of = sentence("左侧额叶、脑桥分别见长T1信号、等T1信号")
    state = begin_order(named(of.text), of, at(of, "分别"))
    for index, token in enumerate(of.tokens):
        if token.kind == "sequence":
            state = name_sequence(state, of, index)
        elif token.kind == "signal":
            state = state_signal(state, of, index)
    assert found(state) == "左侧额叶:T1低 脑桥:T1等"
    assert state.awaiting == ()


def test_a_sequence_joins_those_without_a_value_and_replaces_used_ones() -> None:
    unused, used = on("T1WI", named("脑桥")), on("T1WI", named("脑桥"), used=True)
    assert [t.value for t in apply(name_sequence, unused, "T2WI", "T2WI").sequences.tokens] == ["T1", "T2"]
    assert [t.value for t in apply(name_sequence, used, "T2WI", "T2WI").sequences.tokens] == ["T2"]


def test_no_abnormality_on_a_sequence_or_of_a_site() -> None:
    text = "未见异常信号"
    negated = named("脑桥").negate(sentence(text).tokens[0])
    assert found(apply(state_abnormality, on("DWI", negated), text, "异常信号")) == "脑桥:DWI无"
    assert apply(state_abnormality, negated, text, "异常信号").standing is Standing.NORMAL
    assert apply(state_abnormality, named("脑桥"), "见异常信号", "异常信号") == named("脑桥").close()


def test_the_same_as_the_other_lesion() -> None:
    first = apply(state_signal, on("T1WI", named("左侧额叶")), "左侧额叶呈低信号", "低信号")
    second = named("脑桥", first.close())
    assert found(apply(state_the_same, second, "脑桥信号同上", "信号同上")) == "左侧额叶:T1低 脑桥:T1低"


def test_the_sequences_of_an_exception() -> None:
    of = sentence("除脑桥呈高信号外，其余DWI呈等信号")
    state = preview_sequences(named("左侧额叶"), of, at(of, "除"))
    assert [token.value for token in state.sequences.tokens] == ["DWI"]
    used = on("DWI", named("左侧额叶"), used=True)
    assert resume_sequences(used, of, at(of, "外")) == used
    assert not apply(resume_sequences, used, "除脑桥外呈高信号", "外").sequences.used


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "左侧额叶DWI呈稍高信号，ADC呈稍低信号，提示弥散受限。",
            {("左侧额叶", "DWI"): "稍高", ("左侧额叶", "ADC"): "稍低"},
        ),
        ("左侧额叶DWI呈稍高信号，弥散受限。", {("左侧额叶", "DWI"): "稍高", ("左侧额叶", "ADC"): "低"}),
        ("左侧额叶弥散受限。", {("左侧额叶", "DWI"): "高", ("左侧额叶", "ADC"): "低"}),
    ],
)
def test_a_restriction_does_not_restate_what_was_stated(text: str, expected: dict[tuple[str, str], str]) -> None:
    assert {where: finding.signal for where, finding in findings(text).items()} == expected


def test_a_sequence_without_a_value_is_not_in_the_next_account() -> None:
    text = "SWI左侧小脑半球见细小血管影，T1WI呈低信号。DWI示左侧额叶T2WI稍高信号。"
    assert list(findings(text)) == [("左侧小脑半球", "T1"), ("左侧额叶", "T2")]
