"""One person's head on a study's grid: what tissue each voxel holds, before any lesion."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selip_contracts.findings import GeneralFinding
from selip_contracts.vocabulary import Modality
from selip_pretrain.phantom.head_model.anatomy import BIT, Anatomy
from selip_pretrain.phantom.head_model.contrast import TISSUE_LEVELS, TISSUES
from selip_pretrain.phantom.head_model.grid import Float, Grid
from selip_pretrain.phantom.head_model.subject import draw_subject, to_template, widen_sulci


@dataclass(frozen=True)
class Head:
    """`template` is the place z, y, x in mm of MNI152 space that a voxel shows; `shares` (tissue, voxels) is 0..1."""

    grid: Grid
    template: tuple[Float, Float, Float]
    shares: Float
    landmarks: NDArray[np.uint16]

    def at(self, landmark: str) -> NDArray[np.bool_]:
        """The voxels of a landmark."""
        return (self.landmarks & BIT[landmark]) > 0

    def level(self, modality: Modality) -> Float:
        """How bright each voxel is on a sequence."""
        level: Float = np.array(TISSUE_LEVELS[modality], np.float32) @ self.shares
        return level.reshape(self.grid.shape)


def draw_head(changes: Iterable[GeneralFinding], anatomy: Anatomy, grid: Grid, rng: np.random.Generator) -> Head:
    """A person with these general changes, all else from the generator."""
    subject = draw_subject(rng, changes)
    template = to_template(subject, grid, rng)
    voxels = anatomy.index(*template)
    shares = anatomy.tissues[voxels.ravel()].T.astype(np.float32)
    shares /= 255
    widen_sulci(shares[TISSUES.index("csf")], shares[TISSUES.index("grey")], subject.sulci)
    return Head(grid, template, shares, anatomy.landmarks[voxels])
