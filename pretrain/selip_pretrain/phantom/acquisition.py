"""How a scanner shows a head: its own scale, a bias field, noise; the same picture never twice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selip_pretrain.phantom.head_model.grid import Float, Grid

_SCANNERS = ((420.0, 0.06, 0.8), (900.0, 0.1, 1.0), (1500.0, 0.14, 0.9), (3000.0, 0.2, 1.3))
"""Brightness of level 1, spread of the bias field, noise as a share of what was asked for."""


@dataclass(frozen=True)
class Scanner:
    """Stored value of level 1, spread of the bias field's logarithm, standard deviation of the noise in levels."""

    scale: float
    bias: float
    noise: float


def draw_scanner(rng: np.random.Generator, noise: float) -> Scanner:
    """One of some scanners; `noise` is the usual standard deviation in levels."""
    scale, bias, noisy = _SCANNERS[int(rng.integers(len(_SCANNERS)))]
    return Scanner(scale * rng.uniform(0.9, 1.1), bias, noise * noisy)


def acquire(level: Float, scanner: Scanner, grid: Grid, rng: np.random.Generator) -> NDArray[np.int16]:
    """The stored volume of one sequence: level times bias, Rician noise (Gudbjartsson and Patz, 1995), scale."""
    bias = np.exp(grid.smooth(rng, (4, 4, 4), 1)[0] * np.float32(scanner.bias * 1.7))
    real, imaginary = rng.standard_normal((2, *level.shape), dtype=np.float32)
    sigma = np.float32(scanner.noise)
    real *= sigma
    real += level * bias
    imaginary *= sigma
    real *= real
    imaginary *= imaginary
    real += imaginary
    np.sqrt(real, out=real)
    real *= np.float32(scanner.scale * rng.uniform(0.8, 1.2))
    return np.asarray(np.rint(np.clip(real, 0, 32767)), np.int16)
