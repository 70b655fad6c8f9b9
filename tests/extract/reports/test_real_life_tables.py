"""Tables as hospital systems and people at spreadsheets make them, and what is read of each."""

import gzip
import io
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
import openpyxl
import pytest
import xlwt

from selip_extract.reports.columns import Wanted
from selip_extract.reports.report_table import FIND_COLUMNS, ReportTable, open_query, open_tables
from selip_shared.errors import SelipError

A = "左侧额叶见斑片状长T1、长T2信号，FLAIR呈高信号。"
B = "脑实质未见异常信号，中线结构居中。"
TRADITIONAL = "左側額葉見斑片狀長T1、長T2信號，腦實質其餘未見異常。"
ROWS = [["检查号", "影像所见"], ["0012", A], ["0013", B]]
BOTH = [("0012", A), ("0013", B)]
Rows = Sequence[Sequence[object]]


@dataclass(frozen=True)
class Case:
    """A file, how it is asked for, and what comes: ids and texts, words of the notes, or of the refusal."""

    name: str
    write: Callable[[Path], object]
    reports: list[tuple[str, str]] | None = None
    note: str = ""
    refusal: str = ""
    wanted: Wanted = FIND_COLUMNS
    patients: list[str | None] | None = None
    dates: list[datetime | None] | None = None


def text(content: str, codec: str = "utf-8") -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content.encode(codec))


def lines(*rows: str, codec: str = "utf-8") -> Callable[[Path], object]:
    return text("".join(f"{row}\r\n" for row in rows), codec)


def csv(rows: Rows, codec: str = "utf-8", delimiter: str = ",") -> Callable[[Path], object]:
    return lines(*(delimiter.join(map(str, row)) for row in rows), codec=codec)


def excel(
    sheets: dict[str, Rows], merged: Sequence[str] = (), zeros: Sequence[str] = (), hidden: Sequence[str] = ()
) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        workbook = openpyxl.Workbook()
        workbook.remove(workbook.active)
        for name, rows in sheets.items():
            sheet = workbook.create_sheet(name)
            for row in rows:
                sheet.append(list(row))
            for cells in merged:
                sheet.merge_cells(cells)
            for cell in zeros:
                sheet[cell].number_format = "00000000"
            sheet.sheet_state = "hidden" if name in hidden else "visible"
        with path.open("wb") as file:
            workbook.save(file)

    return write


def one_sheet(rows: Rows, merged: Sequence[str] = (), zeros: Sequence[str] = ()) -> Callable[[Path], object]:
    return excel({"Sheet1": rows}, merged, zeros)


def strict(path: Path) -> None:
    """A workbook that Excel has saved as Strict Open XML."""
    one_sheet(ROWS)(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for transitional, strict_name in (
        (
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        ),
        (
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        ),
    ):
        members = {name: content.replace(transitional, strict_name) for name, content in members.items()}
    zipped(members)(path)


def old_excel(rows: Rows) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        workbook = xlwt.Workbook(encoding="utf-8")
        sheet = workbook.add_sheet("报告")
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                sheet.write(y, x, cell)
        with path.open("wb") as file:
            workbook.save(file)

    return write


def open_document(rows: Rows) -> Callable[[Path], object]:
    cells = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string"><text:p>{c}</text:p></table:table-cell>' for c in row)
        + "</table:table-row>"
        for row in rows
    )
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = f"""<?xml version="1.0" encoding="UTF-8"?><office:document-content {names}><office:body>
        <office:spreadsheet><table:table table:name="报告">{cells}</table:table></office:spreadsheet>
        </office:body></office:document-content>"""
    manifest = """<?xml version="1.0" encoding="UTF-8"?>
        <manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>"""
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content.encode(),
            "META-INF/manifest.xml": manifest.encode(),
        }
    )


def web_page(codec: str) -> Callable[[Path], object]:
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)
    return text(f"<html><head><meta charset={codec}></head><body><table border=1>{rows}</table></body></html>", codec)


def zipped(members: dict[str, bytes]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return write


def written(write: Callable[[Path], object]) -> bytes:
    """What a writer writes."""
    path = Path(f"/dev/shm/{id(write)}") if Path("/dev/shm").is_dir() else Path(f"{id(write)}.tmp")
    write(path)
    try:
        return path.read_bytes()
    finally:
        path.unlink()


def folder(files: dict[str, bytes]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)

    return write


TITLES = [["某某医院放射科"], ["统计时间：2023-01-01 至 2023-12-31"], *ROWS]
CASES = (
    # Text tables
    Case("UTF-8 with BOM", csv(ROWS, "utf-8-sig"), BOTH),
    Case("GBK", csv(ROWS, "gbk"), BOTH),
    Case("Big5, traditional names", csv([["檢查號", "影像所見"], ["7", TRADITIONAL]], "cp950"), [("7", TRADITIONAL)]),
    Case("UTF-16 from Excel's Unicode text", csv(ROWS, "utf-16", "\t"), BOTH),
    Case("GBK with title rows", csv(TITLES, "gbk"), BOTH, note="Rows above the heading that are not read: 2"),
    Case("the heading again on every page", csv([*ROWS, ROWS[0], ["0014", A]]), [*BOTH, ("0014", A)]),
    Case("ids guarded for Excel", csv([ROWS[0], ['="0012"', A], ["\t0013", B]]), BOTH),
    Case(
        "ids that Excel rounded",
        csv([ROWS[0], ["2.02301E+13", A], ["12", B]]),
        [("2.02301E+13", A), ("12", B)],
        note="Ids that a spreadsheet has rounded (1.23E+17), which may name several reports: 1 (row 1)",
    ),
    Case("a row without an id", csv([ROWS[0], ["", A]]), [("row-1", A)], note="Rows without an id"),
    Case("no heading", csv(ROWS[1:]), refusal="The first line looks like a report and not like a heading"),
    Case("no known text", csv([["编号", "内膜"], ["1", "x"]]), refusal="Columns: 编号, 内膜"),
    Case(
        "a character that is broken",
        lambda path: path.write_bytes("检查号,影像所见\n1,".encode() + b"\xe5\xb7\n" + f"2,{B}\n".encode()),
        [("1", "\ufffd"), ("2", B)],
        note="Characters that cannot be read in UTF-8: 1, shown as \ufffd: 1 (row 1)",
    ),
    # Columns
    Case(
        "a patient, a date and a name of the report",
        csv([["患者ID", "检查日期", "登记号", "检查序号", "检查所见描述"], ["P1", "2023-05-06", "9", "77", A]]),
        [("77", A)],
        patients=["P1"],
        dates=[datetime(2023, 5, 6)],
    ),
    Case(
        "stays in two columns",
        csv([["放射编号", "门诊号", "住院号", "放射所见"], ["1", "", "Z8", A], ["2", "M3", "", B]]),
        [("1", A), ("2", B)],
        patients=["Z8", "M3"],
    ),
    Case(
        "a patient's number alone",
        csv([["住院号", "检查结果"], ["Z8", A], ["Z8", B]]),
        [("Z8", A), ("Z8", B)],
        note="No column holds a report's id: 住院号, the patient's number, is taken",
        patients=["Z8", "Z8"],
    ),
    Case(
        "findings and impression in one cell",
        csv(
            [
                ["检查号", "报告内容"],
                ["1", f"检查所见：{A} 诊断意见：1.脑梗死。2.见长T1信号。"],
                ["2", f"{B}【印象】：未见异常"],
            ]
        ),
        [("1", f"检查所见：{A}"), ("2", B)],
    ),
    Case("the order's number", csv([["申请单号", "诊断描述"], ["5", A]]), [("5", A)]),
    Case("the number of the PACS", csv([["PACS号", "影像所见描述"], ["5", A]]), [("5", A)]),
    Case("the number of the scanner's list", csv([["MR号", "MRI 所见"], ["5", A]]), [("5", A)]),
    Case(
        "English names",
        csv([["Accession Number", "Study Date", "FINDINGS"], ["5", "20230506", A]]),
        [("5", A)],
        dates=[datetime(2023, 5, 6)],
    ),
    Case(
        "dates as people write them",
        csv(
            [["检查号", "报告时间", "影像所见"], ["1", "2023/5/6 7:08", A], ["2", "2023年5月6日", A], ["3", "昨天", A]]
        ),
        [("1", A), ("2", A), ("3", A)],
        dates=[datetime(2023, 5, 6, 7, 8), datetime(2023, 5, 6), None],
        note="Cells in 报告时间 that are no date, left empty: 1 (row 3)",
    ),
    Case(
        "two texts",
        csv([["检查号", "影像所见", "检查所见"], ["1", A, B]]),
        refusal="影像所见, 检查所见): name the right one with",
    ),
    Case("a named column", csv([["号码", "所得"], ["0012", A]]), [("0012", A)], wanted=Wanted("所得", "号码")),
    # Workbooks
    Case("xlsx", one_sheet(ROWS), BOTH),
    Case("xlsx with title rows", one_sheet(TITLES, merged=["A1:B1"]), BOTH, note="Rows above the heading"),
    Case("strict xlsx", strict, BOTH),
    Case("xls", old_excel(ROWS), BOTH),
    Case(
        "xls with numbers",
        old_excel([ROWS[0], [12, A]]),
        [("12", A)],
        note="without the zeros that a spreadsheet may show",
    ),
    Case("ods", open_document(ROWS), BOTH),
    Case(
        "ids shown as 00000000",
        one_sheet([ROWS[0], [12, A], [13, B]], zeros=["A2", "A3"]),
        [("00000012", A), ("00000013", B)],
    ),
    Case(
        "ids that became dates",
        one_sheet([ROWS[0], [date(2023, 3, 12), A]]),
        [("2023-03-12", A)],
        note="Ids that a spreadsheet has taken for dates",
    ),
    Case(
        "ids of too many digits",
        one_sheet([ROWS[0], [20230506000123456, A]]),
        None,
        note="Ids that a spreadsheet has rounded",
    ),
    Case("ids as floats", one_sheet([ROWS[0], [12.0, A]]), [("12", A)]),
    Case(
        "merged cells of a patient",
        one_sheet([["患者ID", "检查号", "影像所见"], ["P1", "1", A], [None, "2", B]], merged=["A2:A3"]),
        [("1", A), ("2", B)],
        patients=["P1", "P1"],
    ),
    Case(
        "two header rows",
        one_sheet([["检查号", "报告", None], [None, "检查所见", "印象"], ["1", A, "x"]], merged=["A1:A2", "B1:C1"]),
        [("1", A)],
    ),
    Case("two sheets of one shape", excel({"一月": ROWS, "二月": [ROWS[0], ["0014", A]]}), [*BOTH, ("0014", A)]),
    Case(
        "a sheet of notes",
        excel({"说明": [["说明"], ["导出"]], "数据": ROWS}),
        BOTH,
        note="Sheets that are read: 数据; not read: 说明",
    ),
    Case(
        "a named sheet",
        excel({"一月": ROWS, "二月": [ROWS[0], ["0014", A]]}),
        [("0014", A)],
        wanted=Wanted(sheet="二月"),
    ),
    Case("a sheet that is not there", excel({"一月": ROWS}), refusal="has no sheet 三月", wanted=Wanted(sheet="三月")),
    Case("a hidden sheet", excel({"新": ROWS, "旧": ROWS}, hidden=["旧"]), BOTH, note="not read: 旧"),
    # JSON
    Case("JSON lines", lines(*(json.dumps({"检查号": i, "影像所见": t}) for i, t in BOTH)), BOTH),
    Case("a JSON array", text(json.dumps([{"检查号": i, "影像所见": t} for i, t in BOTH], indent=1)), BOTH),
    Case(
        "a JSON array in GBK",
        text(json.dumps([{"检查号": i, "影像所见": t} for i, t in BOTH], ensure_ascii=False), "gbk"),
        BOTH,
    ),
    Case("an export of Navicat", text(json.dumps({"RECORDS": [{"检查号": i, "影像所见": t} for i, t in BOTH]})), BOTH),
    Case(
        "nested JSON lines",
        lines(
            *(json.dumps({"patient": {"patient_id": "P"}, "exam": {"accession": i, "findings": t}}) for i, t in BOTH)
        ),
        BOTH,
        patients=["P", "P"],
    ),
    # Archives and folders
    Case("a csv in gzip", lambda path: path.write_bytes(gzip.compress(written(csv(ROWS, "gbk")))), BOTH),
    Case(
        "tables in a zip",
        zipped({"一月.csv": written(csv(ROWS, "gbk")), "2.xlsx": written(one_sheet([ROWS[0], ["0014", A]]))}),
        [("0014", A), *BOTH],
    ),
    Case("a folder of texts", folder({"0012.txt": A.encode("gbk"), "0013.txt": B.encode()}), BOTH),
    Case(
        "a folder of tables",
        folder({"a.csv": written(csv(ROWS)), "b.xls": written(old_excel([ROWS[0], ["0014", A]]))}),
        [*BOTH, ("0014", A)],
    ),
    Case(
        "a folder of tables called .txt",
        folder({"a.txt": written(csv(ROWS, "gbk", "\t")), "b.txt": written(csv([ROWS[0], ["0014", A]]))}),
        [*BOTH, ("0014", A)],
    ),
    Case("a folder of both", folder({"a.csv": b"x", "b.txt": b"x"}), refusal="holds both tables and .txt files"),
    # Markup that is called .xls
    Case("a web page", web_page("utf-8"), BOTH),
    Case("a web page in GBK", web_page("gbk"), BOTH),
    Case(
        "a web page with spans",
        text(
            f"""<html><style>td {{mso-number-format:"@"}}</style><TABLE>
            <tr><td colspan=4>某某医院</td></tr>
            <tr><th>住院号<th>检查号<th>次数<th>影像所见</tr>
            <tr><td rowspan="2">Z8</td><td>1</td><td rowspan=2>2</td><td>{A}<br/>&nbsp;{B}</td></tr>
            <tr><td>2<td><table><tr><td>{B}</td></tr></table></td></tr></TABLE></html>"""
        ),
        [("1", f"{A}\n{B}"), ("2", B)],
        note="Rows above the heading that are not read: 1",
        patients=["Z8", "Z8"],
    ),
    Case(
        "an XML spreadsheet of 2003",
        text(
            f"""<?xml version="1.0"?><Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
            <ss:Worksheet><Table><Row><Cell><Data ss:Type="String">检查号</Data></Cell><Cell><Data>医生</Data></Cell>
            <Cell><Data>影像所见</Data></Cell></Row><Row><Cell><Data>0012</Data></Cell>
            <Cell ss:Index="3"><Data>{A}</Data></Cell></Row></Table></ss:Worksheet></Workbook>"""
        ),
        [("0012", A)],
    ),
    Case("a web page without a table", text("<html><p>会话已过期</p></html>"), refusal="without a table"),
    # Further faults
    Case("TSV in GBK called .xls", csv(ROWS, "gbk", "\t"), BOTH),
    Case("semicolons", csv(ROWS, delimiter=";"), BOTH),
    Case("line ends of an old Macintosh", text("\r".join(",".join(row) for row in ROWS)), BOTH),
    Case("a line break in a text", lines("检查号,影像所见", f'1,"{A}\n{B}"'), [("1", f"{A}\n{B}")]),
    Case("zero bytes", lines("检查号,影像所见", f"1,{A[:5]}\0{A[5:]}"), [("1", A)]),
    Case("columns that are empty at the end", lines("检查号,影像所见,,", f"1,{A},,"), [("1", A)]),
    Case("three hundred columns", csv([[*map(str, range(300)), *ROWS[0]], [*range(300), "0012", A]]), [("0012", A)]),
    Case(
        "a comma in a text without quotes",
        lines("检查号,影像所见,医生", "1,左侧额叶见长T1,长T2信号,张"),
        [("1", "左侧额叶见长T1,长T2信号")],
        note="Rows with more cells than the heading",
    ),
    Case("brackets in a heading", csv([["检查号*", "影像所见（描述）"], ["1", A]]), [("1", A)]),
    Case("a heading in brackets", csv([["【检查号】", "“影像 所见”："], ["1", A]]), [("1", A)]),
    Case("a cell that Excel cut off", one_sheet([ROWS[0], ["1", (A * 2000)[:32_767]]]), note="Excel cuts a cell off"),
    Case("a workbook called .csv", one_sheet(ROWS), BOTH),
    Case("texts in two columns of one name", csv([["检查号", "影像所见", "影像所见"]]), refusal="name the right one"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_read_of_a_real_life_table(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "reports"
    case.write(path)
    if case.refusal:
        with pytest.raises(SelipError) as told:
            open_tables([str(path)], case.wanted)
        assert case.refusal in str(told.value)
        assert "\n" not in str(told.value)
        return
    tables = open_tables([str(path)], case.wanted)
    reports = [report for table in tables for report in table]
    if case.reports is not None:
        assert [(report.report_id, report.text) for report in reports] == case.reports
    if case.patients is not None:
        assert [report.patient_id for report in reports] == case.patients
    if case.dates is not None:
        assert [report.date for report in reports] == case.dates
    notes = " ".join(note for table in tables for note in table.notes)
    assert case.note in notes
    assert case.note or not notes
    assert sum(table.total for table in tables) == len(reports)
    assert {report.file for report in reports} == {table.name for table in tables}


def read(tables: list[ReportTable]) -> list[tuple[str, str]]:
    return [(report.report_id, report.text) for table in tables for report in table]


def test_a_glob_and_several_files_are_read_in_order(tmp_path: Path) -> None:
    for name, number in (("2023-02.csv", "2"), ("2023-01.csv", "1"), ("other.csv", "3")):
        csv([ROWS[0], [number, A]])(tmp_path / name)
    tables = open_tables([str(tmp_path / "2023-*.csv"), str(tmp_path / "other.csv")])
    assert read(tables) == [("1", A), ("2", A), ("3", A)]
    with pytest.raises(SelipError, match="No file matches"):
        open_tables([str(tmp_path / "2024-*.csv")])


def test_columns_that_are_kept_stand_beside_the_report(tmp_path: Path) -> None:
    csv([["检查号", "性别", "年龄", "影像所见"], ["1", "男", "63", A]])(tmp_path / "a.csv")
    (table,) = open_tables([str(tmp_path / "a.csv")], Wanted(keep=("年龄", "性别")))
    assert [json.loads(report.kept or "") for report in table] == [{"年龄": "63", "性别": "男"}]
    with pytest.raises(SelipError, match="There is no column 身高: give --keep one of these columns: 检查号, 性别"):
        open_tables([str(tmp_path / "a.csv")], Wanted(keep=("身高",)))


def test_a_query_of_a_database_is_a_table(tmp_path: Path) -> None:
    query = "SELECT number AS report_id, findings FROM exams ORDER BY 1"
    with duckdb.connect(tmp_path / "a.duckdb") as connection:
        connection.execute(
            "CREATE TABLE exams AS SELECT * FROM (VALUES ('0012', ?), ('0013', ?)) AS t(number, findings)", [A, B]
        )
    other = sqlite3.connect(tmp_path / "a.sqlite")
    other.execute("CREATE TABLE exams (number TEXT, findings TEXT)")
    other.executemany("INSERT INTO exams VALUES (?, ?)", BOTH)
    other.commit()
    other.close()
    for name in ("a.duckdb", "a.sqlite"):
        assert read([open_query(tmp_path / name, query)]) == BOTH
        with pytest.raises(SelipError, match="does not take the query"):
            open_query(tmp_path / name, "SELECT nothing FROM nowhere")
        with pytest.raises(SelipError, match="is a database: give --from"):
            open_tables([str(tmp_path / name)])


HOLD = """
import duckdb, sqlite3, sys
path = sys.argv[1]
held = duckdb.connect(path) if path.endswith(".duckdb") else sqlite3.connect(path, isolation_level=None)
held.execute("BEGIN EXCLUSIVE" if path.endswith(".sqlite") else "BEGIN")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["a.duckdb", "a.sqlite"])
def test_a_database_that_another_program_writes_to_is_said_to_be_in_use(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    connection = duckdb.connect(path) if name == "a.duckdb" else sqlite3.connect(path)
    connection.execute("CREATE TABLE exams (number TEXT, findings TEXT)")
    connection.close()
    holding = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "held\n"
        with pytest.raises(SelipError, match="is in use by another program"):
            open_query(path, "SELECT * FROM exams")
        program.communicate()


def zip_of(text: bytes) -> bytes:
    with zipfile.ZipFile(packed := io.BytesIO(), "w") as archive:
        archive.writestr("a.csv", text)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("pack", "name"),
    [(bytes, "standard input"), (gzip.compress, "standard input"), (zip_of, "standard input/a.csv")],
)
def test_standard_input_is_read_twice(
    pack: Callable[[bytes], bytes], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "piped").write_bytes(pack(written(csv(ROWS, "gbk"))))
    with (tmp_path / "piped").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        (table,) = open_tables(["-"])
    assert (table.name, table.encoding, table.total) == (name, "GB18030", 2)
    assert read([table]) == BOTH
