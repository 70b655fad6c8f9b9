"""A volume as the encoder sees it: one grid for every scanner, intensities from 0 to 1.

A volume is resampled once, from the voxels of its file onto the recipe's grid. The grid keeps the directions in which
the slices were taken (a tilted series is not turned), named after the patient's axes nearest to them.
"""

import hashlib
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator
from torch import Tensor

from selip_pretrain.volumes.read_volume import Volume, VolumeError

if TYPE_CHECKING:
    from monai.data.meta_tensor import MetaTensor

AXES = "SPL"
"""From bottom to top, from front to back, from the patient's right to the left: a radiologist's display."""
HEAD_HEIGHT_MM = 170.0
"""From the vertex to below the foramen magnum: a neck that was taken along must not use up the head's slices."""
LEAST_PLANE = 0.02
"""A plane belongs to the head from this share of the fullest plane's voxels on: specks beside the head do not count."""


class VolumeRecipe(BaseModel):
    """How volumes are prepared: what a checkpoint must carry so that others are prepared alike.

    `shape` is voxels (D, H, W) along `AXES`, `spacing_mm` their distances. Without a spacing the box around the head
    fills the grid: along D its height, at most `HEAD_HEIGHT_MM` from the top; in plane its longer side, so that H and W
    keep one spacing. `percentiles` of the volume's intensities become 0 and 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[PositiveInt, PositiveInt, PositiveInt] = (24, 256, 256)
    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    percentiles: tuple[float, float] = Field(default=(0.1, 99.9))
    version: Literal[1] = 1

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError("percentiles go from a lower to a higher one within 0 to 100")
        if self.spacing_mm is not None and self.spacing_mm[1] != self.spacing_mm[2]:
            raise ValueError("H and W have one spacing: rotations in plane would shear the head")
        return self

    @cached_property
    def key(self) -> str:
        """Hash of all that decides how a volume comes out: the recipe, and the packages that carry it out."""
        made_by = f"monai {version('monai')} nibabel {version('nibabel')} pydicom {version('pydicom')}"
        return hashlib.sha256(f"{self.model_dump_json()} {made_by}".encode()).hexdigest()[:16]


class Grid(NamedTuple):
    """Where the voxels (D, H, W) of a prepared volume lie: `affine` float64 (4, 4) to RAS+ mm of the patient."""

    affine: npt.NDArray[np.float64]
    shape: tuple[int, int, int]


def prepare(volume: Volume, recipe: VolumeRecipe) -> Tensor:
    """The volume as float32 (1, D, H, W) in 0..1, 0 outside of what was scanned; VolumeError where it shows nothing."""
    scaled = _scaled(volume, recipe)
    return _resampled(scaled, _grid(scaled, recipe), "bilinear")


def grid_of(volume: Volume, recipe: VolumeRecipe) -> Grid:
    """The grid that `prepare` puts this volume on."""
    return _grid(_scaled(volume, recipe), recipe)


def prepare_on(volume: Volume, grid: Grid, recipe: VolumeRecipe) -> Tensor:
    """As `prepare`, but on the grid of another volume of the same study."""
    return _resampled(_scaled(volume, recipe), grid, "bilinear")


def prepare_mask(mask: Volume, grid: Grid) -> Tensor:
    """Labels of voxels on the grid of the volume that they belong to: float32 (1, D, H, W), each the nearest label."""
    return _resampled(_oriented(mask), grid, "nearest")


def put_back(values: Tensor, grid: Grid, file: Volume) -> Tensor:
    """Values (C, D, H, W) on the grid as (C, X, Y, Z) on the voxels of the volume; 0 where the grid does not reach."""
    from monai.data.meta_tensor import MetaTensor
    from monai.transforms.spatial.array import SpatialResample

    resample = SpatialResample(mode="bilinear", padding_mode="zeros", dtype=np.float32)
    put = resample(
        MetaTensor(values, affine=torch.from_numpy(grid.affine)), torch.from_numpy(file.affine), file.voxels.shape
    )
    assert isinstance(put, MetaTensor)
    return put.as_tensor()


def _oriented(volume: Volume) -> "MetaTensor":
    """(1, X, Y, Z) with axes along `AXES`."""
    from monai.data.meta_tensor import MetaTensor
    from monai.transforms.spatial.array import Orientation

    image = MetaTensor(torch.from_numpy(volume.voxels)[None], affine=torch.from_numpy(volume.affine))
    oriented = Orientation(AXES, labels=(("L", "R"), ("P", "A"), ("I", "S")))(image)
    assert isinstance(oriented, MetaTensor)
    return oriented


def _scaled(volume: Volume, recipe: VolumeRecipe) -> "MetaTensor":
    """Oriented, and its intensities from 0 to 1."""
    from monai.data.meta_tensor import MetaTensor
    from monai.transforms.intensity.array import ScaleIntensityRange

    low, high = np.percentile(volume.voxels, recipe.percentiles)
    if not low < high:
        raise VolumeError("damaged", f"nearly every voxel is {low:g}")
    scaled = ScaleIntensityRange(low, high, 0.0, 1.0, clip=True)(_oriented(volume))
    assert isinstance(scaled, MetaTensor)
    return scaled


def _grid(image: "MetaTensor", recipe: VolumeRecipe) -> Grid:
    voxel_mm = image.pixdim.numpy()
    first, last = _head_box(image[0].numpy(), voxel_mm)
    extent_mm = (last - first) * voxel_mm
    spacing_mm = np.array(recipe.spacing_mm or _fitting_spacing(extent_mm, recipe.shape))
    step = spacing_mm / voxel_mm
    centre = (first + last) / 2 - 0.5
    to_voxels = np.diag([*step, 1.0])
    to_voxels[:3, 3] = centre - step * (np.array(recipe.shape) - 1) / 2
    return Grid(image.affine.numpy() @ to_voxels, recipe.shape)


def _fitting_spacing(extent_mm: npt.NDArray[np.float64], shape: tuple[int, int, int]) -> tuple[float, float, float]:
    depth, height, width = (extent_mm / shape).tolist()
    return depth, max(height, width), max(height, width)


def _head_box(
    image: npt.NDArray[np.float32], voxel_mm: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where the head begins and ends along each axis, in voxels from the outer edge of the first one.

    The head is what is brighter than the mean: air, which fills much of a volume, is darker on every sequence.
    """
    head = image > image.mean()
    first, last = np.zeros(3), np.zeros(3)
    for axis in range(3):
        fullness = head.mean(axis=tuple(other for other in range(3) if other != axis))
        (planes,) = np.nonzero(fullness >= LEAST_PLANE * fullness.max())
        first[axis], last[axis] = planes[0], planes[-1] + 1
    first[0] = max(first[0], last[0] - HEAD_HEIGHT_MM / voxel_mm[0])
    return first, last


def _resampled(image: "MetaTensor", grid: Grid, mode: Literal["bilinear", "nearest"]) -> Tensor:
    """The oriented image on the grid; where the grid is coarser, blurred before, so that no slice is passed over."""
    from monai.data.meta_tensor import MetaTensor
    from monai.transforms.intensity.array import GaussianSmooth
    from monai.transforms.spatial.array import SpatialResample

    if mode == "bilinear":
        coarser = np.linalg.norm(grid.affine[:3, :3], axis=0) / image.pixdim.numpy()
        image = GaussianSmooth(np.maximum((coarser - 1) / 2, 0).tolist())(image)
    resample = SpatialResample(mode=mode, padding_mode="zeros", dtype=np.float32)
    on_grid = resample(image, torch.from_numpy(grid.affine), grid.shape)
    assert isinstance(on_grid, MetaTensor)
    return on_grid.as_tensor()
