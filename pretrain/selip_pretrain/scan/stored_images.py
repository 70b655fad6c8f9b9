"""The tables images and excluded_images: a scan updates rows that changed and removes those of missing files."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import duckdb

from selip_contracts.database_file import transaction, utc_now
from selip_shared.errors import SelipError

Table = Literal["images", "excluded_images"]
Change = Literal["new", "changed", "unchanged", "gone"]


class ImageRow(NamedTuple):
    """A row of images."""

    image_id: str
    study: str
    report_id: str | None
    patient_id: str
    modality: str
    source: str
    files: list[str]
    frames: list[int] | None
    shape: list[int]
    spacing_mm: list[float]
    orientation: str
    content_hash: str
    description: str
    rule: str

    @property
    def decision(self) -> tuple[str, str | None]:
        """The sequence, and why."""
        return self.modality, self.rule


class ExcludedImageRow(NamedTuple):
    """A row of excluded_images."""

    image_id: str
    study: str
    description: str
    reason: str
    detail: str | None

    @property
    def decision(self) -> tuple[str, str | None]:
        """That it is not used, and why."""
        return f"not used: {self.reason}", self.detail


Row = ImageRow | ExcludedImageRow


class StoredImages:
    """The rows of both tables in the database at `path`, updated by a scan."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, root: Path) -> None:
        """Raises SelipError where the database holds images of another folder, which the scan would remove."""
        self._connection = connection
        self._path = path
        images: list[ImageRow] = self._rows("images", ImageRow)
        _check_folder(images, root)
        self._before: dict[str, Row] = {row.image_id: row for row in images}
        self._before |= {row.image_id: row for row in self._rows("excluded_images", ExcludedImageRow)}

    def update(self, rows: Collection[Row]) -> Counter[Change]:
        """Make the rows those of the tables, in one transaction; the number of rows by kind of change."""
        now = {row.image_id: row for row in rows}
        changed = [row for name, row in now.items() if self._before.get(name) != row]
        gone = [name for name in self._before if name not in now]
        self._replace([*gone, *(row.image_id for row in changed)], changed)
        new = sum(row.image_id not in self._before for row in changed)
        counts = {"new": new, "changed": len(changed) - new, "unchanged": len(now) - len(changed), "gone": len(gone)}
        self._before = now
        return Counter(cast(dict[Change, int], counts))

    def _rows(self, table: Table, kind: Any) -> list[Any]:
        return [
            kind(*row) for row in self._connection.execute(f"SELECT {', '.join(kind._fields)} FROM {table}").fetchall()
        ]

    def _replace(self, removed: Sequence[str], added: Sequence[Row]) -> None:
        if not removed and not added:
            return
        now = utc_now()
        with transaction(self._connection, self._path):
            for table, kind in (("images", ImageRow), ("excluded_images", ExcludedImageRow)):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE image_id IN (SELECT unnest(?::VARCHAR[]))", [removed]
                )
                rows = [(*row, now) for row in added if isinstance(row, kind)]
                with self._connection.appender(table, columns=[*kind._fields, "scanned_at"]) as appender:
                    appender.append_rows(rows)


def _check_folder(images: Iterable[ImageRow], root: Path) -> None:
    for row in images:
        first = Path(row.files[0])
        if not first.is_relative_to(root) and first.exists():
            raise SelipError(
                f"The database holds images that are not in {root}, such as {first}, and would lose them: "
                "scan a folder that holds both, or name another database."
            )
