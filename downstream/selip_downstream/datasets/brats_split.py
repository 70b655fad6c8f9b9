"""The split of a BraTS cohort: by patient, stratified by grade, the same for grading and for segmentation."""

from collections import defaultdict
from collections.abc import Mapping

from selip_downstream.datasets.brats import BratsCohort, Grade
from selip_downstream.datasets.exclusions import Exclusion
from selip_pretrain.data.splits import Split, hash_fraction

HELD_OUT = 0.2
"""The share of the patients of each grade in the validation split, and in the test split."""


def split_patients(
    cohort: BratsCohort, seed: int, own: Mapping[str, Split] | None
) -> tuple[BratsCohort, Mapping[str, Split]]:
    """The cases that have a split, and the split of each patient: the user's own, else `stratified_split`."""
    if own is None:
        return cohort, stratified_split(cohort, seed)
    kept = tuple(case for case in cohort.cases if case.patient_id in own)
    without = (Exclusion(case.case, "no split") for case in cohort.cases if case.patient_id not in own)
    return BratsCohort(kept, (*cohort.excluded, *without)), own


def stratified_split(cohort: BratsCohort, seed: int) -> Mapping[str, Split]:
    """The split of each patient: of every grade, and of the cases without one, 20 % validation, 20 % test, rest train.

    Patients of a grade are in the order of their hash. With two or more there is one to test on, with three or more one
    to validate on. Pass the whole cohort: which cases a task can use then changes no patient's split.
    """
    grade_of: dict[str, Grade | None] = {}
    for case in cohort.cases:
        grade_of[case.patient_id] = grade_of.get(case.patient_id) or case.grade
    patients: dict[Grade | None, list[str]] = defaultdict(list)
    for patient, grade in grade_of.items():
        patients[grade].append(patient)
    splits: dict[str, Split] = {}
    for stratum in patients.values():
        stratum.sort(key=lambda patient: hash_fraction(seed, patient))
        held_out = max(1, round(HELD_OUT * len(stratum)))
        test = held_out if len(stratum) > 1 else 0
        validation = held_out if len(stratum) > 2 else 0
        for position, patient in enumerate(stratum):
            splits[patient] = "test" if position < test else "validation" if position < test + validation else "train"
    return splits
