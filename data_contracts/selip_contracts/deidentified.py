"""Whether the reports of a database are de-identified: the configuration of its first run holds the mark of the key."""

import duckdb

DEIDENTIFIED = "deidentified"
"""Under this name the configuration of a run holds the mark of the key whose hashes are the report ids."""


def key_marks(connection: duckdb.DuckDBPyConnection) -> list[tuple[str | None]]:
    """The mark of the first run in one row, None where its reports were not de-identified; empty before that run."""
    return connection.execute("SELECT configuration->>? FROM runs ORDER BY run_id LIMIT 1", [DEIDENTIFIED]).fetchall()
