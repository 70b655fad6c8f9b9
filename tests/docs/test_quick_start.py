"""Each command of the quick start, run in order."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from selip_contracts.annotated import GOLD, read_annotated, write_annotated

ROOT = Path(__file__).parents[2]
EXAMPLES = "extract/selip_extract/examples/reports.csv"
DEVELOPMENT = GOLD / "development.jsonl"


def blocks(document: str) -> list[str]:
    return re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / document).read_text("utf-8"), re.DOTALL)


def commands(document: str) -> list[list[str]]:
    """The commands as lists of words, without shell quotes."""
    return [shlex.split(line) for block in blocks(document) for line in re.split(r"\n(?=\.venv|pip|just)", block)]


def run(words: list[str], folder: Path) -> str:
    """Run a command of .venv with this Python; returns what it prints."""
    name = Path(words[0]).name
    program = [sys.executable, *words[1:]]
    if name != "python":
        module = f"selip_extract.cli.{name.removeprefix('selip-')}"
        program = [sys.executable, "-c", f"from {module} import main; main()", *words[1:]]
    finished = subprocess.run(
        program, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONUTF8": "1"}
    )
    assert finished.returncode == 0, (words, finished.stderr)
    return finished.stdout


def test_each_command_runs_and_writes_its_files(tmp_path: Path) -> None:
    (tmp_path / "extract").symlink_to(ROOT / "extract")
    (tmp_path / "reports.csv").symlink_to(ROOT / EXAMPLES)
    sample = list(read_annotated(DEVELOPMENT))[:5]
    write_annotated(tmp_path / "annotated.jsonl", sample)
    printed = {}
    for words in commands("quick-start.md"):
        # The first database is read by the model; for the second the rules suffice.
        reading = ["--extractor", "rules"] if "mine.duckdb" in words else []
        if words[0].endswith("selip-score"):
            run([".venv/bin/selip-extract", "annotated.jsonl", "--db", "mine.duckdb", *reading], tmp_path)
            reading = []
        printed[" ".join(words)] = run([*words, *reading], tmp_path)
    assert len(printed) == 10
    written = ("overview.html", "review.html", "findings.csv", "findings.xlsx", "findings.parquet")
    for name in ("selip.duckdb", "mine.duckdb", *written):
        assert (tmp_path / name).stat().st_size > 1000, name
    (asked,) = [out for words, out in printed.items() if "list_contains" in words]
    assert "MR240302" in asked
    assert "5 annotated reports" in printed[".venv/bin/selip-score annotated.jsonl --db mine.duckdb"]


def test_the_check_of_the_installation_is_the_first_command_of_the_quick_start() -> None:
    (words,) = [words for words in commands("install.md") if words[0].endswith("selip-extract")]
    assert words == [*commands("quick-start.md")[0], "--db", "demo.duckdb"]


def test_the_extras_exist() -> None:
    named = set(re.findall(r"'\.\[(\w+)\]'", (ROOT / "docs" / "install.md").read_text("utf-8")))
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert named == {"cluster", "gpu", "images"}
    assert all(re.search(rf"^{part} = \[", project, re.MULTILINE) for part in named)
    assert (ROOT / "requirements.lock").exists()
    assert re.search(r"^setup:", (ROOT / "justfile").read_text("utf-8"), re.MULTILINE)


def test_the_chinese_quick_start_has_the_same_commands() -> None:
    assert commands("zh/quick-start.md") == commands("quick-start.md")
