"""BraTS cases to segment: all sequences and the labels of a patient on one grid, and labels back on the file's grid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from selip_contracts.vocabulary import Modality
from selip_downstream.datasets.brats import BratsCase, BratsCohort, labels_of, unified_labels
from selip_downstream.datasets.brats_split import split_patients
from selip_downstream.datasets.exclusions import Exclusion
from selip_pretrain.data.splits import SPLITS, Split
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.preprocess import Grid, VolumeRecipe, grid_of, prepare_mask, prepare_on, put_back
from selip_pretrain.volumes.read_volume import Volume, VolumeError, read_mask, read_volume
from selip_shared.errors import SelipError
from selip_shared.execution.progress import progress
from selip_shared.files import write_bytes

GEOMETRY_TOLERANCE_MM = 0.01
THRESHOLD = 0.5


class PreparedCase(NamedTuple):
    """A case on its grid: `images` half (S, D, H, W) in 0..1, `labels` uint8 (D, H, W), unified; `affine` float64."""

    images: Tensor
    labels: Tensor
    affine: Tensor

    @property
    def grid(self) -> Grid:
        """The grid of its voxels."""
        depth, height, width = self.labels.shape
        return Grid(self.affine.numpy(), (depth, height, width))


@dataclass(frozen=True)
class SegmentationCohort:
    """The usable cases, their splits by patient, and the excluded cases."""

    cases: tuple[BratsCase, ...]
    excluded: tuple[Exclusion, ...]
    splits: Mapping[str, Split]

    def part(self, split: Split) -> list[BratsCase]:
        """The cases of a split."""
        return [case for case in self.cases if self.splits[case.patient_id] == split]

    def check(self) -> None:
        """SelipError where a split has no patient."""
        for split in SPLITS:
            if not self.part(split):
                reason = f" ({self.excluded[0].case}: {self.excluded[0].reason})" if self.excluded else ""
                raise SelipError(
                    f"None of the {len(self.cases):,} cases that can be used is in the {split} split"
                    f"{reason}: give a cohort with more patients, or another --seed."
                )


class CaseCache:
    """Cases prepared for a recipe and sequences, in a folder; a case whose files change is prepared again."""

    def __init__(self, folder: Path, recipe: VolumeRecipe, modalities: Sequence[Modality]) -> None:
        self.recipe = recipe
        self.modalities = modalities
        self.folder = folder / recipe.key
        self.folder.mkdir(parents=True, exist_ok=True)
        self._hashes: dict[str, str] = {}

    def get(self, case: BratsCase) -> PreparedCase:
        """The prepared case, from the cache if it is there. SelipError or VolumeError where it cannot be used."""
        path = self.folder / f"{self.hash(case)}.safetensors"
        try:
            return PreparedCase(**load(path.read_bytes()))
        except (FileNotFoundError, SafetensorError):
            prepared = prepare_case(case, self.modalities, self.recipe)
            write_bytes(path, save(prepared._asdict()))
            return prepared

    def hash(self, case: BratsCase) -> str:
        """SHA-256 of the contents of its files, which are read once."""
        assert case.segmentation is not None
        if case.case not in self._hashes:
            files = [*(case.images[modality] for modality in self.modalities), case.segmentation]
            contents = "\n".join(content_hash([path]) for path in files)
            self._hashes[case.case] = sha256(f"{' '.join(self.modalities)}\n{contents}".encode()).hexdigest()
        return self._hashes[case.case]


def prepare_case(case: BratsCase, modalities: Sequence[Modality], recipe: VolumeRecipe) -> PreparedCase:
    """Every sequence on the grid around the head of the first one, and the labels.

    SelipError or VolumeError where a file cannot be used, the volumes have different geometries, or a label is
    unknown.
    """
    volumes = [read_volume([case.images[modality]], "nifti") for modality in modalities]
    truth = read_truth(case)
    for modality, volume in zip(modalities, volumes, strict=True):
        if not _same_geometry(truth, volume):
            raise SelipError(
                f"its segmentation has another geometry ({_geometry(truth)}) than its {modality} ({_geometry(volume)})"
            )
    grid = grid_of(volumes[0], recipe)
    images = torch.cat([prepare_on(volume, grid, recipe) for volume in volumes])
    labels = unified_labels(truth.voxels, case.case)
    on_grid = prepare_mask(Volume(labels.astype(np.float32), truth.affine), grid)[0]
    return PreparedCase(images.half(), on_grid.to(torch.uint8), torch.from_numpy(grid.affine))


def read_truth(case: BratsCase) -> Volume:
    """The segmentation in its file."""
    assert case.segmentation is not None
    return read_mask(case.segmentation)


def usable_cases(
    cohort: BratsCohort, caches: Iterable[CaseCache], seed: int, own_splits: Mapping[str, Split] | None = None
) -> SegmentationCohort:
    """The cases that every cache can prepare; the others are excluded with the reason. SelipError without any."""
    cohort, splits = split_patients(cohort, seed, own_splits)
    cases, excluded = list(cohort.cases), list(cohort.excluded)
    for cache in caches:
        needed = BratsCohort(tuple(cases), ()).having(cache.modalities, segmentation=True)
        excluded += needed.excluded
        cases = []
        with progress("cases", len(needed.cases)) as advance:
            for case in needed.cases:
                try:
                    cache.get(case)
                    cases.append(case)
                except VolumeError as error:
                    excluded.append(Exclusion(case.case, error.detail))
                except SelipError as error:
                    excluded.append(Exclusion(case.case, str(error)))
                advance(1)
    found = SegmentationCohort(tuple(cases), tuple(sorted(excluded)), splits)
    found.check()
    return found


def labels_in_file(probabilities: Tensor, grid: Grid, truth: Volume) -> NDArray[np.uint8]:
    """The unified label of every voxel of the file, from probabilities of the regions (3, D, H, W) on the grid.

    Probabilities are interpolated, not labels, so the outlines of thick slices are smooth. Outside of the grid is
    background.
    """
    return labels_of(put_back(probabilities, grid, truth).numpy() > THRESHOLD)


def _same_geometry(one: Volume, other: Volume) -> bool:
    return one.voxels.shape == other.voxels.shape and np.allclose(one.affine, other.affine, atol=GEOMETRY_TOLERANCE_MM)


def _geometry(volume: Volume) -> str:
    size = "×".join(map(str, volume.voxels.shape))
    return f"{size} voxels from {', '.join(f'{mm:g}' for mm in volume.affine[:3, 3])} mm"
