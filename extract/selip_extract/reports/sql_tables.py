"""Tables that are asked for in SQL: Parquet files, and queries of DuckDB and SQLite files."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from selip_extract.reports.cells import TableRow
from selip_extract.reports.table import Table, headings
from selip_shared.errors import SelipError

SQLITE_SIGNATURE = b"SQLite format 3"
DUCKDB_SIGNATURE, DUCKDB_SIGNATURE_OFFSET = b"DUCK", 8
PARQUET_SIGNATURE = b"PAR1"
BATCH_SIZE = 1000


def is_duckdb(head: bytes) -> bool:
    """Whether a file that begins so is a DuckDB database."""
    return head[DUCKDB_SIGNATURE_OFFSET:].startswith(DUCKDB_SIGNATURE)


def parquet_table(path: Path) -> Table:
    """The table of a Parquet file; SelipError where it is damaged."""
    literal_path = re.sub(r"([*?\[])", r"[\1]", str(path))
    source = "read_parquet(?, hive_partitioning = false)"

    def rows() -> Iterator[TableRow]:
        with _damage(path), duckdb.connect(config={"threads": 1}) as connection:
            yield from _fetched(connection.execute(f"SELECT * FROM {source}", [literal_path]))

    with _damage(path), duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}", [literal_path]).fetchall()
    return Table(str(path), "Parquet", headings([name for name, *_ in described]), rows)


def query_table(path: Path, query: str) -> Table:
    """The answer of a query of a DuckDB or SQLite file, which is opened read-only.

    SelipError where the file is no such database, or does not take the query.
    """
    if not path.is_file():
        raise SelipError(f"There is no database {path}: name a DuckDB or SQLite file with --from.")
    with path.open("rb") as file:
        head = file.read(len(SQLITE_SIGNATURE))
    if is_duckdb(head):
        return _duckdb_table(path, query)
    if head == SQLITE_SIGNATURE:
        return _sqlite_table(path, query)
    raise SelipError(f"{path} is neither a DuckDB nor a SQLite file: name one with --from.")


def _duckdb_table(path: Path, query: str) -> Table:
    def rows() -> Iterator[TableRow]:
        with _refused(path), _duckdb(path) as connection:
            yield from _fetched(connection.execute(query))

    with _refused(path), _duckdb(path) as connection:
        columns = [name for name, *_ in connection.execute(query).description or ()]
    return Table(str(path), "DuckDB", headings(columns), rows)


def _duckdb(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(path, read_only=True, config={"threads": 1, "autoinstall_known_extensions": False})


def _sqlite_table(path: Path, query: str) -> Table:
    def opened() -> "closing[sqlite3.Connection]":
        return closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True))

    def rows() -> Iterator[TableRow]:
        with _refused(path), opened() as connection:
            yield from connection.execute(query)

    with _refused(path), opened() as connection:
        columns = [name for name, *_ in connection.execute(query).description or ()]
    return Table(str(path), "SQLite", headings(columns), rows)


def _fetched(cursor: duckdb.DuckDBPyConnection) -> Iterator[TableRow]:
    while block := cursor.fetchmany(BATCH_SIZE):
        yield from block


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise SelipError(f"{path} is a damaged or encrypted Parquet file: write it again.") from error


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, sqlite3.Error) as error:
        reason = str(error).splitlines()[0]
        if "Could not set lock" in reason or "database is locked" in reason:
            raise SelipError(
                f"{path} is in use by another program: close that program, or give a copy of the file."
            ) from error
        raise SelipError(f"{path} does not take the query ({reason}): correct --query.") from error
