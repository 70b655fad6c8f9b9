import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "queries.md"


def queries(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "docs" / "queries.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_answers_are_up_to_date() -> None:
    finished = queries("--check")
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize(("name", "at_least"), [("queries.md", 15), ("cookbook.md", 11)])
def test_each_query_has_at_least_one_row(name: str, at_least: int) -> None:
    text = DOCUMENT.with_name(name).read_text("utf-8")
    answers = re.findall(r"```sql\n[^`]*```\n\n\|[^\n]*\|\n\|[ -|]*\|\n\|", text)
    assert len(answers) == text.count("```sql") >= at_least


def test_an_outdated_answer_is_reported_and_replaced(tmp_path: Path) -> None:
    changed = tmp_path / "queries.md"
    text = DOCUMENT.read_text("utf-8")
    changed.write_text(text.replace("| MR240303 |", "| MR999999 |").replace("| MR240311 |\n", ""), encoding="utf-8")
    finished = queries("--check", changed)
    assert (finished.returncode, finished.stderr) == (1, "Out of date: queries.md; run python docs/queries.py.\n")
    assert queries(changed).returncode == 0
    assert changed.read_text("utf-8") == text
