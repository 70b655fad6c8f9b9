"""The findings as files for other programs: Excel, Parquet, CSV, JSON lines, and the format of the paper's code."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, get_args

import duckdb

from selip_contracts.annotated import format_annotated
from selip_contracts.findings import Study
from selip_contracts.statements import NORMAL_TEXT, study_text
from selip_contracts.vocabulary import MODALITIES
from selip_extract.database.runs import readings
from selip_extract.database.stored_studies import stored_studies
from selip_extract.database.workbook import write_workbook
from selip_shared.errors import SelipError
from selip_shared.execution.progress import progress
from selip_shared.files import replacing

Format = Literal["xlsx", "parquet", "csv", "jsonl", "paper"]
Queries = Mapping[str, str]
FORMATS: tuple[Format, ...] = get_args(Format)
STUDY_FORMATS = ("jsonl", "paper")
ENDINGS: dict[str, Format] = {
    ".xlsx": "xlsx", ".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".json": "paper",
}  # fmt: skip
FILES_OF_A_FOLDER: dict[Format, tuple[str, ...]] = {
    "xlsx": ("findings.xlsx",),
    "parquet": ("findings.parquet", "general_findings.parquet", "reports.parquet", "review.parquet"),
    "csv": ("findings.csv", "general_findings.csv", "reports.csv", "review.csv"),
    "jsonl": ("studies.jsonl",),
    "paper": ("information.json",),
}
"""By format; information.json is what the paper's code calls its texts."""

MEMORY_LIMIT = "512MB"
"""DuckDB's memory limit while it sorts; what exceeds it goes to a temporary folder beside the output."""

_TABLES = {
    "findings": """SELECT report_id, patient_id, report_date, rows.* EXCLUDE (report_id, run_id, position), reader,
            run_id
        FROM finding_rows AS rows JOIN {readings} AS read USING (report_id, run_id) JOIN reports USING (report_id)
        ORDER BY ordinal, NOT present, rows.position""",
    "general_findings": """SELECT report_id, patient_id, report_date, rows.* EXCLUDE (report_id, run_id, position),
            reader, run_id
        FROM general_finding_rows AS rows JOIN {readings} AS read USING (report_id, run_id)
             JOIN reports USING (report_id)
        ORDER BY ordinal, rows.position""",
    "reports": """SELECT report_id, given_id, patient_id, report_date, status, note, text, impression, kept,
            checked_by, checked_at, source_file, source_row, reader, run_id
        FROM reports JOIN extractions USING (report_id) JOIN {readings} AS read USING (report_id, run_id)
        ORDER BY ordinal""",
    "review": """SELECT report_id, reason, passage, passage_start, passage_end, run_id
        FROM review_rows AS rows JOIN {readings} AS read USING (report_id, run_id) JOIN reports USING (report_id)
        WHERE checked_run IS DISTINCT FROM run_id ORDER BY ordinal, rows.position""",
}
# A text that begins so is a formula to a spreadsheet; the full-width signs in Chinese and Japanese versions.
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
_BOM = "\ufeff"
# A spreadsheet takes such an id for a number, and drops its zeros or digits.
_NUMBER_LIKE = r"^(0\d+|\d{12,})$"
_IDS = ("report_id", "given_id", "patient_id")
QUERY = "query"
"""The name of the answer of the user's query among the tables."""


class Destination(NamedTuple):
    """The format, each file with the tables in it, the folder to create for them if any, and the user's query."""

    form: Format
    files: dict[Path, tuple[str, ...]]
    folder: Path | None
    query: str | None = None


def destination(out: Path, form: str | None, query: str | None = None) -> Destination:
    """A file takes the findings or the answer of the query, a folder and a workbook all tables.

    A name without an ending is a folder. SelipError where neither the ending nor `form` names a format, or it is none
    for the answer of a query.
    """
    known = next((f for f in FORMATS if f == form), None)
    if form is not None and known is None:
        raise SelipError(f"There is no format {form}: name one of {', '.join(FORMATS)}.")
    if query is None and (out.is_dir() or not out.suffix):
        known = known or "parquet"
        return Destination(
            known, {out / name: _tables_in(known, Path(name).stem) for name in FILES_OF_A_FOLDER[known]}, out
        )
    known = known or ENDINGS.get(out.suffix.lower())
    if known is None:
        raise SelipError(
            f"The ending of {out.name} names no format: end it with {', '.join(ENDINGS)}, or name one with --format."
        )
    if query is None:
        return Destination(known, {out: _tables_in(known, "findings")}, None)
    if known in STUDY_FORMATS:
        raise SelipError(f"The answer of a query is a table: end {out.name} with .xlsx, .csv or .parquet.")
    return Destination(known, {out: (QUERY,)}, None, query)


def _tables_in(form: Format, table: str) -> tuple[str, ...]:
    """The tables of a workbook, of a file of one table, and of a file of studies."""
    if form == "xlsx":
        return tuple(_TABLES)
    return () if form in STUDY_FORMATS else (table,)


def export(connection: duckdb.DuckDBPyConnection, run: int | None, to: Destination) -> dict[Path, int]:
    """Write the files; the number of rows or studies in each, of findings in a workbook.

    No file is replaced before all are written.

    They hold the readings of the run; None: each report as a person or else the newest complete run has read it.

    SelipError where a file cannot be written.
    """
    counts: dict[Path, int] = {}
    path = next(iter(to.files))
    connection.execute("SET memory_limit = ?", [MEMORY_LIMIT])
    connection.execute("SET temp_directory = ?", [str(path.with_name(f".{path.name}.sorting"))])
    try:
        if to.folder is not None:
            to.folder.mkdir(exist_ok=True)
        with ExitStack() as replaced:
            asked = to.query and to.query.strip().rstrip(";")
            for path, tables in to.files.items():
                queries = {table: asked or _TABLES[table].format(readings=readings(run)) for table in tables}
                counts[path] = _WRITERS[to.form](connection, run, queries, replaced.enter_context(replacing(path)))
    except OSError as error:
        raise SelipError(
            f"{path} cannot be written ({error.strerror}): name a folder that you may write to."
        ) from error
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        if to.query is None:
            raise
        raise SelipError(f"The query is not answered ({str(error).splitlines()[0]}): correct --query.") from error
    except duckdb.IOException as error:
        reason = str(error).splitlines()[0].removeprefix("IO Error: ")
        raise SelipError(f"{path} cannot be written ({reason}): name a file on another disk.") from error
    return counts


def _write_excel(connection: duckdb.DuckDBPyConnection, _run: int | None, queries: Queries, file: BinaryIO) -> int:
    return write_workbook(connection, queries, file)


def _write_parquet(connection: duckdb.DuckDBPyConnection, _run: int | None, queries: Queries, file: BinaryIO) -> int:
    ((table, query),) = queries.items()
    if table in ("findings", "general_findings"):
        query = f"SELECT * REPLACE (spans(evidence_spans) AS evidence_spans) FROM ({query})"
    return _copy(connection, query, file, "FORMAT parquet, COMPRESSION zstd")


def _write_csv(connection: duckdb.DuckDBPyConnection, _run: int | None, queries: Queries, file: BinaryIO) -> int:
    (query,) = queries.values()
    columns = connection.execute(f"DESCRIBE {query}").fetchall()
    # Excel recognises UTF-8 by a byte order mark at the start of the file, so it begins the first heading.
    cells = [
        f"{_cell(name, kind)} AS {_quoted(_BOM + name if index == 0 else name)}"
        for index, (name, kind, *_) in enumerate(columns)
    ]
    return _copy(connection, f"SELECT {', '.join(cells)} FROM ({query})", file, "FORMAT csv, HEADER")


def _cell(name: str, kind: str) -> str:
    """The column for a spreadsheet: numbers as ids and formulas are text, sizes are written as 18×12."""
    column = _quoted(name)
    if kind == "VARCHAR":
        number = f"WHEN regexp_matches({column}, '{_NUMBER_LIKE}') THEN concat('=\"', {column}, '\"')"
        formula = f"WHEN regexp_matches({column}, '{_FORMULA}') THEN concat('''', {column})"
        return f"CASE {number if name in _IDS else ''} {formula} ELSE {column} END"
    if kind == "DOUBLE[]":
        return f"array_to_string([regexp_replace(part::VARCHAR, '\\.0$', '') FOR part IN {column}], '×')"
    return column


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _copy(connection: duckdb.DuckDBPyConnection, query: str, file: BinaryIO, options: str) -> int:
    path = str(file.name).replace("'", "''")
    ((rows,),) = connection.execute(f"COPY ({query}) TO '{path}' ({options}, USE_TMP_FILE false)").fetchall()
    return int(rows)


def _write_studies(connection: duckdb.DuckDBPyConnection, run: int | None, _queries: Queries, file: BinaryIO) -> int:
    written = 0
    with progress("reports") as advance:
        for report in stored_studies(connection, run):
            file.write(f"{format_annotated(report)}\n".encode())
            written += 1
            advance(1)
    return written


def _write_paper(connection: duckdb.DuckDBPyConnection, run: int | None, _queries: Queries, file: BinaryIO) -> int:
    """{study: {sequence: text}}, {study: {"normal": text}} for a normal study; a study without a text is left out."""
    written = 0
    file.write(b"{")
    with progress("reports") as advance:
        for report in stored_studies(connection, run):
            if texts := _texts(report.study):
                entry = f"{json.dumps(report.report_id, ensure_ascii=False)}: {json.dumps(texts, ensure_ascii=False)}"
                file.write((f",\n{entry}" if written else f"\n{entry}").encode())
                written += 1
            advance(1)
    file.write(b"\n}\n")
    return written


def _texts(study: Study) -> dict[str, str]:
    if study.normal:
        return {"normal": NORMAL_TEXT}
    return {modality: text for modality in MODALITIES if (text := study_text(study, modality))}


_WRITERS: dict[Format, Callable[[duckdb.DuckDBPyConnection, int | None, Queries, BinaryIO], int]] = {
    "xlsx": _write_excel,
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_studies,
    "paper": _write_paper,
}
