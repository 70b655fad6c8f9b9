"""Four-dimensional diffusion NIfTI with .bval and .bvec files, as dcm2niix writes it."""

from pathlib import Path

import numpy as np
import pytest

from selip_pretrain.scan.nifti_series import nifti_series
from selip_pretrain.scan.sequence_rules import read_rules
from selip_pretrain.scan.thumbnail import thumbnail, thumbnail_task
from selip_pretrain.volumes.read_volume import VolumeError, read_volume
from tests.pretrain.image_files import voxels, write_nifti
from tests.pretrain.scan.scanned_folder import Found, add_reports

AFFINE = np.diag([2.0, 2.0, 20.0, 1.0])


def write_diffusion(path: Path, b_values: str, b_vectors: str | None = None, volumes: int | None = None) -> list[Path]:
    """The file, with as many volumes as b-values unless `volumes` says otherwise."""
    count = len(b_values.split()) if volumes is None else volumes
    data = np.stack([voxels(seed=index) for index in range(count)], axis=-1)
    write_nifti(path, data, AFFINE)
    stem = path.name.removesuffix(".nii.gz")
    path.with_name(f"{stem}.bval").write_text(b_values)
    if b_vectors is not None:
        path.with_name(f"{stem}.bvec").write_text(b_vectors)
    return [path]


def test_the_weighted_volume_is_the_dwi(root: Path, db: Path) -> None:
    files = write_diffusion(root / "R1" / "dwi.nii.gz", "0 1000")
    add_reports(db, "R1")
    found = Found(root, db)
    assert found.sequences == {"R1/dwi.nii.gz volume 1 b=1000": "DWI"}
    assert found.reasons == {"R1/dwi.nii.gz volume 0 b=0": "other_sequence"}
    row = found.images["R1/dwi.nii.gz volume 1 b=1000"]
    assert row["frames"] == [1]
    assert row["shape"] == [7, 8, 9]
    assert row["report_id"] == "R1"
    assert (read_volume(files, "nifti", row["frames"]).voxels == voxels(seed=1)).all()
    assert Found(root, db).changes == {"unchanged": 2}


def test_of_several_shells_the_one_nearest_to_1000_is_used(root: Path, db: Path) -> None:
    write_diffusion(root / "R1" / "dwi.nii.gz", "5 2000 995")
    found = Found(root, db)
    assert found.sequences == {"R1/dwi.nii.gz volume 2 b=1000": "DWI"}
    assert found.reasons["R1/dwi.nii.gz volume 1 b=2000"] == "second_series"


@pytest.mark.parametrize("b_vectors", ["0 1 0 0 0\n0 0 1 0 0\n0 0 0 1 0\n", "0 0 0\n1 0 0\n0 1 0\n0 0 1\n0 0 0\n"])
def test_the_trace_among_directions_is_the_dwi(root: Path, db: Path, b_vectors: str) -> None:
    write_diffusion(root / "R1" / "dwi.nii.gz", "0 1000 1000 1000 1000", b_vectors)
    found = Found(root, db)
    assert found.sequences == {"R1/dwi.nii.gz volume 4 b=1000": "DWI"}


def test_directions_without_a_trace_are_set_aside(root: Path, db: Path) -> None:
    write_diffusion(root / "R1" / "dwi.nii.gz", "0 1000 1000 1000", "0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    found = Found(root, db)
    assert found.sequences == {}
    excluded = found.aside["R1/dwi.nii.gz b=1000"]
    assert excluded["reason"] == "not_3d"
    assert "3 volumes of b=1000" in excluded["detail"]
    assert "trace image" in excluded["detail"]


@pytest.mark.parametrize("volumes", [2, 4])
def test_b_values_of_another_file_decide_nothing(root: Path, db: Path, volumes: int) -> None:
    write_diffusion(root / "R1" / "dwi.nii.gz", "0 1000 2000", volumes=volumes)
    found = Found(root, db)
    assert found.reasons == {"R1/dwi.nii.gz": "not_3d"}
    assert f"holds {volumes} volumes" in found.aside["R1/dwi.nii.gz"]["detail"]


def test_a_file_of_one_volume_with_the_b_values_of_its_series(root: Path, db: Path) -> None:
    write_diffusion(root / "R1" / "dwi.nii.gz", "0 1000", volumes=1)
    assert Found(root, db).sequences == {"R1/dwi.nii.gz": "DWI"}


def test_a_manifest_names_the_file(root: Path, db: Path, tmp_path: Path) -> None:
    write_diffusion(root / "any" / "dwi.nii.gz", "0 1000")
    add_reports(db, "R1")
    manifest = tmp_path / "studies.csv"
    manifest.write_text("study,report_id\nany/dwi.nii.gz,R1\n")
    found = Found(root, db, manifest)
    assert found.images["any/dwi.nii.gz volume 1 b=1000"]["report_id"] == "R1"


def test_the_picture_is_of_the_volume(root: Path) -> None:
    (path,) = write_diffusion(root / "R1" / "dwi.nii.gz", "0 1000")
    pictures = {thumbnail(thumbnail_task(series)) for series in nifti_series(root, path, read_rules())}
    assert None not in pictures
    assert len(pictures) == 2


def test_a_volume_that_a_shorter_file_no_longer_has(root: Path) -> None:
    files = write_diffusion(root / "R1" / "dwi.nii.gz", "0 1000")
    with pytest.raises(VolumeError, match="fewer volumes"):
        read_volume(files, "nifti", [2])
