"""Gliomas as in BraTS: necrosis, oedema, enhancing tumour; the grades overlap in appearance."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from selip_contracts.vocabulary import Modality
from selip_pretrain.phantom.acquisition import acquire, draw_scanner
from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.head_model.grid import Float, PhantomGrid
from selip_pretrain.phantom.head_model.head import Head, draw_head
from selip_pretrain.phantom.head_model.intensities import TISSUES
from selip_pretrain.phantom.lesion import waves
from selip_pretrain.phantom.render import PhantomRecipe, generator

Grade = Literal["HGG", "LGG"]
CORE, OEDEMA, ENHANCING = 1, 2, 4
"""Labels of BraTS 2019; in a low-grade glioma the core is tumour that does not enhance, rather than necrosis."""
SEQUENCES: dict[str, Modality] = {"t1": "T1", "t1ce": "T1CE", "t2": "T2", "flair": "FLAIR"}

_LEVELS: dict[Modality, dict[int, float]] = {
    "T1": {CORE: 0.30, OEDEMA: 0.46, ENHANCING: 0.52},
    "T1CE": {CORE: 0.30, OEDEMA: 0.47, ENHANCING: 1.10},
    "T2": {CORE: 0.90, OEDEMA: 0.78, ENHANCING: 0.66},
    "FLAIR": {CORE: 0.62, OEDEMA: 0.88, ENHANCING: 0.74},
}
_TEXTURE = 0.1
_IN_SKULL = ("csf", "grey", "white", "blood")


@dataclass(frozen=True)
class RenderedTumour:
    """Volumes by BraTS's names of the sequences (0 outside the brain) and the labels, both indexed z, y, x."""

    volumes: dict[str, NDArray[np.int16]]
    labels: NDArray[np.uint8]
    grid: PhantomGrid


def render_tumour(name: str, grade: Grade, anatomy: Anatomy, recipe: PhantomRecipe) -> RenderedTumour:
    """One subject; the same name, grade and recipe give the same voxels."""
    rng = generator(recipe.seed, name)
    grid = PhantomGrid(recipe.shape)
    head = draw_head((), anatomy, grid, rng)
    skull = np.array([tissue not in _IN_SKULL for tissue in TISSUES])
    head.shares[skull] = 0
    labels, texture = _grow(grade, head, rng)
    scanner = draw_scanner(rng, recipe.noise)
    volumes = {}
    for key, modality in SEQUENCES.items():
        level = head.level(modality)
        for label, bright in _LEVELS[modality].items():
            inside = labels == label
            wanted = bright * rng.uniform(0.9, 1.1) + _TEXTURE * texture[inside]
            level[inside] += np.float32(recipe.lesion_contrast) * (wanted - level[inside])
        volumes[key] = acquire(level, scanner, grid, rng) * head.at("intracranial")
    return RenderedTumour(volumes, labels, grid)


def _grow(grade: Grade, head: Head, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Float]:
    """Labels (z, y, x), and a texture of unit variance that all sequences share."""
    z, y, x = head.grid.axes
    brain = head.at("brain")
    seeds = np.argwhere(head.at("white") & (head.template[0] > -12) & (np.abs(head.template[2]) > 14))
    cz, cy, cx = (
        float(axis.reshape(-1)[i]) for axis, i in zip(head.grid.axes, seeds[rng.integers(len(seeds))], strict=True)
    )
    offsets = (z - np.float32(cz), y - np.float32(cy), x - np.float32(cx))
    high = grade == "HGG"
    reach = rng.uniform(11, 24)
    stretch = rng.uniform(0.85, 1.2, 3)
    radius = np.sqrt(sum((o / np.float32(reach * s)) ** 2 for o, s in zip(offsets, stretch, strict=True)))
    radius = radius + np.float32(0.08) * waves(rng, offsets, reach * 0.6)
    spread = radius + np.float32(0.15) * waves(rng, offsets, reach * 0.8)
    width = rng.uniform(1.3, 2.1) if high else rng.uniform(1.0, 1.5)
    within = head.at("intracranial") & (x * cx > -4 * abs(cx))
    labels = np.zeros(head.grid.shape, np.uint8)
    labels[(spread < width) & brain & within] = OEDEMA
    labels[(radius < 1) & within] = CORE
    patches = waves(rng, offsets, 7.0)
    if high and rng.random() < 0.85:
        rim = rng.uniform(0.35, 0.8) + np.float32(0.12) * patches
        labels[(radius < 1) & (radius > rim) & within] = ENHANCING
    elif high or rng.random() < 0.3:
        labels[(radius < 0.9) & (patches > rng.uniform(0.6, 1.4)) & within] = ENHANCING
    return labels, waves(rng, offsets, 5.0)
