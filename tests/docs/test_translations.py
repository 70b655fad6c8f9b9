"""The Chinese catalogue is complete."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "docs" / "translations.py"


def test_every_help_text_and_every_error_has_its_chinese() -> None:
    check = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert (check.returncode, check.stdout) == (0, ""), (
        f"run python {SCRIPT} and complete the catalogue: {check.stderr}"
    )
