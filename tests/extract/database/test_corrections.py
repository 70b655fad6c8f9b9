from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from selip_contracts.annotated import write_annotated
from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_extract.database.corrections import Imported, import_corrections
from selip_extract.database.store import Store
from selip_extract.database.stored_studies import stored_studies
from selip_extract.extraction import Extraction
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError

TEXTS = {"a": "左侧额叶见长T2信号，DWI未见高信号。双侧侧脑室扩大。", "b": "脑桥见长T1信号。", "c": "未见异常。"}
CORRECTED = AnnotatedReport(
    report_id="a",
    findings_text=TEXTS["a"],
    study=Study(
        findings=(Finding(modality="T2", side="左侧", site="额叶", signal="高", confidence=0.5, agreed=False),),
        negatives=(Finding(modality="DWI", side="左侧", site="额叶", present=False),),
        general=(GeneralFinding(side="双侧", site="侧脑室", change="扩大"),),
    ),
)
NORMAL = AnnotatedReport(report_id="b", findings_text=TEXTS["b"], study=Study())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Three reports that a machine has read, and found nothing in."""
    with Store(tmp_path / "selip.duckdb") as opened:
        opened.add_reports([Report(name, text, row) for row, (name, text) in enumerate(TEXTS.items(), 1)], "a.csv")
        run = opened.begin_run({"extractor": "rules", "code_version": "1"})
        opened.write(run, [Extraction(name, "ok", Study(), (), 0.1, None, None) for name in TEXTS])
        opened.finish_run(run, seconds=1.0, reports=3)
        yield opened


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    write_annotated(tmp_path / "corrections.jsonl", [CORRECTED, NORMAL])
    return tmp_path / "corrections.jsonl"


def newest(store: Store) -> object:
    return store.connection.execute("SELECT * FROM newest_run").fetchall()


def test_corrections_become_a_run_of_a_human_reader(store: Store, exported: Path) -> None:
    assert import_corrections(store, exported) == Imported(run_id=2, reports=2, known=0)
    assert list(stored_studies(store.connection, 2)) == [CORRECTED, NORMAL]
    assert store.connection.execute("SELECT extractor FROM runs WHERE run_id = 2").fetchall() == [("human",)]


def test_a_report_without_findings_that_a_person_did_not_call_normal_stays_not_normal(
    store: Store, tmp_path: Path
) -> None:
    not_normal = AnnotatedReport(report_id="c", findings_text=TEXTS["c"], study=Study(understood=False))
    write_annotated(tmp_path / "corrections.jsonl", [not_normal])
    import_corrections(store, tmp_path / "corrections.jsonl")
    assert list(stored_studies(store.connection, 2)) == [not_normal]


def test_what_the_machine_read_stays_the_newest_run_while_people_have_not_read_all(
    store: Store, exported: Path, tmp_path: Path
) -> None:
    import_corrections(store, exported)
    assert newest(store) == [(1,)]
    whole = [AnnotatedReport(report_id=name, findings_text=text, study=Study()) for name, text in TEXTS.items()]
    write_annotated(tmp_path / "whole.jsonl", whole)
    assert import_corrections(store, tmp_path / "whole.jsonl").run_id == 3
    assert newest(store) == [(3,)]


def test_the_same_file_is_stored_once(store: Store, exported: Path) -> None:
    import_corrections(store, exported)
    assert import_corrections(store, exported) == Imported(run_id=2, reports=2, known=2)
    assert list(stored_studies(store.connection, 2)) == [CORRECTED, NORMAL]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([NORMAL, NORMAL.model_copy(update={"report_id": "z"})], "1 of 2 differ, z is not there"),
        ([CORRECTED, NORMAL.model_copy(update={"findings_text": "别的"})], "1 of 2 differ, b has another text there"),
        ([], "holds no report"),
    ],
)
def test_a_file_for_another_database_is_refused(
    store: Store, tmp_path: Path, lines: Sequence[AnnotatedReport], reason: str
) -> None:
    write_annotated(tmp_path / "other.jsonl", lines)
    with pytest.raises(SelipError, match=reason):
        import_corrections(store, tmp_path / "other.jsonl")
    assert store.connection.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]


def test_an_edited_export_with_a_wrong_value_is_refused(store: Store, exported: Path) -> None:
    exported.write_text(
        exported.read_text(encoding="utf-8").replace('额叶", "signal', '月亮", "signal'), encoding="utf-8"
    )
    with pytest.raises(SelipError, match=r"line 1: findings\.0\.site: 月亮 is not a site of the vocabulary"):
        import_corrections(store, exported)
    assert store.connection.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]
