"""kill -9 at any moment, and the same command again: the file ends as if nothing had happened."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from selip_contracts.database_file import read_store
from selip_extract.pseudo_reports.generate import pseudo_reports, write_pseudo_reports

# The command counts the calls of its main thread while it adds reports and while it reads and writes. At a given call a
# second thread kills the process, while the first one works on; some calls later the first thread would do it.
COUNTING = """
import json, os, signal, sys, threading
from pathlib import Path
import selip_extract
from selip_extract.cli.extract import main
from selip_extract.database.store import Store

GRACE = 20
wanted_phase, wanted_call = sys.argv.pop(1), int(sys.argv.pop(1))
package = str(Path(selip_extract.__file__).parent)
calls = {"adding": 0, "writing": 0}
phase = "adding"
reached = threading.Event()

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def kill_when_reached():
    reached.wait()
    kill()

def count(frame, event, argument):
    global phase
    if not frame.f_code.co_filename.startswith(package):
        return
    if frame.f_code is Store.write_rows.__code__:
        phase = "writing"
    calls[phase] += 1
    if phase == wanted_phase and calls[phase] >= wanted_call:
        reached.set()
        if calls[phase] >= wanted_call + GRACE:
            kill()

threading.Thread(target=kill_when_reached, daemon=True).start()
sys.setprofile(count)
try:
    main()
finally:
    sys.setprofile(None)
    Path("calls.json").write_text(json.dumps(calls))
"""
NEVER = ("none", 0)
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


def survives(folder: Path, extractor: str, workers: int, reports: int, batch_size: int, kills: int) -> None:
    """Kill the command once while it adds the reports, then while it reads and writes; let it end at last."""
    write_pseudo_reports(folder, pseudo_reports(reports, seed=77))

    def run(db: str, phase: str, call: int) -> int:
        options = ("--extractor", extractor, "--workers", str(workers), "--batch-size", str(batch_size), "--db", db)
        command = (sys.executable, "-c", COUNTING, phase, str(call), "reports.csv", *options)
        return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode

    assert run("whole.duckdb", *NEVER) == 0
    whole = rows(folder / "whole.duckdb")
    assert len(whole["extractions"]) == reports
    calls = json.loads((folder / "calls.json").read_text())

    rng = random.Random(extractor)
    # Each kill comes after so small a part of the calls that there is work left for all of them.
    moments = [("adding", rng.randint(1, calls["adding"] // 2))]
    moments += [("writing", rng.randint(1, calls["writing"] // kills)) for _ in range(kills - 1)]
    before = 0
    for moment in moments:
        assert run("killed.duckdb", *moment) == -signal.SIGKILL
        if (folder / "killed.duckdb").exists():
            done = len(rows(folder / "killed.duckdb")["extractions"])
            assert done >= before
            before = done
    assert before < reports
    assert run("killed.duckdb", *NEVER) == 0
    assert rows(folder / "killed.duckdb") == whole


@pytest.mark.parametrize("workers", [1, 2])
def test_three_kills_leave_no_trace(tmp_path: Path, workers: int) -> None:
    survives(tmp_path, "rules", workers, reports=1_500, batch_size=64, kills=3)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("extractor", "reports", "batch_size"), [("rules", 60_000, 128), ("both", 3_000, 32)])
def test_twenty_kills_leave_no_trace(
    tmp_path: Path, extractor: str, workers: int, reports: int, batch_size: int
) -> None:
    survives(tmp_path, extractor, workers, reports, batch_size, kills=20)
