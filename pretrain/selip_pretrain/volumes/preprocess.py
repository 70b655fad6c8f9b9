"""Preprocessing: a volume on the recipe's grid, with intensities from 0 to 1.

A volume is resampled once, from the voxels of its file onto the grid. The grid keeps the directions of the acquired
slices (a tilted series is not rotated), named after the nearest axes of the patient.
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
"""From bottom to top, from front to back, from the patient's right to the left: radiological convention."""
HEAD_HEIGHT_MM = 170.0
"""From the vertex to below the foramen magnum: an imaged neck must not use up the slices of the head."""
MIN_PLANE_SHARE = 0.02
"""A plane belongs to the head if it has this share of the fullest plane's voxels; specks beside the head have less."""
SMOOTHING_MM = 3.0
"""Standard deviation of the smoothing before the head is told from air, by which noise in air loses its peaks."""


class VolumeRecipe(BaseModel):
    """The settings of the preprocessing, stored with every checkpoint so that all volumes are prepared alike.

    - `shape`: voxels (D, H, W) along `AXES`.
    - `spacing_mm`: distances of the voxels. Without it, the box around the head fills the grid: along D its height, at
      most `HEAD_HEIGHT_MM` from the top; in plane its longer side, so that H and W have the same spacing.
    - `percentiles`: the percentiles of a volume's intensities that become 0 and 1, without empty planes at its edges.
    - `version`: in 1 the head is what is brighter than the mean, and empty planes count: they change the result.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[PositiveInt, PositiveInt, PositiveInt] = (24, 256, 256)
    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    percentiles: tuple[float, float] = Field(default=(0.1, 99.9))
    version: Literal[1, 2] = 2

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError("percentiles must be a lower and a higher one, within 0 to 100")
        if self.spacing_mm is not None and self.spacing_mm[1] != self.spacing_mm[2]:
            raise ValueError("H and W must have the same spacing, or rotations in plane would shear the head")
        return self

    @cached_property
    def key(self) -> str:
        """Hash of all that determines a prepared volume: the recipe, and the versions of the packages that apply it."""
        packages = ("monai", "nibabel", "pydicom", "scikit-image")
        made_by = " ".join(f"{package} {version(package)}" for package in packages)
        return hashlib.sha256(f"{self.model_dump_json()} {made_by}".encode()).hexdigest()[:16]


class Grid(NamedTuple):
    """The voxels (D, H, W) of a prepared volume: `affine` float64 (4, 4), from voxel indices to RAS+ mm."""

    affine: npt.NDArray[np.float64]
    shape: tuple[int, int, int]


def prepare(volume: Volume, recipe: VolumeRecipe) -> Tensor:
    """The volume as float32 (1, D, H, W) in 0..1, 0 outside the scanned region; VolumeError where it is constant."""
    scaled = _scaled(volume, recipe)
    return _resampled(scaled, _grid(scaled, recipe), "bilinear")


def grid_of(volume: Volume, recipe: VolumeRecipe) -> Grid:
    """The grid onto which `prepare` resamples this volume."""
    return _grid(_scaled(volume, recipe), recipe)


def prepare_on(volume: Volume, grid: Grid, recipe: VolumeRecipe) -> Tensor:
    """Like `prepare`, but on the grid of another volume of the same study."""
    return _resampled(_scaled(volume, recipe), grid, "bilinear")


def prepare_mask(mask: Volume, grid: Grid) -> Tensor:
    """Resample labels onto a grid by nearest neighbour: float32 (1, D, H, W)."""
    return _resampled(_oriented(mask), grid, "nearest")


def put_back(values: Tensor, grid: Grid, file: Volume) -> Tensor:
    """Resample values (C, D, H, W) on the grid to (C, X, Y, Z) on the voxels of a volume; 0 outside the grid."""
    from monai.data.meta_tensor import MetaTensor
    from monai.transforms.spatial.array import SpatialResample

    resample = SpatialResample(mode="bilinear", padding_mode="zeros", dtype=np.float32)
    put = resample(
        MetaTensor(values, affine=torch.from_numpy(grid.affine)), torch.from_numpy(file.affine), file.voxels.shape
    )
    assert isinstance(put, MetaTensor)
    return put.as_tensor()


def _oriented(volume: Volume) -> "MetaTensor":
    """The volume as (1, D, H, W), its axes reordered to `AXES`."""
    from monai.data.meta_tensor import MetaTensor
    from monai.transforms.spatial.array import Orientation

    image = MetaTensor(torch.from_numpy(volume.voxels)[None], affine=torch.from_numpy(volume.affine))
    oriented = Orientation(AXES, labels=(("L", "R"), ("P", "A"), ("I", "S")))(image)
    assert isinstance(oriented, MetaTensor)
    return oriented


def _scaled(volume: Volume, recipe: VolumeRecipe) -> "MetaTensor":
    """The oriented volume with intensities from 0 to 1."""
    from monai.data.meta_tensor import MetaTensor
    from monai.transforms.intensity.array import ScaleIntensityRange

    low, high = np.percentile(volume.voxels, recipe.percentiles)
    if recipe.version > 1 and low < high:
        low, high = np.percentile(_without_empty_planes(volume.voxels), recipe.percentiles)
    if not low < high:
        raise VolumeError("damaged", f"nearly every voxel is {low:g}")
    scaled = ScaleIntensityRange(low, high, 0.0, 1.0, clip=True)(_oriented(volume))
    assert isinstance(scaled, MetaTensor)
    return scaled


def _without_empty_planes(voxels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The smallest box with all voxels above the minimum."""
    from monai.transforms.utils import generate_spatial_bounding_box

    minimum = voxels.min()
    first, last = generate_spatial_bounding_box(voxels[None], lambda values: values > minimum)
    return voxels[tuple(map(slice, first, last))]


def _grid(image: "MetaTensor", recipe: VolumeRecipe) -> Grid:
    voxel_mm = image.pixdim.numpy()
    values = image[0].numpy()
    head = values > values.mean() if recipe.version == 1 else _head(values, voxel_mm)
    first, last = _head_box(head, voxel_mm)
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


def _head(image: npt.NDArray[np.float32], voxel_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """The largest connected region that is brighter than air, by Otsu's threshold of the smoothed intensities.

    Outside the volume there is air, so that empty voxels around the head change nothing.
    """
    from monai.transforms.utils import get_largest_connected_component_mask
    from scipy.ndimage import gaussian_filter
    from skimage.filters import threshold_otsu

    smooth = gaussian_filter(image, SMOOTHING_MM / voxel_mm, mode="constant")
    threshold = threshold_otsu(smooth)  # type: ignore[no-untyped-call]
    largest: npt.NDArray[np.bool_] = get_largest_connected_component_mask(smooth > threshold)
    return largest


def _head_box(
    head: npt.NDArray[np.bool_], voxel_mm: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """First and last edge of the head along each axis, in voxels from the outer edge of the first voxel."""
    first, last = np.zeros(3), np.zeros(3)
    for axis in range(3):
        fullness = head.mean(axis=tuple(other for other in range(3) if other != axis))
        (planes,) = np.nonzero(fullness >= MIN_PLANE_SHARE * fullness.max())
        first[axis], last[axis] = planes[0], planes[-1] + 1
    first[0] = max(first[0], last[0] - HEAD_HEIGHT_MM / voxel_mm[0])
    return first, last


def _resampled(image: "MetaTensor", grid: Grid, mode: Literal["bilinear", "nearest"]) -> Tensor:
    """The oriented image on the grid, blurred before where the grid is coarser, so that every slice contributes."""
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
