from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from selip_contracts.statements import NORMAL_TEXT, parse_sequence_text, parse_statement
from selip_contracts.vocabulary import SIGNAL_CLASS, Modality, SignalClass
from selip_downstream.evaluation.bootstrap import auc, every_case_once
from selip_pretrain.training.zero_shot import Answers, ZeroShotQuestion, questions_of, rivals, zero_shot_scores

Matrix = NDArray[np.float32]

LEFT = "在左侧额叶表现为高信号"
RIGHT = "在右侧额叶表现为高信号"
LOW = "在左侧额叶表现为稍低信号"
BOTH = "在双侧额叶表现为高信号"
PART = "在左侧中央前回表现为高信号"
AROUND = "在左侧大脑半球表现为高信号"
ELSEWHERE = "在左侧颞叶表现为高信号"


def answers(question: ZeroShotQuestion, *texts: str) -> list[float]:
    return [question.answer(parse_sequence_text(text, question.modality)) for text in texts]


def test_a_question_is_answered_by_findings_and_left_open_where_they_do_not_decide() -> None:
    site = ZeroShotQuestion("site", "额叶", modality="T2")
    side = ZeroShotQuestion("side", "额叶", "左侧", modality="T2")
    signal = ZeroShotQuestion("signal", "额叶", "左侧", "高", modality="T2")
    texts = (LEFT, RIGHT, LOW, BOTH, PART, AROUND, ELSEWHERE, NORMAL_TEXT, f"{ELSEWHERE}，{LEFT}")
    open_ = np.nan
    np.testing.assert_array_equal(answers(site, *texts), [1, 1, 1, 1, open_, open_, 0, 0, 1])
    np.testing.assert_array_equal(answers(side, *texts), [1, 0, 1, open_, open_, open_, 0, 0, 1])
    np.testing.assert_array_equal(answers(signal, *texts), [1, 0, 0, open_, open_, open_, 0, 0, 1])
    np.testing.assert_array_equal(answers(ZeroShotQuestion("normal", modality="T2"), LEFT, NORMAL_TEXT), [0, 1])


@pytest.mark.parametrize("modality", ["T2", "T1CE"])
def test_every_statement_of_a_question_says_yes_to_it(modality: Modality) -> None:
    signal_class: SignalClass = "强化" if modality == "T1CE" else "低"
    for question in (
        ZeroShotQuestion("site", "额叶", modality=modality),
        ZeroShotQuestion("side", "额叶", "右侧", modality=modality),
        ZeroShotQuestion("signal", "额叶", "右侧", signal_class, modality=modality),
        ZeroShotQuestion("signal", "胼胝体", None, signal_class, modality=modality),
    ):
        stated = [parse_statement(text, modality) for text in question.statements]
        assert stated
        assert {question.answer([one]) for one in stated} == {1.0}
        assert len(set(question.statements)) == len(question.statements)


def test_only_questions_with_enough_images_on_both_sides_are_asked() -> None:
    texts = [LEFT] * 6 + [RIGHT] * 4 + [NORMAL_TEXT] * 5 + ["在左侧颞叶表现为强化"] * 6
    t2: Modality = "T2"
    t1ce: Modality = "T1CE"
    modalities = [t2] * 15 + [t1ce] * 6
    asked = questions_of(texts, modalities)
    assert {(q.kind, q.modality, q.site, q.side) for q in asked} == {
        ("site", "T2", "额叶", None),
        ("side", "T2", "额叶", "左侧"),
        ("signal", "T2", "额叶", "左侧"),
        ("normal", "T2", None, None),
    }
    normal = asked[ZeroShotQuestion("normal", modality="T2")]
    assert normal[:15].tolist() == [0.0] * 10 + [1.0] * 5
    assert np.isnan(normal[15:]).all()


def bag_of_facts(text: str) -> Matrix:
    """An embedding that knows site, side and signal: what a perfect encoder of images and texts agrees on."""
    facts = ["normal", "额叶", "颞叶", "左侧", "右侧", "高", "低"]
    vector = np.zeros(len(facts), np.float32)
    stated = parse_sequence_text(text, "T2")
    vector[0] = not stated
    for side, site, signal, _ in stated:
        for fact in (side, site, SIGNAL_CLASS[signal]):
            if fact in facts:
                vector[facts.index(fact)] += 1
    return vector / np.float32(np.linalg.norm(vector))


def areas(asked: Mapping[ZeroShotQuestion, Answers], images: Matrix) -> dict[ZeroShotQuestion, float]:
    found = {}
    for question, given in asked.items():
        others = rivals(question, list(asked))
        needed = {NORMAL_TEXT, *(s for q in (question, *others) for s in q.statements)}
        scores = zero_shot_scores(question, others, images, {text: bag_of_facts(text) for text in needed})
        known = ~np.isnan(given)
        found[question] = float(auc(scores[known], given[known] == 1)(every_case_once(int(known.sum())))[0])
    return found


def test_an_encoder_that_knows_the_facts_answers_every_question_and_a_blind_one_none() -> None:
    places = [f"在{side}{site}表现为" for side in ("左侧", "右侧") for site in ("额叶", "颞叶")]
    distinct = [*(f"{place}{signal}信号" for place in places for signal in "高低"), NORMAL_TEXT]
    texts = [text for text in distinct for _ in range(6)]
    asked = questions_of(texts, ["T2"] * len(texts))
    assert {question.kind for question in asked} == {"normal", "site", "side", "signal"}
    images = np.stack([bag_of_facts(text) for text in texts])
    assert set(areas(asked, images).values()) == {1.0}
    assert set(areas(asked, np.zeros_like(images)).values()) == {0.5}
