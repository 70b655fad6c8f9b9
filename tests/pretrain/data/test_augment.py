import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from selip_contracts.findings import Finding, Study
from selip_contracts.statements import NORMAL_TEXT, study_text
from selip_contracts.vocabulary import MODALITIES, Modality, Side
from selip_pretrain.data.augment import (
    ELASTIC_KNOTS,
    ELASTIC_STD,
    MAX_ROTATION,
    Augmentation,
    AugmentationRecipe,
    augmented,
    draw_augmentation,
    mirrored,
    mirrored_image,
)
from tests.pretrain.volumes.interpolation import interpolated

OTHER: dict[Side | None, Side | None] = {"左侧": "右侧", "右侧": "左侧", "双侧": "双侧", None: None}
STILL = torch.zeros(2, ELASTIC_KNOTS, ELASTIC_KNOTS)
NOTHING = Augmentation(zoom=1, rotation=0, gamma=1, intensity=1, displacements=STILL)


def volume(shape: tuple[int, int, int] = (7, 20, 26)) -> Tensor:
    return torch.rand((1, *shape), generator=torch.Generator().manual_seed(0))


def naive(image: Tensor, changes: Augmentation) -> npt.NDArray[np.float64]:
    """Where each voxel comes from, in three dimensions and double precision, without displacements."""
    voxels = (image[0].double().numpy() ** changes.gamma) * changes.intensity
    middle = (np.array(voxels.shape) - 1)[:, None] / 2
    depth, height, width = (np.indices(voxels.shape).reshape(3, -1) - middle) / changes.zoom
    cosine, sine = math.cos(changes.rotation), math.sin(changes.rotation)
    positions = np.stack([depth, sine * width + cosine * height, cosine * width - sine * height]) + middle
    return interpolated(voxels, positions).reshape(image.shape)


@pytest.mark.parametrize(
    "changes",
    [
        NOTHING,
        NOTHING._replace(zoom=1.1),
        NOTHING._replace(zoom=0.9),
        NOTHING._replace(rotation=0.53),
        NOTHING._replace(rotation=-0.2),
        NOTHING._replace(gamma=1.1),
        NOTHING._replace(intensity=0.9),
        Augmentation(zoom=0.93, rotation=0.4, gamma=0.9, intensity=1.1, displacements=STILL),
    ],
)
def test_a_volume_is_zoomed_turned_and_scaled_in_one_interpolation(changes: Augmentation) -> None:
    image = volume()
    assert augmented(image, changes).numpy() == pytest.approx(naive(image, changes), abs=1e-4)


def test_bends_move_voxels_smoothly_and_alike_in_all_slices() -> None:
    slope = torch.linspace(0.2, 0.7, 64).expand(1, 3, 64, 64).contiguous()
    displacements = torch.from_numpy(
        np.random.default_rng(1).normal(0, 2 * ELASTIC_STD, (2, ELASTIC_KNOTS, ELASTIC_KNOTS))
    ).float()
    moved = augmented(slope, NOTHING._replace(displacements=displacements))[0, :, 8:-8, 8:-8]
    assert torch.allclose(moved[0], moved[1])
    shift = (moved[0] - slope[0, 0, 8:-8, 8:-8]).numpy() / (0.5 / 63)
    knots = np.indices((64, 64)).reshape(2, -1) / 63 * (ELASTIC_KNOTS - 1)
    wanted = interpolated(displacements[0].double().numpy() * 32, knots).reshape(64, 64)[8:-8, 8:-8]
    assert np.abs(shift).max() > 0.5
    assert np.corrcoef(shift.ravel(), wanted.ravel())[0, 1] > 0.95


def test_a_turned_head_keeps_its_form_where_height_and_width_differ() -> None:
    image = torch.zeros(1, 3, 40, 60)
    image[0, 1, 20, 42] = 1
    turned = augmented(image, NOTHING._replace(rotation=0.5))[0, 1].numpy()
    row, column = np.unravel_index(turned.argmax(), turned.shape)
    assert math.hypot(row - 19.5, column - 29.5) == pytest.approx(math.hypot(0.5, 12.5), abs=0.8)


@given(st.integers(0, 2**32))
def test_changes_are_drawn_within_their_ranges(seed: int) -> None:
    drawn = draw_augmentation(np.random.default_rng(seed), AugmentationRecipe())
    assert all(0.9 <= value <= 1.1 for value in (drawn.zoom, drawn.gamma, drawn.intensity))
    assert abs(drawn.rotation) <= MAX_ROTATION
    assert drawn.displacements.abs().max() < 2 * ELASTIC_STD * 6
    changed = augmented(volume((2, 8, 8)), drawn)
    assert changed.min() >= 0
    assert changed.max() <= 1.1


def test_each_augmentation_has_its_probability() -> None:
    recipe = AugmentationRecipe(probability=0.2, elastic_probability=0.1, zoom_in_depth=False)
    drawn = [draw_augmentation(np.random.default_rng(seed), recipe) for seed in range(4000)]
    changed = np.array(
        [
            (one.zoom != 1, one.rotation != 0, one.gamma != 1, one.intensity != 1, bool(one.displacements.any()))
            for one in drawn
        ]
    )
    assert changed.mean(0) == pytest.approx([0.2, 0.2, 0.2, 0.2, 0.1], abs=0.02)
    assert np.mean([one.changes_nothing() for one in drawn]) == pytest.approx(0.8**4 * 0.9, abs=0.02)
    assert {one.zoom_in_depth for one in drawn} == {False}
    always = draw_augmentation(np.random.default_rng(7), AugmentationRecipe())
    assert all(one.zoom in (1, always.zoom) for one in drawn[7:8])


def test_without_zoom_in_depth_slices_stay_apart() -> None:
    image = torch.zeros(1, 5, 16, 16)
    image[:, 1] = 1
    zoomed = augmented(image, NOTHING._replace(zoom=1.1, zoom_in_depth=False))
    assert zoomed[0, :, 8, 8].tolist() == pytest.approx([0, 1, 0, 0, 0])
    assert augmented(image, NOTHING) is image


def test_a_mirror_exchanges_left_and_right_alone() -> None:
    image = volume()
    assert torch.equal(mirrored_image(image)[..., 0], image[..., -1])
    assert torch.equal(mirrored_image(mirrored_image(image)), image)


def in_a_mirror(finding: Finding) -> Finding:
    return finding.model_copy(update={"side": OTHER[finding.side]})


@given(st.from_type(Study), st.sampled_from(MODALITIES))
def test_the_mirrored_text_is_the_text_of_the_mirrored_study(study: Study, modality: Modality) -> None:
    text = study_text(study, modality)
    if text is None:
        return
    other = study.model_copy(update={"findings": tuple(map(in_a_mirror, study.findings))})
    assert mirrored(text) == study_text(other, modality)
    assert mirrored(mirrored(text)) == text


@given(st.lists(st.sampled_from(["在", "左侧", "右侧", "双侧", "，", "额叶", "表现为", "左", "高信号"])).map("".join))
def test_a_mirror_of_any_text_is_its_own_inverse(text: str) -> None:
    assert mirrored(mirrored(text)) == text


def test_only_the_side_of_a_statement_is_exchanged() -> None:
    assert (
        mirrored("在左侧额叶表现为高信号，在双侧枕叶表现为低信号") == "在右侧额叶表现为高信号，在双侧枕叶表现为低信号"
    )
    assert mirrored(NORMAL_TEXT) == NORMAL_TEXT
