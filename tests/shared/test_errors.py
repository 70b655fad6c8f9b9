import errno
import os
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest
import torch
import typer

from selip_shared.entry_points import INTERRUPTED
from selip_shared.errors import SelipError, run_command


def app_raising(error: BaseException) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def work() -> None:
        raise error

    return app


def end_of(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Exit code and stderr of a command that ends in `error`."""
    app = app_raising(error)
    with pytest.raises(SystemExit) as leaving:
        run_command(lambda: app(args=[]))
    captured = capsys.readouterr()
    assert captured.out == ""
    return leaving.value.code, captured.err


def test_a_users_error_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    error = SelipError("reports.csv has no text column:\nname one with --text.")
    assert end_of(error, capsys) == (1, "reports.csv has no text column: name one with --text.\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_refuses_is_one_line_with_the_place(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = end_of(OSError(number, "refused", "out/selip.duckdb"), capsys)
    assert code == 1
    assert "out/selip.duckdb" in said
    assert said.count("\n") == 1


def test_a_gpu_without_memory_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert end_of(error, capsys) == (
        1,
        "The GPU has too little free memory: name another one with CUDA_VISIBLE_DEVICES, or take less at once, e.g."
        " with --chunk of selip-pretrain.\n",
    )


def test_every_command_says_its_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_raising(SelipError("not run"))
    monkeypatch.setattr(sys, "argv", ["/usr/bin/selip-extract", "--version"])
    with pytest.raises(SystemExit) as leaving:
        run_command(app)
    assert (leaving.value.code, capsys.readouterr().out) == (0, f"selip-extract {version('selip')}\n")


def test_output_is_utf_8_whatever_the_terminal() -> None:
    command = "from selip_shared.errors import run_command; run_command(lambda: print('左侧'))"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    shown = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, check=True)
    assert shown.stdout.decode("utf-8") == "左侧\n"


def test_ctrl_c_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of(KeyboardInterrupt(), capsys) == (130, "Stopped.\n")


def test_ctrl_c_while_the_database_works_is_130_too() -> None:
    command = """
import duckdb, signal, threading, time
from selip_shared.errors import run_command

def say_when_working():
    while connection.query_progress() <= 0:
        time.sleep(0.01)
    print("working", flush=True)

# A background job of a shell starts with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
connection = duckdb.connect()
# DuckDB checks for signals between the parts of a query that the calling thread runs; other threads might run them all.
connection.execute("SET threads = 1; SET enable_progress_bar = true; SET enable_progress_bar_print = false")
threading.Thread(target=say_when_working, daemon=True).start()
run_command(lambda: connection.execute("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"))
"""
    with subprocess.Popen(
        [sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as working:
        assert working.stdout is not None
        assert working.stdout.readline() == "working\n"
        working.send_signal(signal.SIGINT)
        try:
            _, said = working.communicate(timeout=300)
        finally:
            working.kill()
    assert (working.returncode, said) == (130, "Stopped.\n")


def test_a_command_that_has_spoken_itself_is_not_spoken_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of(typer.Exit(INTERRUPTED), capsys) == (130, "")


def test_a_bug_keeps_its_traceback() -> None:
    app = app_raising(ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: app(args=[]))


def test_a_usage_error_is_typers(capsys: pytest.CaptureFixture[str]) -> None:
    app = app_raising(AssertionError("not reached"))
    with pytest.raises(SystemExit) as leaving:
        run_command(lambda: app(args=["--no-such-option"]))
    assert leaving.value.code == 2
    assert "--no-such-option" in capsys.readouterr().err
