from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from selip_contracts.vocabulary import Modality
from selip_downstream.datasets.brats import BratsCase, read_brats, unified_labels
from selip_downstream.evaluation.tasks import Metric
from selip_downstream.segmentation.cases import CaseCache, labels_in_file, read_truth, usable_cases
from selip_downstream.segmentation.metrics import region_scores
from selip_pretrain.data.splits import SPLITS
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_shared.errors import SelipError
from tests.downstream.datasets.small_brats import AFFINE, SHAPE, tumour, write_brats, write_case
from tests.pretrain.image_files import write_nifti

RECIPE = VolumeRecipe(shape=(24, 48, 48))
FOUR: tuple[Modality, ...] = ("T1", "T2", "T1CE", "FLAIR")


def cache(folder: Path, modalities: tuple[Modality, ...] = FOUR) -> CaseCache:
    return CaseCache(folder / "cache", RECIPE, modalities)


def only_case(folder: Path) -> BratsCase:
    (case,) = read_brats(folder).cases
    return case


def refused(folder: Path, modalities: tuple[Modality, ...] = FOUR) -> str:
    with pytest.raises(SelipError, match="None of the 0 cases") as caught:
        usable_cases(read_brats(folder), [cache(folder, modalities)], 0)
    return str(caught.value)


def test_labels_on_the_grid_lie_on_what_they_mark_on_every_sequence(tmp_path: Path) -> None:
    write_case(tmp_path / "A", tumour(0, enhances=True), 0)
    images, labels, _ = cache(tmp_path).get(only_case(tmp_path))
    assert images.shape == (4, 24, 48, 48)
    of = dict(zip(FOUR, images.float(), strict=True))
    brain = (of["T1"] > 0.5) & (labels == 0)
    assert set(np.unique(labels.numpy())) == {0, 1, 2, 3}
    marked: dict[Modality, int] = {"T2": 1, "FLAIR": 2, "T1CE": 3}
    for sequence, label in marked.items():
        assert of[sequence][labels == label].mean() > 1.3 * of[sequence][brain].mean()


def test_labels_put_back_into_the_file_are_those_it_held(tmp_path: Path) -> None:
    write_case(tmp_path / "A", tumour(3, enhances=True), 0)
    case = only_case(tmp_path)
    prepared, truth = cache(tmp_path).get(case), read_truth(case)
    kept = prepared.labels
    regions = np.stack([kept > 0, (kept == 1) | (kept == 3), kept == 3]).astype(np.float32)
    again = labels_in_file(torch.from_numpy(regions), prepared.grid, truth)
    scores = region_scores(again, unified_labels(truth.voxels, "A"), (5, 5, 6))
    assert again.shape == SHAPE
    assert scores[Metric.DICE_WT] > 0.95
    assert scores[Metric.DICE_ET] > 0.85


def test_a_prepared_case_is_read_again_until_its_files_change(tmp_path: Path) -> None:
    write_case(tmp_path / "A", tumour(0, enhances=True), 0)
    first = cache(tmp_path).get(only_case(tmp_path))
    (kept,) = (tmp_path / "cache").rglob("*.safetensors")
    before = kept.stat().st_mtime_ns
    again = cache(tmp_path).get(only_case(tmp_path))
    assert all(bool((one == other).all()) for one, other in zip(first, again, strict=True))
    assert kept.stat().st_mtime_ns == before
    kept.write_bytes(kept.read_bytes()[:100])
    assert cache(tmp_path).get(only_case(tmp_path)).labels.equal(first.labels)
    write_case(tmp_path / "A", tumour(1, enhances=True), 0)
    assert not cache(tmp_path).get(only_case(tmp_path)).labels.equal(first.labels)


def test_patients_have_their_part_whichever_cases_can_be_used(tmp_path: Path) -> None:
    write_brats(tmp_path, 24)
    every = usable_cases(read_brats(tmp_path), [cache(tmp_path)], 0)
    parts = {split: {case.case for case in every.part(split)} for split in SPLITS}
    assert sum(map(len, parts.values())) == 24
    assert len(parts["train"]) > len(parts["validation"])
    for path in (tmp_path / "LGG/BraTS19_001").glob("*_t1.*"):
        path.unlink()
    fewer = usable_cases(read_brats(tmp_path), [cache(tmp_path)], 0)
    for split in SPLITS:
        assert {case.case for case in fewer.part(split)} == parts[split] - {"BraTS19_001"}


def test_who_lacks_a_sequence_or_a_segmentation_is_named(tmp_path: Path) -> None:
    write_case(tmp_path / "A", tumour(0, enhances=True), 0, ("t1", "t2"))
    assert "(A: no T1CE and no FLAIR)" in refused(tmp_path)
    (tmp_path / "A/A_seg.nii.gz").unlink()
    assert "(A: no segmentation)" in refused(tmp_path, ("T1",))


def test_a_segmentation_of_another_geometry_is_named(tmp_path: Path) -> None:
    labels = tumour(0, enhances=True)
    write_case(tmp_path / "A", labels, 0)
    moved = AFFINE.copy()
    moved[0, 3] += 5
    write_nifti(tmp_path / "A/A_seg.nii.gz", labels, moved)
    assert "(A: its segmentation has another geometry (36×36×24 voxels from 95, 90, -70 mm) than its T1" in refused(
        tmp_path
    )
    write_nifti(tmp_path / "A/A_seg.nii.gz", labels[:, :, :20], AFFINE)
    assert "36×36×20 voxels" in refused(tmp_path)


def test_unknown_labels_are_named(tmp_path: Path) -> None:
    write_case(tmp_path / "A", tumour(0, enhances=True), 0)
    write_nifti(tmp_path / "A/A_seg.nii.gz", np.full(SHAPE, 9, np.uint8), AFFINE)
    assert "The segmentation of A holds the label 9" in refused(tmp_path)


def test_a_damaged_sequence_is_named(tmp_path: Path) -> None:
    write_case(tmp_path / "A", tumour(0, enhances=True), 0)
    path = tmp_path / "A/A_t2.nii.gz"
    path.write_bytes(path.read_bytes()[:-40])
    assert "(A: A_t2.nii.gz is truncated" in refused(tmp_path)


def test_a_head_without_a_tumour_can_be_used(tmp_path: Path) -> None:
    write_case(tmp_path / "A", np.zeros(SHAPE, np.uint8), 0)
    assert nib.load(tmp_path / "A/A_seg.nii.gz").get_fdata().max() == 0  # type: ignore[attr-defined]
    assert cache(tmp_path).get(only_case(tmp_path)).labels.max() == 0
