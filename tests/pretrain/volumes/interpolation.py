"""Linear interpolation by its definition, in double precision."""

from itertools import product

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


def interpolated(voxels: Numbers, places: Numbers) -> Numbers:
    """Values (n,) at places (axes, n) in voxels: each of the neighbours by its nearness, 0 beyond the array."""
    below = np.floor(places).astype(int)
    values = np.zeros(places.shape[1])
    for corner in product((0, 1), repeat=voxels.ndim):
        neighbour = below + np.array(corner)[:, None]
        weight = (1 - np.abs(places - neighbour)).prod(axis=0)
        inside = ((neighbour >= 0) & (neighbour < np.array(voxels.shape)[:, None])).all(axis=0)
        values[inside] += weight[inside] * voxels[tuple(neighbour[:, inside])]
    return values
