from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from selip_contracts.annotated import write_annotated
from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_extract.database.corrections import Imported, import_corrections
from selip_extract.database.store import Store
from selip_extract.database.stored_studies import stored_studies
from selip_extract.extraction import Extraction, Review
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


def test_a_correction_counts_at_once_and_for_its_report_alone(store: Store, exported: Path) -> None:
    import_corrections(store, exported)
    assert newest(store) == [(1,)]
    asked = "SELECT report_id, modality, site, reader FROM findings ORDER BY ALL"
    assert store.connection.execute(asked).fetchall() == [
        ("a", "DWI", "额叶", "human"),
        ("a", "T2", "额叶", "human"),
    ]
    studies = "SELECT report_id, normal, reader, run_id FROM studies ORDER BY ALL"
    assert store.connection.execute(studies).fetchall() == [
        ("a", False, "human", 2),
        ("b", True, "human", 2),
        ("c", True, "rules", 1),
    ]
    assert store.connection.execute(
        "SELECT report_id, checked_by, checked_run, checked_at IS NOT NULL FROM reports ORDER BY ALL"
    ).fetchall() == [("a", "human", 2, True), ("b", "human", 2, True), ("c", None, None, False)]
    assert store.connection.execute("SELECT count(*) FROM extractions WHERE run_id = 1").fetchall() == [(3,)]


def test_a_later_run_of_the_machine_does_not_hide_a_correction(store: Store, exported: Path) -> None:
    import_corrections(store, exported)
    run = store.begin_run({"extractor": "both", "code_version": "2"})
    store.write(run, [Extraction(name, "ok", Study(), (), 0.1, None, None) for name in TEXTS])
    store.finish_run(run, seconds=1.0, reports=3)
    assert newest(store) == [(run,)]
    assert store.connection.execute("SELECT report_id, reader FROM studies ORDER BY ALL").fetchall() == [
        ("a", "human"),
        ("b", "human"),
        ("c", "both"),
    ]


def test_the_last_correction_of_a_report_counts_under_the_name_of_its_person(store: Store, tmp_path: Path) -> None:
    for person, study in (("王医生", Study()), ("李医生", CORRECTED.study)):
        line = CORRECTED.model_copy(update={"study": study, "checked_by": person})
        write_annotated(tmp_path / f"{person}.jsonl", [line])
        import_corrections(store, tmp_path / f"{person}.jsonl")
    assert store.connection.execute("SELECT DISTINCT reader, run_id FROM findings").fetchall() == [("李医生", 3)]
    assert store.connection.execute("SELECT checked_by FROM reports WHERE report_id = 'a'").fetchall() == [("李医生",)]


def test_what_a_person_has_read_is_no_longer_for_review(store: Store, tmp_path: Path) -> None:
    run = store.begin_run({"extractor": "both", "code_version": "2"})
    doubt = (Review.beginning("disagreement", "左侧"),)
    store.write(run, [Extraction(name, "ok", Study(), doubt, 0.1, None, None) for name in TEXTS])
    store.finish_run(run, seconds=1.0, reports=3)
    write_annotated(tmp_path / "one.jsonl", [NORMAL.model_copy(update={"study": Study(understood=False)})])
    import_corrections(store, tmp_path / "one.jsonl")
    assert store.connection.execute("SELECT report_id FROM review ORDER BY ALL").fetchall() == [("a",), ("c",)]
    assert store.connection.execute("SELECT normal, to_review FROM studies WHERE report_id = 'b'").fetchall() == [
        (False, 0)
    ]


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
