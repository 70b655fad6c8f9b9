import gzip
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import RLELossless, generate_uid

from selip_pretrain.volumes.read_volume import Slice, VolumeError, read_mask, read_volume, stack
from tests.pretrain.image_files import (
    AFFINE,
    nifti_image,
    voxels,
    write_enhanced,
    write_nifti,
    write_series,
    write_slice,
)


def refused(files: list[Path], source: str) -> VolumeError:
    with pytest.raises(VolumeError) as caught:
        read_volume(files, "dicom" if source == "dicom" else "nifti")
    return caught.value


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_has_its_voxels_and_affine(tmp_path: Path, name: str) -> None:
    volume = read_volume([write_nifti(tmp_path / name)], "nifti")
    assert volume.voxels.dtype == np.float32
    assert volume.voxels.flags.writeable
    np.testing.assert_array_equal(volume.voxels, voxels())
    np.testing.assert_array_equal(volume.affine, AFFINE)


def test_nifti_scale_of_the_header_and_further_axes_of_one(tmp_path: Path) -> None:
    image = nifti_image(voxels()[..., None], AFFINE)
    image.header.set_slope_inter(0.5, 7)
    nib.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(read_volume([tmp_path / "a.nii"], "nifti").voxels, voxels() * 0.5 + 7)


def test_nifti_2(tmp_path: Path) -> None:
    image: Any = nib.Nifti2Image
    nib.save(image(voxels(), AFFINE), tmp_path / "a.nii")
    np.testing.assert_array_equal(read_volume([tmp_path / "a.nii"], "nifti").voxels, voxels())


@pytest.mark.parametrize(
    ("shape", "said"), [((7, 8), "7×8"), ((7, 8, 1), "7×8×1"), ((7, 8, 9, 2), "7×8×9×2")], ids=["2D", "slice", "4D"]
)
def test_not_three_dimensional(tmp_path: Path, shape: tuple[int, ...], said: str) -> None:
    error = refused([write_nifti(tmp_path / "a.nii.gz", voxels(shape))], "nifti")
    assert error.reason == "not_3d"
    assert said in error.detail


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_number(tmp_path: Path, value: float) -> None:
    data = voxels().astype(np.float32)
    data[3, 4, 5] = value
    error = refused([write_nifti(tmp_path / "a.nii.gz", data)], "nifti")
    assert error.reason == "not_finite"
    assert "1 voxels" in error.detail


def test_an_empty_volume_is_never_taken(tmp_path: Path) -> None:
    assert refused([write_nifti(tmp_path / "a.nii.gz", np.zeros((7, 8, 9), np.int16))], "nifti").reason == "damaged"
    assert refused(write_series(tmp_path / "s", np.zeros((7, 8, 9), np.int16)), "dicom").reason == "damaged"


def test_without_left_and_right(tmp_path: Path) -> None:
    error = refused([write_nifti(tmp_path / "a.nii.gz", affine=None)], "nifti")
    assert error.reason == "damaged"
    assert "left and right" in error.detail


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@given(data=st.data())
def test_a_truncated_nifti_is_noticed_wherever_it_ends(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    path = write_nifti(tmp_path_factory.mktemp("cut") / name)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert refused([path], "nifti").reason == "damaged"


def test_a_changed_byte_of_a_compressed_nifti_is_noticed(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert refused([path], "nifti").reason == "damaged"


@given(offset=st.integers(0, 347), value=st.integers(0, 255))
def test_no_header_does_more_than_be_refused(tmp_path_factory: pytest.TempPathFactory, offset: int, value: int) -> None:
    path = write_nifti(tmp_path_factory.mktemp("header") / "a.nii")
    content = bytearray(path.read_bytes())
    content[offset] = value
    path.write_bytes(content)
    with suppress(VolumeError):
        assert np.isfinite(read_volume([path], "nifti").voxels).all()


def test_files_that_are_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_text("no image")
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(b"no image either" * 100))
    (tmp_path / "IM1").write_bytes(b"\0" * 128 + b"DICMgarbage")
    for path, source in (
        ("a.nii", "nifti"),
        ("b.nii.gz", "nifti"),
        ("IM1", "dicom"),
        ("gone", "nifti"),
        ("go", "dicom"),
    ):
        assert refused([tmp_path / path], source).reason == "damaged", path


def test_dicom_slices_are_sorted_by_place_and_lie_as_the_nifti(tmp_path: Path) -> None:
    files = write_series(tmp_path)
    for shuffled in (files, files[::-1], files[3:] + files[:3]):
        volume = read_volume(shuffled, "dicom")
        np.testing.assert_array_equal(volume.voxels, voxels())
        # LPS to RAS: what the file calls (-10, 20, 30) is (10, -20, 30) here, and the x and y axes turn round.
        np.testing.assert_allclose(
            volume.affine, np.array([[-1, 0, 0, 10], [0, -1.5, 0, -20], [0, 0, 5, 30], [0, 0, 0, 1]])
        )


def test_an_oblique_series(tmp_path: Path) -> None:
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    directions = (*turn[:, 0], *turn[:, 1])
    series = generate_uid()
    files = [
        write_slice(
            tmp_path / f"{z}",
            voxels()[:, :, z].T,
            turn @ (3.0, 4.0, 5.0 * z),
            SeriesInstanceUID=series,
            ImageOrientationPatient=list(directions),
        )
        for z in range(9)
    ]
    affine = read_volume(files, "dicom").affine
    corner = affine @ (6, 7, 8, 1)
    np.testing.assert_allclose(corner[:3], np.diag([-1, -1, 1]) @ turn @ (3.0 + 6, 4 + 7 * 1.5, 40.0), atol=1e-4)


def test_dicom_values_are_rescaled_and_bright_is_high(tmp_path: Path) -> None:
    files = write_series(tmp_path / "a", RescaleSlope=2, RescaleIntercept=-5)
    np.testing.assert_array_equal(read_volume(files, "dicom").voxels, voxels() * 2 - 5)
    files = write_series(tmp_path / "b", PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read_volume(files, "dicom").voxels, -voxels())


def test_an_enhanced_file_is_a_volume(tmp_path: Path) -> None:
    volume = read_volume([write_enhanced(tmp_path / "e", voxels())], "dicom")
    np.testing.assert_array_equal(volume.voxels, voxels() * 2 - 3)
    np.testing.assert_allclose(volume.affine[:3, 3], (10, -20, 30))


def test_compressed_dicom(tmp_path: Path) -> None:
    files = write_series(tmp_path)
    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.compress(RLELossless)
        dataset.save_as(file)
    np.testing.assert_array_equal(read_volume(files, "dicom").voxels, voxels())


def test_a_missing_slice(tmp_path: Path) -> None:
    files = write_series(tmp_path)
    error = refused([*files[:4], *files[5:]], "dicom")
    assert error.reason == "missing_slice"
    assert "5.00 to 10.00 mm" in error.detail


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: write_series(folder)[:1], "not_3d"),
        (lambda folder: write_series(folder / "a") + write_series(folder / "b"), "not_3d"),
        (lambda folder: write_series(folder, ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), "not_3d"),
        (lambda folder: write_series(folder, ImagePositionPatient=None), "damaged"),
        (lambda folder: write_series(folder, PixelSpacing=[0, 0]), "damaged"),
        (lambda folder: write_series(folder, ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "damaged"),
        (lambda folder: write_series(folder)[:-1] + write_series(folder / "b", voxels((9, 9, 9)))[-1:], "not_3d"),
        (lambda folder: write_series(folder, NumberOfFrames=3), "not_3d"),
    ],
    ids=["one slice", "each twice", "mosaic", "no position", "no size", "parallel axes", "other size", "frames"],
)
def test_series_that_are_no_volume(tmp_path: Path, spoil: Callable[[Path], list[Path]], reason: str) -> None:
    assert refused(spoil(tmp_path), "dicom").reason == reason


def test_truncated_pixels_of_dicom(tmp_path: Path) -> None:
    files = write_series(tmp_path)
    files[2].write_bytes(files[2].read_bytes()[:-10])
    assert refused(files, "dicom").reason == "damaged"


@given(
    st.permutations(range(12)),
    st.floats(0.5, 9),
    st.tuples(*[st.floats(-300, 300)] * 3),
    st.floats(0, 2 * np.pi),
)
def test_a_stack_is_found_again(order: list[int], step: float, origin: tuple[float, ...], angle: float) -> None:
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    positions = [tuple(np.array(origin) + turn @ (0, 0, step * k)) for k in order]
    directions = (*turn[:, 0], *turn[:, 1])
    found, affine = stack([Slice(place, directions, (1.0, 1.0), (4, 4)) for place in positions])
    assert [order[index] for index in found] == list(range(12))
    np.testing.assert_allclose(np.linalg.norm(affine[:3, 2]), step, rtol=1e-6)


def test_an_error_says_what_to_do_and_crosses_processes() -> None:
    error = pickle.loads(pickle.dumps(VolumeError("not_3d", "a.nii has the shape 7×8")))
    assert error.reason == "not_3d"
    assert "7×8" in str(error)
    assert "selip-scan" in str(error)


def test_a_mask_may_be_empty_but_holds_numbers(tmp_path: Path) -> None:
    empty = read_mask(write_nifti(tmp_path / "empty.nii.gz", np.zeros((7, 8, 9), np.uint8)))
    assert empty.voxels.max() == 0
    np.testing.assert_array_equal(empty.affine, AFFINE)
    with pytest.raises(VolumeError, match="504 voxels that are NaN or infinite"):
        read_mask(write_nifti(tmp_path / "nan.nii.gz", np.full((7, 8, 9), np.nan, np.float32)))
