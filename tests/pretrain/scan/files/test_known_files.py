"""A second scan reads only what is new or changed."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from selip_pretrain.scan.files.folder import files_below
from selip_pretrain.scan.files.known_files import KnownFiles
from selip_pretrain.scan.scan_folder import FolderReader
from selip_pretrain.scan.sequence_rules import read_rules
from selip_pretrain.scan.series import FoundSeries
from selip_shared.execution.processes import ProcessWorkers
from tests.pretrain.image_files import voxels, write_enhanced, write_nifti, write_series

RULES = read_rules()


def read(root: Path, cache: Path) -> list[FoundSeries]:
    reader = FolderReader(root, files_below(root), ProcessWorkers(1), KnownFiles(cache, "name"))
    found = list(reader.series(RULES))
    checked = reader.checked(found)
    reader.finish()
    return list(checked.values())


@pytest.fixture
def folder(root: Path) -> Path:
    write_series(root / "T2", SeriesDescription="T2", SeriesInstanceUID="1.5")
    write_nifti(root / "n" / "t1.nii.gz")
    write_enhanced(root / "e", voxels(), SeriesInstanceUID="1.6", StudyInstanceUID="1", SeriesDescription="T2W")
    (root / "note.txt").write_text("no image")
    return root


def overwrite(path: Path, content: bytes) -> None:
    """Other bytes of the same size and time, which a scan that reads the file would notice."""
    status = path.stat()
    path.write_bytes(content[: status.st_size].ljust(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_unchanged_files_are_not_read(folder: Path, tmp_path: Path) -> None:
    first = read(folder, tmp_path / "cache")
    assert len(first) == 3
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        overwrite(path, b"other")
    assert read(folder, tmp_path / "cache") == first


def test_new_changed_and_missing_files(folder: Path, tmp_path: Path) -> None:
    first = read(folder, tmp_path / "cache")
    write_nifti(folder / "n" / "t1.nii.gz", voxels(seed=3))
    shutil.rmtree(folder / "T2")
    write_series(folder / "new", SeriesDescription="FLAIR", SeriesInstanceUID="1.7")
    again = {one.image_id: one for one in read(folder, tmp_path / "cache")}
    assert set(again) == {"n/t1.nii.gz", "1.6", "1.7"}
    assert again["n/t1.nii.gz"].content_hash not in {one.content_hash for one in first}


def test_a_journal_that_was_cut_short_loses_its_last_line(folder: Path, tmp_path: Path) -> None:
    first = read(folder, tmp_path / "cache")
    (journal,) = (tmp_path / "cache").iterdir()
    journal.write_bytes(journal.read_bytes()[:-200])
    assert read(folder, tmp_path / "cache") == first
    assert read(folder, tmp_path / "cache") == first


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"{}\n[]\n", b'{"code":"another"}\n{"headers":[],"files":[]}\n'])
def test_a_foreign_journal_is_not_believed(folder: Path, tmp_path: Path, content: bytes) -> None:
    first = read(folder, tmp_path / "cache")
    (journal,) = (tmp_path / "cache").iterdir()
    journal.write_bytes(content)
    assert read(folder, tmp_path / "cache") == first


def test_the_journal_is_for_its_owner_alone(folder: Path, tmp_path: Path) -> None:
    read(folder, tmp_path / "cache")
    (journal,) = (tmp_path / "cache").iterdir()
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_a_journal_does_not_grow_with_every_change(folder: Path, tmp_path: Path) -> None:
    sizes = []
    for seed in range(30):
        write_nifti(folder / "n" / "t1.nii.gz", voxels(seed=seed))
        read(folder, tmp_path / "cache")
        (journal,) = (tmp_path / "cache").iterdir()
        sizes.append(journal.stat().st_size)
    assert max(sizes) < 3 * sizes[0]


def test_a_folder_that_cannot_be_written_costs_only_time(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    assert len(read(folder, tmp_path / "cache")) == 3
