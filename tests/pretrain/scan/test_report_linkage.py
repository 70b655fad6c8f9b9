import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from selip_contracts.database_file import open_store
from selip_shared.errors import SelipError
from tests.pretrain.image_files import write_nifti, write_series
from tests.pretrain.scan.scanned_folder import Found, add_reports


def test_an_id_that_came_with_two_texts_is_not_guessed(root: Path, db: Path) -> None:
    add_reports(db, "R1", ("R1#2", "R1"), ("R2#3", "R2"))
    write_nifti(root / "R1" / "t1.nii.gz")
    write_nifti(root / "R2" / "t1.nii.gz")
    found = Found(root, db)
    assert {row["study"]: row["report_id"] for row in found.images.values()} == {"R1": None, "R2": "R2#3"}
    assert found.scanned.ambiguous_studies == 1


def test_a_manifest(tmp_path: Path, root: Path, db: Path) -> None:
    add_reports(db, "R1", "R2", "R3", ("R4#2", "R4"))
    write_nifti(root / "x" / "anat" / "t1.nii.gz")
    write_nifti(root / "x" / "dwi" / "dwi.nii.gz")
    write_nifti(root / "R2" / "t1.nii.gz")
    write_nifti(root / "flat" / "one_t1.nii.gz")
    write_series(root / "dcm", SeriesDescription="T1", AccessionNumber="A9", SeriesInstanceUID="1", PatientID="P")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "\ufeffstudy,report_id,patient_id\nx,R1,p1\n\n./flat/one_t1.nii.gz,R4#2,\nA9,gone,p9\n", encoding="utf-8"
    )
    images = Found(root, db, manifest).images
    assert {name: (row["report_id"], row["patient_id"]) for name, row in images.items()} == {
        "x/anat/t1.nii.gz": ("R1", "p1"),
        "x/dwi/dwi.nii.gz": ("R1", "p1"),
        "R2/t1.nii.gz": ("R2", "R2"),
        "flat/one_t1.nii.gz": ("R4#2", "R4#2"),
        "1": (None, "p9"),
    }


def test_an_accession_number_of_two_patients_is_not_merged(tmp_path: Path, root: Path, db: Path) -> None:
    add_reports(db, "A9")
    for uid, patient, name in (("1.1", "007", "T1"), ("1.2", "7", "FLAIR"), ("1.3", "8", "T2")):
        tags: dict[str, Any] = {
            "SeriesDescription": name,
            "AccessionNumber": "A9",
            "SeriesInstanceUID": uid,
            "PatientID": patient,
        }
        write_series(root / name, **tags)
    found = Found(root, db)
    assert found.reasons == dict.fromkeys(("1.1", "1.2", "1.3"), "several_patients")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("study,report_id,patient_id\nA9,A9,p\n")
    assert Found(root, db, manifest).sequences == {"1.1": "T1", "1.2": "FLAIR", "1.3": "T2"}
    for name in ("T1", "FLAIR"):
        shutil.rmtree(root / name)
    assert Found(root, db).sequences == {"1.3": "T2"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must have the columns"),
        ("study,report\na,b\n", "it has study, report"),
        ("study,report_id\na,\n", "line 2: study or report_id is empty"),
        ("study,report_id\na,R1\na,R2\n", "line 3: a has another report"),
    ],
)
def test_a_manifest_that_is_not_valid(tmp_path: Path, root: Path, db: Path, text: str, said: str) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(text)
    with pytest.raises(SelipError, match=said):
        Found(root, db, manifest)


def test_a_deidentified_database_needs_a_manifest_and_learns_no_patient(tmp_path: Path, root: Path, db: Path) -> None:
    add_reports(db, "0123456789abcdef", key_mark="mark")
    write_series(root / "d", SeriesDescription="T1", AccessionNumber="A9", StudyInstanceUID="1.5", PatientID="Zhang")
    with pytest.raises(SelipError, match="give --manifest"):
        Found(root, db)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("study,report_id\nother,0123456789abcdef\n")
    ((row),) = Found(root, db, manifest).images.values()
    assert (row["study"], row["patient_id"], row["report_id"]) == ("1.5", "1.5", None)
    manifest.write_text("study,report_id\nA9,0123456789abcdef\n")
    ((row),) = Found(root, db, manifest).images.values()
    assert (row["report_id"], row["patient_id"]) == ("0123456789abcdef", "0123456789abcdef")


def test_zeros_and_case_where_only_one_fits(root: Path, db: Path) -> None:
    add_reports(db, "00123", "AB9", "7", "07", "5")
    for name in ("123", "ab9", "007", "5", "05"):
        write_nifti(root / name / "t1.nii.gz")
    reports = {row["image_id"].split("/")[0]: row["report_id"] for row in Found(root, db).images.values()}
    # 007 may be 7 or 07, and 5 is the report of the folder 5.
    assert reports == {"123": "00123", "ab9": "AB9", "007": None, "5": "5", "05": None}


def test_folders_of_one_name_are_not_matched_to_a_report_that_is_alike(root: Path, db: Path) -> None:
    add_reports(db, "1")
    for study in ("x", "y"):
        write_nifti(root / study / "01" / "t1.nii.gz")
    assert {row["report_id"] for row in Found(root, db).images.values()} == {None}


def test_a_row_without_a_report_unties_nothing(tmp_path: Path, root: Path, db: Path) -> None:
    add_reports(db, "A9")
    write_series(root / "dcm", SeriesDescription="T1", AccessionNumber="A9", SeriesInstanceUID="1.1", PatientID="P")
    manifest = tmp_path / "manifest.csv"
    for row in ("A9,gone,p9", "1.1,,p9", "dcm,gone,p9"):
        manifest.write_text(f"study,report_id,patient_id\n{row}\n")
        (image,) = Found(root, db, manifest).images.values()
        assert (image["report_id"], image["patient_id"]) == ("A9", "p9")


def test_sequences_in_a_manifest(tmp_path: Path, root: Path, db: Path) -> None:
    add_reports(db, "R1")
    write_nifti(root / "R1" / "t1.nii.gz")
    write_nifti(root / "R1" / "xyz.nii.gz")
    write_nifti(root / "R1" / "flair.nii.gz")
    write_nifti(root / "R1" / "t2.nii.gz")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("study,report_id,patient_id,sequence\nR1/xyz.nii.gz,,,T1\nR1/flair.nii.gz,,,none\nR1,R1,p,\n")
    found = Found(root, db, manifest)
    assert found.sequences == {"R1/xyz.nii.gz": "T1", "R1/t2.nii.gz": "T2"}
    assert found.reasons == {"R1/t1.nii.gz": "second_series", "R1/flair.nii.gz": "other_sequence"}
    assert {(row["report_id"], row["patient_id"]) for row in found.images.values()} == {("R1", "p")}
    assert found.images["R1/xyz.nii.gz"]["rule"] == "manifest"
    manifest.write_text("study,sequence\nR1/xyz.nii.gz,T9\n")
    with pytest.raises(SelipError, match="line 2: there is no sequence T9"):
        Found(root, db, manifest)


def test_an_amended_report_stands_for_the_earlier_one(root: Path, db: Path) -> None:
    add_reports(db, "R1", ("R1#2", "R1"))
    with closing(open_store(db)) as connection:
        connection.execute("UPDATE reports SET superseded = true WHERE report_id = 'R1'")
    write_nifti(root / "R1" / "t1.nii.gz")
    assert [row["report_id"] for row in Found(root, db).images.values()] == ["R1#2"]
