"""The runs of a database that the user names."""

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


def check_runs(connection: duckdb.DuckDBPyConnection, db: Path, *wanted: int) -> None:
    """SelipError where the database lacks one of the runs."""
    runs = [run for (run,) in connection.execute("SELECT run_id FROM runs ORDER BY run_id").fetchall()]
    for run in wanted:
        if run not in runs:
            raise SelipError(f"{db} has no run {run}: name one of {', '.join(map(str, runs)) or 'none'}.")
