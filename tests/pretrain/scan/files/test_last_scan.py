"""Where nothing has changed since the last complete scan, the next one reads nothing."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from selip_contracts.database_file import open_store
from selip_pretrain.scan.files.folder import files_below
from selip_pretrain.scan.files.known_files import KnownFiles
from selip_pretrain.scan.scan_folder import FolderReader
from selip_pretrain.scan.sequence_rules import read_rules
from selip_shared.execution.processes import ProcessWorkers
from tests.pretrain.image_files import voxels, write_nifti, write_series
from tests.pretrain.scan.scanned_folder import add_reports, run

NOTE = "1 rows of the manifest name no image in the folder: nowhere"


@pytest.fixture
def arguments(tmp_path: Path, root: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str | Path, ...]:
    """A folder that has been scanned completely, and how."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    add_reports(db, "R1")
    write_nifti(root / "R1" / "t1.nii.gz")
    write_series(root / "R1" / "T2", SeriesDescription="T2")
    (root / "R1" / "note.txt").write_text("no image")
    (tmp_path / "manifest.csv").write_text("study,report_id\nR1,R1\nnowhere,R1\n")
    (tmp_path / "rules.toml").write_text('[[rule]]\nname = "a"\nmodality = "T1"\nwords = ["t1", "t2"]\n')
    found = (root, "--db", db, "--manifest", tmp_path / "manifest.csv", "--rules", tmp_path / "rules.toml")
    first = run(*found)
    assert first.returncode == 0, first.stderr
    assert "2 new; 1 other files" in first.stdout
    assert NOTE in first.stdout
    return found


def test_nothing_is_read_and_the_same_is_told(tmp_path: Path, arguments: tuple[str | Path, ...]) -> None:
    (journal,) = (tmp_path / "cache").rglob("*.jsonl")
    journal.unlink()
    for path in [path for path in tmp_path.rglob("R1/**/*") if path.is_file()]:
        status = path.stat()
        path.write_bytes(b"x" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = run(*arguments)
    assert "images: 2 unchanged; 1 other files" in again.stdout
    assert "1 studies, 0 of them without a report" in again.stdout
    assert NOTE in again.stdout


def add_image(folder: Path) -> None:
    write_nifti(folder / "images" / "R1" / "flair.nii.gz", voxels(seed=5))


def remove_image(folder: Path) -> None:
    (folder / "images" / "R1" / "t1.nii.gz").unlink()


def change_image(folder: Path) -> None:
    write_nifti(folder / "images" / "R1" / "t1.nii.gz", voxels(seed=6))


def change_rules(folder: Path) -> None:
    (folder / "rules.toml").write_text('[[rule]]\nname = "b"\nmodality = "T2"\nwords = ["t1", "t2"]\n')


def change_manifest(folder: Path) -> None:
    (folder / "manifest.csv").write_text("study,report_id,patient_id\nR1,R1,P7\n")


def supersede_report(folder: Path) -> None:
    with closing(open_store(folder / "selip.duckdb")) as connection:
        connection.execute("UPDATE reports SET report_id = 'R9', given_id = 'R9'")


def remove_row(folder: Path) -> None:
    with closing(open_store(folder / "selip.duckdb")) as connection:
        connection.execute("DELETE FROM images")


@pytest.mark.parametrize(
    "change",
    [add_image, remove_image, change_image, change_rules, change_manifest, supersede_report, remove_row],
    ids=lambda change: change.__name__,
)
def test_every_change_is_seen(
    tmp_path: Path, arguments: tuple[str | Path, ...], change: Callable[[Path], None]
) -> None:
    change(tmp_path)
    again = run(*arguments)
    assert again.returncode == 0, again.stderr
    assert "images: 2 unchanged;" not in again.stdout


def test_a_file_that_could_not_be_opened_is_tried_again(tmp_path: Path, root: Path) -> None:
    write_series(root / "T2", SeriesDescription="T2", SeriesInstanceUID="1.5")
    write_nifti(root / "t1.nii.gz")
    files = files_below(root)
    contents = {path: (Path(path).read_bytes(), Path(path).stat()) for path in files}
    for path in files:
        Path(path).unlink()

    def read() -> tuple[set[bool], bool]:
        known = KnownFiles(tmp_path / "cache", "name")
        reader = FolderReader(root, files, ProcessWorkers(1), known)
        found = reader.checked(list(reader.series(read_rules())))
        return {one.fault is None for one in found.values()}, known.complete

    assert read() == ({False}, False)
    for path, (content, status) in contents.items():
        Path(path).write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read() == ({True}, True)
