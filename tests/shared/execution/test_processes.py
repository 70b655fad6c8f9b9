import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from selip_shared.errors import SelipError
from selip_shared.execution.processes import ProcessWorkers
from selip_shared.threads import granted_cpus


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_tasks(processes: int) -> None:
    with ProcessWorkers(processes) as workers:
        assert list(workers.map(abs, range(-50, 0), 7)) == list(range(50, 0, -1))
        assert list(workers.map(len, [])) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_tasks_are_taken_as_earlier_ones_end(processes: int) -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        for number in count():
            taken.append(number)
            yield number

    with ProcessWorkers(processes) as workers:
        results = workers.map(abs, endless(), 3)
        assert [next(results) for _ in range(10)] == list(range(10))
        assert len(taken) <= 10 + 3 * (2 * processes + 1)


def test_a_worker_process_computes_in_its_share_of_the_threads() -> None:
    with ProcessWorkers(granted_cpus() + 1) as workers:
        assert set(workers.map(os.path.expandvars, ["$OMP_NUM_THREADS"] * 4)) == {"1"}


def test_a_killed_worker_process_is_an_error_for_the_user() -> None:
    with ProcessWorkers(2) as workers, pytest.raises(SelipError, match="was killed, possibly out of memory"):
        list(workers.map(os._exit, [3, 3]))


def test_an_exception_of_a_task_is_raised() -> None:
    with ProcessWorkers(2) as workers, pytest.raises(ValueError, match="invalid literal"):
        list(workers.map(int, ["1", "x"]))


WORK_FOREVER = """
import os, signal
from selip_shared.execution.processes import ProcessWorkers

def work(number):
    os.write(1, f"working {number}\\n".encode())  # at once: two workers write
    signal.pause()

if __name__ == "__main__":
    with ProcessWorkers(2) as workers:
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


SLOW_MODULE = """
from pathlib import Path
from time import sleep

print("loading", flush=True)
while not Path("loaded").exists():
    sleep(0.01)
"""
INTERRUPTED = """
import signal

from selip_shared.execution.processes import ProcessWorkers

if __name__ == "__main__":
    # As a shell starts a command; the tests before this one may have ignored or blocked the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    try:
        with ProcessWorkers(2, ["slow_module"]) as workers:
            list(workers.map(abs, [-1, -2]))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_ctrl_c_while_modules_are_loaded_ends_the_command_alone(tmp_path: Path) -> None:
    (tmp_path / "slow_module.py").write_text(SLOW_MODULE, encoding="utf-8")
    script = tmp_path / "work.py"
    script.write_text(INTERRUPTED, encoding="utf-8")
    # A group of its own, all of which Ctrl-C reaches.
    with subprocess.Popen(
        [sys.executable, script],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "loading\n"
        os.killpg(parent.pid, signal.SIGINT)
        (tmp_path / "loaded").touch()
        assert parent.communicate() == ("interrupted\n", "")
        assert parent.returncode == 0
