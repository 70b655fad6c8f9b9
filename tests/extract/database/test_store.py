import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selip_contracts.findings import Evidence, Finding, GeneralFinding, Span, Study
from selip_contracts.statements import study_text
from selip_contracts.vocabulary import MODALITIES, UNLISTED
from selip_extract.database.store import REPORT_BATCH_SIZE, Added, Store
from selip_extract.database.stored_studies import stored_studies
from selip_extract.extraction import REVIEW_REASONS, STATUSES, Extraction, Review
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError

RULES = {"extractor": "rules", "code_version": "1", "decoding": {"beams": 1}}
MODEL = {"extractor": "model", "code_version": "1", "model_hash": "ab12", "engine": "transformers", "seed": 7}
STUDY = Study(
    findings=(
        Finding(
            modality="T2",
            side="左侧",
            site="额叶",
            signal="高",
            morphology="斑片状",
            count="多发",
            number=2,
            size_mm=(21.0, 18.0),
            evidence=Evidence(text="左侧额叶", start=0, end=4, spans=(Span(role="side", start=0, end=2),)),
            confidence=0.9,
            agreed=True,
        ),
    ),
    negatives=(Finding(modality="DWI", side="左侧", site="额叶", present=False),),
    general=(GeneralFinding(side=None, site="脑沟", change="增宽"),),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "selip.duckdb") as opened:
        yield opened


@pytest.fixture(scope="module")
def long_store() -> Iterator[Store]:
    """One for all examples of a property test: making the tables takes longer than an example."""
    with Store(Path(":memory:")) as opened:
        yield opened


def report(number: int, text: str = "脑实质未见异常") -> Report:
    return Report(report_id=f"r{number}", text=text, row=number)


def ok(report_id: str, study: Study = STUDY) -> Extraction:
    review = () if study.understood else (Review.beginning("uncited", "脑实质未见异常"),)
    return Extraction(report_id, "ok", study, review, 0.1, None, None)


def ids(store: Store, run_id: int, batch: int = 100) -> list[list[str]]:
    return [
        [report.report_id for report in window.reports if report.report_id in window.pending]
        for window in store.pending(run_id, batch)
    ]


def rows(store: Store, query: str) -> list[tuple[object, ...]]:
    return store.connection.execute(query).fetchall()


def finished(store: Store, extractions: list[Extraction]) -> int:
    """A complete run over the reports of these extractions."""
    store.add_reports((Report(e.report_id, f"text {e.report_id}", 1) for e in extractions), "a.csv")
    run_id = store.begin_run(MODEL)
    store.write(run_id, extractions)
    assert store.finish_run(run_id, seconds=1.0, reports=len(extractions))
    return run_id


def test_a_report_keeps_its_words_its_place_and_its_hash(store: Store) -> None:
    text = "左侧额叶\n见“高”信号\0，\U0001f9e0"
    assert store.add_reports([Report("r1", text, 17)], "医院.csv") == Added(new=1)
    digest = hashlib.sha256(text.encode()).hexdigest()
    columns = "ordinal, report_id, given_id, text, text_sha256, source_file, source_row"
    assert rows(store, f"SELECT {columns} FROM reports") == [(1, "r1", "r1", text, digest, "医院.csv", 17)]


def test_an_amended_report_takes_the_place_of_the_earlier_one_in_the_views(store: Store) -> None:
    first = [Report("a", "old", 1, patient_id="P1"), Report("b", "same", 2, patient_id="P2")]
    assert store.add_reports(first, "may.csv") == Added(new=2)
    run = store.begin_run(MODEL)
    store.write(run, [Extraction(name, "ok", STUDY, (), 0.1, None, None) for name in ("a", "b")])
    assert store.finish_run(run, seconds=1.0, reports=2)
    amended = [Report("a", "new", 1, patient_id="P1"), first[1]]
    assert store.add_reports(amended, "june.csv") == Added(new=1, renamed=1, known=1, superseded=1)
    store.write(run, [Extraction("a#2", "ok", STUDY, (), 0.1, None, None)])
    assert rows(store, "SELECT report_id, superseded FROM reports ORDER BY ordinal") == [
        ("a", True),
        ("b", False),
        ("a#2", False),
    ]
    assert rows(store, "SELECT report_id FROM studies ORDER BY ALL") == [("a#2",), ("b",)]
    assert store.add_reports(amended, "june.csv") == Added(known=2)
    assert store.add_reports(first, "may.csv") == Added(known=2), "the older file does not bring the older text back"
    assert rows(store, "SELECT report_id FROM studies ORDER BY ALL") == [("a#2",), ("b",)]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ([Report("a", "x", 1, patient_id="P1")], [Report("a", "y", 1, patient_id="P2")]),
        ([Report("P1", "x", 1, patient_id="P1")], [Report("P1", "y", 1, patient_id="P1")]),
        ([Report("row-1", "x", 1, numbered=True)], [Report("row-1", "y", 1, numbered=True)]),
        ([Report("a", "x", 1), Report("a", "y", 2)], [Report("a", "z", 1)]),
        ([Report("a", "x", 1)], [Report("a", "x", 1), Report("a", "y", 2)]),
    ],
    ids=["another patient", "a patient's number", "a row's number", "an id of several reports", "both texts at once"],
)
def test_nothing_is_superseded_where_an_id_may_name_several_reports(
    store: Store, earlier: list[Report], later: list[Report]
) -> None:
    store.add_reports(earlier, "may.csv")
    assert store.add_reports(later, "june.csv").superseded == 0
    assert rows(store, "SELECT count(*) FROM reports WHERE superseded") == [(0,)]


def test_an_import_that_was_cut_off_still_amends(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selip_extract.database.store.REPORT_BATCH_SIZE", 1)
    store.add_reports([Report("a", "old", 1)], "may.csv")

    def cut_off() -> Iterator[Report]:
        yield Report("a", "new", 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add_reports(cut_off(), "june.csv")
    assert store.add_reports([Report("a", "new", 1)], "june.csv") == Added(known=1, superseded=1)


def test_one_id_with_several_texts_becomes_several_reports(store: Store) -> None:
    given = [Report("a", text, row) for row, text in enumerate(["x", "y", "x", "z", "y"], start=1)]
    assert store.add_reports(given, "a.csv") == Added(new=3, renamed=2, repeated=2)
    assert rows(store, "SELECT report_id, given_id, text FROM reports ORDER BY ordinal") == [
        ("a", "a", "x"),
        ("a#2", "a", "y"),
        ("a#3", "a", "z"),
    ]
    assert store.add_reports(given, "a.csv") == Added(known=5)
    assert store.add_reports([Report("a", "w", 9)], "b.csv") == Added(new=1, renamed=1)
    assert rows(store, "SELECT report_id FROM reports WHERE text = 'w'") == [("a#4",)]


@pytest.mark.parametrize("given", [["a", "a", "a#2"], ["a#2", "a", "a"]])
def test_a_made_id_never_meets_a_given_one(store: Store, given: list[str]) -> None:
    for row, report_id in enumerate(given):
        store.add_reports([Report(report_id, f"text {row}", row)], "a.csv")
    assert rows(store, "SELECT count(DISTINCT report_id) FROM reports") == [(3,)]
    assert rows(store, "SELECT given_id FROM reports ORDER BY ordinal") == [(report_id,) for report_id in given]


@given(st.lists(st.tuples(st.sampled_from(["a", "a#2", "a#2#2", "b"]), st.sampled_from("xyz")), max_size=20))
def test_every_report_given_is_new_or_there_already(long_store: Store, given: list[tuple[str, str]]) -> None:
    long_store.connection.execute("DELETE FROM reports")
    added = long_store.add_reports((Report(i, text, row) for row, (i, text) in enumerate(given)), "a.csv")
    assert (added.new, added.given) == (len(set(given)), len(given))
    assert set(rows(long_store, "SELECT given_id, text FROM reports")) == set(given)


def test_more_reports_than_one_batch_come_back_in_their_order(store: Store) -> None:
    count = REPORT_BATCH_SIZE + 10
    assert store.add_reports((report(n) for n in range(count)), "a.csv") == Added(new=count)
    run_id = store.begin_run(RULES)
    windows = list(store.pending(run_id, 4_000))
    assert [len(window.pending) for window in windows] == [4_000, count - 4_000]
    assert [r for window in windows for r in window.reports] == [report(n) for n in range(count)]


def test_the_same_configuration_continues_the_run_with_what_is_new(store: Store) -> None:
    store.add_reports([report(1), report(2)], "a.csv")
    run_id = store.begin_run(RULES)
    store.write(run_id, [ok("r1")])
    assert ids(store, run_id) == [["r2"]]
    store.add_reports([report(3)], "b.csv")
    assert store.begin_run(dict(reversed(RULES.items()))) == run_id
    assert ids(store, run_id, batch=1) == [["r2"], ["r3"]]
    assert store.begin_run({**RULES, "decoding": {"beams": 2}}) == run_id + 1
    assert ids(store, run_id + 1) == [["r1", "r2", "r3"]]


def test_a_batch_may_be_written_before_the_next_is_taken(store: Store) -> None:
    store.add_reports((report(n) for n in range(10)), "a.csv")
    run_id = store.begin_run(RULES)
    read = []
    for window in store.pending(run_id, 3):
        store.write(run_id, [ok(r.report_id) for r in window.reports])
        read += [r.report_id for r in window.reports]
    assert read == [f"r{n}" for n in range(10)]
    assert store.pending_count(run_id) == 0


def test_windows_stay_the_same_whatever_was_extracted_before(store: Store) -> None:
    store.add_reports((report(n) for n in range(10)), "a.csv")
    run_id = store.begin_run(RULES)
    store.write(run_id, [ok(f"r{n}") for n in (0, 4, 5, 6, 7)])
    windows = [([r.row for r in window.reports], sorted(window.pending)) for window in store.pending(run_id, 4)]
    assert windows == [([0, 1, 2, 3], ["r1", "r2", "r3"]), ([8, 9], ["r8", "r9"])]


def test_failures_forgotten_are_pending_again_and_everything_else_stays(store: Store) -> None:
    failed = (Review("failed", "text", 0, 4),)
    extractions = [Extraction(s, s, Study() if s == "ok" else None, failed, 0.0, None, None) for s in STATUSES]
    run_id = finished(store, extractions)
    other = store.begin_run(RULES)
    store.write(other, extractions)
    assert store.forget_failures(run_id) == 3
    assert ids(store, run_id) == [["incomplete", "invalid", "error"]]
    kept = [("empty",), ("not_chinese",), ("not_head",), ("not_mri",), ("ok",), ("too_long",)]
    for table in ("extractions", "review_rows"):
        assert rows(store, f"SELECT report_id FROM {table} WHERE run_id = {run_id} ORDER BY 1") == kept
        assert rows(store, f"SELECT count(*) FROM {table} WHERE run_id = {other}") == [(len(STATUSES),)]
    store.write(run_id, [ok("incomplete"), ok("invalid"), ok("error")])
    assert store.pending_count(run_id) == 0
    assert store.forget_failures(run_id) == 0


def test_a_run_says_how_it_was_configured(store: Store) -> None:
    store.begin_run(MODEL)
    assert rows(
        store, "SELECT extractor, engine, model_hash, adapter_hash, seed, configuration->>'seed' FROM runs"
    ) == [("model", "transformers", "ab12", None, 7, "7")]


def test_a_run_is_complete_once_nothing_is_pending(store: Store) -> None:
    store.add_reports([report(1), report(2)], "a.csv")
    run_id = store.begin_run(RULES)
    store.write(run_id, [ok("r1")])
    assert not store.finish_run(run_id, seconds=2.0, reports=1)
    assert rows(store, "SELECT finished_at FROM runs") == [(None,)]
    assert rows(store, "FROM findings") == []
    store.write(run_id, [ok("r2")])
    assert store.finish_run(run_id, seconds=3.0, reports=6)
    ((first,),) = rows(store, "SELECT finished_at FROM runs WHERE finished_at = last_finished_at")
    assert rows(store, "SELECT seconds, reports_per_second FROM runs") == [(5.0, 2.0)]
    assert rows(store, "SELECT count(*) FROM findings") == [(4,)]
    assert store.finish_run(run_id, seconds=0.5, reports=0)
    assert rows(store, "SELECT finished_at, seconds, reports_per_second FROM runs") == [(first, 5.0, 2.0)]


def test_the_views_show_the_run_that_was_completed_last(store: Store) -> None:
    finished(store, [ok("r1")])
    rules = store.begin_run(RULES)
    store.write(rules, [ok("r1", Study())])
    assert rows(store, "SELECT count(*) FROM findings") == [(2,)]
    store.finish_run(rules, seconds=1.0, reports=1)
    assert rows(store, "SELECT count(*) FROM findings") == [(0,)]
    store.finish_run(store.begin_run(MODEL), seconds=0.0, reports=0)
    assert rows(store, "SELECT count(*) FROM findings") == [(2,)]
    assert rows(store, "SELECT count(*) FROM finding_rows") == [(2,)]


def test_findings_negatives_general_findings_and_review_are_rows_to_query(store: Store) -> None:
    review = (Review("low_confidence", "额叶", 2, 4, STUDY.negatives), Review("uncited", "高信号", 5, 8))
    run_id = finished(
        store,
        [
            Extraction("r1", "ok", STUDY, review, 0.1, "{}", None),
            Extraction("r2", "invalid", None, (Review("failed", "text", 0, 4),), 0.2, "{", "no JSON"),
        ],
    )
    assert rows(store, "FROM findings WHERE present") == [
        (
            *(
                "r1",
                "T2",
                "左侧",
                "额叶",
                None,
                "高",
                "高",
                True,
                "斑片状",
                "多发",
                2,
                [21.0, 18.0],
                None,
                None,
                "肯定",
            ),
            *("左侧额叶", 0, 4, [{"role": "side", "start": 0, "end": 2}], 0.9, True, "model", run_id),
        )
    ]
    assert rows(store, "SELECT report_id, modality, side, site FROM negatives") == [("r1", "DWI", "左侧", "额叶")]
    assert rows(store, "SELECT report_id, side, site, change FROM general_findings") == [("r1", None, "脑沟", "增宽")]
    assert rows(store, "SELECT report_id, reason, passage, passage_start, passage_end FROM review") == [
        ("r2", "failed", "text", 0, 4),
        ("r1", "low_confidence", "额叶", 2, 4),
        ("r1", "uncited", "高信号", 5, 8),
    ]
    ((alternatives,),) = rows(store, "SELECT alternatives FROM review WHERE alternatives IS NOT NULL")
    assert [Finding(**stated, present=False) for stated in json.loads(str(alternatives))] == [*STUDY.negatives]
    assert rows(store, "SELECT report_id, status, reply, note FROM extractions ORDER BY ALL") == [
        ("r1", "ok", "{}", None),
        ("r2", "invalid", "{", "no JSON"),
    ]


def test_every_status_can_be_stored(store: Store) -> None:
    finished(store, [Extraction(s, s, Study() if s == "ok" else None, (), 0.0, None, None) for s in STATUSES])
    assert rows(store, "SELECT count(*) FROM extractions") == [(len(STATUSES),)]


def test_every_reason_can_be_stored_and_the_most_urgent_comes_first(store: Store) -> None:
    review = tuple(Review(reason, "额叶", 2, 4) for reason in reversed(REVIEW_REASONS))
    finished(store, [Extraction("r1", "ok", STUDY, review, 0.1, None, None)])
    assert rows(store, "SELECT reason, priority FROM review") == [(r, n) for n, r in enumerate(REVIEW_REASONS, 1)]


def test_an_unlisted_site_keeps_the_words_of_the_report_in_every_view(store: Store) -> None:
    def unlisted(words: str, present: bool = True) -> Finding:
        return Finding(
            modality="T2",
            side="左侧",
            site=UNLISTED,
            site_text=words,
            signal="高" if present else None,
            present=present,
        )

    study = Study(
        findings=(unlisted("蝶鞍旁"), unlisted("斜坡旁")),
        negatives=(unlisted("岩尖旁", present=False),),
        general=(GeneralFinding(side=None, site=UNLISTED, site_text="蝶鞍旁", change="占位"),),
    )
    finished(store, [ok("r1", study)])
    words = [("蝶鞍旁",), ("斜坡旁",)]
    assert rows(store, "SELECT site_text FROM findings WHERE present") == words
    assert rows(store, "SELECT site_text FROM findings_en WHERE present AND site = 'unlisted site'") == words
    assert rows(store, "SELECT site_text FROM signals_by_site ORDER BY site_text DESC") == words
    assert rows(store, "SELECT site_text FROM negatives") == [("岩尖旁",)]
    assert rows(store, "SELECT site_text FROM general_findings") == words[:1]
    assert rows(store, "SELECT site_text FROM general_findings_en") == words[:1]
    assert rows(store, "SELECT normal FROM studies") == [(False,)]
    assert rows(store, "FROM statements") == []


def test_a_study_that_was_not_understood_is_not_normal_and_has_no_text(store: Store) -> None:
    finished(store, [ok("r1", Study(understood=False)), ok("r2", Study())])
    assert rows(store, "SELECT report_id, normal FROM studies ORDER BY ALL") == [("r1", False), ("r2", True)]
    assert rows(store, "SELECT DISTINCT report_id, normal FROM statements") == [("r2", True)]


def newest(store: Store, studies: list[Study]) -> int:
    """A new complete run with these studies."""
    ((runs,),) = store.connection.execute("SELECT count(*) FROM runs").fetchall()
    run_id = store.begin_run({"extractor": "drawn", "code_version": str(runs)})
    store.write(run_id, [ok(f"r{number}", study) for number, study in enumerate(studies)])
    assert store.finish_run(run_id, seconds=1.0, reports=len(studies))
    return run_id


@given(st.tuples(st.from_type(Study), st.from_type(Study)))
def test_a_study_comes_back_as_it_went_in(long_store: Store, studies: tuple[Study, Study]) -> None:
    long_store.connection.execute("DELETE FROM reports")
    long_store.add_reports([report(0), report(1)], "a.csv")
    run_id = newest(long_store, list(studies))
    assert [read.study for read in stored_studies(long_store.connection, run_id)] == list(studies)


@given(st.from_type(Study))
def test_the_view_of_statements_writes_as_the_contract_does(long_store: Store, study: Study) -> None:
    long_store.connection.execute("DELETE FROM reports")
    long_store.add_reports([report(0)], "a.csv")
    newest(long_store, [study])
    written = dict(long_store.connection.execute("SELECT modality, text FROM statements").fetchall())
    assert written == {m: text for m in MODALITIES if (text := study_text(study, m)) is not None}
    assert set(rows(long_store, "SELECT DISTINCT normal FROM statements")) <= {(study.normal,)}


def test_a_pair_is_an_image_with_the_text_of_its_own_sequence(store: Store) -> None:
    finished(store, [ok("r1")])
    for modality in ("T1", "T2"):
        store.connection.execute(
            """INSERT INTO images VALUES (?, 's1', 'r1', 'p1', ?, 'nifti', ['a'], [2, 2, 2], [1, 1, 1], 'RAS', 'hash',
            NULL, 'file name', '2026-01-01', NULL)""",
            [f"{modality}.nii", modality],
        )
    assert rows(store, "SELECT image_id, text, split FROM pairs") == [("T2.nii", "在左侧额叶表现为斑片状高信号", None)]
    store.connection.execute("INSERT INTO splits VALUES ('p1', 'test', '2026-01-01')")
    assert rows(store, "SELECT image_id, split FROM pairs") == [("T2.nii", "test")]


def test_a_batch_with_a_fault_leaves_nothing_behind(store: Store) -> None:
    store.add_reports([report(1), report(2)], "a.csv")
    run_id = store.begin_run(RULES)
    store.write(run_id, [ok("r1")])
    before = rows(store, "FROM finding_rows")
    with pytest.raises(duckdb.ConstraintException):
        store.write(run_id, [ok("r2"), ok("r1")])
    assert ids(store, run_id) == [["r2"]]
    assert rows(store, "FROM finding_rows") == before
    store.write(run_id, [ok("r2")])
    assert store.pending_count(run_id) == 0


def test_what_was_written_is_there_after_the_process_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    code = """
import os, sys
from pathlib import Path
from selip_contracts.findings import Study
from selip_extract.extraction import Extraction
from selip_extract.reports.report import Report
from selip_extract.database.store import Store
store = Store(Path(sys.argv[1]))
store.add_reports([Report("r1", "a", 1), Report("r2", "b", 2)], "a.csv")
run_id = store.begin_run({"extractor": "rules", "code_version": "1"})
store.write(run_id, [Extraction("r1", "ok", Study(), (), 0.1, None, None)])
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 9
    with Store(path) as store:
        assert ids(store, store.begin_run({"extractor": "rules", "code_version": "1"})) == [["r2"]]


def test_a_long_log_goes_into_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "selip.duckdb"
    copy = tmp_path / "without_log.duckdb"
    with Store(path) as store:
        store.add_reports([report(1), report(2)], "a.csv")
        run_id = store.begin_run(RULES)
        store.write(run_id, [ok("r1")])
        shutil.copy(path, copy)
        with Store(copy) as before:
            assert rows(before, "FROM reports") == []
        monkeypatch.setattr("selip_extract.database.store.MAX_LOG_BYTES", 1)
        store.write(run_id, [ok("r2")])
        shutil.copy(path, copy)
        with Store(copy) as after:
            assert ids(after, run_id) == []
            assert rows(after, "FROM finding_rows") == rows(store, "FROM finding_rows")


def test_memory_does_not_grow_with_the_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selip_extract.database.store.MAX_LOG_BYTES", 1_000_000)
    run_id = store.begin_run(RULES)

    def peak(numbers: range) -> int:
        held: list[int] = []
        for start in numbers:
            store.write(run_id, [ok(f"r{number}") for number in range(start, start + numbers.step)])
            ((in_use,),) = store.connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()
            held.append(int(in_use))
        return max(held)

    first = peak(range(0, 10_000, 1_000))
    assert peak(range(10_000, 30_000, 1_000)) < 1.5 * first


@pytest.mark.parametrize("log_bytes", [1_000_000, 1_000_000_000], ids=["into the tables", "into the log"])
def test_a_full_disk_is_one_sentence_and_what_was_written_stays(tmp_path: Path, log_bytes: int) -> None:
    path = tmp_path / "selip.duckdb"
    code = """
import resource, sys
from pathlib import Path
from selip_contracts.findings import Study
from selip_extract.database import store
from selip_extract.extraction import Extraction
from selip_shared.errors import SelipError
store.MAX_LOG_BYTES = int(sys.argv[2])
opened = store.Store(Path(sys.argv[1]))
run_id = opened.begin_run({"extractor": "rules", "code_version": "1"})
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, resource.RLIM_INFINITY))
written = 0
try:
    while True:
        batch = range(written, written + 1000)
        opened.write(run_id, [Extraction(f"r{i}", "ok", Study(), (), 0.1, f"{i}" * 9, None) for i in batch])
        written += 1000
except SelipError as error:
    print(written, error)
try:
    opened.finish_run(run_id, seconds=1.0, reports=written)
except SelipError as error:
    print(written, error)
"""
    told = subprocess.run(
        [sys.executable, "-c", code, path, str(log_bytes)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    written = int(told[0].split()[0])
    assert written >= 10_000
    assert {line.partition(" ")[2] for line in told} == {
        f"{path} cannot be written (File too large): free space, and run the same command again; "
        "what was written stays."
    }
    with Store(path) as store:
        ((kept,),) = rows(store, "SELECT count(*) FROM extractions")
        assert kept in (written, written + 1000)


def test_a_store_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="is a folder: name a file for the database"):
        Store(tmp_path)
