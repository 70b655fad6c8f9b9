import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_contracts.vocabulary import SITES
from selip_downstream.reproduce.data.planted_errors import plant


@pytest.fixture(scope="module")
def reports() -> list[AnnotatedReport]:
    def findings(number: int) -> Iterator[Finding]:
        for modality in ("T1", "T2", "DWI"):
            yield Finding(modality=modality, side=("左侧", "右侧")[number % 2], site="额叶", signal="高")
        yield Finding(modality="T1CE", side=None, site=("脑桥", "延髓")[number % 2], signal="环形强化")
        yield Finding(modality="T2", side="双侧", site="侧脑室旁", signal="稍高")

    return [
        AnnotatedReport(report_id=f"r{number}", findings_text="文", study=Study(findings=tuple(findings(number))))
        for number in range(400)
    ]


def wrong(before: AnnotatedReport, after: AnnotatedReport) -> int:
    return len(set(before.study.findings) - set(after.study.findings))


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_that_share_of_the_findings_is_wrong(reports: list[AnnotatedReport], rate: float) -> None:
    spoilt = plant(reports, rate, seed=1)
    share = sum(map(wrong, reports, spoilt)) / sum(len(r.study.findings) for r in reports)
    assert share == pytest.approx(rate, abs=0.03)
    assert [r.report_id for r in spoilt] == [r.report_id for r in reports]


def test_a_wrong_finding_that_another_one_says_already_is_said_once() -> None:
    sides = [Finding(modality="DWI", side=side, site="岛叶", signal="高") for side in ("左侧", "右侧")]
    study = Study(findings=tuple(sides))
    many = [AnnotatedReport(report_id=f"r{n}", findings_text="文", study=study) for n in range(100)]
    kept = [report.study.findings for report in plant(many, 0.5, seed=0)]
    assert all(len({finding.key for finding in findings}) == len(findings) for findings in kept)
    assert any(len(findings) == 1 and findings[0] in sides for findings in kept)


def test_rate_0_changes_nothing_and_rate_1_everything(reports: list[AnnotatedReport]) -> None:
    assert plant(reports, 0, seed=1) == reports
    assert all(wrong(*both) == len(both[0].study.findings) for both in zip(reports, plant(reports, 1, 1), strict=True))


def test_a_higher_rate_spoils_what_a_lower_one_spoils_in_the_same_way(reports: list[AnnotatedReport]) -> None:
    for few, many in zip(plant(reports, 0.1, 2), plant(reports, 0.3, 2), strict=True):
        original = next(r for r in reports if r.report_id == few.report_id)
        assert set(few.study.findings) - set(original.study.findings) <= set(many.study.findings)
        assert set(many.study.findings) & set(original.study.findings) <= set(few.study.findings)


def test_an_error_stays_a_finding_that_the_contract_admits(reports: list[AnnotatedReport]) -> None:
    for report in plant(reports, 1, seed=3):
        for finding in report.study.findings:
            assert Finding.model_validate(finding.model_dump()) == finding
            assert (finding.side is None) == (SITES[finding.site].laterality != "paired")


def test_the_command_gives_the_same_errors_for_the_same_seed(reports: list[AnnotatedReport], tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    write_annotated(truth, reports)
    written = []
    for name in ("a.jsonl", "b.jsonl"):
        command = [sys.executable, "-m", "selip_downstream.reproduce.data.planted_errors", str(truth), "--rate", "0.2"]
        subprocess.run([*command, "--out", str(tmp_path / name)], check=True)
        written.append(list(read_annotated(tmp_path / name)))
    assert written[0] == written[1] == plant(reports, 0.2, seed=0)
