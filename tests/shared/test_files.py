from pathlib import Path

import pytest

from selip_shared.files import recover_folder, replacing, replacing_folder, write_text


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


def _fill(folder: Path, content: str) -> None:
    with replacing_folder(folder) as partial:
        (partial / "sub").mkdir()
        (partial / "sub" / "a.txt").write_text(content)


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "checkpoint"
    _fill(folder, "old")
    (folder / "other.txt").write_text("other")
    _fill(folder, "new")
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "made",
        "made/checkpoint",
        "made/checkpoint/sub",
        "made/checkpoint/sub/a.txt",
    ]
    assert (folder / "sub" / "a.txt").read_text() == "new"


def test_a_folder_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    _fill(folder, "old")
    with pytest.raises(RuntimeError, match="half way"), replacing_folder(folder) as partial:
        (partial / "a.txt").write_text("new")
        raise RuntimeError("half way")
    assert (folder / "sub" / "a.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_kill_between_two_renames_is_repaired(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    _fill(folder, "old")
    recover_folder(folder)
    folder.rename(tmp_path / ".checkpoint.earlier")
    recover_folder(folder)
    assert (folder / "sub" / "a.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]
