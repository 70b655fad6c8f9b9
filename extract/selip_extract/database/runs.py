"""Which run of a database is meant."""

from pathlib import Path

import duckdb

from selip_shared.errors import SelipError


def chosen_run(connection: duckdb.DuckDBPyConnection, db: Path, run: int | None) -> int:
    """The run that the user names, else the newest complete one; SelipError where there is none such."""
    runs = [run_id for (run_id,) in connection.execute("SELECT run_id FROM runs ORDER BY run_id").fetchall()]
    newest = connection.execute("SELECT run_id FROM newest_run").fetchall()
    if run is not None and run not in runs:
        raise SelipError(f"{db} has no run {run}; name one of {', '.join(map(str, runs)) or 'none'} with --run.")
    if run is None and not newest:
        raise SelipError(f"{db} has no complete run; run selip-extract to its end first, or name a run with --run.")
    return int(newest[0][0]) if run is None else run
