import shutil
from contextlib import closing
from pathlib import Path

import pytest

from selip_contracts.database_file import read_store
from selip_shared.errors import SelipError
from tests.pretrain.image_files import voxels, write_nifti, write_series
from tests.pretrain.scan.scanned_folder import Found, add_reports


def test_again_only_what_changed_changes(root: Path, db: Path) -> None:
    for study in ("a", "b", "c"):
        write_nifti(root / study / "t1.nii.gz")
    write_nifti(root / "a" / "unknown.nii.gz")
    write_series(root / "d", SeriesInstanceUID="1", SeriesDescription="T2")
    first = Found(root, db)
    assert first.changes == {"new": 5}
    again = Found(root, db)
    assert again.changes == {"unchanged": 5}
    assert again.images == first.images
    add_reports(db, "c")
    write_nifti(root / "b" / "t1.nii.gz", voxels(seed=5))
    shutil.rmtree(root / "a")
    third = Found(root, db)
    assert third.changes == {"changed": 2, "unchanged": 1, "gone": 2}
    assert third.images["c/t1.nii.gz"]["report_id"] == "c"
    assert third.images["b/t1.nii.gz"]["content_hash"] != first.images["b/t1.nii.gz"]["content_hash"]
    assert third.images["1"] == first.images["1"]


def test_an_empty_folder_takes_nothing_away(root: Path, db: Path) -> None:
    write_nifti(root / "a" / "t1.nii.gz")
    Found(root, db)
    shutil.rmtree(root / "a")
    (root / "readme.txt").write_text("the disk is not mounted")
    with pytest.raises(SelipError, match="There is no image"):
        Found(root, db)
    with closing(read_store(db)) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchall() == [(1,)]


def test_images_of_another_folder_are_not_lost(tmp_path: Path, root: Path, db: Path) -> None:
    write_nifti(root / "a" / "t1.nii.gz")
    Found(root, db)
    other = tmp_path / "other"
    write_nifti(other / "b" / "t1.nii.gz")
    with pytest.raises(SelipError, match="scan a folder that holds both"):
        Found(other, db)
    shutil.rmtree(root)
    assert Found(other, db).changes == {"new": 1, "gone": 1}
