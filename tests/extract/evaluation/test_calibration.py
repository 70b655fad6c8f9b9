"""The share of right findings among the surest, against counting one by one."""

import math
import random
from pathlib import Path

import pytest

from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_extract.evaluation.calibration import KEPT_SHARES, calibration, draw
from selip_shared.errors import SelipError
from tests.extract.evaluation.estimates import figures

SITES = ("额叶", "顶叶", "颞叶", "枕叶", "岛叶")


def _finding(site: str, confidence: float | None = None) -> Finding:
    return Finding(modality="T2", side="左侧", site=site, signal="高", confidence=confidence)


def _reports(seed: int, reports: int, ties: bool) -> tuple[list[AnnotatedReport], dict[str, Study]]:
    """Every report with 额叶 annotated; extracted findings elsewhere are wrong, and the less sure the likelier."""
    rng = random.Random(seed)
    gold, extracted = [], {}
    for number in range(reports):
        name = f"r{number}"
        gold.append(AnnotatedReport(report_id=name, findings_text="", study=Study(findings=(_finding("额叶"),))))
        confidence = rng.choice((0.5, 0.9, 1.0)) if ties else rng.random()
        site = "额叶" if rng.random() < confidence else rng.choice(SITES[1:])
        extracted[name] = Study(findings=(_finding(site, confidence),))
    return gold, extracted


def test_shares_are_those_of_counting() -> None:
    gold, extracted = _reports(1, 200, ties=False)
    found = calibration(gold, extracted)
    surest = sorted((f for s in extracted.values() for f in s.findings), key=lambda f: -(f.confidence or 0))
    assert found.findings == 200
    for share, kept in zip(KEPT_SHARES, found.kept, strict=True):
        first = surest[: round(share * 200)]
        assert kept.share == share
        assert kept.right.value == pytest.approx(sum(f.site == "额叶" for f in first) / len(first))
        assert kept.mean == pytest.approx(math.fsum(f.confidence or 0 for f in first) / len(first))
        assert kept.least == first[-1].confidence
        low, value, high = figures(kept.right)
        assert low <= value <= high
    assert figures(found.kept[0].right)[1] > figures(found.kept[-1].right)[1]


def test_among_findings_of_equal_confidence_the_right_ones_count_in_proportion() -> None:
    gold, extracted = _reports(2, 300, ties=True)
    sure = [s.findings[0] for s in extracted.values() if s.findings[0].confidence == 1.0]
    unsure = [s.findings[0] for s in extracted.values() if s.findings[0].confidence == 0.9]
    found = calibration(gold, extracted)
    wanted = 0.5 * 300
    assert len(sure) < wanted < len(sure) + len(unsure)
    right = sum(f.site == "额叶" for f in sure)
    right_share = sum(f.site == "额叶" for f in unsure) / len(unsure)
    assert found.kept[4].right.value == pytest.approx((right + right_share * (wanted - len(sure))) / wanted)
    assert found.kept[4].least == 0.9


def test_a_picture_of_the_kind_that_the_name_says(tmp_path: Path) -> None:
    found = calibration(*_reports(3, 30, ties=True))
    draw(found, tmp_path / "c.svg")
    draw(found, tmp_path / "c.png")
    assert b"<svg" in (tmp_path / "c.svg").read_bytes()
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SelipError, match="no image format"):
        draw(found, tmp_path / "c.abc")
    with pytest.raises(SelipError, match="cannot be written"):
        draw(found, tmp_path / "missing" / "c.svg")


def test_findings_without_confidence_are_refused() -> None:
    gold, _ = _reports(4, 3, ties=True)
    with pytest.raises(SelipError, match="no confidence"):
        calibration(gold, {"r0": Study(findings=(_finding("额叶"),))})
    with pytest.raises(SelipError, match="no confidence"):
        calibration(gold, {})
