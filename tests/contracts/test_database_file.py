import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import get_args

import duckdb
import pytest

from selip_contracts.database_file import MIGRATIONS, OLDEST_DUCKDB, VERSION, create, describe, open_store, read_store
from selip_contracts.findings import Certainty, Count
from selip_contracts.statements import MORPHOLOGY_PATTERN, NORMAL_TEXT
from selip_contracts.vocabulary import CHANGES, ENGLISH, ENHANCEMENTS, MODALITIES, SIDES, SIGNAL_CLASS, SIGNALS, SITES
from selip_shared.errors import SelipError

VERSIONS = [(version,) for version in range(1, VERSION + 1)]
GOLDEN = Path(__file__).parent / "golden" / "schema.txt"


def test_the_schema_is_the_golden_one() -> None:
    connection = duckdb.connect()
    create(connection)
    made_by = "python -m selip_contracts.database_file > tests/contracts/golden/schema.txt"
    assert describe(connection) == GOLDEN.read_text(encoding="utf-8"), f"a wanted change is recorded by: {made_by}"


def test_every_table_view_and_column_has_a_comment() -> None:
    connection = duckdb.connect()
    create(connection)
    uncommented = connection.execute(
        """SELECT table_name FROM duckdb_tables() WHERE comment IS NULL AND NOT internal
        UNION ALL SELECT view_name FROM duckdb_views() WHERE comment IS NULL AND NOT internal
        UNION ALL SELECT concat(table_name, '.', column_name) FROM duckdb_columns()
        WHERE comment IS NULL AND NOT internal"""
    ).fetchall()
    assert uncommented == []


def test_the_view_of_statements_knows_what_statements_know() -> None:
    connection = duckdb.connect()
    create(connection)
    ((view,),) = connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'statements'").fetchall()
    assert f"'{NORMAL_TEXT}'" in view
    assert f"'{MORPHOLOGY_PATTERN}'" in view
    assert ", ".join(f"'{modality}'" for modality in MODALITIES) in view


def test_the_sites_are_the_vocabulary_with_its_hierarchy_and_follow_it(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    with open_store(path) as connection:
        connection.execute("DELETE FROM sites WHERE site = '壳核'")
        connection.execute("UPDATE sites SET english = 'outdated' WHERE site = '丘脑'")
    with open_store(path) as connection:
        assert connection.execute("SELECT site FROM sites").fetchall() == [(site,) for site in SITES]
        assert connection.execute("SELECT ancestors, english FROM sites WHERE site = '壳核'").fetchall() == [
            (["豆状核", "基底节区", "脑实质"], "putamen")
        ]
        assert connection.execute("SELECT * FROM sites WHERE english = 'outdated'").fetchall() == []


def test_an_existing_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    with open_store(path) as connection:
        connection.execute("INSERT INTO splits VALUES ('p1', 'train', '2026-01-01')")
    with open_store(path) as connection:
        assert connection.execute("SELECT patient_id FROM splits").fetchall() == [("p1",)]
        assert connection.execute("SELECT version FROM selip_schema").fetchall() == VERSIONS
    with read_store(path) as connection:
        assert connection.execute("SELECT patient_id FROM splits").fetchall() == [("p1",)]


def write_version(path: Path, version: int) -> duckdb.DuckDBPyConnection:
    """A file as that version of the program made it, open for writing."""
    connection = duckdb.connect(path, config={"storage_compatibility_version": OLDEST_DUCKDB})
    for number, migration in enumerate(MIGRATIONS[:version], start=1):
        connection.execute(migration.read_text(encoding="utf-8"))
        connection.execute("INSERT INTO selip_schema VALUES (?, '2026-01-01')", [number])
    return connection


def update_and_be_killed(path: Path) -> None:
    update = """
import os, sys
from pathlib import Path
from selip_contracts.database_file import open_store
connection = open_store(Path(sys.argv[1]))
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", update, path], check=False).returncode == 9


def test_a_file_of_version_1_keeps_its_rows_even_where_the_update_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    spans = [{"role": "side", "start": 0, "end": 2}, {"role": "site", "start": 10, "end": 12}]
    with write_version(path, 1) as connection:
        connection.execute(
            """INSERT INTO runs (run_id, fingerprint, reader, code_version, configuration, started_at, last_finished_at,
                seconds) VALUES (1, 'f', 'rules', '1', '{}', '2026-01-01', '2026-01-01', 1.5)"""
        )
        connection.execute("INSERT INTO extractions (run_id, report_id, status, seconds) VALUES (1, 'r1', 'ok', 0)")
        for position, stored in enumerate((spans, [], None), start=1):
            connection.execute(
                """INSERT INTO finding_rows (run_id, report_id, position, modality, site, present, size_mm, certainty,
                    evidence_spans) VALUES (1, 'r1', ?, 'T2', '额叶', true, [21.5, 18], '肯定', ?)""",
                [position, stored],
            )
            connection.execute(
                """INSERT INTO general_finding_rows (run_id, report_id, position, site, change, evidence_spans)
                VALUES (1, 'r1', ?, '脑沟', '增宽', ?)""",
                [position, stored],
            )
    update_and_be_killed(path)
    with open_store(path) as connection:
        assert connection.execute("SELECT version FROM selip_schema").fetchall() == VERSIONS
        assert connection.execute("SELECT size_mm, evidence_spans FROM findings").fetchall() == [
            ([21.5, 18.0], stored) for stored in (spans, [], None)
        ]
        assert connection.execute("SELECT evidence_spans FROM general_findings").fetchall() == [
            (stored,) for stored in (spans, [], None)
        ]
        assert connection.execute("SELECT evidence_spans FROM finding_rows").fetchall() == [
            ("side:0-2 site:10-12",),
            ("",),
            (None,),
        ]
        assert connection.execute("SELECT run_id, seconds, tokens_in FROM runs").fetchall() == [(1, 1.5, None)]


def test_a_file_of_version_2_keeps_its_rows_even_where_the_update_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    with write_version(path, 2) as connection:
        add_run(connection, extractor="reader")
    with pytest.raises(SelipError, match="is of the older version 2: run selip-extract on it once to update it"):
        read_store(path)
    update_and_be_killed(path)
    with open_store(path) as connection:
        assert connection.execute("SELECT version FROM selip_schema").fetchall() == VERSIONS
        assert connection.execute("SELECT report_id, site FROM findings").fetchall() == [
            (report_id, site) for report_id, _, _, site, *_ in FINDINGS
        ]
        assert connection.execute(
            "SELECT report_id, site FROM findings_en WHERE signal = 'ring enhancement'"
        ).fetchall() == [("r2", "putamen")]


def test_a_file_of_version_5_has_the_new_names_and_the_older_ones_stay_readable(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    configuration = {"code_version": "0.1.0", "corrections": "“中文”", "reader": "human"}
    with write_version(path, 5) as connection:
        add_run(connection, extractor="reader")
        connection.execute(
            """INSERT INTO sites (site, english, ancestors, laterality, surface_forms)
            VALUES ('壳核', 'putamen', [], 'paired', []), ('脑桥', 'pons', [], 'midline', [])"""
        )
        connection.execute(
            """INSERT INTO runs (run_id, fingerprint, reader, code_version, seed, configuration, started_at, seconds,
                tokens_in, tokens_out, tokens_cached)
            VALUES (2, 'f', 'human', '0.1.0', 7, ?, '2026-01-02', 2.5, 30, 20, 10)""",
            [json.dumps(configuration, ensure_ascii=False)],
        )
        connection.execute(
            "INSERT INTO images_set_aside VALUES ('a.nii', 's1', 'a', 'damaged', 'cut off', '2026-01-01')"
        )
        signals = [connection.execute(f"FROM {view} ORDER BY ALL").fetchall() for view in ("places", "places_en")]
    update_and_be_killed(path)
    with open_store(path) as connection:
        assert connection.execute("SELECT version FROM selip_schema").fetchall() == VERSIONS
        columns = "run_id, extractor, reader, seconds, seed, tokens_in, tokens_cached, tokens_out, last_finished_at"
        assert connection.execute(f"SELECT {columns} FROM runs ORDER BY run_id").fetchall() == [
            (1, "rules", "rules", 1.5, None, None, None, None, datetime(2026, 1, 1)),
            (2, "human", "human", 2.5, 7, 30, 10, 20, None),
        ]
        renamed = '{"code_version": "0.1.0", "corrections": "“中文”", "extractor": "human"}'
        assert connection.execute("SELECT configuration, fingerprint FROM runs WHERE run_id = 2").fetchall() == [
            (renamed, hashlib.sha256(renamed.encode()).hexdigest())
        ]
        for name in ("excluded_images", "images_set_aside"):
            assert connection.execute(f"SELECT image_id, reason FROM {name}").fetchall() == [("a.nii", "damaged")]
        for suffix, expected in zip(("", "_en"), signals, strict=True):
            assert len(expected) == 3
            for name in ("signals_by_site", "places"):
                shown = connection.execute(f"SELECT * EXCLUDE (site_text) FROM {name}{suffix} ORDER BY ALL")
                assert shown.fetchall() == expected


def test_a_file_of_version_6_keeps_its_rows_and_takes_the_new_values(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    with write_version(path, 6) as connection:
        add_run(connection)
        connection.execute("INSERT INTO review_rows VALUES (1, 'r4', 1, 'uncited', '左侧', 0, 2)")
        assert connection.execute("SELECT normal FROM studies WHERE report_id = 'r4'").fetchall() == [(True,)]
    update_and_be_killed(path)
    with open_store(path) as connection:
        assert connection.execute("SELECT version FROM selip_schema").fetchall() == VERSIONS
        assert connection.execute("SELECT report_id, site, site_text FROM findings").fetchall() == [
            (report_id, site, None) for report_id, _, _, site, *_ in FINDINGS
        ]
        assert connection.execute("SELECT report_id, status, normal FROM studies ORDER BY report_id").fetchall() == [
            ("r1", "ok", False), ("r2", "ok", False), ("r3", "ok", False), ("r4", "ok", False), ("r5", "error", None),
        ]  # fmt: skip
        assert connection.execute("SELECT DISTINCT report_id FROM statements ORDER BY ALL").fetchall() == [
            ("r1",),
            ("r2",),
        ]
        assert connection.execute("SELECT report_id, reason, passage, priority FROM review").fetchall() == [
            ("r5", "failed", "左侧", 1),
            ("r4", "uncited", "左侧", 7),
        ]
        connection.execute(
            "INSERT INTO extractions (run_id, report_id, status, seconds) VALUES (1, 'r6', 'not_head', 0)"
        )
        for reason in ("mended", "inconsistent"):
            connection.execute("INSERT INTO review_rows VALUES (1, 'r6', 1, ?, '左侧', 0, 2, '[]')", [reason])
        with pytest.raises(duckdb.ConstraintException):
            connection.execute("INSERT INTO review_rows VALUES (1, 'r6', 1, 'other', '左侧', 0, 2, NULL)")
        with pytest.raises(duckdb.ConstraintException):
            connection.execute("INSERT INTO extractions (run_id, report_id, status, seconds) VALUES (1, 'r6', 'ok', 0)")


FINDINGS = [
    ("r1", "DWI", "左侧", "壳核", "高", "高", [18, 12.5]),
    ("r1", "DWI", "左侧", "壳核", "稍高", "高", []),
    ("r1", "DWI", "左侧", "壳核", "等", "等", []),
    ("r1", "ADC", "左侧", "壳核", "低", "低", []),
    ("r1", "T2", None, "脑桥", "高", "高", []),
    ("r2", "T1CE", "右侧", "壳核", "环形强化", "强化", [9]),
    ("r2", "DWI", "右侧", "壳核", None, None, []),
]


def add_run(connection: duckdb.DuckDBPyConnection, extractor: str = "extractor") -> None:
    """A complete run with FINDINGS in r1 and r2, a general change in r3, nothing in r4, and r5 not read.

    `extractor` is what the version of the file calls that column.
    """
    connection.execute(
        f"""INSERT INTO runs (run_id, fingerprint, {extractor}, code_version, configuration, started_at,
            last_finished_at, seconds) VALUES (1, 'f', 'rules', '1', '{{}}', '2026-01-01', '2026-01-01', 1.5);
        INSERT INTO extractions (run_id, report_id, status, seconds)
        VALUES (1, 'r1', 'ok', 0), (1, 'r2', 'ok', 0), (1, 'r3', 'ok', 0), (1, 'r4', 'ok', 0), (1, 'r5', 'error', 0);
        INSERT INTO general_finding_rows (run_id, report_id, position, side, site, change)
        VALUES (1, 'r3', 1, '双侧', '侧脑室', '扩大');
        INSERT INTO review_rows (run_id, report_id, position, reason, passage, passage_start, passage_end)
        VALUES (1, 'r5', 1, 'failed', '左侧', 0, 2)"""
    )
    connection.executemany(
        """INSERT INTO finding_rows (run_id, report_id, position, modality, side, site, signal, signal_class, present,
            size_mm, certainty) VALUES (1, $1, 1, $2, $3, $4, $5, $6, $5 IS NOT NULL, $7, '肯定')""",
        FINDINGS,
    )


@pytest.fixture
def filled() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    create(connection)
    add_run(connection)
    return connection


def test_a_site_gathers_what_every_sequence_shows_there(filled: duckdb.DuckDBPyConnection) -> None:
    assert filled.execute("SELECT * EXCLUDE (run_id) FROM signals_by_site ORDER BY report_id, site").fetchall() == [
        ("r1", "左侧", "壳核", None, [], [], [], ["等", "高"], ["低"], [], [], 18.0),
        ("r1", None, "脑桥", None, [], ["高"], [], [], [], [], [], None),
        ("r2", "右侧", "壳核", None, [], [], [], [], [], ["环形强化"], [], 9.0),
    ]
    ((columns,),) = filled.execute(
        "SELECT list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE table_name = 'signals_by_site'"
    ).fetchall()
    assert set(MODALITIES) < set(columns)


def test_the_course_says_gone_only_of_what_is_denied_or_of_a_normal_study(filled: duckdb.DuckDBPyConnection) -> None:
    """r1 is followed by r2, and r2 by r4, of one patient; r2 denies a signal of r1, and r4 is normal."""
    days = {"r2": "2026-02-01", "r1": "2026-01-01", "r4": "2026-03-01", "r5": None}
    filled.executemany(
        """INSERT INTO reports (ordinal, report_id, given_id, patient_id, report_date, text, text_sha256, source_file,
            source_row, added_at) VALUES (1, $1, $1, 'P', $2, '', '', '', 1, '2026-01-01')""",
        [*days.items()],
    )
    filled.execute(
        """INSERT INTO finding_rows (run_id, report_id, position, modality, side, site, present, size_mm, certainty)
        VALUES (1, 'r2', 9, 'ADC', NULL, '基底节区', false, [], '肯定')"""
    )
    changes = "SELECT report_id, modality, side, site, change FROM course ORDER BY report_date, modality, site"
    assert filled.execute(changes).fetchall() == [
        ("r1", "ADC", "左侧", "壳核", "first"),
        ("r1", "DWI", "左侧", "壳核", "first"),
        ("r1", "T2", None, "脑桥", "first"),
        ("r2", "ADC", "左侧", "壳核", "gone"),
        ("r2", "DWI", "左侧", "壳核", "not mentioned"),
        ("r2", "T1CE", "右侧", "壳核", "new"),
        ("r2", "T2", None, "脑桥", "not mentioned"),
        ("r4", "T1CE", "右侧", "壳核", "gone"),
    ]


def test_a_site_is_found_by_what_contains_it(filled: duckdb.DuckDBPyConnection) -> None:
    parts = filled.execute("SELECT part FROM site_parts WHERE whole = '基底节区'").fetchall()
    assert {part for (part,) in parts} >= {"基底节区", "尾状核", "豆状核", "壳核", "苍白球"}
    assert ("丘脑",) not in parts
    assert filled.execute("SELECT count(*) FROM site_parts WHERE whole = part").fetchall() == [(len(SITES),)]


def test_a_study_is_normal_when_nothing_is_present_in_it(filled: duckdb.DuckDBPyConnection) -> None:
    assert filled.execute("SELECT * EXCLUDE (reader, run_id) FROM studies ORDER BY report_id").fetchall() == [
        ("r1", "ok", False, 5, 0, 0, 0),
        ("r2", "ok", False, 1, 1, 0, 0),
        ("r3", "ok", False, 0, 0, 1, 0),
        ("r4", "ok", True, 0, 0, 0, 0),
        ("r5", "error", None, 0, 0, 0, 1),
    ]


def test_every_word_of_the_vocabulary_has_an_english_one_of_its_own(filled: duckdb.DuckDBPyConnection) -> None:
    words = [
        *SIDES, *SIGNALS, *ENHANCEMENTS, *SIGNAL_CLASS.values(), *CHANGES, *get_args(Count), *get_args(Certainty),
    ]  # fmt: skip
    english = dict(filled.execute("SELECT word, english(word) FROM (SELECT unnest(?) AS word)", [words]).fetchall())
    assert english == ENGLISH
    assert len(set(english.values())) == len(english) == len(set(words))


def test_findings_can_be_asked_for_in_english(filled: duckdb.DuckDBPyConnection) -> None:
    asked = "SELECT report_id, modality, side, site, signal, signal_class, present FROM findings_en ORDER BY ALL"
    assert filled.execute(asked).fetchall()[-2:] == [
        ("r2", "DWI", "right", "putamen", None, None, False),
        ("r2", "T1CE", "right", "putamen", "ring enhancement", "enhancement", True),
    ]
    assert filled.execute("SELECT report_id, side, site, change FROM general_findings_en").fetchall() == [
        ("r3", "bilateral", "lateral ventricle", "enlargement")
    ]


def test_every_time_can_be_fetched_without_a_further_package() -> None:
    connection = duckdb.connect()
    create(connection)
    zoned = "SELECT column_name FROM duckdb_columns() WHERE data_type = 'TIMESTAMP WITH TIME ZONE' AND NOT internal"
    assert connection.execute(zoned).fetchall() == []


def refusal(path: Path) -> str:
    with pytest.raises(SelipError) as told:
        open_store(path)
    return str(told.value)


def test_a_newer_version_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    with open_store(path) as connection:
        connection.execute("INSERT INTO selip_schema VALUES (?, '2030-01-01')", [VERSION + 1])
    expected = (
        f"{path} is of version {VERSION + 1} and this program knows versions up to {VERSION}: update the program."
    )
    assert refusal(path) == expected
    with pytest.raises(SelipError, match="update the program"):
        read_store(path)


def test_the_database_of_another_program_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE reports (a INTEGER)")
    assert refusal(path) == f"{path} holds the tables of another program: name another file."
    with duckdb.connect(path) as connection:
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("reports",)]


@pytest.mark.parametrize("content", [b"", b"report_id,findings\n1,abc\n" * 400])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes(content)
    assert refusal(path) == f"{path} is not a DuckDB database: name another file."
    assert path.read_bytes() == content


def test_a_database_of_sqlite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE reports (a INTEGER)")
    other.close()
    assert refusal(path) == f"{path} is not a DuckDB database: name another file."


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    open_store(path).close()
    path.write_bytes(path.read_bytes()[:12] + b"\xff" * 5000)
    assert refusal(path).startswith(f"The database {path} cannot be opened (")


ON_A_SMALL_DISK = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=4m none "$0" && exec "$@"']
FILL_THE_DISK = """
import sys
from pathlib import Path
from selip_contracts.database_file import open_store, read_store, transaction
from selip_shared.errors import SelipError

disk = Path(sys.argv[1])
(disk / "other").write_bytes(bytes(int(sys.argv[2])))
written = 0
try:
    connection = open_store(disk / "selip.duckdb")
    while True:
        with transaction(connection, disk / "selip.duckdb"):
            rows = f"SELECT concat('p', {written} + range), 'train', '2026-01-01' FROM range(2000)"
            connection.execute(f"INSERT INTO splits {rows}")
        written += 2000
except SelipError as error:
    print(error)
print(written)
(disk / "other").unlink()
if written:
    connection.close()
    with open_store(disk / "selip.duckdb") as connection, transaction(connection, disk / "selip.duckdb"):
        connection.execute("INSERT INTO splits VALUES ('later', 'test', '2026-01-01')")
    with read_store(disk / "selip.duckdb") as connection:
        print(connection.execute("SELECT count(*) FROM splits").fetchall()[0][0])
"""


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode != 0,
    reason="a disk of its own needs user namespaces",
)
@pytest.mark.parametrize("other_bytes", [1_000_000, 4_160_000, 4 << 20], ids=["rows", "tables", "file"])
def test_a_full_disk_is_one_sentence_and_what_was_written_stays(tmp_path: Path, other_bytes: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [*ON_A_SMALL_DISK, disk, sys.executable, "-c", FILL_THE_DISK, disk, other_bytes]
    ended = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    sentence, written, *kept = ended.stdout.splitlines()
    assert sentence == (
        f"{disk}/selip.duckdb cannot be written (No space left on device): "
        "free space, and run the same command again; what was written stays."
    )
    assert (int(written) > 0) == (other_bytes == 1_000_000)
    assert kept == ([str(int(written) + 1)] if kept else [])


def test_a_folder_or_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"{tmp_path} is a folder: name a file for the database, e.g. {tmp_path / 'selip.duckdb'}."
    )
    assert refusal(tmp_path / "none" / "selip.duckdb") == (
        f"The folder {tmp_path / 'none'} for the database does not exist: create it or name another file."
    )


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a place where nobody may write")
def test_a_place_that_may_not_be_written_to_is_refused() -> None:
    assert refusal(Path("/sys/selip.duckdb")) == (
        'The database /sys/selip.duckdb cannot be opened (Cannot open file "/sys/selip.duckdb": Permission denied): '
        "name a file in a folder that you may write to."
    )


def test_a_file_in_use_by_another_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert refusal(path) == (
            f"The database {path} is in use by another program: close that program or name another file."
        )
        other.stdin.close()


def test_reading_alone_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "selip.duckdb"
    with pytest.raises(SelipError, match=r"There is no database .*selip\.duckdb: make one with selip-extract"):
        read_store(path)
    assert not path.exists()


def test_reading_alone_does_not_take_an_empty_database_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(path).close()
    with pytest.raises(SelipError, match="run selip-extract on it once"):
        read_store(path)
