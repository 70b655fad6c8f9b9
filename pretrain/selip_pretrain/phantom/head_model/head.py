"""A subject's head on the grid of a study: the tissue of each voxel, before any lesion."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selip_contracts.findings import GeneralFinding
from selip_contracts.vocabulary import Modality
from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.head_model.grid import Float, PhantomGrid
from selip_pretrain.phantom.head_model.intensities import TISSUE_LEVELS, TISSUES
from selip_pretrain.phantom.head_model.landmarks import BIT
from selip_pretrain.phantom.head_model.subject import draw_subject, to_template, widen_sulci


@dataclass(frozen=True)
class Head:
    """`template`: MNI152 coordinates z, y, x in mm of each voxel; `shares` (tissues, voxels): tissue shares in 0..1."""

    grid: PhantomGrid
    template: tuple[Float, Float, Float]
    shares: Float
    landmarks: NDArray[np.uint16]

    def at(self, landmark: str) -> NDArray[np.bool_]:
        """The voxels of a landmark."""
        return (self.landmarks & BIT[landmark]) > 0

    def level(self, modality: Modality) -> Float:
        """The intensity of each voxel on a sequence, float32 (z, y, x)."""
        level: Float = np.array(TISSUE_LEVELS[modality], np.float32) @ self.shares
        return level.reshape(self.grid.shape)


def draw_head(changes: Iterable[GeneralFinding], anatomy: Anatomy, grid: PhantomGrid, rng: np.random.Generator) -> Head:
    """A random subject with these general findings."""
    subject = draw_subject(rng, changes)
    template = to_template(subject, grid, rng)
    voxels = anatomy.index(*template)
    shares = anatomy.tissues[voxels.ravel()].T.astype(np.float32)
    shares /= 255
    widen_sulci(shares[TISSUES.index("csf")], shares[TISSUES.index("grey")], subject.sulci)
    return Head(grid, template, shares, anatomy.landmarks[voxels])
