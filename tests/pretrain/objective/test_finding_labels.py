import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selip_contracts.statements import NORMAL_TEXT, parse_sequence_text
from selip_pretrain.objective.finding_labels import MIN_CASES, FindingLabel, LabelledTexts, common_labels
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.objective.loss import findings_loss

LEFT, RIGHT, BOTH = (f"在{side}额叶表现为高信号" for side in ("左侧", "右侧", "双侧"))
STATEMENTS = (
    LEFT, RIGHT, BOTH, "在额叶表现为稍低信号", "在左侧中央前回表现为高信号", "在左侧大脑半球表现为高信号",
    "在左侧颞叶表现为低信号", "在胼胝体表现为斑片状高信号", "在胼胝体表现为低信号",
)  # fmt: skip
LABELS = sorted(
    {FindingLabel("normal")}
    | {
        label
        for side, site, *_ in parse_sequence_text("，".join(STATEMENTS), "T2")
        for label in FindingLabel.of_finding(side, site, "高")
    },
    key=repr,
)


def table_of(texts: Sequence[str]) -> TextTable:
    return TextTable(texts, ["T2"] * len(texts))


@given(st.lists(st.lists(st.sampled_from(STATEMENTS), max_size=4, unique=True).map("，".join), min_size=1, max_size=6))
def test_the_answers_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    written = [text or NORMAL_TEXT for text in texts]
    table = table_of(written)
    answers = LabelledTexts(table, LABELS).answers(table.rows(written))
    expected = [[label.answer(parse_sequence_text(text, "T2")) for label in LABELS] for text in written]
    np.testing.assert_array_equal(answers.numpy(), np.array(expected, np.float32))


def test_labels_need_volumes_with_and_without_the_finding_and_know_their_share() -> None:
    texts = [LEFT] * MIN_CASES + [RIGHT] * 3 * MIN_CASES + [BOTH] * (MIN_CASES - 1) + [NORMAL_TEXT] * MIN_CASES
    table = table_of(texts)
    shares = common_labels(table, table.rows(texts))
    left, right = (FindingLabel("side", "额叶", side) for side in ("左侧", "右侧"))
    assert set(shares) == {
        FindingLabel("normal"), FindingLabel("site", "额叶"), left, right,
        FindingLabel("signal", "额叶", "左侧", "高"), FindingLabel("signal", "额叶", "右侧", "高"),
    }  # fmt: skip
    assert shares[left] == pytest.approx(1 / 5)  # volumes with a finding on both sides leave it open
    assert shares[right] == pytest.approx(3 / 5)
    assert shares[FindingLabel("normal")] == pytest.approx(10 / 59)


def test_the_loss_is_of_known_answers_alone() -> None:
    log_odds = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]], requires_grad=True)
    answers = torch.tensor([[1.0, torch.nan, 0.0], [torch.nan, torch.nan, 1.0]])
    loss = findings_loss(log_odds, answers)
    expected = math.log(1 + math.exp(-2)) + math.log(1 + math.exp(0.5)) + math.log(1 + math.exp(2))
    assert loss.item() == pytest.approx(expected / 2)
    (gradient,) = torch.autograd.grad(loss, log_odds)
    assert torch.equal(gradient == 0, answers.isnan())
    assert findings_loss(log_odds[:0], answers[:0]).item() == 0
