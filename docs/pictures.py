"""Takes review.png, the review page of the example reports as the default reader finds them, in a headless Chromium.

`python docs/pictures.py`; chromium and a Chinese font must be installed.
"""

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

PICTURE = Path(__file__).with_name("review.png")
EXAMPLES = str(files("selip_extract").joinpath("examples/reports.csv"))
WIDTH, HEIGHT = 1280, 660
BUDGET_MS = 5_000
"""How long the browser may draw."""


def take(picture: Path) -> None:
    """Read the examples, make their page, and take its picture into this file."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("chromium is not installed: install it, e.g. with apt-get install chromium fonts-noto-cjk.")
    with TemporaryDirectory() as folder:
        database, page = Path(folder) / "examples.duckdb", Path(folder) / "review.html"
        _run(_command("selip-extract"), EXAMPLES, "--db", str(database))
        _run(_command("selip-review"), str(database), "--out", str(page))
        _run(
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}",
            f"--virtual-time-budget={BUDGET_MS}", f"--screenshot={picture}", page.as_uri(),
        )  # fmt: skip


def _command(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
