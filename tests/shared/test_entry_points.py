"""Ctrl-C as a real signal to a real process, at each stage of a command."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
SCRIPT = """
import sys
from {module} import {name}
if __name__ == "__main__":
    sys.exit({name}())
"""
# Like a library that swallows whatever its own first imports raise.
SWALLOWING = """
import signal
print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, flush=True)
while True:
    try:
        signal.pause()
    except BaseException:
        pass
"""
INTERRUPTED_IN_IMPORT = """
import os, signal, sys
from selip_extract.cli.entry_points import extract

remaining = int(sys.argv.pop(1))

def count_imports(event, arguments):
    global remaining
    remaining -= event == "import"
    if not remaining:
        remaining = -1
        os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.addaudithook(count_imports)
extract()
"""


def started(entry: str, folder: Path, handler: object, *options: str) -> subprocess.Popen[str]:
    """A command whose first library never ends its import."""
    (folder / "typer.py").write_text(SWALLOWING, encoding="utf-8")
    module, _, name = entry.partition(":")
    script = folder / "selip-command"
    script.write_text(SCRIPT.format(module=module, name=name), encoding="utf-8")
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    begin = f"import runpy, signal, sys; signal.signal(signal.SIGINT, {handler}); sys.argv = sys.argv[1:]"
    return subprocess.Popen(
        [sys.executable, "-c", f"{begin}; runpy.run_path(sys.argv[0], run_name='__main__')", script, *options],
        env={**os.environ, "PYTHONPATH": path, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("entry", SCRIPTS.values())
def test_ctrl_c_in_the_first_import_of_a_library_is_one_line(entry: str, tmp_path: Path) -> None:
    with started(entry, tmp_path, "signal.default_int_handler") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "False\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate() == ("", "Stopped.\n")
        assert process.returncode == 130


def test_it_is_said_in_the_language_of_the_user(tmp_path: Path) -> None:
    with started("selip_extract.cli.entry_points:extract", tmp_path, "signal.default_int_handler", "--lang=zh") as zh:
        assert zh.stdout is not None
        assert zh.stdout.readline() == "False\n"
        zh.send_signal(signal.SIGINT)
        assert zh.communicate() == ("", "已停止。\n")


def test_a_background_job_of_a_shell_goes_on_ignoring_ctrl_c(tmp_path: Path) -> None:
    with started("selip_extract.cli.entry_points:extract", tmp_path, "signal.SIG_IGN") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("imports", [1, 50, 200, 400, 600, 800, 1000, 1200])
def test_ctrl_c_in_any_import_of_the_whole_run_is_one_line(imports: int, tmp_path: Path) -> None:
    reports = ROOT / "extract" / "selip_extract" / "examples" / "reports.csv"
    arguments = [str(imports), str(reports), "--workers", "1", "--db", str(tmp_path / "selip.duckdb")]
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IN_IMPORT, *arguments], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (130, "Stopped.\n")
