import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics.meandice import compute_dice
from scipy.ndimage import binary_erosion

from selip_downstream.evaluation.tasks import Metric
from selip_downstream.segmentation.metrics import ABSENT_MM, dice, hd95, region_dice, region_scores

Mask = npt.NDArray[np.bool_]
SPACING = (1.0, 2.0, 0.5)


def blob(seed: int, share: float, shape: tuple[int, ...] = (7, 6, 8)) -> Mask:
    return np.random.default_rng(seed).random(shape) < share


def surface_mm(mask: Mask) -> npt.NDArray[np.float64]:
    edge = mask & ~binary_erosion(mask)
    return np.asarray(np.argwhere(edge) * np.array(SPACING))


def brute_hd95(one: Mask, other: Mask) -> float:
    """Every surface voxel against every other in float64."""
    first, second = surface_mm(one), surface_mm(other)
    distances = np.linalg.norm(first[:, None] - second[None], axis=-1)
    return float(max(np.quantile(distances.min(1), 0.95), np.quantile(distances.min(0), 0.95)))


@given(st.integers(0, 10_000), st.floats(0.02, 0.9), st.floats(0.02, 0.9))
@settings(max_examples=30, deadline=None)
def test_the_hausdorff_distance_is_that_of_all_pairs(seed: int, share: float, other: float) -> None:
    one, two = blob(seed, share), blob(seed + 1, other)
    one[3, 3, 3] = two[2, 3, 4] = True
    assert hd95(one, two, SPACING) == pytest.approx(brute_hd95(one, two), abs=1e-4)


@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_dice_is_that_of_monai_where_monai_defines_it(seed: int, share: float, other: float) -> None:
    one, two = blob(seed, share), blob(seed + 1, other)
    first, second = (torch.from_numpy(mask)[None, None].float() for mask in (one, two))
    theirs = float(compute_dice(first, second, ignore_empty=False))
    assert dice(one, two) == pytest.approx(theirs, abs=1e-6)


def test_empty_regions_count_by_the_rule_of_brats() -> None:
    nothing, something = np.zeros((4, 4, 4), bool), np.zeros((4, 4, 4), bool)
    something[1, 2, 1] = True
    assert (dice(nothing, nothing), hd95(nothing, nothing, SPACING)) == (1.0, 0.0)
    for one, other in ((nothing, something), (something, nothing)):
        assert (dice(one, other), hd95(one, other, SPACING)) == (0.0, ABSENT_MM)
    assert (dice(something, something), hd95(something, something, SPACING)) == (1.0, 0.0)
    assert pytest.approx(np.linalg.norm([240, 240, 155]), abs=1e-3) == ABSENT_MM


def test_regions_are_scored_from_their_labels() -> None:
    true = np.zeros((6, 6, 6), np.uint8)
    true[1:5, 1:5, 1:5] = 2
    true[2:4, 2:4, 2:4] = 1
    predicted = true.copy()
    predicted[2, 2, 2] = 3
    predicted[1, 1, 1] = 0
    scores = region_scores(predicted, true, (1, 1, 1))
    assert scores[Metric.DICE_WT] == pytest.approx(2 * 63 / 127)
    assert scores[Metric.DICE_TC] == 1.0
    assert scores[Metric.DICE_ET] == 0.0
    assert scores[Metric.DICE] == pytest.approx((2 * 63 / 127 + 1) / 3)
    assert scores[Metric.HD95_TC] == 0.0
    assert scores[Metric.HD95_ET] == ABSENT_MM
    assert region_dice(predicted, true).items() <= scores.items()
