"""BraTS cohorts as they are unpacked, of 2018 to 2023: which files, which grade, which labels a segmentation holds.

2018 to 2021: NAME/NAME_flair.nii.gz, _t1, _t1ce, _t2 and _seg (.nii or .nii.gz); the grade is in the folder above
(HGG, LGG) or in name_mapping.csv; enhancing tumour is label 4. 2023: NAME/NAME-t1n.nii.gz, -t1c, -t2w, -t2f and -seg,
where NAME ends in the number of the examination; enhancing tumour is label 3.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from selip_contracts.vocabulary import Modality
from selip_downstream.datasets.exclusions import Exclusion
from selip_shared.errors import SelipError

Grade = Literal["HGG", "LGG"]
Region = Literal["WT", "TC", "ET"]
GRADES: tuple[Grade, ...] = get_args(Grade)

NECROSIS, OEDEMA, ENHANCING = 1, 2, 3
REGIONS: dict[Region, tuple[int, ...]] = {
    "WT": (NECROSIS, OEDEMA, ENHANCING),
    "TC": (NECROSIS, ENHANCING),
    "ET": (ENHANCING,),
}
"""Whole tumour, tumour core and enhancing tumour: the labels that each is made of."""

_ENHANCING_UNTIL_2021 = 4
_FILE = re.compile(r".*[_-](?P<kind>flair|t1|t1ce|t1gd|t1n|t1c|t2|t2w|t2f|segm?)\.nii(\.gz)?", re.IGNORECASE)
_SEQUENCE: dict[str, Modality] = {
    "t1": "T1", "t1n": "T1", "t1ce": "T1CE", "t1gd": "T1CE", "t1c": "T1CE",
    "t2": "T2", "t2w": "T2", "flair": "FLAIR", "t2f": "FLAIR",
}  # fmt: skip
_EXAMINATION = re.compile(r"(?P<patient>BraTS-[A-Z]+-\d{5})-\d{3}")
_MAPPING = "name_mapping.csv"


@dataclass(frozen=True)
class BratsCase:
    """One examination: what there is of it. `case` is its folder's name; a patient may have several from 2023 on."""

    case: str
    patient_id: str
    grade: Grade | None
    images: Mapping[Modality, Path]
    segmentation: Path | None


@dataclass(frozen=True)
class BratsCohort:
    """The cases in the order of their names, and those that are excluded."""

    cases: tuple[BratsCase, ...]
    excluded: tuple[Exclusion, ...]

    def having(
        self, modalities: Sequence[Modality], *, grade: bool = False, segmentation: bool = False
    ) -> "BratsCohort":
        """The cases that have these sequences, and a grade or segmentation where one is needed; others are excluded."""
        kept, without = [], list(self.excluded)
        for case in self.cases:
            lacking: list[str] = [modality for modality in modalities if modality not in case.images]
            lacking += ["grade"] if grade and case.grade is None else []
            lacking += ["segmentation"] if segmentation and case.segmentation is None else []
            if lacking:
                without.append(Exclusion(case.case, f"no {' and no '.join(lacking)}"))
            else:
                kept.append(case)
        return BratsCohort(tuple(kept), tuple(sorted(without)))


def read_brats(folder: Path) -> BratsCohort:
    """The cohort below a folder. SelipError where there is none, or where a table of grades cannot be understood."""
    if not folder.is_dir():
        raise SelipError(f"There is no folder {folder}: name the folder that the BraTS archive was unpacked to.")
    files: dict[Path, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    grades: dict[str, Grade] = {}
    for path in sorted(folder.rglob("*.*")):
        if path.name == _MAPPING:
            grades |= _read_grades(path)
        elif (match := _FILE.fullmatch(path.name)) and not path.name.startswith(".") and path.is_file():
            kind = match["kind"].lower()
            files[path.parent][_SEQUENCE.get(kind, "segmentation")].append(path)
    if not files:
        raise SelipError(
            f"There is no BraTS case below {folder}: a case is a folder with files named like NAME_flair.nii.gz."
        )
    return _cohort(files, grades)


def unified_labels(labels: NDArray[Any], case: str) -> NDArray[np.uint8]:
    """A segmentation of any year with 1 necrosis, 2 oedema, 3 enhancing tumour. SelipError for any other labels."""
    found = set(np.unique(labels).tolist())
    if not found <= {0, NECROSIS, OEDEMA, ENHANCING, _ENHANCING_UNTIL_2021}:
        unknown = ", ".join(f"{label:g}" for label in sorted(found - {0, 1, 2, 3, 4}))
        raise SelipError(f"The segmentation of {case} holds the label {unknown}: BraTS has labels 0 to 4.")
    if {ENHANCING, _ENHANCING_UNTIL_2021} <= found:
        raise SelipError(
            f"The segmentation of {case} holds the labels 3 and 4, which mean the same in BraTS 2018 to 2021 and 2023: "
            "take a segmentation of one of these years."
        )
    unified = labels.astype(np.uint8)
    unified[unified == _ENHANCING_UNTIL_2021] = ENHANCING
    return unified


def own_labels(unified: NDArray[np.uint8], case: BratsCase) -> NDArray[np.uint8]:
    """Unified labels as the year of the case writes them: enhancing tumour is 3 in files named as in 2023, else 4."""
    if all(path.name.startswith(f"{case.case}-") for path in case.images.values()):
        return unified
    labels = unified.copy()
    labels[labels == ENHANCING] = _ENHANCING_UNTIL_2021
    return labels


def region(unified: NDArray[np.uint8], name: Region) -> NDArray[np.bool_]:
    """Where a region is in unified labels."""
    return np.isin(unified, REGIONS[name])


def labels_of(regions: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Unified labels of regions (3, …) in the order of `REGIONS`; of several that hold a voxel the innermost counts."""
    whole, core, enhancing = regions
    return np.select([enhancing, core, whole], [ENHANCING, NECROSIS, OEDEMA], 0).astype(np.uint8)


def _cohort(files: Mapping[Path, Mapping[str, Sequence[Path]]], grades: Mapping[str, Grade]) -> BratsCohort:
    cases: dict[str, BratsCase] = {}
    excluded: dict[str, str] = {}
    for folder, by_kind in files.items():
        case = folder.name
        twice = next((paths for paths in by_kind.values() if len(paths) > 1), None)
        above: Grade | None = next((grade for grade in GRADES if grade == folder.parent.name), None)
        if case in cases or case in excluded:
            excluded[case] = "it is in two folders"
        elif twice:
            excluded[case] = f"{' and '.join(path.name for path in twice)} are of one sequence"
        elif above and grades.get(case, above) != above:
            excluded[case] = f"its folder says {above}, {_MAPPING} says {grades[case]}"
        else:
            cases[case] = BratsCase(
                case,
                _patient(case),
                above or grades.get(case),
                {modality: by_kind[modality][0] for modality in _SEQUENCE.values() if modality in by_kind},
                by_kind["segmentation"][0] if "segmentation" in by_kind else None,
            )
    used = sorted((case for name, case in cases.items() if name not in excluded), key=lambda case: case.case)
    return BratsCohort(tuple(used), tuple(Exclusion(*item) for item in sorted(excluded.items())))


def _patient(case: str) -> str:
    match = _EXAMINATION.fullmatch(case)
    return match["patient"] if match else case


def _read_grades(path: Path) -> dict[str, Grade]:
    """The grade of each name that any year gave a patient."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SelipError(f"{path} cannot be read: put back the one of the BraTS archive.") from error
    grades: dict[str, Grade] = {}
    for number, row in enumerate(rows, start=2):
        grade = next((grade for grade in GRADES if grade == (row.get("Grade") or "").strip()), None)
        if grade is None:
            raise SelipError(f"{path}, line {number}: the column Grade says neither HGG nor LGG: correct the line.")
        grades |= dict.fromkeys(_names(row), grade)
    return grades


def _names(row: Mapping[str, str | None]) -> Iterable[str]:
    values = (value for column, value in row.items() if column and column.lower().endswith("subject_id"))
    return [value.strip() for value in values if value and value.strip() != "NA"]
