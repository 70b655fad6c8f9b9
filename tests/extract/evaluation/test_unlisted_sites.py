"""A site that the vocabulary lacks: what counts as the annotated one."""

import pytest

from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_contracts.vocabulary import UNLISTED
from selip_extract.evaluation.score import score

TEXT = "左侧额盖下区见长T2信号，额叶未见异常。"


def finding(site: str, *, side: str = "左侧", words: str | None = None, modality: str = "T2") -> Finding:
    return Finding.model_validate(
        {"modality": modality, "side": side, "site": site, "site_text": words, "signal": "高"}
    )


def f1(annotated: Finding | tuple[Finding, ...], extracted: Finding | tuple[Finding, ...]) -> float | None:
    def study(findings: Finding | tuple[Finding, ...]) -> Study:
        return Study(findings=findings if isinstance(findings, tuple) else (findings,))

    gold = [AnnotatedReport(report_id="a", findings_text=TEXT, study=study(annotated))]
    return score(gold, {"a": study(extracted)}).finding_f1.value


PLACE = finding(UNLISTED, words="额盖下区")


@pytest.mark.parametrize(
    ("extracted", "expected"),
    [
        (PLACE, 1.0),
        (finding(UNLISTED, words="盖下区"), 1.0),
        (finding("额盖"), 1.0),
        (finding("颞叶"), 0.0),
        (finding("额盖", side="右侧"), 0.0),
        (finding("额盖", modality="T1"), 0.0),
    ],
)
def test_an_unlisted_place_is_found_as_such_or_by_a_site_that_its_words_contain(
    extracted: Finding, expected: float
) -> None:
    assert f1(PLACE, extracted) == expected


def test_a_listed_site_with_an_annotation_of_its_own_stays_there() -> None:
    listed = finding("额盖")
    assert f1((PLACE, listed), listed) == 0.6667
    assert f1((PLACE, listed), (PLACE, listed)) == 1.0


def test_the_other_way_round_an_unlisted_place_is_no_listed_site() -> None:
    assert f1(finding("额盖"), PLACE) == 0.0


def test_a_general_finding_at_an_unlisted_place_counts_in_the_same_way() -> None:
    def study(site: str, words: str | None = None) -> Study:
        return Study(general=(GeneralFinding(side="左侧", site=site, site_text=words, change="受压"),))

    gold = [AnnotatedReport(report_id="a", findings_text=TEXT, study=study(UNLISTED, "额盖下区"))]
    assert score(gold, {"a": study("额盖")}).general_f1.value == 1.0
    assert score(gold, {"a": study("颞叶")}).general_f1.value == 0.0


@pytest.mark.parametrize(("words", "ungrounded"), [("额盖下区", 0), ("顶下沟", 1)])
def test_an_unlisted_place_is_grounded_in_its_words(words: str, ungrounded: int) -> None:
    gold = [AnnotatedReport(report_id="a", findings_text=TEXT, study=Study())]
    assert score(gold, {"a": Study(findings=(finding(UNLISTED, words=words),))}).ungrounded == ungrounded


def test_a_site_in_traditional_characters_is_grounded() -> None:
    gold = [AnnotatedReport(report_id="a", findings_text="左側額葉見長T2信號。", study=Study())]
    assert score(gold, {"a": Study(findings=(finding("额叶"),))}).ungrounded == 0
