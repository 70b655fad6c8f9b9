import json
from typing import Any, Literal

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
import torch
from pydantic import ValidationError

from selip_pretrain.volumes.preprocess import (
    HEAD_HEIGHT_MM,
    VolumeRecipe,
    grid_of,
    prepare,
    prepare_mask,
    prepare_on,
    put_back,
)
from selip_pretrain.volumes.read_volume import Volume, VolumeError
from tests.pretrain.volumes.interpolation import interpolated

# nibabel is typed in part
nibabel: Any = nib

Voxels = npt.NDArray[np.float32]
SMALL = VolumeRecipe(shape=(12, 32, 32))
RADII_MM = np.array([70.0, 95, 75])
# One lamp in the head for each end of the axes that the recipe names, in mm to the right, front and top
LAMPS_MM = {"left": (-45, 0, 0), "front": (0, 60, 0), "top": (0, 0, 45)}


def head(
    spacing_mm: tuple[float, float, float] = (2, 2, 4),
    field_mm: tuple[float, float, float] = (200, 240, 190),
    lamp: tuple[float, ...] | None = None,
    neck_mm: float = 0,
) -> Volume:
    """An ellipsoid in RAS+ around the middle of the field, over dim noise; the neck is a column below it."""
    shape = np.round(np.array(field_mm) / spacing_mm).astype(int)
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = -(shape - 1) / 2 * spacing_mm
    positions = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1) * spacing_mm + affine[:3, 3]
    voxels = np.random.default_rng(0).random(shape) * 20
    voxels[np.linalg.norm(positions / RADII_MM, axis=-1) < 1] += 400
    column = (
        (np.linalg.norm(positions[..., :2], axis=-1) < 50) & (positions[..., 2] < 0) & (positions[..., 2] > -neck_mm)
    )
    voxels[column] = 400
    if lamp is not None:
        voxels[np.linalg.norm(positions - lamp, axis=-1) < 18] = 1000
    return Volume(voxels.astype(np.float32), affine)


def turned(volume: Volume, axes: str) -> Volume:
    """The same volume as a file would hold it whose axes point so."""
    ways = nibabel.orientations
    way = ways.ornt_transform(ways.io_orientation(volume.affine), ways.axcodes2ornt(axes))
    moved = nibabel.Nifti1Image(volume.voxels, volume.affine).as_reoriented(way)
    return Volume(np.ascontiguousarray(moved.get_fdata(dtype=np.float32)), np.asarray(moved.affine))


def world_mm(shape: tuple[int, ...], affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where each voxel lies in the patient, (X, Y, Z, 3)."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1)
    return np.asarray(index @ affine[:3, :3].T + affine[:3, 3])


def brightest(image: Voxels) -> list[float]:
    """Where the brightest voxels lie along each axis, from 0 to 1."""
    return [float(axis.mean()) / (n - 1) for axis, n in zip(np.nonzero(image > 0.9), image.shape, strict=True)]


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PSR", "ASL", "IRP"])
@pytest.mark.parametrize(("name", "axis", "end"), [("left", 2, 1), ("front", 1, 0), ("top", 0, 1)])
def test_however_the_file_lies_the_head_lies_as_it_is_shown(axes: str, name: str, axis: int, end: int) -> None:
    image = prepare(turned(head(lamp=LAMPS_MM[name]), axes), SMALL)[0].numpy()
    positions = brightest(image)
    assert abs(positions.pop(axis) - end) < 0.35
    assert positions == pytest.approx([0.5, 0.5], abs=0.06)


def test_a_voxel_is_interpolated_between_those_of_the_file_scaled_by_their_percentiles() -> None:
    volume = turned(head((3, 3, 5)), "PSR")
    recipe = VolumeRecipe(shape=(20, 40, 40), spacing_mm=(4.5, 2.9, 2.9), percentiles=(1, 95))
    low, high = np.quantile(volume.voxels.astype(np.float64), [0.01, 0.95])
    scaled = np.clip((volume.voxels - low) / (high - low), 0, 1)
    to_file = np.linalg.inv(volume.affine) @ grid_of(volume, recipe).affine
    positions = np.indices(recipe.shape).reshape(3, -1)
    expected = interpolated(scaled, to_file[:3, :3] @ positions + to_file[:3, 3:])
    assert prepare(volume, recipe).numpy().ravel() == pytest.approx(expected, abs=1e-4)


def test_the_head_fills_the_grid_whatever_field_was_scanned() -> None:
    narrow = prepare(head(), SMALL).numpy()
    wide = prepare(head(field_mm=(300, 300, 230)), SMALL).numpy()
    finer = prepare(head(spacing_mm=(1.5, 1.5, 3), field_mm=(260, 260, 200)), SMALL).numpy()
    for other in (wide, finer):
        assert np.corrcoef(narrow.ravel(), other.ravel())[0, 1] > 0.97
    grid = grid_of(head(), SMALL)
    assert np.linalg.norm(grid.affine[:3, :3], axis=0) * SMALL.shape == pytest.approx([140, 190, 190], abs=12)


@pytest.mark.parametrize("padding", [16, 60])
def test_empty_planes_around_the_head_change_nothing(padding: int) -> None:
    volume = head()
    affine = volume.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ [padding, padding, 0]
    padded = Volume(np.pad(volume.voxels, ((padding, padding), (padding, padding), (0, 0))), affine)
    np.testing.assert_allclose(prepare(padded, SMALL), prepare(volume, SMALL), atol=1e-4)


def test_neither_bright_tissue_nor_what_lies_beside_the_head_moves_the_crop() -> None:
    plain = head(spacing_mm=(2, 2, 4), field_mm=(240, 260, 200))
    positions = world_mm(plain.voxels.shape, plain.affine)
    radius = np.linalg.norm(positions / RADII_MM, axis=-1)
    fat, eyes, noise, ghost = (plain.voxels.copy() for _ in range(4))
    fat[(radius > 0.93) & (radius < 1)] = 1600
    for right_mm in (-32, 32):
        eyes[np.linalg.norm(positions - (right_mm, 75, -25), axis=-1) < 13] = 2500
    noise += np.abs(np.random.default_rng(1).normal(0, 100, noise.shape))
    ghost[:6, :6] = 900
    ghost[:, -2:] = 300
    expected = grid_of(plain, SMALL).affine
    for changed in (fat, eyes, noise, ghost):
        found = grid_of(Volume(changed.astype(np.float32), plain.affine), SMALL).affine
        middle = np.append((np.array(SMALL.shape) - 1) / 2, 1)
        assert (found @ middle)[:3] == pytest.approx((expected @ middle)[:3], abs=4)
        sizes = [np.linalg.norm(affine[:3, :3], axis=0) * SMALL.shape for affine in (found, expected)]
        assert sizes[0] == pytest.approx(sizes[1], abs=9)


def test_a_neck_takes_no_slices_of_the_head() -> None:
    grid = grid_of(head(field_mm=(200, 240, 400), neck_mm=190), SMALL)
    assert np.linalg.norm(grid.affine[:3, 0]) * SMALL.shape[0] == pytest.approx(HEAD_HEIGHT_MM)
    top = grid.affine @ [SMALL.shape[0] - 0.5, 0, 0, 1]
    assert top[2] == pytest.approx(RADII_MM[2], abs=6)


def test_no_slice_is_passed_over_where_the_grid_is_coarser() -> None:
    striped = head(spacing_mm=(2, 2, 2))
    striped.voxels[:, :, ::2] = 0
    image = prepare(striped, VolumeRecipe(shape=(16, 32, 32)))[0].numpy()
    middle = image[4:12, 12:20, 12:20]
    assert middle.min() > 0.3
    assert middle.max() < 0.7


def test_outside_of_what_was_scanned_there_is_nothing() -> None:
    image = prepare(head(field_mm=(120, 120, 120)), VolumeRecipe(shape=(16, 40, 40), spacing_mm=(12, 6, 6)))[0].numpy()
    assert image[[0, -1]].max() == 0
    assert image[:, [0, -1]].max() == 0
    assert image[8, 20, 20] > 0.5


def test_a_volume_that_shows_nothing_is_refused() -> None:
    voxels = np.zeros((40, 40, 40), np.float32)
    voxels[3, 3, 3] = 1
    with pytest.raises(VolumeError, match="nearly every voxel is 0") as refused:
        prepare(Volume(voxels, np.eye(4)), SMALL)
    assert refused.value.reason == "damaged"


def test_a_mask_stays_on_what_it_marks() -> None:
    volume = head(lamp=LAMPS_MM["left"])
    mask = turned(Volume((volume.voxels > 900).astype(np.float32) * 3, volume.affine), "PSR")
    marked = prepare_mask(mask, grid_of(volume, SMALL)).numpy()
    assert set(np.unique(marked)) == {0, 3}
    assert prepare(volume, SMALL).numpy()[marked == 3].mean() > 0.7
    assert brightest(marked[0]) == pytest.approx(brightest(prepare(volume, SMALL)[0].numpy()), abs=0.04)


def test_another_volume_of_a_study_is_put_on_the_same_grid() -> None:
    first, second = head(lamp=LAMPS_MM["top"]), turned(head(field_mm=(200, 240, 120), lamp=LAMPS_MM["top"]), "PSR")
    grid = grid_of(first, SMALL)
    np.testing.assert_array_equal(prepare_on(first, grid, SMALL), prepare(first, SMALL))
    lamp, on_own_grid = brightest(prepare(first, SMALL)[0].numpy()), brightest(prepare(second, SMALL)[0].numpy())
    assert brightest(prepare_on(second, grid, SMALL)[0].numpy()) == pytest.approx(lamp, abs=0.02)
    assert on_own_grid != pytest.approx(lamp, abs=0.02)


@pytest.mark.parametrize("axes", ["RAS", "PSR"])
def test_what_is_put_back_lies_where_it_came_from(axes: str) -> None:
    file = turned(head(), axes)
    grid = grid_of(file, SMALL)
    on_grid = np.moveaxis(world_mm(grid.shape, grid.affine), -1, 0)
    again = put_back(torch.from_numpy(on_grid.astype(np.float32)), grid, file).numpy()
    positions = np.moveaxis(world_mm(file.voxels.shape, file.affine), -1, 0)
    within = np.abs(positions / RADII_MM[:, None, None, None]).max(0) < 0.8
    np.testing.assert_allclose(again[:, within], positions[:, within], atol=0.01)
    assert not again[:, np.abs(positions[2]) > 85].any()


def test_what_is_recorded_of_a_recipe_makes_it_again() -> None:
    recipe = VolumeRecipe(shape=(8, 16, 16), spacing_mm=(6, 2, 2), percentiles=(1, 99))
    again = VolumeRecipe.model_validate_json(json.dumps(json.loads(recipe.model_dump_json())))
    assert again == recipe
    assert again.key == recipe.key


def test_every_part_of_a_recipe_changes_its_key() -> None:
    recipe = VolumeRecipe()
    others = [{"shape": (24, 256, 128)}, {"spacing_mm": (6, 1, 1)}, {"percentiles": (0.1, 99.8)}, {"version": 1}]
    keys = {recipe.key, *(VolumeRecipe.model_validate(other).key for other in others)}
    assert len(keys) == 1 + len(others)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (0, 8, 8)},
        {"percentiles": (50, 50)},
        {"percentiles": (-1, 99)},
        {"spacing_mm": (6, 1, 2)},
        {"spacing_mm": (6, 0, 0)},
        {"version": 3},
        {"crop": 1},
    ],
)
def test_an_impossible_recipe_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VolumeRecipe.model_validate(wrong)


@pytest.mark.parametrize("version", [1, 2])
def test_what_a_version_makes_of_a_volume_stays(version: Literal[1, 2]) -> None:
    image = prepare(head(lamp=LAMPS_MM["left"]), VolumeRecipe(shape=(4, 6, 6), version=version))[0].double()
    found = [image.mean().item(), image.std().item(), image[2, 3, 4].item(), image[1, 1, 2].item()]
    assert found == pytest.approx([0.1631, 0.1424, 0.4165, 0.3977], abs=1e-3), (
        "whoever changes this on purpose raises the version"
    )
