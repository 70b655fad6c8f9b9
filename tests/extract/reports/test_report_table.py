import csv
import gzip
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from selip_extract.reports.report import Report
from selip_extract.reports.report_table import open_reports
from selip_shared.errors import SelipError

LEFT = "左侧额叶见斑片状长T1、长T2信号,FLAIR呈高信号；余脑实质未见异常。"
RIGHT = "右侧基底节区见点状信号，DWI呈高信号。\n中线结构居中。"
HEADING = ("检查号", "影像所见")
ROWS = (("0012", LEFT), ("A7", RIGHT), ("", "未见异常"), ("0012", ""))
REPORTS = [
    Report("0012", LEFT, 1),
    Report("A7", RIGHT, 2),
    Report("row-3", "未见异常", 3),
    Report("0012", "", 4),
]
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with BOM",
    "gb18030": "GB18030",
    "gbk": "GB18030",
    "utf-16": "UTF-16 LE",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
}
Table = list[tuple[str, ...]]


def write_csv(path: Path, table: Table, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(table)
    return path


def write_json_lines(path: Path, table: Table) -> Path:
    heading, *rows = table
    path.write_text("".join(json.dumps(dict(zip(heading, row, strict=True))) + "\n" for row in rows), "utf-8")
    return path


def write_excel(path: Path, table: list[tuple[object, ...]]) -> Path:
    workbook = openpyxl.Workbook()
    for row in table:
        workbook.active.append(row)
    workbook.save(path)
    return path


def write_parquet(path: Path, table: Table) -> Path:
    heading, *rows = table
    names = ", ".join(f'"{name}" VARCHAR' for name in heading)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE reports ({names})")
        if rows:
            connection.executemany("INSERT INTO reports VALUES (?, ?)", rows)
        connection.execute(f"COPY reports TO '{path}' (FORMAT parquet)")
    return path


def refusal(path: Path, **options: str) -> str:
    with pytest.raises(SelipError) as caught:
        open_reports(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("codec", ENCODINGS)
@pytest.mark.parametrize(
    ("delimiter", "format_name"),
    [(",", "CSV"), ("\t", "TSV"), (";", "CSV with semicolons"), ("|", "CSV with vertical bars")],
)
def test_text_tables_in_every_encoding(tmp_path: Path, codec: str, delimiter: str, format_name: str) -> None:
    table = open_reports(write_csv(tmp_path / "reports.txt", [HEADING, *ROWS], codec, delimiter))
    assert (table.format, table.encoding, table.total) == (format_name, ENCODINGS[codec], 4)
    assert (table.text_column, table.id_column) == ("影像所见", "检查号")
    assert table.notes == ("Rows without an id, named after their row, as row-7: 1 (row 3).",)
    assert list(table) == REPORTS
    assert list(table) == REPORTS, "a table can be read again"


@pytest.mark.parametrize(
    ("write", "format_name"),
    [(write_excel, "Excel"), (write_parquet, "Parquet"), (write_json_lines, "JSON lines")],
)
def test_other_formats(tmp_path: Path, write: Callable[[Path, Table], Path], format_name: str) -> None:
    table = open_reports(write(tmp_path / "a[1]*b.dat", [HEADING, *ROWS]))
    assert (table.format, table.total) == (format_name, 4)
    assert list(table) == REPORTS


cells = st.text(st.characters(codec="utf-8"), max_size=30) | st.text(
    st.sampled_from('",\r\n\t;| \0\x01a所'), max_size=12
)
# ="0012" and '0012 are how Excel guards a number, and read as 0012
ids = cells.filter(lambda cell: "=" not in cell and "'" not in cell)
rows_of_cells = st.lists(st.tuples(ids, cells), max_size=8)
quickly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def as_read(rows: list[tuple[str, str]], line_breaks_kept: bool = True) -> list[Report]:
    """NUL is gone, other control characters are blanks, and ids are stripped."""

    def printable(text: str) -> str:
        text = text if line_breaks_kept else text.replace("\r\n", "\n").replace("\r", "\n")
        shown = (" " if (c < " " and c not in "\t\r\n") or c == "\x7f" else c for c in text if c != "\0")
        return "".join(shown)

    return [
        Report(printable(report_id).strip() or f"row-{number}", printable(text), number)
        for number, (report_id, text) in enumerate(rows, start=1)
    ]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@quickly
@example(
    rows=[("", ""), ("", "\r\x00"), ("0000000000000", ""), ("0000000000000", ""), ("0000000000000", "0000000000000")]
)
@given(rows=rows_of_cells)
def test_any_cells_survive_a_text_table(tmp_path: Path, codec: str, rows: list[tuple[str, str]]) -> None:
    table = open_reports(write_csv(tmp_path / "reports.csv", [HEADING, *rows], codec))
    assert table.encoding == ENCODINGS[codec]
    assert list(table) == as_read(rows)
    assert table.total == len(rows)


chinese_cells = st.text(st.sampled_from('左侧额叶见长T12信号，。、,"\r\n\t;（）mm× '), max_size=30)


@pytest.mark.parametrize("codec", ["gbk", "utf-16-le", "utf-16-be"])
@quickly
@given(rows=st.lists(st.tuples(chinese_cells, chinese_cells), max_size=8))
def test_any_chinese_cells_survive_without_a_mark(tmp_path: Path, codec: str, rows: list[tuple[str, str]]) -> None:
    table = open_reports(write_csv(tmp_path / "reports.csv", [HEADING, *rows], codec))
    assert table.encoding == ENCODINGS[codec]
    assert list(table) == as_read(rows)


@quickly
@given(rows=st.lists(st.tuples(ids, cells), min_size=1, max_size=8))
def test_any_cells_survive_json_lines(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    assert list(open_reports(write_json_lines(tmp_path / "reports.jsonl", [HEADING, *rows]))) == as_read(rows)


@settings(quickly, max_examples=15)
@given(rows=rows_of_cells)
def test_any_cells_survive_parquet(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    assert list(open_reports(write_parquet(tmp_path / "reports.parquet", [HEADING, *rows]))) == as_read(rows)


excel_cells = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cn")) | st.just("\n"), max_size=30)


@settings(quickly, max_examples=15)
@given(rows=st.lists(st.tuples(excel_cells.map("x{}".format), excel_cells), max_size=8))
def test_any_cells_survive_excel(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    rows = [(first, second.replace("=", "")) for first, second in rows]  # a formula has no value until Excel ran
    assert list(open_reports(write_excel(tmp_path / "reports.xlsx", [HEADING, *rows]))) == as_read(rows, False)


@quickly
@given(content=st.text(st.sampled_from('",\r\n\t a所'), max_size=60))
def test_faulty_quotes_lose_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("影像所见,检查号\n" + content, "utf-8", newline="")
    table = open_reports(path)
    read = "".join(report.text + report.report_id for report in table)
    assert table.total == len(list(table))
    assert read.count("所") == content.count("所")


def test_a_quote_that_never_closes_swallows_no_row(tmp_path: Path) -> None:
    path = tmp_path / "reports.tsv"
    path.write_text('检查号\t影像所见\n1\t"左侧额叶\n2\t"右侧，\n第二行"\n3\t所谓"结节"影\n4\t"见"结节"影"\n', "utf-8")
    assert [(report.report_id, report.text) for report in open_reports(path)] == [
        ("1", '"左侧额叶'),
        ("2", "右侧，\n第二行"),
        ("3", '所谓"结节"影'),
        ("4", '见结节"影"'),
    ]


def test_unquoted_commas_stay_with_the_text(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("检查号,影像所见,报告医生\n1,左侧额叶高信号,余未见异常,张\n2,正常\n3,正常,李,,\n", "utf-8")
    table = open_reports(path)
    assert [report.text for report in table] == ["左侧额叶高信号,余未见异常", "正常", "正常"]
    assert table.notes == (
        "Rows with fewer cells than the heading, missing cells are empty: 1 (row 2).",
        "Rows with more cells than the heading, the surplus is added to the text: 1 (row 1).",
    )


def test_one_column_with_commas_in_it_is_one_column(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("影像所见\n左侧额叶,高信号,余正常\n右侧,正常\n", "utf-8")
    table = open_reports(path)
    assert list(table) == [Report("row-1", "左侧额叶,高信号,余正常", 1), Report("row-2", "右侧,正常", 2)]
    assert (table.format, table.id_column) == ("CSV", None)
    assert table.notes == ("No column holds an id: reports are named after their row, row-1, row-2, …",)


def test_delimiter_is_not_taken_from_the_commas_of_the_texts(tmp_path: Path) -> None:
    lines = ["编码;正文内容", *(f"{n};左侧额叶,见高信号,余,正常" for n in range(9))]
    path = tmp_path / "reports.csv"
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    table = open_reports(path, text_column="正文内容", id_column="编码")
    assert table.format == "CSV with semicolons"
    assert [report.report_id for report in table] == [str(n) for n in range(9)]


def test_blank_lines_are_no_rows_and_lines_of_separators_are(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("\n检查号,影像所见\n\n1,正常\n\n,\n\0\0\0", "utf-8")
    assert list(open_reports(path)) == [Report("1", "正常", 1), Report("row-2", "", 2)]


def test_very_long_cells(tmp_path: Path) -> None:
    text = LEFT * 30_000
    table = open_reports(write_csv(tmp_path / "reports.csv", [HEADING, ("1", text), ("2", LEFT)], "gb18030"))
    assert [report.text for report in table] == [text, LEFT]


def test_gb18030_behind_much_ascii(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    with path.open("wb") as file:
        file.write(b"id,report\n" + b"1,normal\n" * 400_000 + f"2,{LEFT}\n".encode("gb18030"))
    table = open_reports(path)
    assert (table.encoding, table.total) == ("GB18030", 400_001)
    assert list(table)[-1].text.startswith("左侧额叶")


@pytest.mark.parametrize(("codec", "name"), [("utf-8", "UTF-8"), ("gb18030", "GB18030")])
def test_a_damaged_character_is_said(tmp_path: Path, codec: str, name: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes(f"检查号,影像所见\n1,{RIGHT.strip()}".replace("\n中", "中").encode(codec) + b"\xe5,\xff\n")
    table = open_reports(path)
    assert table.encoding == name
    assert any("cannot be read in" in note and "\ufffd: 1 (row 1)" in note for note in table.notes)
    assert table.total == 1


def test_ids_keep_their_digits(tmp_path: Path) -> None:
    path = write_excel(
        tmp_path / "a.xlsx", [HEADING, (123456.0, "甲"), ("000123", "乙"), (202301010000123, "丙"), (1.5, "丁")]
    )
    assert [report.report_id for report in open_reports(path)] == ["123456", "000123", "202301010000123", "1.5"]
    path = tmp_path / "a.csv"
    path.write_text('检查号,影像所见\n="00123",甲\n\t20230101000012345 ,乙\n', "utf-8")
    assert [report.report_id for report in open_reports(path)] == ["00123", "20230101000012345"]


def test_excel_reads_the_sheet_with_reports_and_says_so(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(["说明"])
    sheet = workbook.create_sheet("报告")
    sheet.append(HEADING)
    sheet.append(["1", "甲_x000D_\n乙", "其他"])
    sheet.cell(5, 1, 2)
    workbook.create_sheet("空")
    workbook.save(tmp_path / "a.xlsx")
    table = open_reports(tmp_path / "a.xlsx")
    assert list(table) == [Report("1", "甲\r\n乙", 1), Report("2", "", 2)]
    assert table.notes == ("Sheets that are read: 报告; not read: Sheet, which --sheet names.",)


def test_json_lines_of_any_kind(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(
        '{"report_id": 7, "findings_text": "甲", "findings": [{"site": "额叶"}]}\n\n'
        '{"report_id": 8.0, "findings_text": null}\n{"findings_text": "乙\\ud800\\u0000"}\n左侧额叶 {"\n',
        "utf-8",
    )
    table = open_reports(path)
    assert list(table) == [
        Report("7", "甲", 1),
        Report("8", "", 2),
        Report("row-3", "乙\ufffd", 3),
        Report("row-4", '左侧额叶 {"', 4),
    ]
    assert table.notes[-1] == "Lines that are no JSON object, the whole line is the text: 1 (row 4)."


@pytest.mark.parametrize(
    ("columns", "text_column", "id_column"),
    [
        (("Accession Number", "FINDINGS"), "FINDINGS", "Accession Number"),
        (("ID", " 影像 所见 ", "报告内容"), "影像 所见", "ID"),
        (("影像号", "检查号", "描述"), "描述", "检查号"),
        (("姓名", "Report_Text"), "Report_Text", None),
        (("流水号", "ｆｉｎｄｉｎｇｓ　ｔｅｘｔ"), "ｆｉｎｄｉｎｇｓ　ｔｅｘｔ", "流水号"),
    ],
)
def test_usual_names_are_found(tmp_path: Path, columns: tuple[str, ...], text_column: str, id_column: str) -> None:
    table = open_reports(write_csv(tmp_path / "a.csv", [columns, ("1",) * len(columns)]))
    assert (table.text_column, table.id_column) == (text_column, id_column)


def test_unclear_columns_are_listed(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [("检查号", "检查编号", "检查所见", "影像所见"), ("1", "2", "甲", "乙")])
    assert refusal(path) == (
        "More than one column may hold the report text (检查所见, 影像所见): name the right one with --text-column. "
        "Columns: 检查号, 检查编号, 检查所见, 影像所见"
    )
    assert "(检查号, 检查编号): name the right one with --id-column." in refusal(path, text_column="影像所见")
    assert list(open_reports(path, "影像所见", "检查编号")) == [Report("2", "乙", 1)]
    assert refusal(path, text_column="印象").startswith("There is no column 印象: give --text-column one of these")
    assert refusal(path, text_column="影像所见", id_column="x").startswith("There is no column x: give --id-column")
    nameless = write_csv(tmp_path / "b.csv", [("号", "印象"), ("1", "甲")])
    assert refusal(nameless).endswith("name it with --text-column. Columns: 号, 印象")
    twice = write_csv(tmp_path / "c.csv", [("印象", "印象"), ("1", "甲")])
    assert refusal(twice, text_column="印象").startswith("2 columns are called 印象: give each a name of its own.")


def test_a_file_without_heading_is_told_from_one_with(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"{LEFT}\n{LEFT}\n", "utf-8")
    assert refusal(path).startswith("The first line looks like a report and not like a heading: put a line of")


def test_a_heading_without_rows_is_an_empty_table(tmp_path: Path) -> None:
    table = open_reports(write_csv(tmp_path / "a.csv", [HEADING]))
    assert (list(table), table.total, table.notes) == ([], 0, ("There is no row below the heading.",))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("reports.csv", "%PDF-1.7")


def cut_workbook(path: Path) -> None:
    write_excel(path, [HEADING, *ROWS])
    path.write_bytes(path.read_bytes()[:-200])


def cut_parquet(path: Path) -> None:
    write_parquet(path, [HEADING, *ROWS])
    path.write_bytes(path.read_bytes()[:-20])


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.absolute, "does not exist: check the name"),
    "folder": (Path.mkdir, "is a folder without a table and without .txt files: name a file"),
    "empty": (Path.touch, "is empty: export"),
    "blank": (lambda path: path.write_bytes(b"\xef\xbb\xbf\r\n \n"), "nothing but blank lines: export"),
    "png": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), "is a PNG image and no table"),
    "pdf": (lambda path: path.write_bytes(b"%PDF-1.7\n%\xe2\xe3"), "is a PDF and no table"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(b"id,text" * 99)[:-20]), "is damaged and cannot be unpacked"),
    "duckdb": (lambda path: duckdb.connect(path).close(), "is a database: give --from"),
    "random": (lambda path: path.write_bytes(bytes((n * n * 7 + n // 3) % 256 for n in range(9999))), "is no text in"),
    "xls": (lambda path: path.write_bytes(OLE), "is a damaged workbook or none of Excel: open it"),
    "encrypted": (
        lambda path: path.write_bytes(OLE + "EncryptedPackage".encode("utf-16-le")),
        "is protected by a password: save it in Excel without one.",
    ),
    "zip": (zipped, "is a PDF and no table"),
    "cut workbook": (cut_workbook, "is a damaged workbook or none of Excel: open it"),
    "empty workbook": (lambda path: openpyxl.Workbook().save(path), "is a workbook with nothing in it: export"),
    "cut parquet": (cut_parquet, "is a damaged or encrypted Parquet file: write it again."),
    "html": (lambda path: path.write_text("<html><table>"), "is a web page or XML without a table: open it in Excel"),
    "json": (lambda path: path.write_text('[\n{"id": 1'), "is damaged JSON: export it again"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_are_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    make, sentence = BAD_FILES[kind]
    path = tmp_path / "reports.csv"
    make(path)
    assert sentence in refusal(path)


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, codec: str) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADING, *((str(n), LEFT * 5) for n in range(20_000))], codec)
    file_bytes = path.stat().st_size
    tracemalloc.start()
    try:
        table = open_reports(path)
        assert sum(1 for _ in table) == table.total == 20_000
        assert tracemalloc.get_traced_memory()[1] < 6_000_000 < file_bytes
    finally:
        tracemalloc.stop()
