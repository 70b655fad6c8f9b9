import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGLSLossless, generate_uid

from selip_contracts.tables import open_store, read_store, utc_now
from selip_pretrain.scan.report_linkage import ReportLinker
from selip_pretrain.scan.scan_folder import scan
from selip_pretrain.scan.sequence_rules import read_rules
from selip_pretrain.scan.stored_images import StoredImages
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.read_volume import read_volume
from selip_shared.errors import SelipError
from tests.pretrain.image_files import voxels, write_enhanced, write_nifti, write_series, write_slice

SELIP_SCAN = (sys.executable, "-c", "from selip_pretrain.cli.scan import main; main()")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "selip.duckdb"


def add_reports(db: Path, *ids: tuple[str, str] | str, key_mark: str | None = None) -> None:
    with closing(open_store(db)) as connection:
        for ordinal, name in enumerate(ids, 1):
            report_id, given_id = name if isinstance(name, tuple) else (name, name)
            connection.execute(
                "INSERT INTO reports VALUES (?, ?, ?, '', '', 'reports.csv', ?, ?)",
                [ordinal, report_id, given_id, ordinal, utc_now()],
            )
        if key_mark is not None:
            connection.execute(
                """INSERT INTO runs (run_id, fingerprint, extractor, code_version, configuration, started_at, seconds)
                VALUES (1, '', 'rules', '', json_object('deidentified', ?), ?, 0)""",
                [key_mark, utc_now()],
            )


class Found:
    """The tables after a scan in this process, with one worker."""

    def __init__(self, root: Path, db: Path, manifest: Path | None = None) -> None:
        with closing(open_store(db)) as connection:
            linker = ReportLinker(root, connection, manifest)
            self.scanned = scan(root, StoredImages(connection, db, root), read_rules(), linker, 1)
            self.images = self._rows(connection, "images")
            self.aside = self._rows(connection, "excluded_images")
        self.reasons = {name: row["reason"] for name, row in self.aside.items()}
        self.sequences = {name: row["modality"] for name, row in self.images.items()}
        self.changes = dict(+self.scanned.changes)

    @staticmethod
    def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, dict[str, Any]]:
        result = connection.execute(f"FROM {table}")
        names = [column[0] for column in result.description or ()]
        return {row[0]: dict(zip(names, row, strict=True)) for row in result.fetchall()}


def write_diffusion(folder: Path, b_values: Sequence[float], **tags: Any) -> str:
    series = generate_uid()
    for seed, b_value in enumerate(b_values):
        write_series(
            folder / f"b{b_value:g}",
            voxels(seed=seed),
            SeriesInstanceUID=series,
            SeriesDescription="ep2d_diff",
            DiffusionBValue=float(b_value),
            **tags,
        )
    return series


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
    assert found.sequences == {f"{both} b=1000": "DWI", f"{three} b=1000": "DWI", alone: "DWI", "9.9": "ADC"}
    assert found.reasons == {
        f"{both} b=0": "other_sequence",
        f"{three} b=0": "other_sequence",
        f"{three} b=500": "second_series",
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
    assert found.sequences == {"1.4": "T1"}
    assert set(found.reasons.values()) == {"second_series"}
    assert found.aside["1.1"]["detail"] == "T1 of this study is 1.4"
    shutil.rmtree(root / "late")
    assert Found(root, db).sequences == {"1.3": "T1"}


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


def test_again_only_what_changed_changes(root: Path, db: Path) -> None:
    for study in ("a", "b", "c"):
        write_nifti(root / study / "t1.nii.gz")
    write_nifti(root / "a" / "unknown.nii.gz")
    write_series(root / "d", SeriesInstanceUID="1", SeriesDescription="T2")
    first = Found(root, db)
    assert first.changes == {"new": 5}
    again = Found(root, db)
    assert again.changes == {"unchanged": 5}
    assert again.images == first.images
    add_reports(db, "c")
    write_nifti(root / "b" / "t1.nii.gz", voxels(seed=5))
    shutil.rmtree(root / "a")
    third = Found(root, db)
    assert third.changes == {"changed": 2, "unchanged": 1, "gone": 2}
    assert third.images["c/t1.nii.gz"]["report_id"] == "c"
    assert third.images["b/t1.nii.gz"]["content_hash"] != first.images["b/t1.nii.gz"]["content_hash"]
    assert third.images["1"] == first.images["1"]


def test_an_empty_folder_takes_nothing_away(root: Path, db: Path) -> None:
    write_nifti(root / "a" / "t1.nii.gz")
    Found(root, db)
    shutil.rmtree(root / "a")
    (root / "readme.txt").write_text("the disk is not mounted")
    with pytest.raises(SelipError, match="There is no image"):
        Found(root, db)
    with closing(read_store(db)) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchall() == [(1,)]


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


def test_images_of_another_folder_are_not_lost(tmp_path: Path, root: Path, db: Path) -> None:
    write_nifti(root / "a" / "t1.nii.gz")
    Found(root, db)
    other = tmp_path / "other"
    write_nifti(other / "b" / "t1.nii.gz")
    with pytest.raises(SelipError, match="scan a folder that holds both"):
        Found(other, db)
    shutil.rmtree(root)
    assert Found(other, db).changes == {"new": 1, "gone": 1}


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


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        [*SELIP_SCAN, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment
    )


def test_the_command_says_what_it_found(root: Path, db: Path) -> None:
    add_reports(db, "R1", "R2")
    write_nifti(root / "R1" / "t1.nii.gz")
    write_nifti(root / "R1" / "t2.nii.gz", voxels((7, 8)))
    write_nifti(root / "other" / "flair.nii.gz")
    done = run(root, "--db", db)
    assert done.returncode == 0, done.stderr
    assert "3 new; 0 other files" in done.stdout
    assert "2 studies, 1 of them without a report" in done.stdout
    assert "2 reports, 1 of them without images" in done.stdout
    assert "not_3d" in done.stdout
    assert "3/3 files" in done.stderr


def test_the_command_names_what_a_user_can_put_right(tmp_path: Path, root: Path, db: Path) -> None:
    (tmp_path / "rules.toml").write_text("[[rule]]\nname = 'a'\n")
    for arguments, said in (
        ((tmp_path / "gone",), "There is no folder"),
        ((root, "--rules", tmp_path / "rules.toml"), "line 1"),
    ):
        done = run(*arguments, "--db", db)
        assert done.returncode == 1
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_killed_scan_leaves_no_process_and_a_database_that_goes_on(tmp_path: Path, root: Path, db: Path) -> None:
    """The last image is a pipe, at which a process waits when the scan is killed."""
    for number in range(4):
        write_nifti(root / f"s{number}" / "t1.nii.gz")
    pipe, last = tmp_path / "pipe", root / "s4" / "t1.nii.gz"
    os.mkfifo(pipe)
    last.parent.mkdir()
    last.symlink_to(pipe)
    with subprocess.Popen([*SELIP_SCAN, str(root), "--db", str(db)], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        # Opening waits until the pipe is being read.
        with pipe.open("wb"):
            process.kill()
            # The standard error is at its end when no process holds it any more.
            process.stderr.read()
    last.unlink()
    write_nifti(last)
    done = run(root, "--db", db)
    assert done.returncode == 0, done.stderr
    with closing(read_store(db)) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT study) FROM images").fetchall() == [(5, 5)]
