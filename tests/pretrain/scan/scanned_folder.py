"""What the tests of a scan share: reports in a database, and the tables after a scan."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
from pydicom.uid import generate_uid

from selip_contracts.database_file import open_store, utc_now
from selip_pretrain.scan.files.known_files import KnownFiles
from selip_pretrain.scan.report_linkage import ReportLinker
from selip_pretrain.scan.scan_folder import scan
from selip_pretrain.scan.sequence_rules import read_rules
from selip_pretrain.scan.stored_images import StoredImages
from selip_shared.execution.processes import ProcessWorkers
from tests.pretrain.image_files import voxels, write_series

SELIP_SCAN = (sys.executable, "-c", "from selip_pretrain.cli.scan import main; main()")


def add_reports(db: Path, *ids: tuple[str, str] | str, key_mark: str | None = None) -> None:
    with closing(open_store(db)) as connection:
        for ordinal, name in enumerate(ids, 1):
            report_id, given_id = name if isinstance(name, tuple) else (name, name)
            connection.execute(
                """INSERT INTO reports
                (ordinal, report_id, given_id, source_row, added_at, text, text_sha256, source_file)
                VALUES (?, ?, ?, ?, ?, '', '', 'reports.csv')""",
                [ordinal, report_id, given_id, ordinal, utc_now()],
            )
        if key_mark is not None:
            connection.execute(
                """INSERT INTO runs (run_id, fingerprint, extractor, code_version, configuration, started_at, seconds)
                VALUES (1, '', 'rules', '', json_object('deidentified', ?), ?, 0)""",
                [key_mark, utc_now()],
            )


class Found:
    """The tables after a scan in this process, with one worker."""

    def __init__(self, root: Path, db: Path, manifest: Path | None = None) -> None:
        with closing(open_store(db)) as connection:
            linker = ReportLinker(root, connection, manifest)
            known = KnownFiles(db.parent / "cache", str(root))
            self.scanned = scan(
                root, StoredImages(connection, db, root), read_rules(), linker, ProcessWorkers(1), known
            )
            self.images = self._rows(connection, "images")
            self.aside = self._rows(connection, "excluded_images")
        self.reasons = {name: row["reason"] for name, row in self.aside.items()}
        self.sequences = {name: row["modality"] for name, row in self.images.items()}
        self.changes = dict(+self.scanned.changes)

    @staticmethod
    def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, dict[str, Any]]:
        result = connection.execute(f"FROM {table}")
        names = [column[0] for column in result.description or ()]
        return {row[0]: dict(zip(names, row, strict=True)) for row in result.fetchall()}


def write_diffusion(folder: Path, b_values: Sequence[float], **tags: Any) -> str:
    series = generate_uid()
    for seed, b_value in enumerate(b_values):
        write_series(
            folder / f"b{b_value:g}",
            voxels(seed=seed),
            SeriesInstanceUID=series,
            SeriesDescription="ep2d_diff",
            DiffusionBValue=float(b_value),
            **tags,
        )
    return series


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        [*SELIP_SCAN, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment
    )
