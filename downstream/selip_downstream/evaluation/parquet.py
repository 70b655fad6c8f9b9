"""Tables of a measurement in Parquet, for every program that reads it: embeddings, and predictions of single cases."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from selip_shared.errors import SelipError


def write_parquet(path: Path, columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows with these columns, given with their types in DuckDB, completely or not at all.

    SelipError where the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with closing(duckdb.connect()) as connection:
            connection.execute(f"CREATE TABLE rows ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
            with connection.appender("rows") as appender:
                appender.append_rows(rows)
            connection.table("rows").write_parquet(str(partial), compression="zstd")
        partial.replace(path)
    except (OSError, duckdb.IOException) as error:
        raise SelipError(f"{path} cannot be written ({error}): name another file.") from error
    finally:
        partial.unlink(missing_ok=True)
