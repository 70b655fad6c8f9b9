import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from selip_downstream.reproduce.runner.steps import Step, StepFailure, failure_of, run_steps, seconds_taken
from selip_shared.errors import SelipError
from tests.downstream.reproduce.recording_watcher import RecordingWatcher, run

WRITE = "import sys; open(sys.argv[1] + '/text', 'a').write(sys.argv[2])"
JOIN = "import sys; open(sys.argv[1] + '/text', 'w').write(''.join(open(f + '/text').read() for f in sys.argv[2:]))"


def write(name: str, text: str, *inputs: Path) -> Step:
    return Step(name, (("python", "-c", WRITE, "{out}", text),), inputs)


def joined(name: str, *needs: str) -> Step:
    return Step(name, (("python", "-c", JOIN, "{out}", *(f"{{{need}}}" for need in needs)),))


def test_steps_run_in_the_order_of_their_needs_and_only_once(tmp_path: Path) -> None:
    steps = (joined("all", "first", "second"), write("second", "b"), joined("first", "origin"), write("origin", "a"))
    watcher = run(tmp_path, *steps)
    assert sorted(watcher.run) == ["all", "first", "origin", "second"]
    assert watcher.run[-1] == "all"
    assert (tmp_path / "all" / "text").read_text() == "ab"
    assert seconds_taken(tmp_path / "all") > 0
    again = run(tmp_path, *steps)
    assert again.run == []
    assert len(again.kept) == 4


def test_the_step_with_the_longest_chain_after_it_runs_first(tmp_path: Path) -> None:
    long = replace(joined("long", "begun"), seconds=50)
    steps = (write("short", "a"), write("other", "b"), write("begun", "c"), long, joined("all", "long", "short"))
    watcher = RecordingWatcher()
    run_steps(steps, tmp_path, workers=1, threads=1, watcher=watcher)
    assert watcher.run == ["begun", "long", "short", "all", "other"]


def test_a_change_reruns_what_depends_on_it_and_nothing_else(tmp_path: Path) -> None:
    run(tmp_path, write("one", "a"), write("other", "b"), joined("all", "one", "other"))
    watcher = run(tmp_path, write("one", "A"), write("other", "b"), joined("all", "one", "other"))
    assert (watcher.run, watcher.kept) == (["one", "all"], ["other"])
    assert (tmp_path / "all" / "text").read_text() == "Ab"


def test_another_file_from_outside_is_a_change(tmp_path: Path) -> None:
    outside = tmp_path / "reports.csv"
    outside.write_text("1")
    root = tmp_path / "steps"
    assert run(root, write("read", "a", outside)).run == ["read"]
    assert run(root, write("read", "a", outside)).run == []
    outside.write_text("2")
    assert run(root, write("read", "a", outside)).run == ["read"]
    assert (root / "read" / "text").read_text() == "a"


def test_a_failure_says_why_and_where_and_what_was_done_stays(tmp_path: Path) -> None:
    fails = Step("fails", (("python", "-c", "import sys; sys.exit('no glue in {good}')"), ("true",)))
    with pytest.raises(
        StepFailure, match=r"The step fails failed: no glue in .*good \(its whole output is in .*log.txt"
    ):
        run(tmp_path, write("good", "a"), fails)
    watcher = run(tmp_path, write("good", "a"), joined("mended", "good"))
    assert (watcher.run, watcher.kept) == (["mended"], ["good"])


def test_where_an_optional_step_fails_the_others_go_on_and_are_done_again_when_it_does_not(tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    program = "import pathlib, sys; sys.exit(None if pathlib.Path(sys.argv[1]).exists() else 'There are too few.')"
    measures = Step("measures", (("python", "-c", program, str(enough)),), optional=True)
    page = Step("page", (("python", "-c", WRITE, "{out}", "{measures}"),))
    for ran in (["page"], []):
        watcher = run(tmp_path, measures, page)
        assert (watcher.run, watcher.failures) == (ran, {"measures": "There are too few."})
        assert failure_of(tmp_path / "measures") == "There are too few."
    enough.touch()
    watcher = run(tmp_path, measures, page)
    assert (watcher.run, watcher.failures) == (["measures", "page"], {})
    assert failure_of(tmp_path / "measures") is None
    assert run(tmp_path, measures, page).run == []


def test_what_is_printed_stands_apart_from_what_is_said_and_texts_are_there_before(tmp_path: Path) -> None:
    program = "import pathlib, sys; print('said', file=sys.stderr); print(pathlib.Path(sys.argv[1]).read_text())"

    def step(text: str) -> Step:
        return Step("one", (("python", "-c", program, "{out}/note"),), texts=(("note", text),))

    assert run(tmp_path, step("braces {} stay")).run == ["one"]
    assert (tmp_path / "one" / "stdout.txt").read_text() == "braces {} stay\n"
    assert (tmp_path / "one" / "log.txt").read_text() == "said\n"
    assert run(tmp_path, step("another")).run == ["one"]
    assert (tmp_path / "one" / "stdout.txt").read_text() == "another\n"


def test_a_new_file_in_a_folder_from_outside_is_a_change(tmp_path: Path) -> None:
    outside, root = tmp_path / "images", tmp_path / "steps"
    (outside / "study").mkdir(parents=True)
    (outside / "study" / "T2.nii.gz").write_bytes(b"1")
    assert run(root, write("scan", "a", outside)).run == ["scan"]
    assert run(root, write("scan", "a", outside)).run == []
    (outside / "study" / "T1.nii.gz").write_bytes(b"1")
    assert run(root, write("scan", "a", outside)).run == ["scan"]


MAKE = """
import pathlib, sys
out, fails = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
for name in ("best/weights", "last/optimizer", "networks/one/weights", "networks/one/scores"):
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).touch()
sys.exit("not yet" if fails.exists() else None)
"""


def test_scratch_is_removed_once_the_step_is_done_and_not_before(tmp_path: Path) -> None:
    fails, root = tmp_path / "fails", tmp_path / "steps"
    step = Step("one", (("python", "-c", MAKE, "{out}", str(fails)),), scratch=("last", "networks/**/weights"))
    fails.touch()
    with pytest.raises(StepFailure, match="not yet"):
        run(root, step)
    assert (root / "one" / "last" / "optimizer").exists()
    fails.unlink()
    assert run(root, step).run == ["one"]
    kept = ["best/weights", "log.txt", "networks/one/scores", "stdout.txt", "step.json"]
    assert files_of(root / "one") == kept
    # As after a kill between the end of the step and the removal.
    (root / "one" / "last").mkdir()
    assert run(root, step).run == []
    assert (files_of(root / "one"), (root / "one" / "last").exists()) == (kept, False)


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


SLOW = """
import os, pathlib, sys
folder, ready, never = map(pathlib.Path, sys.argv[1:])
before = (folder / "parts").read_text() if (folder / "parts").exists() else ""
(folder / "process").write_text(str(os.getpid()))
(folder / "parts").write_text(before + "x")
if not before:
    ready.write_text("x")
    never.read_text()
"""
"""Appends to a file; the first time it then says so through one named pipe and waits for another, for ever."""
RUN_SLOW = """
import sys
from pathlib import Path
from tests.downstream.reproduce.recording_watcher import run
from tests.downstream.reproduce.runner.test_steps import slow_step
run(Path(sys.argv[1], "steps"), slow_step(Path(sys.argv[1])))
"""


def slow_step(folder: Path) -> Step:
    command = ("python", "-c", SLOW, "{out}", str(folder / "ready"), str(folder / "never"))
    return Step("slow", (command,))


@contextmanager
def working(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of the slow step, in folder/steps; it and its command are killed at the end."""
    for pipe in ("ready", "never"):
        os.mkfifo(folder / pipe)
    ready = os.open(folder / "ready", os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen([sys.executable, "-c", RUN_SLOW, str(folder)], start_new_session=True)
    ended = os.pidfd_open(process.pid)
    try:
        readable, _, _ = select.select([ready, ended], [], [])
        assert readable == [ready]
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ready)
        os.close(ended)
        wait_until_free(folder / "steps")


def wait_until_free(root: Path) -> None:
    """Until the processes that were killed are gone."""
    with (root / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)


def test_an_interrupted_step_resumes_in_its_folder(tmp_path: Path) -> None:
    """The process is killed in the middle of a step; the next run finds what that step had written."""
    with working(tmp_path):
        pass
    steps = tmp_path / "steps"
    assert "seconds" not in json.loads((steps / "slow" / "step.json").read_text())
    assert run(steps, slow_step(tmp_path)).run == ["slow"]
    assert (steps / "slow" / "parts").read_text() == "xx"


def test_a_second_reproduction_in_the_same_folder_stops_with_a_sentence(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    second = [sys.executable, "-m", "selip_downstream.reproduce", "quick", "--out", str(steps)]
    with working(tmp_path):
        ended = subprocess.run(second, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"Another reproduction, or a command that it has begun, is running in {steps}: "
        "wait for its end, or name another folder with --out.\n"
    )
    assert sorted(path.name for path in steps.iterdir()) == [".lock", "slow"]


def test_a_reproduction_that_is_terminated_ends_its_commands(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "selip_downstream.reproduce", "quick", "--out", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        # The first line is that of a step that is done, when others run.
        assert "steps, about" in process.stderr.readline()
        process.terminate()
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.splitlines()[-1] == "Stopped."
    with (tmp_path / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_a_command_that_outlives_its_reproduction_meets_no_other(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    with working(tmp_path) as process:
        process.kill()
        process.wait()
        with pytest.raises(SelipError, match="Another reproduction"):
            run(steps, slow_step(tmp_path))
        assert (steps / "slow" / "parts").read_text() == "x"
        os.kill(int((steps / "slow" / "process").read_text()), signal.SIGKILL)
        wait_until_free(steps)
    assert run(steps, slow_step(tmp_path)).run == ["slow"]
