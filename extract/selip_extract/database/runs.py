"""The runs of a database that the user names, and the readings of its reports that count."""

from pathlib import Path

import duckdb

from selip_shared.errors import SelipError


def chosen_run(connection: duckdb.DuckDBPyConnection, db: Path, run: int | None) -> int:
    """The run that the user names, else the newest complete one; SelipError where there is no such run."""
    if run is not None:
        check_runs(connection, db, run)
        return run
    newest = connection.execute("SELECT run_id FROM newest_run").fetchall()
    if not newest:
        raise SelipError(f"{db} has no complete run; let selip-extract finish first, or name a run with --run.")
    return int(newest[0][0])


def readings(run: int | None) -> str:
    """SQL to select report_id, run_id and reader of the readings of a run.

    None is the view `readings`: each report as a person or else the newest complete run has read it.
    """
    if run is None:
        return "readings"
    read = "SELECT report_id, run_id, extractor AS reader FROM extractions JOIN runs USING (run_id)"
    return f"({read} WHERE run_id = {run:d})"


def check_readings(connection: duckdb.DuckDBPyConnection, db: Path, run: int | None) -> None:
    """SelipError where the database lacks the run that the user names, or names none and nothing is read."""
    if run is not None:
        check_runs(connection, db, run)
    elif not connection.execute("SELECT 1 FROM readings LIMIT 1").fetchall():
        chosen_run(connection, db, None)


def check_runs(connection: duckdb.DuckDBPyConnection, db: Path, *wanted: int) -> None:
    """SelipError where the database lacks one of the runs."""
    runs = [run for (run,) in connection.execute("SELECT run_id FROM runs ORDER BY run_id").fetchall()]
    for run in wanted:
        if run not in runs:
            raise SelipError(f"{db} has no run {run}: name one of {', '.join(map(str, runs)) or 'none'}.")


def is_human(connection: duckdb.DuckDBPyConnection, *runs: int) -> bool:
    """Whether one of the runs is what a person has corrected."""
    asked = "SELECT count(*) FROM runs WHERE extractor = 'human' AND run_id IN (SELECT unnest(?))"
    ((humans,),) = connection.execute(asked, [runs]).fetchall()
    return bool(humans)
