from pathlib import Path

import pytest

from selip_shared.files import replacing, write_text


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "报告.txt"
    write_text(path, "左侧额叶\r\n长T1\n")
    assert path.read_bytes() == "左侧额叶\r\n长T1\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="half way"), replacing(path) as file:
        file.write(b"new, but")
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"new"
