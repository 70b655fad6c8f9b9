"""Takes the pictures of pages in a headless Chromium; it and a Chinese font must be installed.

`docs/pictures.py review docs/review.png`: the review page of the example reports as the default reader finds them.
`docs/pictures.py out/reproduction/standard docs/retrieval.png`: an image of the test split as that reproduction's CLIP
and best-match, trained on all studies, see it.
"""

import shutil
import subprocess
import sys
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from selip_contracts.tables import read_store
from selip_downstream.datasets.split_pairs import split_pairs
from selip_downstream.evaluation.compared_models import load_models
from selip_downstream.page.document import Document, html
from selip_downstream.page.examples import example_sections
from selip_shared.html_page import write_page

EXAMPLES = str(files("selip_extract").joinpath("examples/reports.csv"))
SHOWN = {"CLIP": "train-hard-100-0", "best-match": "train-best-match-100-0"}
EXAMPLE = 0
"""Seed by which the image is drawn."""
BARS = 150
BUDGET_MS = 5_000
"""How long the browser may draw."""


def take_review(picture: Path) -> None:
    """Read the examples, make their page, and take its picture into this file."""
    with TemporaryDirectory() as folder:
        database, page = Path(folder) / "examples.duckdb", Path(folder) / "review.html"
        _run(_command("selip-extract"), EXAMPLES, "--db", str(database))
        _run(_command("selip-review"), str(database), "--out", str(page))
        _screenshot(page, picture, 1280, 660)


def take_retrieval(root: Path, picture: Path) -> None:
    """Show an example of the reproduction in this folder on a page, and take its picture into this file."""
    database, volumes = root / "data-true" / "selip.duckdb", root / "data-true" / "volumes"
    with closing(read_store(database)) as connection:
        pairs = split_pairs(connection, database, "test")
    checkpoints = [f"{name}={root / step / 'best'}" for name, step in SHOWN.items()]
    _, *contenders = load_models(checkpoints, [pair.text for pair in pairs], "cpu")
    with TemporaryDirectory() as folder:
        page = Path(folder) / "retrieval.html"
        examples = example_sections(contenders, pairs, volumes, 1, EXAMPLE)
        document = Document("Which text is it?", "An image, and what two encoders say of it.", examples)
        write_page(page, html(document))
        # The browser's own bars, which are not drawn, are part of its window: the page ends above them.
        _screenshot(page, picture, 1280, 1290 + BARS)
    with Image.open(picture) as drawn:
        drawn.crop((0, 0, 1280, 1290)).save(picture)


def _screenshot(page: Path, picture: Path, width: int, height: int) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("chromium is not installed: install it, e.g. with apt-get install chromium fonts-noto-cjk.")
    with TemporaryDirectory() as profile:
        _run(
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
            f"--window-size={width},{height}", f"--virtual-time-budget={BUDGET_MS}", f"--screenshot={picture}",
            page.as_uri(),
        )  # fmt: skip


def _command(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    if sys.argv[1] == "review":
        take_review(Path(sys.argv[2]))
    else:
        take_retrieval(Path(sys.argv[1]), Path(sys.argv[2]))
