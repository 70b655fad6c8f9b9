from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from selip_downstream.datasets.brats import REGIONS, read_brats, region, unified_labels
from selip_downstream.datasets.exclusions import Exclusion
from selip_shared.errors import SelipError

OLD = ("flair", "t1", "t1ce", "t2", "seg")
NEW = ("t2f", "t1n", "t1c", "t2w", "seg")
MAPPING_19 = "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,BraTS_2019_subject_ID\n"


def put(folder: Path, kinds: Iterable[str] = OLD, separator: str = "_", ending: str = ".nii.gz") -> Path:
    folder.mkdir(parents=True)
    for kind in kinds:
        (folder / f"{folder.name}{separator}{kind}{ending}").touch()
    return folder


def names(cohort_cases: Sequence[object]) -> list[str]:
    return [getattr(case, "case", "") for case in cohort_cases]


def test_brats_2019_has_its_grades_from_folders_and_mapping(tmp_path: Path) -> None:
    root = tmp_path / "MICCAI_BraTS_2019_Data_Training"
    put(root / "HGG/BraTS19_2013_0_1")
    put(root / "LGG/BraTS19_TCIA12_101_1")
    (root / "name_mapping.csv").write_text(
        MAPPING_19 + "HGG,NA,Brats18_2013_0_1,NA,BraTS19_2013_0_1\nLGG,NA,NA,TCGA-1,BraTS19_TCIA12_101_1\n"
    )
    cohort = read_brats(tmp_path)
    first, second = cohort.cases
    assert (first.case, first.patient_id, first.grade) == ("BraTS19_2013_0_1", "BraTS19_2013_0_1", "HGG")
    assert second.grade == "LGG"
    assert {modality: path.name for modality, path in first.images.items()} == {
        "T1": "BraTS19_2013_0_1_t1.nii.gz",
        "T1CE": "BraTS19_2013_0_1_t1ce.nii.gz",
        "T2": "BraTS19_2013_0_1_t2.nii.gz",
        "FLAIR": "BraTS19_2013_0_1_flair.nii.gz",
    }
    assert first.segmentation == root / "HGG/BraTS19_2013_0_1/BraTS19_2013_0_1_seg.nii.gz"
    assert cohort.excluded == ()


def test_brats_2020_has_its_grades_from_the_mapping_and_one_misnamed_segmentation(tmp_path: Path) -> None:
    put(tmp_path / "BraTS20_Training_001", ending=".nii")
    misnamed = put(tmp_path / "BraTS20_Training_355", OLD[:-1], ending=".nii") / "W39_1998.09.19_Segm.nii"
    misnamed.touch()
    (tmp_path / "name_mapping.csv").write_text(
        MAPPING_19.replace("\n", ",BraTS_2020_subject_ID\n") + "LGG,NA,NA,NA,NA,BraTS20_Training_001\n", "utf-8-sig"
    )
    first, last = read_brats(tmp_path).cases
    assert (first.grade, last.grade) == ("LGG", None)
    assert last.segmentation == misnamed


def test_brats_2021_and_2023_are_one_patient_an_identity_whatever_the_examination(tmp_path: Path) -> None:
    put(tmp_path / "BraTS2021_00000")
    put(tmp_path / "BraTS-GLI-00005-000", NEW, "-")
    put(tmp_path / "BraTS-GLI-00005-001", NEW, "-")
    cases = read_brats(tmp_path).cases
    assert [case.patient_id for case in cases] == ["BraTS-GLI-00005", "BraTS-GLI-00005", "BraTS2021_00000"]
    assert all(set(case.images) == {"T1", "T1CE", "T2", "FLAIR"} and case.grade is None for case in cases)


def test_what_a_case_lacks_is_said_of_it_by_name(tmp_path: Path) -> None:
    put(tmp_path / "HGG/BraTS19_A")
    put(tmp_path / "HGG/BraTS19_B", ("flair", "t1ce", "seg"))
    put(tmp_path / "BraTS19_C", ("flair", "t1", "t1ce"))
    cohort = read_brats(tmp_path)
    assert names(cohort.cases) == ["BraTS19_A", "BraTS19_B", "BraTS19_C"]
    assert names(cohort.having(["T1CE"]).cases) == ["BraTS19_A", "BraTS19_B", "BraTS19_C"]
    needed = cohort.having(["T1CE", "T1", "T2"], grade=True, segmentation=True)
    assert names(needed.cases) == ["BraTS19_A"]
    assert needed.excluded == (
        Exclusion("BraTS19_B", "no T1 and no T2"),
        Exclusion("BraTS19_C", "no T2 and no grade and no segmentation"),
    )


def test_contradictions_are_set_aside_with_the_reason(tmp_path: Path) -> None:
    put(tmp_path / "HGG/BraTS19_A")
    put(tmp_path / "HGG/BraTS19_B")
    put(tmp_path / "LGG/BraTS19_B")
    (put(tmp_path / "HGG/BraTS19_C") / "BraTS19_C_t1.nii").touch()
    put(tmp_path / "LGG/BraTS19_D")
    (tmp_path / "name_mapping.csv").write_text(MAPPING_19 + "LGG,NA,NA,NA,BraTS19_A\nLGG,NA,NA,NA,BraTS19_D\n")
    cohort = read_brats(tmp_path)
    assert names(cohort.cases) == ["BraTS19_D"]
    assert cohort.excluded == (
        Exclusion("BraTS19_A", "its folder says HGG, name_mapping.csv says LGG"),
        Exclusion("BraTS19_B", "it is in two folders"),
        Exclusion("BraTS19_C", "BraTS19_C_t1.nii and BraTS19_C_t1.nii.gz are of one sequence"),
    )


def test_files_beside_a_cohort_are_no_cases(tmp_path: Path) -> None:
    folder = put(tmp_path / "BraTS19_A")
    (folder / "._BraTS19_A_flair.nii.gz").touch()
    (tmp_path / "survival_data.csv").write_text("a,b\n")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/scan.nii.gz").touch()
    assert names(read_brats(tmp_path).cases) == ["BraTS19_A"]


@pytest.mark.parametrize(
    ("mapping", "said"),
    [("Grade,BraTS_2019_subject_ID\nIV,BraTS19_A\n", "line 2: the column Grade says neither HGG nor LGG"),
     ("a,b\n1,2\n", "line 2: the column Grade says neither"),
     (b"\xff\xfe\x00G", "cannot be read")],
)  # fmt: skip
def test_a_mapping_that_cannot_be_understood_is_named(tmp_path: Path, mapping: str | bytes, said: str) -> None:
    put(tmp_path / "BraTS19_A")
    content = mapping if isinstance(mapping, bytes) else mapping.encode()
    (tmp_path / "name_mapping.csv").write_bytes(content)
    with pytest.raises(SelipError, match=said):
        read_brats(tmp_path)


def test_a_folder_without_cases_and_no_folder_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="no BraTS case below"):
        read_brats(tmp_path)
    with pytest.raises(SelipError, match="There is no folder"):
        read_brats(tmp_path / "absent")


def test_enhancing_tumour_is_label_three_whatever_the_year() -> None:
    until_2021, from_2023 = np.array([0, 1, 2, 4, 4]), np.array([0.0, 1.0, 2.0, 3.0, 3.0])
    for labels in (until_2021, from_2023):
        assert unified_labels(labels, "A").tolist() == [0, 1, 2, 3, 3]
    assert until_2021.tolist() == [0, 1, 2, 4, 4]
    unified = unified_labels(until_2021, "A")
    assert {name: region(unified, name).sum() for name in REGIONS} == {"WT": 4, "TC": 3, "ET": 2}


@pytest.mark.parametrize(
    ("labels", "said"),
    [([0, 3, 4], "BraTS19_A holds the labels 3 and 4"), ([0, 7], "label 7"), ([0, 0.5], "label 0.5")],
)
def test_labels_of_another_kind_are_refused_with_the_case(labels: list[float], said: str) -> None:
    with pytest.raises(SelipError, match=said):
        unified_labels(np.array(labels), "BraTS19_A")
