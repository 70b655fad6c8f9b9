import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "review.png"
LARGEST = 300_000


def size(picture: Path) -> tuple[int, int]:
    """Width and height, out of the first chunk of a PNG."""
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    return struct.unpack(">II", content[16:24])


def is_one(picture: Path) -> bool:
    return size(picture) == (1280, 660) and 50_000 < picture.stat().st_size < LARGEST  # a blank page has some thousand


def test_the_picture_is_small() -> None:
    assert is_one(PICTURE)


@pytest.mark.slow
def test_the_picture_can_be_taken_anew(tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    subprocess.run([sys.executable, ROOT / "docs" / "pictures.py", "review", tmp_path / "review.png"], check=True)
    assert is_one(tmp_path / "review.png")
