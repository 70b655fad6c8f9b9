"""Attributes against annotated ones: which findings are compared, and what is exact."""

from typing import Any

import pytest

from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_contracts.vocabulary import UNLISTED
from selip_extract.evaluation.attributes import ATTRIBUTES, score_attributes
from selip_extract.evaluation.score import Share


def finding(site: str, **attributes: Any) -> Finding:
    return Finding.model_validate({"modality": "T2", "side": "左侧", "site": site, "signal": "高", **attributes})


def attribute_shares(annotated: list[Finding], extracted: list[Finding]) -> dict[str, Share]:
    """The attributes that some annotation states."""
    gold = [AnnotatedReport(report_id="a", findings_text="", study=Study(findings=tuple(annotated)))]
    figures = vars(score_attributes(gold, {"a": Study(findings=tuple(extracted))}))
    assert set(figures) == {f"{name}_exact" for name in ATTRIBUTES}
    return {name: share for name, share in figures.items() if share.of}


def test_an_attribute_is_compared_where_the_annotation_states_it() -> None:
    shares = attribute_shares(
        [finding("额叶", morphology="斑片状", size_mm=(21, 18)), finding("颞叶", morphology="点状"), finding("顶叶")],
        [
            finding("额叶", morphology="斑片状", size_mm=(21,), margin="清楚"),
            finding("颞叶", morphology="结节状", count="多发"),
            finding("顶叶", morphology="点状"),
        ],
    )
    assert shares == {
        "morphology_exact": Share(0.5, 2),
        "size_mm_exact": Share(0.0, 1),
        "certainty_exact": Share(1.0, 3),
    }


def test_a_finding_that_is_wrong_or_missing_is_not_compared() -> None:
    annotated = [finding("额叶", lesion="囊肿"), finding("颞叶", lesion="水肿")]
    assert attribute_shares(annotated, [finding("额叶", lesion="囊肿"), finding("枕叶", lesion="出血")]) == {
        "lesion_exact": Share(1.0, 1),
        "certainty_exact": Share(1.0, 1),
    }


def test_certainty_is_stated_by_all_findings_of_a_report_that_states_attributes() -> None:
    annotated = [finding("额叶", certainty="可疑"), finding("颞叶")]
    doubtful = [finding("额叶", certainty="可疑"), finding("颞叶", certainty="可疑")]
    assert attribute_shares(annotated, doubtful) == {"certainty_exact": Share(0.5, 2)}
    assert attribute_shares([finding("额叶")], doubtful) == {}


def test_an_unlisted_place_that_is_found_by_a_listed_site_is_compared_too() -> None:
    annotated = [finding(UNLISTED, site_text="额盖下区", margin="清楚")]
    assert attribute_shares(annotated, [finding("额盖", margin="清楚")])["margin_exact"] == Share(1.0, 1)


@pytest.mark.parametrize(
    ("annotated", "found", "right"),
    [
        ({"margin": "边界清"}, {"margin": "界清晰"}, True),
        ({"margin": "边界清"}, {"margin": "边界欠清"}, False),
        ({"margin": "边缘毛糙"}, {"margin": "边缘模糊"}, True),
        ({"morphology": "线状"}, {"morphology": "线样"}, True),
        ({"morphology": "片状"}, {"morphology": "小片状"}, False),
        ({"lesion": "急性梗死灶"}, {"lesion": "梗死灶"}, True),
        ({"lesion": "钙化灶"}, {"lesion": "钙化"}, True),
        ({"lesion": "结节"}, {"lesion": "肿块"}, False),
        ({"number": 3}, {"number": 2}, False),
    ],
)
def test_words_that_say_the_same_are_equal(annotated: dict[str, Any], found: dict[str, Any], right: bool) -> None:
    shares = attribute_shares([finding("额叶", **annotated)], [finding("额叶", **found)])
    (name,) = annotated
    assert shares[f"{name}_exact"] == Share(float(right), 1)
