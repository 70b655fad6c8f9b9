from collections import Counter
from pathlib import Path

import pytest

from selip_downstream.datasets.brats import BratsCase, BratsCohort, Grade, read_brats
from selip_downstream.datasets.brats_split import stratified_split
from selip_downstream.datasets.labelled_cases import grade_cases
from selip_downstream.segmentation.cases import CaseCache, usable_cases
from selip_pretrain.volumes.preprocess import VolumeRecipe
from tests.downstream.datasets.small_brats import write_brats


def cohort(grades: dict[Grade | None, int]) -> BratsCohort:
    cases = [
        BratsCase(f"{grade}-{number}", f"{grade}-{number}", grade, {}, None)
        for grade, count in grades.items()
        for number in range(count)
    ]
    return BratsCohort(tuple(cases), ())


@pytest.mark.parametrize("seed", range(20))
def test_24_gliomas_are_in_every_split_whatever_the_seed(seed: int) -> None:
    splits = stratified_split(cohort({"HGG": 19, "LGG": 5}), seed)
    counts = Counter((patient.split("-")[0], split) for patient, split in splits.items())
    assert counts == {
        ("HGG", "train"): 11, ("HGG", "validation"): 4, ("HGG", "test"): 4,
        ("LGG", "train"): 3, ("LGG", "validation"): 1, ("LGG", "test"): 1,
    }  # fmt: skip
    assert stratified_split(cohort({"HGG": 19, "LGG": 5}), seed + 1) != splits


@pytest.mark.parametrize(("patients", "sizes"), [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (10, (6, 2, 2))])
def test_few_patients_without_a_grade(patients: int, sizes: tuple[int, int, int]) -> None:
    counts = Counter(stratified_split(cohort({None: patients}), 0).values())
    assert (counts["train"], counts["validation"], counts["test"]) == sizes


def test_examinations_of_a_patient_share_a_split() -> None:
    cases = [BratsCase(f"P{n // 2}-{n % 2}", f"P{n // 2}", "HGG" if n % 2 else None, {}, None) for n in range(20)]
    splits = stratified_split(BratsCohort(tuple(cases), ()), 0)
    assert Counter(splits.values()) == {"train": 6, "validation": 2, "test": 2}


def test_grading_and_segmentation_have_one_split(tmp_path: Path) -> None:
    write_brats(tmp_path, 24)
    read = read_brats(tmp_path)
    graded = {case.name: case.split for case in grade_cases(read, ["T1CE"], seed=3).cases}
    cache = CaseCache(tmp_path / "cache", VolumeRecipe(shape=(8, 32, 32)), ["T1"])
    segmented = usable_cases(read, [cache], 3)
    assert {case.case: segmented.splits[case.patient_id] for case in segmented.cases} == graded
    segmented.check()
