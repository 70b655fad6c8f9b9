"""Steps of a long computation: commands with a folder of their own, which run again only if something changed.

In the folder are log.txt with the stderr of the commands, stdout.txt with their output, and step.json with key and
seconds.
"""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from graphlib import TopologicalSorter
from os import environ
from pathlib import Path
from string import Formatter
from threading import Event
from typing import Protocol

from selip_downstream.reproduce.runner.code_dependencies import used_code
from selip_shared.errors import SelipError
from selip_shared.files import write_text
from selip_shared.provenance import file_hash

STEP_FILE = "step.json"
LOG_FILE = "log.txt"
STDOUT_FILE = "stdout.txt"
LOCK_FILE = ".lock"
OWN_FOLDER = "out"
FAILED = "failed"


@dataclass(frozen=True)
class Step:
    """Commands that run one after the other; {out} is the step's own folder, {name} that of the step with this name.

    The first word is a program in the folder of python, or any other. `inputs` are files and folders from outside that
    decide the outcome, `texts` files by name that are written to the folder before the commands run, `seconds` a guess
    of the time it takes, `scratch` patterns of what no later step reads: it is removed once the step is done. If an
    optional step fails, the others continue.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    inputs: tuple[Path, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    seconds: float = 1.0
    optional: bool = False
    scratch: tuple[str, ...] = ()

    @cached_property
    def needs(self) -> frozenset[str]:
        """The steps whose folders the commands use."""
        words = (word for command in self.commands for word in command)
        fields = {field for word in words for _, field, _, _ in Formatter().parse(word) if field}
        return frozenset(fields - {OWN_FOLDER})

    def key(self, keys_of_needs: Mapping[str, str]) -> str:
        """Hash of everything that decides the content of the step's folder."""
        decided_by = {
            "commands": self.commands,
            "code": used_code(self.commands),
            "inputs": [_listing(path) if path.is_dir() else file_hash(path) for path in self.inputs],
            "texts": self.texts,
            "needs": {name: keys_of_needs[name] for name in sorted(self.needs)},
        }
        return hashlib.sha256(json.dumps(decided_by).encode()).hexdigest()


class Watcher(Protocol):
    """Receives the progress of the steps."""

    def began(self, step: Step, log: Path) -> None:
        """The step's commands run; their stderr goes to `log`."""

    def ended(self, step: Step, seconds: float) -> None:
        """The step is done; `seconds` is 0 if it was done before."""

    def failed(self, step: Step, why: str) -> None:
        """The optional step has failed."""


class StepFailure(SelipError):
    """A command of a step has failed; `why` is the last line of its stderr."""

    def __init__(self, step: Step, why: str, log: Path) -> None:
        super().__init__(
            f"The step {step.name} failed: {why} (its whole output is in {log}); "
            "run the same command again to continue from there."
        )
        self.why = why


def run_steps(steps: Iterable[Step], root: Path, workers: int, threads: int, watcher: Watcher) -> dict[str, Path]:
    """Run the steps that are not done yet, `workers` at once with `threads` threads each; the folder of every step.

    Of the steps that can begin, the one with the longest chain of steps after it runs first. A step runs again only if
    its commands, their code, its inputs or a step that it needs changed; one that was interrupted or failed resumes in
    its folder. StepFailure where a step that is not optional fails; finished steps stay. SelipError where another
    process works in `root`.
    """
    by_name = {step.name: step for step in steps}
    folders = {name: root / name for name in by_name}
    waiting = _by_urgency(by_name)
    done: set[str] = set()
    keys: dict[str, str] = {}
    with _alone(root) as lock, ThreadPoolExecutor(workers) as pool:
        work = _Work(folders, threads, watcher, lock, Event())
        running: dict[Future[float], str] = {}
        try:
            while waiting or running:
                ready = [name for name in waiting if by_name[name].needs <= done]
                for name in ready[: workers - len(running)]:
                    waiting.remove(name)
                    keys[name] = by_name[name].key(keys)
                    running[pool.submit(_run, by_name[name], keys[name], work)] = name
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    step = by_name[running.pop(future)]
                    try:
                        watcher.ended(step, future.result())
                    except StepFailure as failure:
                        if not step.optional:
                            raise
                        # Steps that need this one run again once it no longer fails.
                        keys[step.name] += FAILED
                        watcher.failed(step, failure.why)
                    done.add(step.name)
        except BaseException:
            work.stopping.set()
            raise
    return folders


def seconds_taken(folder: Path) -> float:
    """How long the step of this folder took when it was done."""
    return float(json.loads((folder / STEP_FILE).read_text(encoding="utf-8"))["seconds"])


def failure_of(folder: Path) -> str | None:
    """Why the step of this folder failed; None where it did not."""
    why = _record(folder).get(FAILED)
    return None if why is None else str(why)


def _by_urgency(steps: Mapping[str, Step]) -> list[str]:
    """The steps by the seconds of the longest chain that begins with them, longest first. CycleError for a cycle."""
    last_first = [*TopologicalSorter({name: step.needs for name, step in steps.items()}).static_order()][::-1]
    seconds = {name: step.seconds for name, step in steps.items()}
    for name in last_first:
        for needed in steps[name].needs:
            seconds[needed] = max(seconds[needed], steps[needed].seconds + seconds[name])
    return sorted(last_first, key=seconds.__getitem__, reverse=True)


@dataclass(frozen=True)
class _Work:
    """What all steps share; a process that holds the descriptor `lock` open keeps others out of the root."""

    folders: Mapping[str, Path]
    threads: int
    watcher: Watcher
    lock: int
    stopping: Event


@contextmanager
def _alone(root: Path) -> Iterator[int]:
    """The descriptor of a lock on the folder, which the system releases when all processes that hold it have ended."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / LOCK_FILE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SelipError(
                f"Another reproduction, or a command that it has begun, is running in {root}: wait for its end, or "
                "name another folder with --out."
            ) from error
        yield file.fileno()


def _run(step: Step, key: str, work: _Work) -> float:
    folder = work.folders[step.name]
    record = _record(folder)
    if record.get("key") == key and record.get("seconds") is not None:
        _remove_scratch(step, folder)
        return 0.0
    if record.get("key") != key:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write_record(folder, {"key": key})
    for name, text in step.texts:
        write_text(folder / name, text)
    (folder / STDOUT_FILE).write_bytes(b"")
    began = time.monotonic()
    work.watcher.began(step, folder / LOG_FILE)
    for command in step.commands:
        words = [word.format_map({OWN_FOLDER: folder, **work.folders}) for word in command]
        code = _call(words, folder, work)
        if work.stopping.is_set():
            return 0.0
        if code:
            why = _last_line(folder / LOG_FILE)
            _write_record(folder, {"key": key, FAILED: why})
            raise StepFailure(step, why, folder / LOG_FILE)
    seconds = time.monotonic() - began
    _write_record(folder, {"key": key, "seconds": seconds, "ended": datetime.now(UTC).isoformat()})
    # Only now: after a kill in between, what is left is removed when the step is found done.
    _remove_scratch(step, folder)
    return seconds


def _remove_scratch(step: Step, folder: Path) -> None:
    for path in [path for pattern in step.scratch for path in folder.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _call(words: Sequence[str], folder: Path, work: _Work) -> int:
    beside_python = Path(sys.executable).with_name(words[0])
    program = str(beside_python) if beside_python.exists() else words[0]
    environment = {**environ, "OMP_NUM_THREADS": str(work.threads), "PYTHONUNBUFFERED": "1"}
    with (folder / STDOUT_FILE).open("ab") as stdout, (folder / LOG_FILE).open("ab") as log:
        # A command survives if only this process is killed, and must not share its folder with another one.
        process = subprocess.Popen(
            [program, *words[1:]], stdout=stdout, stderr=log, env=environment, pass_fds=(work.lock,)
        )
        while True:
            try:
                return process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                if work.stopping.is_set():
                    process.terminate()
                    return process.wait()


def _last_line(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return said[-1] if said else "it printed nothing"


def _record(folder: Path) -> dict[str, object]:
    try:
        record = json.loads((folder / STEP_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write_record(folder: Path, record: Mapping[str, object]) -> None:
    write_text(folder / STEP_FILE, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def _listing(folder: Path) -> str:
    """Hash of the names, sizes and times of the files below the folder: images are too large to be read each time."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
