"""Tables of a measurement in Parquet, for every program that reads it: embeddings, and predictions of single cases."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from selip_shared.errors import SelipError
from selip_shared.files import replacing


def write_parquet(path: Path, columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows with these columns, given with their types in DuckDB, completely or not at all.

    SelipError where the file cannot be written.
    """
    try:
        with replacing(path) as file, closing(duckdb.connect()) as connection:
            connection.execute(f"CREATE TABLE rows ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
            with connection.appender("rows") as appender:
                appender.append_rows(rows)
            written = str(file.name).replace("'", "''")
            connection.execute(f"COPY rows TO '{written}' (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)")
    except (OSError, duckdb.IOException) as error:
        raise SelipError(f"{path} cannot be written ({error}): name another file.") from error
