"""The DuckDB file: opened, created and migrated here and nowhere else.

`python -m selip_contracts.database_file` prints the schema with its comments; the golden copy of the tests is made so:
`python -m selip_contracts.database_file > tests/contracts/golden/schema.txt`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import duckdb

from selip_contracts.added_sites import AddedSites
from selip_contracts.vocabulary import LISTED_SITES, SITES, Site, ancestors, set_sites
from selip_shared.errors import SelipError

MIGRATIONS = tuple(
    sorted((f for f in files("selip_contracts").joinpath("migrations").iterdir() if f.name.endswith(".sql")),
           key=lambda file: file.name)
)  # fmt: skip
VERSION = len(MIGRATIONS)
OLDEST_DUCKDB = "v1.2.0"
"""The file is written so that every DuckDB from this version on can read it; the default is the newest alone."""

_NOT_WRITTEN = re.compile(r'Could not write file "[^"]*": ([^"()\n]+)')


def open_store(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the file for writing, created or migrated where necessary; SelipError where that fails."""
    if not path.parent.is_dir():
        raise SelipError(f"The folder {path.parent} for the database does not exist: create it or name another file.")
    connection = _connect(path, read_only=False)
    try:
        create(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def read_store(path: Path) -> duckdb.DuckDBPyConnection:
    """Open an existing file read-only; SelipError for a foreign file or another version."""
    if not path.exists():
        raise SelipError(f"There is no database {path}: make one with selip-extract, or name another file.")
    connection = _connect(path, read_only=True)
    try:
        version = _version(connection, str(path))
        if version < VERSION:
            raise SelipError(f"{path} is of the older version {version}: run selip-extract on it once to update it.")
        _use_sites(stored_sites(connection))
    except BaseException:
        connection.close()
        raise
    return connection


def create(connection: duckdb.DuckDBPyConnection, name: str = "The database") -> None:
    """Create all tables and views, or migrate those of an older version; `name` is what errors call the file.

    SelipError where the tables are another program's or a newer version's.
    """
    done = _version(connection, name)
    with transaction(connection, name):
        for version, migration in enumerate(MIGRATIONS[done:], start=done + 1):
            connection.execute(migration.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO selip_schema VALUES (?, ?)", [version, utc_now()])
        _use_sites(stored_sites(connection))
        _write_sites(connection)


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection, path: Path | str) -> Iterator[None]:
    """Write all of it or nothing. SelipError, which calls the file `path`, where the disk does not take it."""
    with disk_errors(path):
        connection.begin()
        try:
            yield
            connection.commit()
        except BaseException:
            _roll_back(connection)
            raise


@contextmanager
def disk_errors(path: Path | str) -> Iterator[None]:
    """SelipError where DuckDB cannot write to the disk, e.g. because it is full."""
    try:
        yield
    except duckdb.Error as error:
        reason = _refused_by_disk(error)
        if reason is None:
            raise
        raise SelipError(_cannot_be_written(path, reason)) from error


def utc_now() -> datetime:
    """The time in UTC without a zone: a column with a zone cannot be fetched in Python without a further package."""
    return datetime.now(UTC).replace(tzinfo=None)


def describe(connection: duckdb.DuckDBPyConnection) -> str:
    """Every table and view with its columns, their types and comments, as text to read and compare."""
    relations = connection.execute(
        """SELECT 'table' AS kind, table_name AS name, comment FROM duckdb_tables() WHERE NOT internal
        UNION ALL SELECT 'view', view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL"""
    ).fetchall()
    columns = connection.execute(
        """SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() WHERE NOT internal
        ORDER BY table_name, column_index"""
    ).fetchall()
    lines = [f"version {VERSION}, readable from DuckDB {OLDEST_DUCKDB}"]
    for kind, name, comment in relations:
        lines += ["", f"{kind} {name}: {comment}"]
        for table, column, data_type, nullable, column_comment in columns:
            if table == name:
                required = " not null" if kind == "table" and not nullable else ""
                lines.append(f"    {column} {data_type}{required}: {column_comment}")
    return "\n".join(lines) + "\n"


def _connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    if path.is_dir():
        raise SelipError(f"{path} is a folder: name a file for the database, e.g. {path / 'selip.duckdb'}.")
    try:
        if path.exists():
            _check_magic(path)
        return duckdb.connect(path, read_only=read_only, config={"storage_compatibility_version": OLDEST_DUCKDB})
    except OSError as error:
        raise SelipError(f"The database {path} cannot be opened ({error.strerror}): name another file.") from error
    except duckdb.Error as error:
        raise SelipError(_why_not_opened(path, str(error))) from error


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.rollback()
    except duckdb.Error:
        return  # the failed commit has already undone it, or it is valid and only the checkpoint failed


def _refused_by_disk(error: duckdb.Error) -> str | None:
    """Why the disk did not take what was written; None where the error is another."""
    # A commit or checkpoint that could not be written is no IOException, and neither are the errors that follow it.
    if found := _NOT_WRITTEN.search(str(error)):
        return found[1]
    return str(error).splitlines()[0].removeprefix("IO Error: ") if isinstance(error, duckdb.IOException) else None


def _cannot_be_written(path: Path | str, reason: str) -> str:
    return f"{path} cannot be written ({reason}): free space, and run the same command again; what was written stays."


def _check_magic(path: Path) -> None:
    """Before DuckDB sees the file: it would try to download an extension for a database of SQLite."""
    with path.open("rb") as file:
        if file.read(12)[8:] != b"DUCK":
            raise SelipError(f"{path} is not a DuckDB database: name another file.")


def _why_not_opened(path: Path, message: str) -> str:
    if "Could not set lock" in message:
        return f"The database {path} is in use by another program: close that program or name another file."
    if found := _NOT_WRITTEN.search(message):
        return _cannot_be_written(path, found[1])
    if "newer version" in message or "version number" in message:
        return f"The database {path} was written by a newer DuckDB: update this program or name another file."
    reason = message.splitlines()[0].removeprefix("IO Error: ")
    return f"The database {path} cannot be opened ({reason}): name a file in a folder that you may write to."


def _version(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """Version of the tables in the file, 0 where it has none; SelipError for those of another program."""
    tables = {table for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        return 0
    if "selip_schema" not in tables:
        raise SelipError(f"{name} holds the tables of another program: name another file.")
    ((version,),) = connection.execute("SELECT max(version) FROM selip_schema").fetchall()
    assert isinstance(version, int)
    if version > VERSION:
        raise SelipError(
            f"{name} is of version {version} and this program knows versions up to {VERSION}: update the program."
        )
    return version


def add_sites(added: AddedSites) -> None:
    """Add sites to the vocabulary of this process, and to every database that it opens for writing."""
    global _added
    _added = _added.joined(added)
    _use_sites(AddedSites())


_added = AddedSites()


def _use_sites(stored: AddedSites) -> None:
    """Make the vocabulary that of the program, with what a database holds besides and what was added by `add_sites`."""
    set_sites(stored.joined(_added).applied(LISTED_SITES).values())


def stored_sites(connection: duckdb.DuckDBPyConnection) -> AddedSites:
    """The sites and forms that were added to the vocabulary of this database."""
    rows = connection.execute("SELECT * EXCLUDE (ancestors) FROM sites WHERE added OR added_forms <> []").fetchall()
    return AddedSites(
        tuple(
            Site(name, english, parent, laterality, tuple(forms))
            for name, english, parent, laterality, forms, added, _ in rows
            if added
        ),
        tuple((name, form) for name, *_, added, added_forms in rows if not added for form in added_forms),
    )


def _write_sites(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of sites equal to the vocabulary."""
    listed = {site.name: site for site in LISTED_SITES}
    vocabulary = []
    for site in SITES.values():
        there = listed[site.name].surface_forms if site.name in listed else ()
        further = [form for form in site.surface_forms if form not in there]
        vocabulary.append(
            (site.name, site.english, site.parent, list(ancestors(site.name)), site.laterality,
             list(site.surface_forms), site.name not in listed, further)
        )  # fmt: skip
    if connection.execute("SELECT * FROM sites").fetchall() == vocabulary:
        return
    connection.execute("DELETE FROM sites")
    with connection.appender("sites") as appender:
        appender.append_rows(vocabulary)


if __name__ == "__main__":
    memory = duckdb.connect()
    create(memory)
    print(describe(memory), end="")
