from pathlib import Path

import pytest

from selip_contracts.annotated import read_annotated
from selip_extract.cli.pseudo import main
from selip_extract.pseudo_reports.generate import pseudo_reports
from selip_extract.reports.report_table import open_reports
from tests.commands import Command, command


@pytest.fixture
def selip_pseudo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(main, monkeypatch, capsys)


def test_reports_and_truth_are_the_same_reports(tmp_path: Path, selip_pseudo: Command) -> None:
    out = tmp_path / "new" / "folder"
    assert selip_pseudo("--count", 30, "--seed", 5, "--out", out)[0] == 0
    reports = list(open_reports(out / "reports.csv"))
    truth = list(read_annotated(out / "truth.jsonl"))
    assert [(r.report_id, r.text) for r in reports] == [(t.report_id, t.findings_text) for t in truth]
    assert len(reports) == 30
    assert sorted(path.name for path in out.iterdir()) == ["reports.csv", "truth.jsonl"]


def test_workers_write_the_same_files(tmp_path: Path, selip_pseudo: Command) -> None:
    for workers in (1, 2):
        code, _, _ = selip_pseudo("--out", tmp_path / str(workers), "--count", 250, "--workers", workers)
        assert code == 0
    for name in ("reports.csv", "truth.jsonl"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_report_depends_on_seed_and_number_alone() -> None:
    assert list(pseudo_reports(3, seed=1)) == list(pseudo_reports(8, seed=1))[:3]
    texts = {r.findings_text for seed in (1, 2) for r in pseudo_reports(8, seed)}
    assert len(texts) > 8


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path: Path, selip_pseudo: Command) -> None:
    (tmp_path / "out").write_text("mine")
    code, _, said = selip_pseudo("--out", tmp_path / "out")
    assert code == 1
    assert said == f"The folder {tmp_path / 'out'} cannot be created (File exists); name another one with --out.\n"
