"""Several databases into one: reports once each, runs of one configuration joined, other runs kept apart."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb

from selip_contracts.database_file import add_sites, open_store, read_store, stored_sites, transaction
from selip_contracts.deidentified import key_marks
from selip_shared.errors import SelipError

_OF_AN_EXTRACTION = ("extractions", "finding_rows", "general_finding_rows", "review_rows")


def merge(parts: Sequence[Path], into: Path, prefix: bool = False) -> None:
    """Write the new database `into` from all parts, completely or not at all; the parts stay as they are.

    With `prefix` the ids of each part begin with the name of its file. SelipError where parts disagree: one id with two
    texts, one image with two contents, one patient in two splits, or ids that are hashed with different keys.
    """
    if into.exists():
        raise SelipError(f"{into} exists: name a new file with --into.")
    if len({part.stem for part in parts}) < len(parts):
        raise SelipError("Two of the databases have the same name: name each once, or rename one.")
    _check_keys(parts)
    partial = into.with_name(f".{into.name}.partial")
    _remove(partial)
    try:
        with closing(open_store(partial)) as connection:
            for part in parts:
                with transaction(connection, into):
                    connection.execute("SET VARIABLE prefix = ?", [f"{part.stem}:" if prefix else ""])
                    connection.execute(f"ATTACH '{str(part).replace(chr(39), chr(39) * 2)}' AS part (READ_ONLY)")
                    _check_ids(connection, part)
                    _add(connection)
                connection.execute("DETACH part")
            _mark_unfinished(connection)
        partial.rename(into)
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    for file in (path, path.with_name(f"{path.name}.wal")):
        file.unlink(missing_ok=True)


def _check_keys(parts: Sequence[Path]) -> None:
    """Add the sites that parts have added; SelipError where a part is no database, or was hashed with another key."""
    marks = set()
    for part in parts:
        with closing(read_store(part)) as connection:
            add_sites(stored_sites(connection))
            marks.add(tuple(key_marks(connection)))
    if len(marks) > 1:
        raise SelipError(
            "The databases are de-identified with different keys, or one of them is not: the same report would have "
            "two ids; read the tables again with one key."
        )


def _check_ids(connection: duckdb.DuckDBPyConnection, part: Path) -> None:
    checks = {
        "The id {name} has another text": (
            "SELECT p.report_id FROM part.reports p JOIN reports r ON r.report_id = concat(getvariable('prefix'), "
            "p.report_id) WHERE r.text_sha256 <> p.text_sha256"
        ),
        "The image {name} has another content": (
            "SELECT p.image_id FROM part.images p JOIN images r ON r.image_id = concat(getvariable('prefix'), "
            "p.image_id) WHERE r.content_hash <> p.content_hash"
        ),
        "The patient {name} is in another split": (
            "SELECT p.patient_id FROM part.splits p JOIN splits r ON r.patient_id = concat(getvariable('prefix'), "
            "p.patient_id) WHERE r.split <> p.split"
        ),
    }
    for sentence, query in checks.items():
        found = [name for (name,) in connection.execute(f"{query} ORDER BY 1").fetchall()]
        if found:
            where = f"{sentence.format(name=found[0])} in {part} than in an earlier database"
            raise SelipError(f"{where} ({len(found) - 1} others too): if the databases number alike, give --prefix.")


def _add(connection: duckdb.DuckDBPyConnection) -> None:
    """Add what the attached database `part` holds and the file does not."""
    for statement in _ADD:
        connection.execute(statement)
    for table in _OF_AN_EXTRACTION:
        connection.execute(
            f"""INSERT INTO {table} BY NAME
            SELECT given.* REPLACE (new_run AS run_id, new_report AS report_id)
            FROM part.{table} given JOIN added ON given.run_id = old_run AND given.report_id = old_report
            ORDER BY given.rowid"""
        )
    connection.execute("DROP TABLE added; DROP TABLE run_numbers")


_ADD = (
    # Runs of one configuration are one run.
    """CREATE TEMP TABLE run_numbers AS
    SELECT given.run_id AS old_run, coalesce(known.run_id,
        (SELECT coalesce(max(run_id), 0) FROM runs)
        + row_number() OVER (PARTITION BY known.run_id IS NULL ORDER BY given.run_id)) AS new_run,
        known.run_id IS NOT NULL AS is_known
    FROM part.runs given LEFT JOIN runs known USING (fingerprint)""",
    """UPDATE runs SET seconds = runs.seconds + given.seconds, started_at = least(runs.started_at, given.started_at),
        finished_at = greatest(runs.finished_at, given.finished_at),
        last_finished_at = greatest(runs.last_finished_at, given.last_finished_at),
        tokens_in = coalesce(runs.tokens_in + given.tokens_in, runs.tokens_in, given.tokens_in),
        tokens_cached = coalesce(runs.tokens_cached + given.tokens_cached, runs.tokens_cached, given.tokens_cached),
        tokens_out = coalesce(runs.tokens_out + given.tokens_out, runs.tokens_out, given.tokens_out)
    FROM part.runs given JOIN run_numbers ON old_run = given.run_id WHERE is_known AND runs.run_id = new_run""",
    """INSERT INTO runs BY NAME SELECT given.* EXCLUDE (reader) REPLACE (new_run AS run_id)
    FROM part.runs given JOIN run_numbers ON old_run = given.run_id WHERE NOT is_known ORDER BY new_run""",
    """UPDATE reports SET checked_run = new_run, checked_by = given.checked_by, checked_at = given.checked_at
    FROM part.reports given JOIN run_numbers ON old_run = given.checked_run
    WHERE reports.report_id = concat(getvariable('prefix'), given.report_id) AND reports.checked_run IS NULL""",
    """INSERT INTO reports BY NAME
    SELECT given.* REPLACE (
        (SELECT coalesce(max(ordinal), 0) FROM reports) + row_number() OVER (ORDER BY ordinal) AS ordinal,
        concat(getvariable('prefix'), report_id) AS report_id, concat(getvariable('prefix'), given_id) AS given_id,
        getvariable('prefix') || patient_id AS patient_id, new_run AS checked_run)
    FROM part.reports given LEFT JOIN run_numbers ON old_run = checked_run
    WHERE concat(getvariable('prefix'), report_id) NOT IN (SELECT report_id FROM reports) ORDER BY given.ordinal""",
    """CREATE TEMP TABLE added AS
    SELECT old_run, new_run, given.report_id AS old_report, concat(getvariable('prefix'), given.report_id) AS new_report
    FROM part.extractions given JOIN run_numbers ON old_run = given.run_id
    WHERE NOT EXISTS (FROM extractions known WHERE known.run_id = new_run
        AND known.report_id = concat(getvariable('prefix'), given.report_id))""",
    """INSERT INTO images BY NAME
    SELECT * REPLACE (concat(getvariable('prefix'), image_id) AS image_id,
        getvariable('prefix') || report_id AS report_id, concat(getvariable('prefix'), patient_id) AS patient_id)
    FROM part.images WHERE concat(getvariable('prefix'), image_id) NOT IN (SELECT image_id FROM images)""",
    """INSERT INTO excluded_images BY NAME
    SELECT * REPLACE (concat(getvariable('prefix'), image_id) AS image_id) FROM part.excluded_images
    WHERE concat(getvariable('prefix'), image_id) NOT IN (SELECT image_id FROM excluded_images)""",
    """INSERT INTO splits BY NAME
    SELECT * REPLACE (concat(getvariable('prefix'), patient_id) AS patient_id) FROM part.splits
    WHERE concat(getvariable('prefix'), patient_id) NOT IN (SELECT patient_id FROM splits)""",
    "INSERT INTO results BY NAME FROM part.results",
)


def _mark_unfinished(connection: duckdb.DuckDBPyConnection) -> None:
    """A run is complete where it has read the reports of all parts."""
    connection.execute(
        """UPDATE runs SET finished_at = NULL, last_finished_at = NULL
        WHERE extractor <> 'human' AND EXISTS
            (FROM reports ANTI JOIN (FROM extractions WHERE run_id = runs.run_id) USING (report_id))"""
    )
