"""A BraTS cohort small enough to train on in a test: heads with a tumour that shows as it does, real files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.pretrain.image_files import write_nifti

SHAPE = (36, 36, 24)
AFFINE = np.array([[-5.0, 0, 0, 90], [0, -5.0, 0, 90], [0, 0, 6.0, -70], [0, 0, 0, 1]])
BRIGHTNESS = {
    "t1": (300, 200, 240, 280),
    "t1ce": (300, 200, 250, 700),
    "t2": (300, 700, 600, 500),
    "flair": (300, 400, 700, 600),
}
"""Of brain, necrosis, oedema and enhancing tumour."""


def write_brats(folder: Path, patients: int) -> Path:
    """Cases as of 2019; every other one is of low grade, without enhancing tumour."""
    for number in range(patients):
        grade = ("HGG", "LGG")[number % 2]
        write_case(folder / grade / f"BraTS19_{number:03}", tumour(number, enhances=grade == "HGG"), number)
    return folder


def write_case(
    folder: Path, labels: npt.NDArray[np.uint8], seed: int, kinds: Sequence[str] = tuple(BRIGHTNESS)
) -> Path:
    """The sequences of a case, and its segmentation with the labels 0, 1, 2 and 4."""
    x, y, z = grid()
    brain = ((x - 18) / 15) ** 2 + ((y - 18) / 17) ** 2 + ((z - 12) / 11) ** 2 < 1
    noise = np.random.default_rng(seed)
    for kind in kinds:
        of_label = np.array(BRIGHTNESS[kind])
        shown = np.where(brain, of_label[labels] + noise.normal(0, 15, SHAPE), 0)
        write_nifti(folder / f"{folder.name}_{kind}.nii.gz", shown.astype(np.float32), AFFINE)
    in_file = np.where(labels == 3, 4, labels).astype(np.uint8)
    write_nifti(folder / f"{folder.name}_seg.nii.gz", in_file, AFFINE)
    return folder


def tumour(seed: int, *, enhances: bool) -> npt.NDArray[np.uint8]:
    """Unified labels: necrosis in a rim of enhancing tumour, oedema around it."""
    draw = np.random.default_rng(seed)
    centre = np.array([18, 18, 12]) + draw.uniform(-5, 5, 3) * (1, 1, 0.5)
    distance_mm = np.linalg.norm(
        [(axis - c) * mm for axis, c, mm in zip(grid(), centre, (5, 5, 6), strict=True)], axis=0
    )
    size = draw.uniform(0.9, 1.3)
    labels = np.zeros(SHAPE, np.uint8)
    labels[distance_mm < 32 * size] = 2
    labels[distance_mm < 22 * size] = 3 if enhances else 1
    labels[distance_mm < 12 * size] = 1
    return labels


def grid() -> list[npt.NDArray[np.int64]]:
    """The index of every voxel, by axis."""
    return list(np.indices(SHAPE))
