"""The voxels of a phantom study: slices, rows and columns over a fixed field of view, upright in world space."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

FIELD_OF_VIEW_MM = (158.0, 230.0, 230.0)
_CENTRE_MM = (12.0, -18.0, 0.0)
_SLICE_MM = 5.0


@dataclass(frozen=True)
class PhantomGrid:
    """Arrays are indexed z, y, x, from feet, back and left; the axes of a file are x, y, z (RAS)."""

    shape: tuple[int, int, int]
    field_mm: tuple[float, float, float] = FIELD_OF_VIEW_MM
    centre_mm: tuple[float, float, float] = _CENTRE_MM

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distances between voxel centres along z, y, x."""
        z, y, x = (field / length for field, length in zip(self.field_mm, self.shape, strict=True))
        return z, y, x

    @property
    def slice_mm(self) -> float:
        """Thickness of a slice: the rest of the spacing is a gap."""
        return min(_SLICE_MM, self.spacing_mm[0])

    @cached_property
    def axes(self) -> tuple[Float, Float, Float]:
        """World coordinates z, y, x of the voxel centres in mm, with shapes that broadcast."""
        z, y, x = (
            (centre + (np.arange(length) - (length - 1) / 2) * spacing)
            .astype(np.float32)
            .reshape([-1 if axis == i else 1 for i in range(3)])
            for axis, (centre, length, spacing) in enumerate(
                zip(self.centre_mm, self.shape, self.spacing_mm, strict=True)
            )
        )
        return z, y, x

    @property
    def affine(self) -> NDArray[np.float64]:
        """The affine (4, 4) from a file's voxel indices (x, y, z) to RAS+ world mm."""
        affine = np.diag([*self.spacing_mm[::-1], 1.0])
        affine[:3, 3] = [float(axis.flat[0]) for axis in self.axes[::-1]]
        return affine

    def smooth(self, rng: np.random.Generator, knots: tuple[int, int, int], channels: int) -> Float:
        """Smooth random fields (channels, *shape): cubic B-splines over knots of unit variance."""
        field = rng.standard_normal((channels, *knots), dtype=np.float32)
        for axis in (3, 2, 1):
            weights = _spline_weights(self.shape[axis - 1], knots[axis - 1])
            field = np.moveaxis(np.tensordot(field, weights, axes=(axis, 1)), -1, axis)
        return np.ascontiguousarray(field, np.float32)


def _spline_weights(length: int, knots: int) -> Float:
    """Values (length, knots) of the uniform cubic B-splines that span the axis (de Boor, 1978)."""
    positions = np.linspace(1, knots - 2, length)
    distance = np.abs(positions[:, None] - np.arange(knots))
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance) ** 3 / 6
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)
