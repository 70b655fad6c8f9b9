"""How well a segmentation agrees with the true one: Dice and the Hausdorff distance, region by region."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from numpy.typing import NDArray

from selip_downstream.datasets.brats import REGIONS, region
from selip_downstream.evaluation.tasks import Metric

ABSENT_MM = 373.128664
"""The distance to what is not there: the diagonal of a BraTS volume, 240 × 240 × 155 mm, as BraTS counts it."""

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def dice(predicted: Mask, true: Mask) -> float:
    """2 |A ∩ B| / (|A| + |B|); by the rule of BraTS 1 where both are empty, so 0 where one is."""
    both = int(predicted.sum()) + int(true.sum())
    return 2 * int((predicted & true).sum()) / both if both else 1.0


def hd95(predicted: Mask, true: Mask, spacing_mm: Sequence[float]) -> float:
    """The greater of both 95th percentiles of the distances from one surface to the other, in mm, as MONAI has it.

    By the rule of BraTS 0 where both are empty, and `ABSENT_MM` where one is.
    """
    if not predicted.any() or not true.any():
        return ABSENT_MM if predicted.any() or true.any() else 0.0
    first, second = (torch.from_numpy(mask)[None, None] for mask in (predicted, true))
    with warnings.catch_warnings():
        # MONAI calls a function of its own in a way that it has deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        distance = compute_hausdorff_distance(
            first, second, include_background=True, percentile=95, spacing=list(spacing_mm)
        )
    return float(distance)


def region_dice(predicted: Labels, true: Labels) -> dict[Metric, float]:
    """Dice of each region of unified labels, and their mean."""
    scores = {Metric(f"Dice {name}"): dice(region(predicted, name), region(true, name)) for name in REGIONS}
    return {**scores, Metric.DICE: sum(scores.values()) / len(scores)}


def region_scores(predicted: Labels, true: Labels, spacing_mm: Sequence[float]) -> dict[Metric, float]:
    """The same, and the Hausdorff distance of each region."""
    distances = {
        Metric(f"HD95 {name}"): hd95(region(predicted, name), region(true, name), spacing_mm) for name in REGIONS
    }
    return {**region_dice(predicted, true), **distances}
