"""Takes screenshots of pages in a headless Chromium. Chromium and a Chinese font must be installed.

`docs/pictures.py review docs/review.png`: the review page of the example reports, read by the default extractor.
`docs/pictures.py out/reproduction/standard docs/retrieval.png`: an image of the test split, and the texts that CLIP and
best-match of this reproduction, trained on all studies, retrieve for it.
"""

import shutil
import subprocess
import sys
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from selip_contracts.database_file import read_store
from selip_downstream.datasets.split_pairs import split_pairs
from selip_downstream.evaluation.compared_models import load_models
from selip_downstream.explanation.examples import find_examples
from selip_downstream.page.document import Document, html
from selip_downstream.page.examples import example_sections
from selip_shared.html_page import write_page

EXAMPLES = str(files("selip_extract").joinpath("examples/reports.csv"))
MODELS = {"CLIP": "train-hard-100-0", "best-match": "train-best-match-100-0"}
EXAMPLE_SEED = 0
"""Seed of the choice of the image."""
BROWSER_BARS = 150
"""Height in pixels that a window's bars take."""
BUDGET_MS = 5_000
"""Virtual time that the browser has to draw the page."""


def take_review(picture: Path) -> None:
    """Read the examples, write their review page and save a screenshot of it."""
    with TemporaryDirectory() as folder:
        database, page = Path(folder) / "examples.duckdb", Path(folder) / "review.html"
        _run(_command("selip-extract"), EXAMPLES, "--db", str(database))
        _run(_command("selip-review"), str(database), "--out", str(page))
        _screenshot(page, picture, 1280, 660)


def take_retrieval(root: Path, picture: Path) -> None:
    """Write a page with one example of the reproduction in folder `root` and save a screenshot of it."""
    database, volumes = root / "data-true" / "selip.duckdb", root / "data-true" / "volumes"
    with closing(read_store(database)) as connection:
        pairs = split_pairs(connection, database, "test")
    checkpoints = [f"{name}={root / step / 'best'}" for name, step in MODELS.items()]
    _, *models = load_models(checkpoints, "cpu")
    with TemporaryDirectory() as folder:
        page = Path(folder) / "retrieval.html"
        examples = example_sections(find_examples(models, pairs, volumes, 1, EXAMPLE_SEED))
        document = Document("Which text is it?", "An image, and the texts that two encoders retrieve for it.", examples)
        write_page(page, html(document))
        # The window includes the browser's bars, which the screenshot leaves blank.
        _screenshot(page, picture, 1280, 1290 + BROWSER_BARS)
    with Image.open(picture) as screenshot:
        screenshot.crop((0, 0, 1280, 1290)).save(picture)


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
