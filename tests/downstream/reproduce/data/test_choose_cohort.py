import csv
import subprocess
import sys
from pathlib import Path

import pytest

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_downstream.reproduce.data.choose_cohort import choose, enlarged
from selip_shared.errors import SelipError

WANTED = ("额叶", "顶叶")
SITES = ["额叶"] * 8 + ["顶叶"] * 4 + ["枕叶"] * 2 + ["脑桥"]


def report(number: int, *sites: str) -> AnnotatedReport:
    findings = tuple(
        Finding(modality=modality, side=None if site == "脑桥" else "左侧", site=site, signal="高")
        for site in sites
        for modality in ("T2", "FLAIR")
    )
    return AnnotatedReport(report_id=f"r{number}", findings_text=f'"{number}"，\n文', study=Study(findings=findings))


@pytest.fixture
def pool() -> list[AnnotatedReport]:
    one = [report(number, site) for number, site in enumerate(SITES)]
    return [*one, report(90, "额叶", "顶叶"), report(91, "额叶", "顶叶", "枕叶"), *(report(n) for n in range(100, 110))]


def test_few_lateralised_sites_all_among_the_wanted_ones(pool: list[AnnotatedReport]) -> None:
    chosen = choose(pool, studies=16, max_sites=2, sites=WANTED, normal=0.25, seed=0)
    assert sum(one.study.normal for one in chosen) == 4
    assert {finding.site for one in chosen for finding in one.study.findings} == {"额叶", "顶叶"}
    assert "r91" not in {one.report_id for one in chosen}
    assert choose(pool, 16, 2, WANTED, 0.25, seed=0) == chosen != choose(pool, 16, 2, WANTED, 0.25, seed=1)


def test_a_pool_that_is_too_small_is_named(pool: list[AnnotatedReport]) -> None:
    with pytest.raises(SelipError, match="13 such studies with findings and 10 normal ones, too few for 40"):
        choose(pool, studies=40, max_sites=2, sites=WANTED, normal=0.25, seed=0)


def test_a_lesion_has_one_size_on_every_sequence(pool: list[AnnotatedReport]) -> None:
    two = next(report for report in pool if report.report_id == "r90")
    sized = enlarged(two, 20, 40, seed=0)
    sizes = {(finding.site, finding.size_mm) for finding in sized.study.findings}
    assert len(sizes) == 2
    assert all(14 <= low <= high <= 40 for _, (high, low) in sizes)
    assert enlarged(two, 20, 40, seed=0) == sized != enlarged(two, 20, 40, seed=1)


def test_the_command_writes_the_reports_with_their_truth(pool: list[AnnotatedReport], tmp_path: Path) -> None:
    write_annotated(tmp_path / "truth.jsonl", pool)
    subprocess.run(
        [sys.executable, "-m", "selip_downstream.reproduce.data.choose_cohort", str(tmp_path / "truth.jsonl"),
         "--out", str(tmp_path / "cohort"), "--studies", "10", "--sites", ",".join(WANTED), "--smallest", "20",
         "--largest", "40"],
        check=True,
    )  # fmt: skip
    truth = list(read_annotated(tmp_path / "cohort" / "truth.jsonl"))
    with (tmp_path / "cohort" / "reports.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["检查号", "findings_text"], *([r.report_id, r.findings_text] for r in truth)]
    assert len(truth) == 10
    assert all(20 <= max(finding.size_mm) <= 40 for report in truth for finding in report.study.findings)
