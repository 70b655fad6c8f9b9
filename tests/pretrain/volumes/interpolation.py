"""Linear interpolation by its definition, in double precision."""

from itertools import product

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


def interpolated(voxels: Numbers, positions: Numbers) -> Numbers:
    """Values (n,) at positions (axes, n) in voxels: by linear interpolation, 0 outside the array."""
    below = np.floor(positions).astype(int)
    values = np.zeros(positions.shape[1])
    for corner in product((0, 1), repeat=voxels.ndim):
        neighbour = below + np.array(corner)[:, None]
        weight = (1 - np.abs(positions - neighbour)).prod(axis=0)
        inside = ((neighbour >= 0) & (neighbour < np.array(voxels.shape)[:, None])).all(axis=0)
        values[inside] += weight[inside] * voxels[tuple(neighbour[:, inside])]
    return values
