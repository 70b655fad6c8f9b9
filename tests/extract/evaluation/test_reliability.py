"""Agreement, confidence, review and `normal` against annotated reports."""

import random
from typing import Any

import numpy as np
import pytest

from selip_contracts.findings import AnnotatedReport, Evidence, Finding, Study
from selip_extract.evaluation.reliability import Reliability, auc, reliability
from selip_extract.evaluation.score import Share
from selip_extract.extraction import Review

TEXT = "左侧额叶见长T2信号。左侧颞叶见长T2信号。左侧顶叶见长T2信号。"
SENTENCE = 10


def finding(site: str, sentence: int = 0, **fields: Any) -> Finding:
    start = SENTENCE * sentence
    evidence = Evidence(text=TEXT[start : start + SENTENCE], start=start, end=start + SENTENCE)
    return Finding(modality="T2", side="左侧", site=site, signal="高", evidence=evidence, **fields)


def passage(start: int, end: int) -> Review:
    return Review("uncited", TEXT[start:end], start, end)


def reliability_of(extracted: Study | None, *passages: Review, annotated: Study | None = None) -> Reliability:
    """One report that states a finding in 额叶 and one in 顶叶, unless another annotation is given."""
    study = annotated or Study(findings=(finding("额叶"), finding("顶叶", 2)))
    gold = [AnnotatedReport(report_id="a", findings_text=TEXT, study=study)]
    return reliability(gold, {} if extracted is None else {"a": extracted}, {"a": passages} if passages else {})


def test_of_the_agreed_findings_the_wrong_ones_count() -> None:
    extracted = Study(
        findings=(
            finding("额叶", agreed=True),
            finding("颞叶", 1, agreed=True),
            finding("枕叶", 1, agreed=False),
            finding("岛叶", 1),
        )
    )
    assert reliability_of(extracted).wrong_agreed == Share(0.5, 2)
    assert reliability_of(Study()).wrong_agreed == Share(None, 0)


@pytest.mark.parametrize(
    ("passages", "outside"),
    [([], 1.0), ([(0, 10)], 1.0), ([(10, 20)], 0.5), ([(9, 11), (29, 30)], 0.0), ([(0, 30)], 0.0)],
)
def test_a_wrong_finding_is_reviewed_where_its_evidence_overlaps_a_passage(
    passages: list[tuple[int, int]], outside: float
) -> None:
    extracted = Study(findings=(finding("额叶"), finding("颞叶", 1), finding("枕叶", 2)))
    figures = reliability_of(extracted, *(passage(*span) for span in passages))
    assert figures.wrong_unreviewed == Share(outside, 2)


def test_a_wrong_finding_without_evidence_is_not_reviewed() -> None:
    cited_nowhere = finding("颞叶").model_copy(update={"evidence": None})
    figures = reliability_of(Study(findings=(cited_nowhere,)), passage(0, 30))
    assert figures.wrong_unreviewed == Share(1.0, 1)


def test_reports_in_review_are_those_with_a_passage_read_or_not() -> None:
    gold = [AnnotatedReport(report_id=name, findings_text=TEXT, study=Study()) for name in "abcd"]
    figures = reliability(gold, {"b": Study()}, {"a": (passage(0, 5),), "b": (), "c": (passage(0, 5), passage(5, 9))})
    assert figures.in_review == Share(0.5, 4)


ABNORMAL = Study(understood=False)


@pytest.mark.parametrize(
    ("annotated", "extracted", "wrong", "lost"),
    [
        (Study(), Study(), 0, 0),
        (Study(findings=(finding("额叶"),)), Study(), 1, 0),
        (ABNORMAL, Study(), 1, 0),
        (ABNORMAL, ABNORMAL, 0, 0),
        (ABNORMAL, None, 0, 0),
        (Study(), ABNORMAL, 0, 1),
        (Study(), Study(findings=(finding("额叶"),)), 0, 1),
        (Study(), None, 0, 1),
    ],
)
def test_normal_is_wrong_or_lost(annotated: Study, extracted: Study | None, wrong: int, lost: int) -> None:
    figures = reliability_of(extracted, annotated=annotated)
    assert (figures.wrong_normal, figures.lost_normal) == (wrong, lost)


def test_the_confidence_tells_right_from_wrong_findings() -> None:
    def found(*confidences: float | None) -> Study:
        sites = ("额叶", "颞叶", "枕叶")
        return Study(findings=tuple(finding(s, confidence=c) for s, c in zip(sites, confidences, strict=True)))

    assert reliability_of(found(0.9, 0.5, 0.6)).confidence_auc == 1.0
    assert reliability_of(found(0.5, 0.5, 0.6)).confidence_auc == 0.25
    assert reliability_of(found(0.9, None, 0.95)).confidence_auc == 0.0
    assert reliability_of(found(0.9, None, None)).confidence_auc is None


def naive_auc(confidences: list[float], right: list[bool]) -> float:
    """Each pair of a right and a wrong finding, one by one."""
    rights = [c for c, is_right in zip(confidences, right, strict=True) if is_right]
    wrongs = [c for c, is_right in zip(confidences, right, strict=True) if not is_right]
    won = sum(1.0 if r > w else 0.5 if r == w else 0.0 for r in rights for w in wrongs)
    return won / (len(rights) * len(wrongs))


@pytest.mark.parametrize("values", [3, 10_000])
def test_the_rank_formula_equals_counting_pairs(values: int) -> None:
    rng = random.Random(values)
    for _ in range(20):
        confidences = [rng.randrange(values) / values for _ in range(40)]
        right = [True, False, *(rng.random() < c for c in confidences[2:])]
        assert auc(np.array(confidences), np.array(right)) == pytest.approx(naive_auc(confidences, right), abs=5e-5)
