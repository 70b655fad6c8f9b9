"""The voxels of a study: so many slices, rows and columns over one field of view, upright in world space."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

FIELD_OF_VIEW_MM = (158.0, 230.0, 230.0)
_CENTRE_MM = (12.0, -18.0, 0.0)
_SLICE_MM = 5.0


@dataclass(frozen=True)
class Grid:
    """Arrays are indexed z, y, x, from the feet, the back and the left; a file's axes are x, y, z (RAS)."""

    shape: tuple[int, int, int]
    field_mm: tuple[float, float, float] = FIELD_OF_VIEW_MM
    centre_mm: tuple[float, float, float] = _CENTRE_MM

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Between the centres of voxels along z, y, x."""
        z, y, x = (field / length for field, length in zip(self.field_mm, self.shape, strict=True))
        return z, y, x

    @property
    def slice_mm(self) -> float:
        """Thickness of a slice: the rest of its spacing is gap."""
        return min(_SLICE_MM, self.spacing_mm[0])

    @cached_property
    def axes(self) -> tuple[Float, Float, Float]:
        """World coordinates z, y, x in mm of the voxels' centres, ready to broadcast."""
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
        """From a file's voxel (x, y, z) to RAS+ world mm."""
        affine = np.diag([*self.spacing_mm[::-1], 1.0])
        affine[:3, 3] = [float(axis.flat[0]) for axis in self.axes[::-1]]
        return affine

    def smooth(self, rng: np.random.Generator, knots: tuple[int, int, int], channels: int) -> Float:
        """Smooth random fields of unit spread at the knots, (channels, *shape): cubic B-splines on a coarse lattice."""
        field = rng.standard_normal((channels, *knots), dtype=np.float32)
        for axis in (3, 2, 1):
            weights = _spline_weights(self.shape[axis - 1], knots[axis - 1])
            field = np.moveaxis(np.tensordot(field, weights, axes=(axis, 1)), -1, axis)
        return np.ascontiguousarray(field, np.float32)


def _spline_weights(length: int, knots: int) -> Float:
    """(length, knots) values of the uniform cubic B-splines that span the axis (de Boor, 1978)."""
    places = np.linspace(1, knots - 2, length)
    distance = np.abs(places[:, None] - np.arange(knots))
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance) ** 3 / 6
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)
