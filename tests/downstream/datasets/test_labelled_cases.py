import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
from typer.main import get_command

from selip_contracts.database_file import create, open_store, utc_now
from selip_downstream.cli.classify import app
from selip_downstream.datasets.brats import read_brats
from selip_downstream.datasets.csv_table import read_splits
from selip_downstream.datasets.exclusions import Exclusion
from selip_downstream.datasets.labelled_cases import (
    LabelledCohort,
    LabelTable,
    grade_cases,
    label_images,
    query_labels,
    read_labels,
    without,
)
from selip_pretrain.data.splits import SPLITS
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import write_cohort


def store(studies: Sequence[tuple[str, str, str | None, str]]) -> duckdb.DuckDBPyConnection:
    """Studies as (study, patient, split, sequences); the report has the study's name with R before it."""
    connection = duckdb.connect()
    create(connection)
    for study, patient, split, sequences in studies:
        for modality in sequences.split():
            connection.execute(
                "INSERT INTO images VALUES (?, ?, ?, ?, ?, 'nifti', ?, [8, 8, 8], [1, 1, 1], 'RAS', '', '', '', ?, "
                "NULL)",
                [f"{study}/{modality}", study, f"R{study}", patient, modality, [f"{study}/{modality}.nii"], utc_now()],
            )
        if split:
            connection.execute("INSERT OR IGNORE INTO splits VALUES (?, ?, ?)", [patient, split, utc_now()])
    return connection


EIGHT = [
    (f"{split[:2]}{number}", f"{split}-{number}", split, "T2 FLAIR")
    for split in ("train", "validation", "test")
    for number in range(4)
]


def labels(key: str = "study") -> LabelTable:
    named = {"study": "{0}", "report_id": "R{0}"}[key]
    return LabelTable(
        "study" if key == "study" else "report_id",
        {named.format(study): "stroke" if study[-1] in "01" else "none" for study, *_ in EIGHT},
        "test",
    )


@pytest.mark.parametrize("key", ["study", "report_id"])
def test_cases_have_their_label_their_split_and_volumes_in_the_order_asked(key: str) -> None:
    cohort = label_images(store(EIGHT), labels(key), ["FLAIR", "T2"])
    assert len(cohort.cases) == 12
    assert cohort.excluded == ()
    first = cohort.cases[0]
    assert (first.name, first.patient_id, first.label, first.split) == ("te0", "test-0", "stroke", "test")
    assert [image.image_id for image in first.images] == ["te0/FLAIR", "te0/T2"]


def test_what_a_case_lacks_is_said_by_its_name() -> None:
    more = [("x1", "x1", "train", "T2"), ("x2", "x2", None, "T2 FLAIR"), ("x3", "x3", "test", "FLAIR")]
    table = LabelTable("study", {**labels().labels, "x1": "none", "x2": "none"}, "test")
    cohort = label_images(store([*EIGHT, *more]), table, ["T2", "FLAIR"])
    assert cohort.excluded == (
        Exclusion("x1", "no FLAIR"), Exclusion("x2", "no split"), Exclusion("x3", "no T2 and no label"),
    )  # fmt: skip


def test_one_class_and_a_split_without_a_class_are_refused_by_name() -> None:
    with pytest.raises(SelipError, match="only the label none: two classes are needed"):
        label_images(store(EIGHT), LabelTable("study", {"tr2": "none", "te3": "none"}, "test"), ["T2"])
    with pytest.raises(SelipError, match="no labelled case with these sequences"):
        label_images(store(EIGHT), labels(), ["SWI"])
    fewer = {study: label for study, label in labels().labels.items() if study not in ("va0", "va1")}
    with pytest.raises(SelipError, match="No case with the label stroke is in the validation split"):
        label_images(store(EIGHT), LabelTable("study", fewer, "test"), ["T2"])


def test_a_case_whose_volume_is_unusable_is_set_aside_with_the_reason() -> None:
    cohort = label_images(store(EIGHT), labels(), ["T2"])
    fewer = without(cohort, [Exclusion("tr3/T2", "damaged")])
    assert [case.name for case in cohort.cases if case not in fewer.cases] == ["tr3"]
    assert fewer.excluded == (Exclusion("tr3", "damaged"),)


def test_labels_are_read_from_a_csv_as_spreadsheets_write_it(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("note,report_id,label\r\na,R1,stroke\r\n,R2,\r\n\r\nb,R3,none\r\nb,R3,none\r\n", "utf-8-sig")
    assert read_labels(path) == LabelTable("report_id", {"R1": "stroke", "R3": "none"}, str(path))


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_labels_are_read_with_other_encodings_delimiters_capitals_and_blanks(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("Report_ID; Label \r\n R1 ;正常\r\nR2; 异常\r\n;\r\n", encoding)
    assert read_labels(path) == LabelTable("report_id", {"R1": "正常", "R2": "异常"}, str(path))


def test_the_query_of_the_help_keeps_normal_studies(tmp_path: Path) -> None:
    (option,) = [one for one in get_command(app).params if one.name == "sql"]
    (query,) = re.findall(r'"(SELECT [^"]+)"', str(getattr(option, "help", "")))
    with open_store(write_cohort(tmp_path, 20)) as connection:
        found = query_labels(connection, query).labels
    assert Counter(found.values()) == {"False": 17, "True": 3}
    assert found["S0009"] == "False"


def test_own_splits_replace_those_of_the_pretraining(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    patients = {f"B{number}": split for number, split in enumerate(SPLITS * 2)}
    path.write_text("Patient_ID,split\n" + "".join(f"{it},{split.upper()}\n" for it, split in patients.items()))
    assert read_splits(path) == patients
    read = read_brats(brats(tmp_path / "cohort", {"HGG": 8, "LGG": 8}))
    own = {case.patient_id: SPLITS[number % 3] for number, case in enumerate(read.cases[1:])}
    cohort = grade_cases(read, ["T1CE"], 0, own)
    assert {case.name: case.split for case in cohort.cases} == {
        case.case: own[case.patient_id] for case in read.cases[1:]
    }
    assert [(one.case, one.reason) for one in cohort.excluded] == [(read.cases[0].case, "no split")]


@pytest.mark.parametrize(
    ("rows", "said"),
    [("patient,split\n", "has the columns patient, split"), ("patient_id,split\nA,tset\n", "puts A into tset"),
     ("patient_id,split\nA,test\nA,train\n", "puts A into test and train")],
)  # fmt: skip
def test_splits_that_cannot_be_understood_are_refused(tmp_path: Path, rows: str, said: str) -> None:
    path = tmp_path / "splits.csv"
    path.write_text(rows)
    with pytest.raises(SelipError, match=said):
        read_splits(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,label\n1,a\n", "have the columns id, label: a column label is needed, and one of report_id, study"),
        (b"report_id,diagnosis\n1,a\n", "a column label is needed"),
        (b"", "have the columns none"),
        (b"report_id,label\nR1,a\nR1,b\n", "R1 has the labels a and b"),
        (bytes(range(256)) * 40, "is damaged .*: save it as a CSV file again"),
    ],
)
def test_labels_that_cannot_be_understood_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(SelipError, match=said):
        read_labels(path)


def test_a_missing_file_of_labels_is_named(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match=r"absent\.csv cannot be read"):
        read_labels(tmp_path / "absent.csv")


def test_labels_come_out_of_the_database_by_sql() -> None:
    connection = store(EIGHT)
    table = query_labels(connection, "SELECT study, count(*) > 1 AS label FROM images GROUP BY ALL")
    assert table.labels["tr0"] == "True"
    assert len(table.labels) == 12
    with pytest.raises(SelipError, match="The query for labels fails"):
        query_labels(connection, "SELECT nothing FROM nowhere")
    with pytest.raises(SelipError, match="a column label is needed"):
        query_labels(connection, "SELECT study FROM images")


def brats(folder: Path, grades: dict[str, int], kinds: Sequence[str] = ("t1ce", "flair")) -> Path:
    for grade, count in grades.items():
        for number in range(count):
            name = f"BraTS19_{grade}_{number}"
            (folder / grade / name).mkdir(parents=True)
            for kind in kinds:
                (folder / grade / name / f"{name}_{kind}.nii.gz").write_bytes(name.encode())
    return folder


def test_brats_is_split_by_grade_the_same_way_each_time(tmp_path: Path) -> None:
    read = read_brats(brats(tmp_path, {"HGG": 20, "LGG": 10}))
    cohort = grade_cases(read, ["T1CE"], seed=0)
    assert Counter((case.label, case.split) for case in cohort.cases) == {
        ("HGG", "train"): 12, ("HGG", "validation"): 4, ("HGG", "test"): 4,
        ("LGG", "train"): 6, ("LGG", "validation"): 2, ("LGG", "test"): 2,
    }  # fmt: skip
    assert grade_cases(read, ["T1CE"], seed=0) == cohort
    assert grade_cases(read, ["T1CE"], seed=1) != cohort
    assert cohort.cases[0].images[0].files[0].name == "BraTS19_HGG_0_t1ce.nii.gz"


def test_a_brats_cohort_of_one_grade_or_without_the_sequence_is_refused(tmp_path: Path) -> None:
    read = read_brats(brats(tmp_path, {"HGG": 8}))
    with pytest.raises(SelipError, match="only the label HGG"):
        grade_cases(read, ["T1CE"], seed=0)
    with pytest.raises(SelipError, match="no labelled case with these sequences"):
        grade_cases(read, ["T2"], seed=0)


def test_a_cohort_without_cases_cannot_be_made() -> None:
    with pytest.raises(SelipError, match="no labelled case"):
        LabelledCohort((), ())
