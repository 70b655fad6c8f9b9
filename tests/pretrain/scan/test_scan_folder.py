import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGLSLossless, generate_uid

from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.read_volume import read_volume
from tests.pretrain.image_files import voxels, write_enhanced, write_nifti, write_series, write_slice
from tests.pretrain.scan.scanned_folder import Found, add_reports, write_diffusion


def test_nifti_studies_in_folders(root: Path, db: Path) -> None:
    add_reports(db, "R1", "R2", "R3")
    for name in ("T1", "T2", "FLAIR", "DWI", "ADC", "T1CE", "SWI"):
        write_nifti(root / "R1" / f"{name}.nii.gz")
    write_nifti(root / "R1" / "lesions.nii.gz", voxels().astype(np.uint8))
    (root / "truth.json").write_text("{}")
    for end in ("t1", "t1ce", "t2", "flair", "seg"):
        write_nifti(root / "HGG" / "BraTS19_1" / f"BraTS19_1_{end}.nii.gz")
    write_nifti(root / "R2" / "nifti" / "a_t2.nii")
    found = Found(root, db)
    assert {name: found.sequences[f"R1/{name}.nii.gz"] for name in ("T1", "ADC", "T1CE")} == {
        "T1": "T1",
        "ADC": "ADC",
        "T1CE": "T1CE",
    }
    assert len(found.images) == 7 + 4 + 1
    assert found.reasons == {
        "R1/lesions.nii.gz": "other_sequence",
        "HGG/BraTS19_1/BraTS19_1_seg.nii.gz": "other_sequence",
    }
    assert {row["report_id"] for row in found.images.values()} == {"R1", "R2", None}
    assert found.images["R2/nifti/a_t2.nii"]["study"] == "R2"
    assert found.images["HGG/BraTS19_1/BraTS19_1_t1.nii.gz"]["study"] == "HGG/BraTS19_1"
    assert found.scanned.other_files == 1
    row = found.images["R1/T1.nii.gz"]
    path = root / "R1" / "T1.nii.gz"
    assert row["files"] == [str(path)]
    assert (row["shape"], row["spacing_mm"], row["orientation"]) == ([7, 8, 9], [1.0, 1.5, 5.0], "LAS")
    assert row["content_hash"] == content_hash([path])


def test_a_dicom_tree_of_any_names(root: Path, db: Path) -> None:
    add_reports(db, "ACC1")
    files = write_series(root / "x" / "y", SeriesDescription="Ax T2 FLAIR", AccessionNumber="ACC1", PatientID="P7")
    # Two levels of folders with names of no meaning, as an archive stores them
    for number, file in enumerate(files):
        target = root / f"{number:02x}" / f"{number:032x}"
        target.parent.mkdir()
        file.rename(target)
    found = Found(root, db)
    ((name, row),) = found.images.items()
    assert name == pydicom.dcmread(root / "00" / f"{0:032x}").SeriesInstanceUID
    assert (row["modality"], row["report_id"], row["study"], row["patient_id"]) == ("FLAIR", "ACC1", "ACC1", "P7")
    assert (row["shape"], row["spacing_mm"], row["orientation"]) == ([7, 8, 9], [1.0, 1.5, 5.0], "LPS")
    paths = [Path(file) for file in row["files"]]
    assert row["content_hash"] == content_hash(paths)
    # From the lowest slice up, against the order of their numbers
    assert [pydicom.dcmread(path).InstanceNumber for path in paths] == list(range(9, 0, -1))
    np.testing.assert_array_equal(read_volume(paths, "dicom").voxels, voxels())


def test_chinese_descriptions_with_and_without_their_character_set(root: Path, db: Path) -> None:
    write_series(root / "a", SpecificCharacterSet="GB18030", SeriesDescription="T1加权增强", StudyInstanceUID="1.1")
    silent = write_series(root / "b", SeriesDescription="XXXX", StudyInstanceUID="1.2")
    for file in silent:
        file.write_bytes(file.read_bytes().replace(b"XXXX", "弥散".encode("gb18030")))
    found = Found(root, db)
    assert {row["description"]: row["modality"] for row in found.images.values()} == {
        "T1加权增强": "T1CE",
        "弥散": "DWI",
    }


def test_b_values_of_one_series(root: Path, db: Path) -> None:
    study = generate_uid()
    both = write_diffusion(root / "both", (0, 1000), StudyInstanceUID=study)
    three = write_diffusion(root / "three", (0, 500, 1000), StudyInstanceUID=generate_uid())
    alone = write_diffusion(root / "alone", (0,), StudyInstanceUID=generate_uid())
    adc = write_series(
        root / "adc",
        SeriesDescription="ep2d_diff",
        ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"],
        StudyInstanceUID=study,
        SeriesInstanceUID="9.9",
    )
    assert len(adc) == 9
    found = Found(root, db)
    assert found.sequences == {f"{both} b=1000": "DWI", f"{three} b=1000": "DWI", "9.9": "ADC"}
    assert found.reasons == {
        f"{both} b=0": "other_sequence",
        f"{three} b=0": "other_sequence",
        f"{three} b=500": "second_series",
        alone: "other_sequence",
    }
    files = [Path(file) for file in found.images[f"{both} b=1000"]["files"]]
    np.testing.assert_array_equal(read_volume(files, "dicom").voxels, voxels(seed=1))


@pytest.mark.parametrize(
    ("maker", "tag", "kind", "value"),
    [
        ("SIEMENS", 0x0019100C, "IS", "1000"),
        ("GE MEDICAL SYSTEMS", 0x00431039, "IS", ["1000001000", "8", "0", "0"]),
        ("Philips Medical Systems", 0x20011003, "FL", 1000.0),
    ],
)
def test_b_values_of_the_makers(root: Path, db: Path, maker: str, tag: int, kind: Any, value: Any) -> None:
    files = write_series(root, SeriesDescription="ep2d", Manufacturer=maker)
    for file in files:
        dataset = pydicom.dcmread(file)
        dataset.add_new(tag, kind, value)
        dataset.save_as(file)
    assert list(Found(root, db).sequences.values()) == ["DWI"]


def test_echoes_and_phases_of_one_series_are_told_apart(root: Path, db: Path) -> None:
    for seed, kind in enumerate(("M", "P")):
        write_series(
            root / kind,
            voxels(seed=seed),
            SeriesInstanceUID="1.2",
            SeriesDescription="SWI",
            ImageType=["ORIGINAL", "PRIMARY", kind],
        )
    found = Found(root, db)
    assert list(found.sequences.values()) == ["SWI"]
    assert list(found.reasons.values()) == ["other_sequence"]


def test_enhanced_dicom(root: Path, db: Path) -> None:
    write_enhanced(root / "e", voxels(), SeriesInstanceUID="1.2", StudyInstanceUID="1", SeriesDescription="T2W")
    found = Found(root, db)
    assert found.sequences == {"1.2": "T2"}
    assert found.images["1.2"]["shape"] == [7, 8, 9]


def test_what_is_set_aside_is_named(root: Path, db: Path) -> None:
    write_nifti(root / "s" / "t1.nii.gz").write_bytes(b"")
    not_finite = voxels().astype(np.float32)
    not_finite[0, 0, 0] = np.nan
    write_nifti(root / "s" / "t2.nii.gz", not_finite)
    write_nifti(root / "s" / "flair.nii.gz", voxels((7, 8, 9, 2)))
    write_nifti(root / "s" / "xyz.nii.gz")
    (root / "s" / "swi.nii.gz").symlink_to(root / "gone")
    write_series(root / "loc", SeriesInstanceUID="1", SeriesDescription="Scout")
    write_series(root / "mra", SeriesInstanceUID="2", SeriesDescription="3D TOF")
    write_series(root / "mpr", SeriesInstanceUID="3", SeriesDescription="T1", ImageType=["DERIVED", "SECONDARY", "MPR"])
    write_series(root / "gap", SeriesInstanceUID="4", SeriesDescription="T2")[4].unlink()
    cut = write_series(root / "cut", SeriesInstanceUID="5", SeriesDescription="T2")[0]
    cut.write_bytes(cut.read_bytes()[:-20])
    write_series(root / "zero", np.zeros((7, 8, 9), np.int16), SeriesInstanceUID="6", SeriesDescription="T2")
    write_series(root / "odd", SeriesInstanceUID="7", SeriesDescription="Ax", RepetitionTime=33, EchoTime=5)
    write_series(root / "one", voxels((7, 8, 1)), SeriesInstanceUID="8", SeriesDescription="T2")
    (root / "broken").write_bytes(cut.read_bytes()[:200])
    for file in write_series(root / "jls", SeriesInstanceUID="10", SeriesDescription="T2"):
        dataset = pydicom.dcmread(file)
        dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
        dataset.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(file)
    found = Found(root, db)
    assert found.reasons == {
        "s/t1.nii.gz": "damaged",
        "s/t2.nii.gz": "not_finite",
        "s/flair.nii.gz": "not_3d",
        "s/xyz.nii.gz": "unrecognised",
        "s/swi.nii.gz": "damaged",
        "1": "localizer",
        "2": "angiography",
        "3": "reformat",
        "4": "missing_slice",
        "5": "damaged",
        "6": "damaged",
        "7": "unrecognised",
        "8": "not_3d",
        "10": "damaged",
        "broken": "damaged",
    }
    assert not found.images
    assert "truncated" in found.aside["5"]["detail"]
    assert found.aside["7"]["detail"] == "names Ax, TR 33, TE 5"
    assert "JPEG-LS" in found.aside["10"]["detail"]


def test_files_of_two_patients_under_one_series_uid(root: Path, db: Path) -> None:
    write_slice(
        root / "a", voxels((7, 8, 1))[..., 0], (0, 0, 0), SeriesInstanceUID="9", SeriesDescription="T2", PatientID="a"
    )
    write_slice(
        root / "b", voxels((7, 8, 1))[..., 0], (0, 0, 5), SeriesInstanceUID="9", SeriesDescription="T2", PatientID="b"
    )
    assert Found(root, db).aside["9"]["detail"] == "files of several studies have the same series UID"


def test_of_two_series_of_a_sequence_the_better_is_used(root: Path, db: Path) -> None:
    tags: dict[str, Any] = {"StudyInstanceUID": "1", "SeriesDescription": "T1", "SeriesDate": "20250101"}
    write_series(root / "few", voxels((7, 8, 5)), SeriesInstanceUID="1.1", SeriesTime="10", **tags)
    write_series(root / "coarse", SeriesInstanceUID="1.2", SeriesTime="12", PixelSpacing=[2, 2], **tags)
    write_series(root / "early", SeriesInstanceUID="1.3", SeriesTime="08", **tags)
    write_series(root / "late", SeriesInstanceUID="1.4", SeriesTime="11", **tags)
    found = Found(root, db)
    assert found.sequences == {"1.3": "T1"}
    assert set(found.reasons.values()) == {"second_series"}
    assert found.aside["1.1"]["detail"] == "T1 of this study is 1.3"
    shutil.rmtree(root / "early")
    assert Found(root, db).sequences == {"1.4": "T1"}


def test_an_axial_original_of_the_whole_head_is_preferred(root: Path, db: Path) -> None:
    tags: dict[str, Any] = {"StudyInstanceUID": "1", "SeriesDescription": "T1", "PixelSpacing": [2, 2]}
    whole = voxels((7, 8, 22))
    sagittal = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    fine = write_series(root / "derived", whole, SeriesInstanceUID="1.1", **(tags | {"PixelSpacing": [1, 1]}))
    for path in fine:
        dataset = pydicom.dcmread(path)
        dataset.ImageType = ["DERIVED", "SECONDARY"]
        dataset.save_as(path)
    for number in range(22):
        position = (-60.0 + 5 * number, 20.0, 30.0)
        write_slice(
            root / "sagittal" / str(number),
            whole[..., number].T,
            position,
            SeriesInstanceUID="1.2",
            **(tags | sagittal | {"PixelSpacing": [1, 1]}),
        )
    write_series(root / "slab", voxels((7, 8, 9)), SeriesInstanceUID="1.3", **(tags | {"PixelSpacing": [1, 1]}))
    write_series(root / "axial", whole, SeriesInstanceUID="1.4", **tags)
    for best, folder in (("1.4", "axial"), ("1.2", "sagittal"), ("1.1", "derived"), ("1.3", "slab")):
        found = Found(root, db)
        assert found.sequences == {best: "T1"}
        assert set(found.reasons.values()) <= {"second_series"}
        shutil.rmtree(root / folder)


def test_copies_of_a_slice_count_once(root: Path, db: Path) -> None:
    write_series(root / "a", SeriesInstanceUID="1", SeriesDescription="T1")
    shutil.copytree(root / "a", root / "b")
    found = Found(root, db)
    assert [len(row["files"]) for row in found.images.values()] == [9]


def test_a_study_in_both_forms_has_one_volume_a_sequence(root: Path, db: Path) -> None:
    add_reports(db, "R1")
    write_series(root / "R1" / "dcm", SeriesInstanceUID="1", SeriesDescription="T1")
    write_nifti(root / "R1" / "T1.nii.gz", voxels((7, 8, 20)))
    found = Found(root, db)
    assert found.sequences == {"R1/T1.nii.gz": "T1"}
    assert found.reasons == {"1": "second_series"}


def test_names_that_are_no_utf8(root: Path, db: Path) -> None:
    folder = root / os.fsdecode("张三".encode("gb18030"))
    write_nifti(folder / "t1.nii.gz")
    write_series(folder / "dcm", voxels((7, 8, 2)), SeriesDescription="T2")
    write_nifti(root / "李四" / "t1.nii.gz")
    found = Found(root, db)
    assert list(found.sequences) == ["李四/t1.nii.gz"]
    assert list(found.reasons.values()) == ["damaged"] * 3
    assert "\\xd5\\xc5\\xc8\\xfd/t1.nii.gz" in found.reasons


def test_a_loop_of_links_ends(root: Path, db: Path) -> None:
    write_nifti(root / "a" / "t1.nii.gz")
    (root / "a" / "again").symlink_to(root)
    assert list(Found(root, db).images) == ["a/t1.nii.gz"]


def test_of_nifti_an_original_is_preferred_to_what_was_computed_from_it(root: Path, db: Path) -> None:
    for name in ("a_T1_brain", "b_T1_bet", "z_T1", "wT1"):
        write_nifti(root / "R1" / f"{name}.nii.gz")
    write_nifti(root / "R2" / "T2_brain.nii.gz")
    found = Found(root, db)
    assert found.sequences == {"R1/z_T1.nii.gz": "T1", "R2/T2_brain.nii.gz": "T2"}
    assert found.reasons["R1/wT1.nii.gz"] == "reformat"
