import os
import pty
import re
import subprocess
import sys

import pytest

from selip_shared.execution.progress import progress, rough_duration

WORK = """
from selip_shared.execution.progress import progress
with progress("reports", 4) as advance:
    advance(1)
    advance(3)
"""


def test_lines_say_done_rate_and_remaining_time(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reports", 1200, seconds_between_lines=0) as advance:
        advance(200)
        advance(1000)
    first, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"200/1,200 reports, [\d,.]+ reports/s, \d:\d\d:\d\d left", first)
    assert re.fullmatch(r"1,200/1,200 reports, [\d,.]+ reports/s", last)


def test_lines_of_an_unknown_total(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reports", seconds_between_lines=0) as advance:
        advance(7)
    assert re.fullmatch(r"7 reports, [\d,.]+ reports/s\n", capsys.readouterr().err)


def test_short_work_is_one_line_and_no_work_none(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reports", 3) as advance:
        for _ in range(3):
            advance(1)
    assert capsys.readouterr().err.count("\n") == 1
    with progress("reports", 0):
        pass
    assert capsys.readouterr().err == ""


def test_an_estimate_is_in_minutes_or_hours() -> None:
    assert [rough_duration(seconds) for seconds in (0.1, 89, 2_400, 7_140, 7_200, 90_000, 5e6)] == [
        "1 min", "1 min", "40 min", "119 min", "2.0 h", "25.0 h", "1,388.9 h",
    ]  # fmt: skip


def test_a_terminal_gets_a_bar() -> None:
    ours, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    subprocess.run([sys.executable, "-c", WORK], stderr=terminal, env=environment, check=True)
    os.close(terminal)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "━" in shown
    assert re.search(r"4/4 .*reports/s", re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown))
