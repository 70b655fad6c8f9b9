"""The folder and the database of a scan."""

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands keep what they know of files where no other test finds it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache home"))


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "selip.duckdb"
