"""The acquisition by a scanner: its scale, a bias field and noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selip_pretrain.phantom.head_model.grid import Float, PhantomGrid

_SCANNERS = ((420.0, 0.06, 0.8), (900.0, 0.1, 1.0), (1500.0, 0.14, 0.9), (3000.0, 0.2, 1.3))
"""Stored value of intensity 1, standard deviation of the bias field's logarithm, factor on the requested noise."""


@dataclass(frozen=True)
class Scanner:
    """Stored value of intensity 1, standard deviation of the bias field's logarithm, and of the noise."""

    scale: float
    bias: float
    noise: float


def draw_scanner(rng: np.random.Generator, noise: float) -> Scanner:
    """One of several scanners; `noise` is the usual standard deviation, where the brightest tissue is 1."""
    scale, bias, noise_factor = _SCANNERS[int(rng.integers(len(_SCANNERS)))]
    return Scanner(scale * rng.uniform(0.9, 1.1), bias, noise * noise_factor)


def acquire(level: Float, scanner: Scanner, grid: PhantomGrid, rng: np.random.Generator) -> NDArray[np.int16]:
    """The stored volume of one sequence, from intensities (z, y, x): times bias field and scale, with Rician noise.

    Rician noise: Gudbjartsson and Patz, "The Rician Distribution of Noisy MRI Data" (1995).
    """
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
