import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from selip_contracts.annotated import write_annotated
from selip_contracts.database_file import read_store
from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Study
from selip_extract.cli.score import main
from selip_extract.database.store import Store
from selip_extract.extraction import Review
from selip_extract.extractors.base import Reading
from selip_extract.extractors.registry import EXTRACTORS
from selip_extract.reports.report import Report
from tests.commands import Command, command
from tests.extract.databases import add_run

FRONTAL = Finding(modality="T2", side="左侧", site="额叶", signal="高")
PONS = Finding(modality="T1", side=None, site="脑桥", signal="低")
NO_DIFFUSION = Finding(modality="DWI", side="左侧", site="额叶", present=False)
VENTRICLES = GeneralFinding(side="双侧", site="侧脑室", change="扩大")
GOLD = [
    AnnotatedReport(
        report_id="a",
        findings_text="左侧额叶见长T2信号，DWI未见高信号，双侧侧脑室扩大。",
        study=Study(findings=(FRONTAL,), negatives=(NO_DIFFUSION,), general=(VENTRICLES,)),
    ),
    AnnotatedReport(report_id="b", findings_text="脑桥见长T1信号。", study=Study(findings=(PONS,))),
]


class Reciter:
    """Reads exactly what the first annotated report says, and nothing anywhere else."""

    name = "reciter"
    batch_size = 8

    def close(self) -> None:
        pass

    def fingerprint(self) -> dict[str, str]:
        return {}

    def read(self, texts: Sequence[str]) -> list[Reading]:
        return [Reading(GOLD[0].study if text == GOLD[0].findings_text else Study()) for text in texts]


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.jsonl"
    write_annotated(path, GOLD)
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two runs over the annotated reports: the first finds all, the newest one fails on b."""
    path = tmp_path / "selip.duckdb"
    with Store(path) as store:
        store.add_reports([Report(r.report_id, r.findings_text, row) for row, r in enumerate(GOLD, 1)], "gold.jsonl")
        add_run(store, "perfect", {r.report_id: r.study for r in GOLD})
        add_run(store, "half", {"a": GOLD[0].study, "b": None})
    return path


@pytest.fixture
def selip_score(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(main, monkeypatch, capsys)


def test_the_newest_complete_run_is_scored(selip_score: Command, gold: Path, database: Path) -> None:
    code, out, _ = selip_score(gold, "--db", database, "--json")
    figures = json.loads(out)
    assert code == 0
    assert (figures["reports"], figures["not_extracted"], figures["missing_reports"]) == (2, 1, 1)
    assert (figures["precision"], figures["recall"], figures["exact_match"]) == (1.0, 0.5, 0.5)
    assert figures["finding_f1"] == 0.6667
    assert figures["finding_f1_95ci"] == [0.0, 1.0]
    assert figures["general_f1"] == 1.0
    assert figures["gold"] == str(gold)
    with read_store(database) as connection:
        ((speed,),) = connection.execute("SELECT reports_per_second FROM runs WHERE run_id = 2").fetchall()
    assert figures["reports_per_second"] == speed
    assert speed > 0


def test_a_run_can_be_named(selip_score: Command, gold: Path, database: Path) -> None:
    _, out, _ = selip_score(gold, "--db", database, "--run", 1, "--json")
    figures = json.loads(out)
    assert (figures["finding_f1"], figures["exact_match"], figures["negation_errors"]) == (1.0, 1.0, 0)
    code, _, err = selip_score(gold, "--db", database, "--run", 7)
    assert (code, err) == (1, f"{database} has no run 7: name one of 1, 2.\n")


def test_the_table_shows_figures_with_their_intervals(selip_score: Command, gold: Path, database: Path) -> None:
    code, out, _ = selip_score(gold, "--db", database)
    assert code == 0
    [line] = [line for line in out.splitlines() if "Finding F1" in line]
    assert "0.6667" in line
    assert "0.0000 – 1.0000" in line
    assert "2 annotated reports, 1 of them not extracted" in out


def test_agreement_review_and_attributes_are_measured(selip_score: Command, tmp_path: Path) -> None:
    path, gold = tmp_path / "selip.duckdb", tmp_path / "gold.jsonl"
    texts = {report.report_id: report.findings_text for report in GOLD}
    cited = {"agreed": True, "evidence": Evidence(text=texts["a"][:11], start=0, end=11)}
    right = FRONTAL.model_copy(update={**cited, "confidence": 0.9, "lesion": "水肿"})
    wrong = FRONTAL.model_copy(update={**cited, "confidence": 0.6, "modality": "T1"})
    unseen = PONS.model_copy(update={"signal": "高", "confidence": 0.5})
    with Store(path) as store:
        store.add_reports([Report(name, text, row) for row, (name, text) in enumerate(texts.items(), 1)], "g.jsonl")
        reviews = {"a": (Review("disagreement", texts["a"][4:9], 4, 9),)}
        add_run(store, "both", {"a": Study(findings=(right, wrong)), "b": Study(findings=(unseen,))}, reviews)
    annotated = GOLD[0].study.model_copy(update={"findings": (FRONTAL.model_copy(update={"lesion": "囊肿"}),)})
    write_annotated(gold, [GOLD[0].model_copy(update={"study": annotated}), GOLD[1]])
    figures = json.loads(selip_score(gold, "--db", path, "--json")[1])
    assert (figures["wrong_agreed"], figures["wrong_agreed_of"]) == (0.5, 2)
    assert (figures["wrong_unreviewed"], figures["wrong_unreviewed_of"]) == (0.5, 2)
    assert (figures["in_review"], figures["in_review_of"]) == (0.5, 2)
    assert (figures["wrong_normal"], figures["lost_normal"], figures["confidence_auc"]) == (0, 0, 1.0)
    assert (figures["lesion_exact"], figures["lesion_exact_of"]) == (0.0, 1)
    assert (figures["margin_exact"], figures["margin_exact_of"]) == (None, 0)
    _, out, _ = selip_score(gold, "--db", path)
    [line] = [line for line in out.splitlines() if "Wrong among the agreed findings" in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == [
        "Wrong among the agreed findings",
        "0.5000",
        "",
        "2",
    ]


def test_a_report_that_could_not_be_read_is_in_review(selip_score: Command, tmp_path: Path, gold: Path) -> None:
    path = tmp_path / "selip.duckdb"
    with Store(path) as store:
        store.add_reports([Report(r.report_id, r.findings_text, row) for row, r in enumerate(GOLD, 1)], "g.jsonl")
        failed = Review("failed", GOLD[1].findings_text, 0, len(GOLD[1].findings_text))
        add_run(store, "both", {"a": GOLD[0].study, "b": None}, {"b": (failed,)})
    figures = json.loads(selip_score(gold, "--db", path, "--json")[1])
    assert (figures["not_extracted"], figures["in_review"]) == (1, 0.5)


def test_where_one_id_came_with_several_texts_the_annotated_text_counts(
    selip_score: Command, gold: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other.duckdb"
    with Store(path) as store:
        store.add_reports([Report("a", "右侧颞叶见长T2信号。", 1)], "other.csv")
        store.add_reports([Report(r.report_id, r.findings_text, row) for row, r in enumerate(GOLD, 1)], "gold.jsonl")
        add_run(store, "perfect", {"a": Study(), "a#2": GOLD[0].study, "b": GOLD[1].study})
    _, out, _ = selip_score(gold, "--db", path, "--json")
    assert json.loads(out)["exact_match"] == 1.0


def test_a_report_is_found_under_another_id_by_its_text(selip_score: Command, tmp_path: Path) -> None:
    path, gold = tmp_path / "selip.duckdb", tmp_path / "gold.jsonl"
    texts = {"a": "右侧颞叶见长T2信号。", "a#2": GOLD[0].findings_text, "c": GOLD[1].findings_text, "d": "旧的文字"}
    with Store(path) as store:
        store.add_reports(
            [Report(name.removesuffix("#2"), text, row) for row, (name, text) in enumerate(texts.items(), 1)], "r.csv"
        )
        add_run(store, "perfect", {"a": Study(), "a#2": GOLD[0].study, "c": GOLD[1].study, "d": Study()})
    for name, study in (("a", GOLD[0].study), ("a#2", GOLD[0].study), ("other", GOLD[0].study), ("d", Study())):
        text = "新的文字" if name == "d" else GOLD[0].findings_text
        write_annotated(gold, [AnnotatedReport(report_id=name, findings_text=text, study=study), GOLD[1]])
        figures = json.loads(selip_score(gold, "--db", path, "--json")[1])
        assert (figures["not_extracted"], figures["exact_match"], figures["negation_errors"]) == (0, 1.0, 0)


def test_of_two_reports_with_one_text_the_one_with_the_id_counts(selip_score: Command, tmp_path: Path) -> None:
    path, gold = tmp_path / "selip.duckdb", tmp_path / "gold.jsonl"
    same = GOLD[1].findings_text
    with Store(path) as store:
        store.add_reports([Report(name, same, row) for row, name in enumerate(("x", "b", "y"), 1)], "r.csv")
        add_run(store, "rules", {"x": Study(), "b": GOLD[1].study, "y": Study()})
    write_annotated(gold, [GOLD[1]])
    assert json.loads(selip_score(gold, "--db", path, "--json")[1])["exact_match"] == 1.0


def test_a_file_alone_is_read_by_the_best_extractor(selip_score: Command, gold: Path) -> None:
    code, out, _ = selip_score(gold, "--json")
    assert code == 0
    assert json.loads(out)["not_extracted"] == 0


def test_an_extractor_can_be_scored_without_a_database(
    selip_score: Command, gold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRACTORS, "reciter", lambda _model: Reciter())
    _, out, _ = selip_score(gold, "--extractor", "reciter", "--json")
    figures = json.loads(out)
    assert (figures["precision"], figures["recall"], figures["not_extracted"]) == (1.0, 0.5, 0)


def test_what_cannot_be_scored_is_one_sentence(
    selip_score: Command, gold: Path, database: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with Store(tmp_path / "new.duckdb"):
        pass
    with Store(tmp_path / "other.duckdb") as store:
        store.add_reports([Report("z", "未见异常", 1)], "other.csv")
        add_run(store, "other", {"z": Study()})
    for arguments, said in (
        ([gold, "--db", database, "--extractor", "rules"], "Give either --db"),
        ([empty, "--db", database], "holds no report"),
        ([gold, "--db", tmp_path / "none.duckdb"], "There is no database"),
        ([gold, "--db", tmp_path / "new.duckdb"], "has no complete run"),
        ([gold, "--db", tmp_path / "other.duckdb"], "has read none of these reports"),
        ([gold, "--extractor", "oracle"], "There is no extractor oracle"),
    ):
        code, out, err = selip_score(*arguments)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert said in err
