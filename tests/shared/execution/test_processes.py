import os
import subprocess
import sys
from pathlib import Path

import pytest

from selip_shared.errors import SelipError
from selip_shared.execution.processes import Workers


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_tasks(processes: int) -> None:
    with Workers(processes) as workers:
        assert list(workers.map(abs, range(-50, 0), 7)) == list(range(50, 0, -1))
        assert list(workers.map(len, [])) == []


def test_worker_processes_are_initialised_and_this_one_is_not(tmp_path: Path) -> None:
    here = Path.cwd()
    with Workers(2, os.chdir, (tmp_path,)) as workers:
        assert list(workers.map(os.path.abspath, ["a", "b"])) == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert Path.cwd() == here


def test_a_killed_worker_process_is_an_error_for_the_user() -> None:
    with Workers(2) as workers, pytest.raises(SelipError, match="was killed, possibly out of memory"):
        list(workers.map(os._exit, [3, 3]))


def test_an_exception_of_a_task_is_raised() -> None:
    with Workers(2) as workers, pytest.raises(ValueError, match="invalid literal"):
        list(workers.map(int, ["1", "x"]))


WORK_FOREVER = """
import signal
from selip_shared.execution.processes import Workers

def work(number):
    print(f"working {number}", flush=True)
    signal.pause()

if __name__ == "__main__":
    with Workers(2) as workers:
        list(workers.map(work, [1, 2]))
"""


def test_worker_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(WORK_FOREVER, encoding="utf-8")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert {parent.stdout.readline() for _ in range(2)} == {"working 1\n", "working 2\n"}
        parent.kill()
        # The pipe is at its end when no process holds it any more.
        assert parent.stdout.read() == ""
