"""kill -9 at any moment, and the same command again: the file ends as if nothing had happened."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selip_contracts.tables import read_store
from selip_extract.cli.pseudo import pseudo_reports, write_pseudo_reports

SELIP_EXTRACT = str(Path(sys.executable).with_name("selip-extract"))
RESULTS = {
    "reports": "SELECT ordinal, report_id, given_id, text, text_sha256, source_file, source_row FROM reports",
    "runs": "SELECT run_id, fingerprint, finished_at IS NOT NULL FROM runs",
    "extractions": "SELECT run_id, report_id, status, reply, note FROM extractions",
    "finding_rows": "SELECT * FROM finding_rows",
    "general_finding_rows": "SELECT * FROM general_finding_rows",
    "review_rows": "SELECT * FROM review_rows",
}


def rows(db: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, times left out."""
    with read_store(db) as connection:
        return {name: connection.execute(f"{query} ORDER BY ALL").fetchall() for name, query in RESULTS.items()}


def survives(folder: Path, extractor: str, reports: int, batch_size: int, kills: int, longest: float) -> None:
    write_pseudo_reports(folder, pseudo_reports(reports, seed=77))
    command = [SELIP_EXTRACT, "reports.csv", "--extractor", extractor, "--batch-size", str(batch_size), "--db"]

    def start(db: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([*command, db], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    assert start("whole.duckdb").wait() == 0
    whole = rows(folder / "whole.duckdb")
    assert len(whole["extractions"]) == reports

    rng = random.Random(extractor)
    killed, before = 0, 0
    while killed < kills:
        process = start("killed.duckdb")
        time.sleep(rng.uniform(0, longest))
        assert process.poll() is None, "it was done before it could be killed so often"
        process.kill()
        process.wait()
        killed += 1
        if (folder / "killed.duckdb").exists():
            done = len(rows(folder / "killed.duckdb")["extractions"])
            assert done >= before
            before = done
    assert before < reports
    assert start("killed.duckdb").wait() == 0
    assert rows(folder / "killed.duckdb") == whole


def test_two_kills_leave_no_trace(tmp_path: Path) -> None:
    survives(tmp_path, "rules", reports=6_000, batch_size=64, kills=2, longest=3.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extractor", "reports", "batch_size", "longest"), [("rules", 60_000, 128, 4.0), ("both", 3_000, 32, 16.0)]
)
def test_twenty_kills_leave_no_trace(
    tmp_path: Path, extractor: str, reports: int, batch_size: int, longest: float
) -> None:
    survives(tmp_path, extractor, reports, batch_size, kills=20, longest=longest)
