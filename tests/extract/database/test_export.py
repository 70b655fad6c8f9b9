import csv
import json
import shutil
import subprocess
import sys
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import duckdb
import openpyxl
import pytest

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.database_file import read_store
from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Study
from selip_contracts.statements import NORMAL_TEXT, parse_sequence_text
from selip_contracts.vocabulary import MODALITIES
from selip_extract.cli.export import main
from selip_extract.database.corrections import import_corrections
from selip_extract.database.store import Store
from selip_extract.database.stored_studies import stored_studies
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.pipeline import extract
from selip_extract.reports.report import Report
from selip_extract.reports.report_table import open_reports
from tests.commands import Command, command
from tests.extract.databases import add_run

EXAMPLES = Path(str(files("selip_extract").joinpath("examples/reports.csv")))
DANGEROUS = ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"]
RUN = "from selip_extract.cli.export import main; main()"
MEASURED = """
import atexit, resource, sys
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))
"""
FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)); "


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example reports, read by the rules."""
    path = tmp_path_factory.mktemp("database") / "selip.duckdb"
    with Store(path) as store:
        extract(open_reports(EXAMPLES), store, RuleExtractor())
    return path


@pytest.fixture
def selip_export(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(main, monkeypatch, capsys)


def stored(database: Path, run_id: int = 1) -> list[AnnotatedReport]:
    with read_store(database) as connection:
        return list(stored_studies(connection, run_id))


def counts(database: Path) -> dict[str, int]:
    with read_store(database) as connection:
        return {table: len(connection.table(table)) for table in ("findings", "general_findings", "reports", "review")}


def write_run(path: Path, reports: dict[str, str], studies: dict[str, Study], extractor: str = "hand") -> int:
    with Store(path) as store:
        store.add_reports([Report(name, text, row) for row, (name, text) in enumerate(reports.items(), 1)], "r.csv")
        return add_run(store, extractor, studies)


def test_parquet_holds_the_findings_in_the_order_of_the_reports(
    selip_export: Command, database: Path, tmp_path: Path
) -> None:
    out = tmp_path / "findings.parquet"
    code, said, err = selip_export(database, "--out", out)
    assert (code, said, err) == (0, f"{out}: {counts(database)['findings']} rows\n", "")
    columns = "report_id, modality, side, site, signal, present, size_mm, evidence, evidence_start, evidence_spans"
    exported = duckdb.execute(f"SELECT {columns} FROM '{out}'").fetchall()
    with read_store(database) as connection:
        assert sorted(exported, key=str) == sorted(
            connection.execute(f"SELECT {columns} FROM findings").fetchall(), key=str
        )
    assert [row[0] for row in exported] == sorted(row[0] for row in exported)
    assert exported[0][6] == [18.0, 12.0]
    assert exported[0][9][0] == {"role": "site", "start": 2, "end": 6}


def test_a_spreadsheet_reads_the_csv_and_takes_nothing_for_a_formula(selip_export: Command, tmp_path: Path) -> None:
    database = tmp_path / "selip.duckdb"
    texts = {name: f'{name}左侧额叶见长T2信号，"大小"约1.8×1.25cm\n第二行' for name in DANGEROUS}
    studies = {
        name: Study(
            findings=(
                Finding(modality="T2", side="左侧", site="额叶", signal="高", size_mm=(18.0, 12.5), morphology=name,
                        evidence=Evidence(text=text, start=0, end=len(text))),
            )
        )
        for name, text in texts.items()
    }  # fmt: skip
    write_run(database, texts, studies)
    assert selip_export(database, "--out", tmp_path / "csv", "--format", "csv")[0] == 0
    content = (tmp_path / "csv" / "findings.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfreport_id,")
    for name in ("findings", "reports"):
        with (tmp_path / "csv" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["report_id"] for row in rows] == [f"'{name}" for name in DANGEROUS]
        assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "＝"))]
    with (tmp_path / "csv" / "findings.csv").open(encoding="utf-8-sig", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["size_mm"], first["evidence"]) == ("18×12.5", f"'{texts[DANGEROUS[0]]}")


def test_a_workbook_has_a_sheet_a_table_with_ids_as_text(selip_export: Command, tmp_path: Path) -> None:
    database = tmp_path / "selip.duckdb"
    text = "左侧额叶见长T2信号，大小约1.8×1.25cm\x0b"
    found = Finding(modality="T2", side="左侧", site="额叶", signal="高", size_mm=(18.0, 12.5), morphology="=1+1")
    with Store(database) as store:
        report = Report("0012", text, 1, "a.csv", "20230506000123456", datetime(2023, 5, 6), '{"性别": "男"}')
        store.add_reports([report])
        add_run(store, "rules", {"0012": Study(findings=(found,))})
    code, said, _ = selip_export(database, "--out", tmp_path / "f.xlsx")
    assert (code, said) == (0, f"{tmp_path / 'f.xlsx'}: 1 rows\n")
    workbook = openpyxl.load_workbook(tmp_path / "f.xlsx")
    assert workbook.sheetnames == ["影像所见", "不分序列的改变", "报告", "待复核"]
    heading, row = ([cell.value for cell in cells] for cells in workbook["影像所见"].iter_rows())
    read = dict(zip(heading, row, strict=True))
    assert (read["报告编号"], read["患者编号"], read["检查日期"]) == ("0012", "20230506000123456", datetime(2023, 5, 6))
    assert (read["形态"], read["大小（mm）"], read["是否存在"], read["读取者"]) == ("=1+1", "18×12.5", "是", "规则")
    assert workbook["影像所见"]["I2"].data_type == "s"
    heading, row = ([cell.value for cell in cells] for cells in workbook["报告"].iter_rows())
    read = dict(zip(heading, row, strict=True))
    assert (read["报告正文"], read["处理状态"], read["性别"]) == (text[:-1], "已读取", "男")


def test_a_correction_is_in_the_export_at_once(selip_export: Command, tmp_path: Path) -> None:
    database = tmp_path / "selip.duckdb"
    texts = {"a": "左侧额叶见长T2信号", "b": "未见异常"}
    write_run(database, texts, {"a": Study(), "b": Study()})
    corrected = Study(findings=(Finding(modality="T2", side="左侧", site="额叶", signal="高"),))
    line = AnnotatedReport(report_id="a", findings_text=texts["a"], study=corrected, checked_by="王医生")
    write_annotated(tmp_path / "corrections.jsonl", [line])
    with Store(database) as store:
        import_corrections(store, tmp_path / "corrections.jsonl")
    selip_export(database, "--out", tmp_path / "f.csv")
    with (tmp_path / "f.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [(row["report_id"], row["site"], row["reader"]) for row in csv.DictReader(file)] == [
            ("a", "额叶", "王医生")
        ]
    selip_export(database, "--out", tmp_path / "s.jsonl")
    assert [report.study for report in read_annotated(tmp_path / "s.jsonl")] == [corrected, Study()]
    assert selip_export(database, "--out", tmp_path / "m.csv", "--run", 1)[1].endswith("m.csv: 0 rows\n")


@pytest.mark.parametrize("name", ["f.csv", "f.xlsx", "f.parquet"])
def test_the_answer_of_a_query_is_exported(selip_export: Command, database: Path, tmp_path: Path, name: str) -> None:
    query = """SELECT report_id, count(*) AS "an ""odd"" name" FROM findings GROUP BY ALL ORDER BY 1 LIMIT 2;"""
    assert selip_export(database, "--out", tmp_path / name, "--query", query)[:2] == (0, f"{tmp_path / name}: 2 rows\n")
    code, _, err = selip_export(database, "--out", tmp_path / name, "--query", "SELECT x FROM findings")
    assert (code, err.count("\n"), "correct --query" in err) == (1, 1, True)


def test_ids_that_look_like_numbers_are_guarded_in_a_csv(selip_export: Command, tmp_path: Path) -> None:
    database = tmp_path / "selip.duckdb"
    ids = ["0012", "20230506000123456", "77", "A7"]
    write_run(database, {name: f"未见异常{name}" for name in ids}, {name: Study() for name in ids})
    selip_export(database, "--out", tmp_path / "csv", "--format", "csv")
    with (tmp_path / "csv" / "reports.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["report_id"] for row in csv.DictReader(file)] == ['="0012"', '="20230506000123456"', "77", "A7"]
    table = open_reports(tmp_path / "csv" / "reports.csv", "text")
    assert [report.report_id for report in table] == ids


def test_json_lines_are_the_annotated_format_and_give_the_studies_back(
    selip_export: Command, database: Path, tmp_path: Path
) -> None:
    out = tmp_path / "studies.jsonl"
    code, said, _ = selip_export(database, "--out", out)
    assert (code, said) == (0, f"{out}: 19 studies\n")
    # of a study with findings the format does not say whether a passage was not understood: that stands in review
    assert list(read_annotated(out)) == [
        report.model_copy(update={"study": report.study.model_copy(update={"understood": True})})
        if report.study.findings
        else report
        for report in stored(database)
    ]


def test_the_papers_code_finds_each_studys_texts_by_sequence(
    selip_export: Command, database: Path, tmp_path: Path
) -> None:
    """As its loader takes them: a study with the one key normal, or the text of each sequence under its name."""
    code, _, said = selip_export(database, "--out", tmp_path / "texts", "--format", "paper")
    assert "set have_modal: False in the training file" in said
    exported = json.loads((tmp_path / "texts" / "information.json").read_text("utf-8"))
    assert code == 0
    assert exported["MR240301"] == {"normal": NORMAL_TEXT}
    assert exported["MR240302"]["DWI"] == "在左侧基底节区表现为斑片状高信号"
    for report in stored(database):
        texts = exported[report.report_id]
        if not report.study.normal:
            assert {
                (modality, *statement[:3])
                for modality in MODALITIES
                for statement in parse_sequence_text(texts.get(modality, NORMAL_TEXT), modality)
            } == {finding.key for finding in report.study.findings}
    with read_store(database) as connection:
        viewed = connection.execute("SELECT report_id, modality, text FROM statements WHERE NOT normal").fetchall()
    assert {(name, m, text) for name, texts in exported.items() for m, text in texts.items() if m != "normal"} == set(
        viewed
    )


def test_a_study_of_general_changes_alone_has_no_text_to_train_on(selip_export: Command, tmp_path: Path) -> None:
    database = tmp_path / "selip.duckdb"
    general = Study(general=(GeneralFinding(side=None, site="脑沟", change="增宽"),))
    write_run(database, {"a": "脑沟增宽", "b": "未见异常"}, {"a": general, "b": Study()})
    code, said, _ = selip_export(database, "--out", tmp_path / "t.json")
    assert (code, said) == (0, f"{tmp_path / 't.json'}: 1 studies\n")
    assert json.loads((tmp_path / "t.json").read_text("utf-8")) == {"b": {"normal": NORMAL_TEXT}}


def test_a_folder_holds_all_tables(selip_export: Command, database: Path, tmp_path: Path) -> None:
    code, said, _ = selip_export(database, "--out", tmp_path / "all")
    assert code == 0
    assert [line.split("/")[-1] for line in said.splitlines()] == [
        f"{table}.parquet: {rows} rows" for table, rows in counts(database).items()
    ]
    statuses = duckdb.execute(f"SELECT status, count(*) FROM '{tmp_path}/all/reports.parquet' GROUP BY ALL ORDER BY 1")
    assert statuses.fetchall() == [("empty", 1), ("ok", 19)]


def test_a_run_can_be_named(selip_export: Command, tmp_path: Path) -> None:
    database = tmp_path / "selip.duckdb"
    found = Study(findings=(Finding(modality="T2", side="左侧", site="额叶", signal="高"),))
    write_run(database, {"a": "左侧额叶见长T2信号"}, {"a": found}, "first")
    write_run(database, {"a": "左侧额叶见长T2信号"}, {"a": Study()}, "second")
    assert selip_export(database, "--out", tmp_path / "new.csv")[1].endswith("new.csv: 0 rows\n")
    assert selip_export(database, "--out", tmp_path / "old.csv", "--run", 1)[1].endswith("old.csv: 1 rows\n")
    code, _, err = selip_export(database, "--out", tmp_path / "no.csv", "--run", 3)
    assert (code, err) == (1, f"{database} has no run 3: name one of 1, 2.\n")


def test_what_cannot_be_exported_is_one_sentence(selip_export: Command, database: Path, tmp_path: Path) -> None:
    def refusal(*arguments: object) -> str:
        code, out, err = selip_export(*arguments)
        assert (code, out) == (1, "")
        return err

    out = tmp_path / "f.csv"
    assert refusal(tmp_path / "no.duckdb", "--out", out) == (
        f"There is no database {tmp_path / 'no.duckdb'}: make one with selip-extract, or name another file.\n"
    )
    Store(tmp_path / "empty.duckdb").connection.close()
    assert "has no complete run; let selip-extract finish first" in refusal(tmp_path / "empty.duckdb", "--out", out)
    assert refusal(database, "--out", out, "--format", "ods") == (
        "There is no format ods: name one of xlsx, parquet, csv, jsonl, paper.\n"
    )
    assert refusal(database, "--out", tmp_path / "f.txt") == (
        "The ending of f.txt names no format: end it with .xlsx, .parquet, .csv, .jsonl, .json, "
        "or name one with --format.\n"
    )
    assert refusal(database, "--out", tmp_path / "none" / "f.csv") == (
        f"{tmp_path / 'none' / 'f.csv'} cannot be written (No such file or directory): "
        "name a folder that you may write to.\n"
    )
    assert refusal(database, "--out", database, "--format", "csv") == (
        f"{database} is the database itself: name another file with --out.\n"
    )
    assert not out.exists()


def test_a_database_that_another_process_writes_to_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "selip.duckdb"
    with Store(database):
        told = subprocess.run(
            [sys.executable, "-c", RUN, database, "--out", tmp_path / "f.csv"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (told.returncode, told.stderr) == (
        1,
        f"The database {database} is in use by another program: close that program or name another file.\n",
    )


@pytest.mark.parametrize("name", ["f.csv", "f.parquet", "f.jsonl"])
def test_where_the_disk_is_full_the_file_stays_as_it_was(database: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.write_text("earlier")
    told = subprocess.run(
        [sys.executable, "-c", FULL_DISK + RUN, database, "--out", out],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 1
    assert f"{out} cannot be written (" in told.stderr.splitlines()[-1]
    assert "Traceback" not in told.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert out.read_text() == "earlier"


@pytest.fixture(scope="module")
def million(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples 11,000 times: a million findings."""
    path = tmp_path_factory.mktemp("million") / "selip.duckdb"
    shutil.copy(database, path)
    with duckdb.connect(path) as connection:
        for table in ("reports", "extractions", "finding_rows"):
            ordinal = ", ordinal + 20 * copy AS ordinal" if table == "reports" else ""
            connection.execute(
                f"""INSERT INTO {table} BY NAME
                SELECT rows.* REPLACE (concat(report_id, '_', copy) AS report_id{ordinal})
                FROM {table} AS rows, range(1, 11000) AS copies(copy)"""
            )
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("f.parquet", 1_056_000), ("f.csv", 1_056_000), ("f.jsonl", 209_000)])
def test_a_million_findings_do_not_fill_the_memory(million: Path, tmp_path: Path, name: str, rows: int) -> None:
    told = subprocess.run(
        [sys.executable, "-c", MEASURED + RUN, million, "--out", tmp_path / name],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    kilobytes = int(told.stderr.splitlines()[-1])
    assert f"{rows:,} " in told.stdout
    assert kilobytes < 900_000
