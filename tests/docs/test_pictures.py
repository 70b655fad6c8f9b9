import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "review.png"
MAX_BYTES = 300_000


def size(picture: Path) -> tuple[int, int]:
    """Width and height, from the first chunk of a PNG."""
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    return struct.unpack(">II", content[16:24])


def is_screenshot(picture: Path) -> bool:
    """Whether it has the size of the page and is not blank: a blank page takes a few thousand bytes."""
    return size(picture) == (1280, 660) and 50_000 < picture.stat().st_size < MAX_BYTES


def test_the_picture_is_small() -> None:
    assert is_screenshot(PICTURE)


@pytest.mark.slow
def test_the_screenshot_can_be_taken_again(tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    subprocess.run([sys.executable, ROOT / "docs" / "pictures.py", "review", tmp_path / "review.png"], check=True)
    assert is_screenshot(tmp_path / "review.png")
