import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from selip_contracts.database_file import read_store
from selip_contracts.findings import Finding, GeneralFinding, Study
from selip_contracts.statements import NORMAL_TEXT
from selip_extract.database.store import Store
from selip_extract.extraction import Extraction
from selip_extract.reports.report import Report
from selip_pretrain.cli.similarity import main
from selip_pretrain.objective.nearest_reports import nearest_reports
from selip_pretrain.objective.targets import TARGETS
from tests.commands import Command, command

FRONTAL = Finding(modality="T2", side="左侧", site="额叶", signal="高", morphology="斑片状")
PONS = Finding(modality="T2", side=None, site="脑桥", signal="低")
OTHER_FRONTAL = Finding(modality="T2", side="右侧", site="额叶", signal="高", morphology="斑片状")
RING = Finding(modality="T1CE", side="左侧", site="额叶", signal="环形强化")
STUDIES = {
    "asked": Study(findings=(FRONTAL, PONS, RING)),
    "same": Study(findings=(FRONTAL, PONS)),
    "same again": Study(findings=(FRONTAL, PONS)),
    "third": Study(findings=(FRONTAL, PONS)),
    "fourth": Study(findings=(FRONTAL, PONS)),
    "half": Study(findings=(FRONTAL,)),
    "right": Study(findings=(OTHER_FRONTAL,)),
    "normal": Study(),
    "normal too": Study(),
    "wide": Study(general=(GeneralFinding(side=None, site="脑沟", change="增宽"),)),
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "selip.duckdb"
    with Store(path) as store:
        names = [*STUDIES, "failed"]
        store.add_reports([Report(name, f"报告{row}", row) for row, name in enumerate(names, 1)], "r.csv")
        run_id = store.begin_run({"extractor": "hand", "code_version": "1"})
        store.write(run_id, [Extraction(name, "ok", s, (), 0.1, None, None) for name, s in STUDIES.items()])
        store.write(run_id, [Extraction("failed", "too_long", None, (), 0.1, None, None)])
        store.finish_run(run_id, seconds=1, reports=len(names))
        store.add_reports([Report("new", "新报告", 99)], "r.csv")
    return path


@pytest.fixture
def similarity(database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command: exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "160")
    return partial(command(main, monkeypatch, capsys), "--db", database)


def test_the_nearest_texts_come_first_each_once_with_its_reports(database: Path) -> None:
    with read_store(database) as connection:
        on_t2, on_t1ce = nearest_reports(connection, "asked", "best-match", 5)
    assert (on_t2.modality, on_t1ce.modality) == ("T2", "T1CE")
    assert [n.reports for n in on_t2.neighbours] == [("fourth", "same", "same again"), ("half",), ("right",)]
    assert [n.report_count for n in on_t2.neighbours] == [4, 1, 1]
    assert on_t2.neighbours[0].similarity == pytest.approx(1)
    assert on_t1ce.neighbours == ()


def test_a_finding_is_shown_with_the_parts_of_its_score(database: Path) -> None:
    with read_store(database) as connection:
        (on_t2, _) = nearest_reports(connection, "asked", "selip", 5)
        right = next(n for n in on_t2.neighbours if n.reports == ("right",))
        (frontal, pons) = right.matched
        assert (frontal.finding.location, frontal.other.location) == ("左侧额叶", "右侧额叶")
        assert (frontal.location, frontal.signal) == (0, 1)
        assert frontal.wording == pytest.approx(2 * 9 / 20)
        assert frontal.similarity == pytest.approx(0.5 * 2 * 9 / 20)
        assert (pons.location, pons.signal, pons.similarity) == (0, 0, 0)
        assert right.similarity == pytest.approx(frontal.similarity / 2)
        (near, _) = nearest_reports(connection, "asked", "hierarchy", 5)
    frontal = next(n for n in near.neighbours if n.reports == ("right",)).matched[0]
    assert (frontal.location, frontal.signal, frontal.wording) == (0.5, 1, None)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_can_be_asked(database: Path, target: str) -> None:
    with read_store(database) as connection:
        (on_t2, _) = nearest_reports(connection, "asked", target, 2)
    assert len(on_t2.neighbours) == {"hard": 0, "multi-positive": 1}.get(target, 2)


def test_the_command_shows_a_table_for_each_sequence(similarity: Command) -> None:
    code, out, _ = similarity("asked", "--nearest", 1)
    assert code == 0
    assert "T2: 在左侧额叶表现为斑片状高信号，在脑桥表现为低信号" in out
    row = next(line for line in out.splitlines() if "fourth" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "1.00", "fourth, same, same again and 1 more", "左侧额叶 斑片状高信号", "左侧额叶 斑片状高信号",
        "1.00", "1.00", "1.00", "1.00",
    ]  # fmt: skip
    assert "right" not in out
    assert out.endswith("T1CE: 在左侧额叶表现为环形强化\nNo other report has a similar text.\n\n")


def test_a_normal_report_is_near_the_other_normal_ones(similarity: Command) -> None:
    code, out, _ = similarity("normal")
    assert code == 0
    assert out.count(NORMAL_TEXT) == 7
    assert out.count("normal too") == 7
    assert "same" not in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody"], "There is no report nobody: name one of the column report_id of the table reports."),
        (["new"], "Report new has not been read yet: run selip-extract on the database first."),
        (["failed"], "Report failed could not be read (status too_long): open it with selip-review."),
        (
            ["wide"],
            "Report wide has only findings without a sequence, so there is no text to compare: name another report.",
        ),
        (["asked", "--target", "cosine"], f"There is no target cosine: choose one of {', '.join(TARGETS)}."),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_sentence(similarity: Command, arguments: list[str], sentence: str) -> None:
    assert similarity(*arguments) == (1, "", sentence + "\n")


def test_the_help_does_not_wait_for_torch() -> None:
    script = "import sys; import selip_pretrain.cli.similarity; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
