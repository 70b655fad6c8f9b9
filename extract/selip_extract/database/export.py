"""The findings as files for other programs: Parquet, CSV, JSON lines, and the format of the paper's code."""

import json
from collections.abc import Callable
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
from selip_shared.errors import SelipError
from selip_shared.execution.progress import progress
from selip_shared.files import replacing

Format = Literal["parquet", "csv", "jsonl", "paper"]
FORMATS: tuple[Format, ...] = get_args(Format)
ENDINGS: dict[str, Format] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".json": "paper"}
FILES_OF_A_FOLDER: dict[Format, tuple[str, ...]] = {
    "parquet": ("findings.parquet", "general_findings.parquet", "reports.parquet", "review.parquet"),
    "csv": ("findings.csv", "general_findings.csv", "reports.csv", "review.csv"),
    "jsonl": ("studies.jsonl",),
    "paper": ("information.json",),
}
"""By format; information.json is what the paper's code calls its texts."""

MEMORY_LIMIT = "512MB"
"""DuckDB's memory limit while it sorts; what exceeds it goes to a temporary folder beside the output."""

_TABLES = {
    "findings": """SELECT report_id, rows.* EXCLUDE (report_id, run_id, position), reader, run_id
        FROM finding_rows AS rows JOIN {readings} AS read USING (report_id, run_id) JOIN reports USING (report_id)
        ORDER BY ordinal, NOT present, rows.position""",
    "general_findings": """SELECT report_id, rows.* EXCLUDE (report_id, run_id, position), reader, run_id
        FROM general_finding_rows AS rows JOIN {readings} AS read USING (report_id, run_id)
             JOIN reports USING (report_id)
        ORDER BY ordinal, rows.position""",
    "reports": """SELECT report_id, given_id, patient_id, report_date, status, note, text, kept, checked_by, checked_at,
            source_file, source_row, reader, run_id
        FROM reports JOIN extractions USING (report_id) JOIN {readings} AS read USING (report_id, run_id)
        ORDER BY ordinal""",
    "review": """SELECT report_id, reason, passage, passage_start, passage_end, run_id
        FROM review_rows AS rows JOIN {readings} AS read USING (report_id, run_id) JOIN reports USING (report_id)
        WHERE checked_run IS DISTINCT FROM run_id ORDER BY ordinal, rows.position""",
}
# A text that begins so is a formula to a spreadsheet; the full-width signs in Chinese and Japanese versions.
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
_BOM = "\ufeff"


class Destination(NamedTuple):
    """The format, each file with its content, and the folder to create for them, if any."""

    form: Format
    files: dict[Path, str]
    folder: Path | None


def destination(out: Path, form: str | None) -> Destination:
    """A file takes the findings, a folder everything; a name without an ending is a folder.

    SelipError where neither the ending nor `form` names a format.
    """
    known = next((f for f in FORMATS if f == form), None)
    if form is not None and known is None:
        raise SelipError(f"There is no format {form}: name one of {', '.join(FORMATS)}.")
    if out.is_dir() or not out.suffix:
        names = FILES_OF_A_FOLDER[known or "parquet"]
        return Destination(known or "parquet", {out / name: Path(name).stem for name in names}, out)
    known = known or ENDINGS.get(out.suffix.lower())
    if known is None:
        raise SelipError(
            f"The ending of {out.name} names no format: end it with {', '.join(ENDINGS)}, or name one with --format."
        )
    return Destination(known, {out: "findings"}, None)


def export(connection: duckdb.DuckDBPyConnection, run: int | None, to: Destination) -> dict[Path, int]:
    """Write the files; the number of rows or studies in each. No file is replaced before all are written.

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
            for path, content in to.files.items():
                counts[path] = _WRITERS[to.form](connection, run, content, replaced.enter_context(replacing(path)))
    except OSError as error:
        raise SelipError(
            f"{path} cannot be written ({error.strerror}): name a folder that you may write to."
        ) from error
    except duckdb.IOException as error:
        reason = str(error).splitlines()[0].removeprefix("IO Error: ")
        raise SelipError(f"{path} cannot be written ({reason}): name a file on another disk.") from error
    return counts


def _write_parquet(connection: duckdb.DuckDBPyConnection, run: int | None, table: str, file: BinaryIO) -> int:
    query = _TABLES[table].format(readings=readings(run))
    if table in ("findings", "general_findings"):
        query = f"SELECT * REPLACE (spans(evidence_spans) AS evidence_spans) FROM ({query})"
    return _copy(connection, query, file, "FORMAT parquet, COMPRESSION zstd")


def _write_csv(connection: duckdb.DuckDBPyConnection, run: int | None, table: str, file: BinaryIO) -> int:
    query = _TABLES[table].format(readings=readings(run))
    columns = connection.execute(f"DESCRIBE {query}").fetchall()
    # Excel recognises UTF-8 by a byte order mark at the start of the file, so it begins the first heading.
    cells = [
        f'{_cell(name, kind)} AS "{_BOM if index == 0 else ""}{name}"' for index, (name, kind, *_) in enumerate(columns)
    ]
    return _copy(connection, f"SELECT {', '.join(cells)} FROM ({query})", file, "FORMAT csv, HEADER")


def _cell(column: str, kind: str) -> str:
    """The column for a spreadsheet: what would be a formula is text, sizes are written as 18×12."""
    if kind == "VARCHAR":
        return f"CASE WHEN regexp_matches({column}, '{_FORMULA}') THEN concat('''', {column}) ELSE {column} END"
    if kind == "DOUBLE[]":
        return f"array_to_string([regexp_replace(part::VARCHAR, '\\.0$', '') FOR part IN {column}], '×')"
    return column


def _copy(connection: duckdb.DuckDBPyConnection, query: str, file: BinaryIO, options: str) -> int:
    path = str(file.name).replace("'", "''")
    ((rows,),) = connection.execute(f"COPY ({query}) TO '{path}' ({options}, USE_TMP_FILE false)").fetchall()
    return int(rows)


def _write_studies(connection: duckdb.DuckDBPyConnection, run: int | None, _content: str, file: BinaryIO) -> int:
    written = 0
    with progress("reports") as advance:
        for report in stored_studies(connection, run):
            file.write(f"{format_annotated(report)}\n".encode())
            written += 1
            advance(1)
    return written


def _write_paper(connection: duckdb.DuckDBPyConnection, run: int | None, _content: str, file: BinaryIO) -> int:
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


_WRITERS: dict[Format, Callable[[duckdb.DuckDBPyConnection, int | None, str, BinaryIO], int]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_studies,
    "paper": _write_paper,
}
