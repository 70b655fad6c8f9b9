"""`selip-phantom` as it is called: files on disk, several processes, a restart, what it refuses."""

import csv
import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.image import imread

from selip_contracts.annotated import write_annotated
from selip_contracts.database_file import open_store, utc_now
from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_contracts.vocabulary import MODALITIES, SIDES
from selip_pretrain.phantom.brats_layout import write_brats
from selip_pretrain.phantom.contact_sheet import SHEET, write_contact_sheet
from selip_pretrain.phantom.phantom_cohort import write_cohort
from selip_pretrain.phantom.render import PhantomRecipe
from selip_pretrain.scan.report_linkage import ReportLinker
from selip_pretrain.scan.scan_folder import scan
from selip_pretrain.scan.sequence_rules import read_rules
from selip_pretrain.scan.stored_images import StoredImages
from selip_pretrain.volumes.read_volume import read_volume
from selip_shared.errors import SelipError
from selip_shared.execution.processes import ProcessWorkers

SELIP_PHANTOM = (sys.executable, "-c", "from selip_pretrain.cli.phantom import main; main()")
# nibabel is typed in part
load: Any = nib.load
apply_affine: Any = nib.affines.apply_affine
aff2axcodes: Any = nib.aff2axcodes
SMALL = PhantomRecipe(shape=(10, 32, 32))


def reports(count: int) -> list[AnnotatedReport]:
    """Every third one normal; the others with a lesion bright on T2, on the left, the right or both sides."""
    made = []
    for number in range(count):
        finding = Finding(modality="T2", side=SIDES[number % 3], site="放射冠", signal="高", morphology="团块状")
        findings = () if number % 3 == 2 else (finding,)
        made.append(AnnotatedReport(report_id=f"R{number}", findings_text="", study=Study(findings=findings)))
    return made


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    assert write_cohort(reports(6), folder, SMALL, processes=1) == 6
    return folder


def test_a_lesion_lies_on_its_side_in_the_world_of_the_file(cohort: Path) -> None:
    for number, sign in ((0, -1), (1, 1)):
        image = load(cohort / f"R{number}" / "lesions.nii.gz")
        voxels = np.argwhere(np.asarray(image.dataobj) == 1)
        world = apply_affine(image.affine, voxels)
        assert len(voxels) > 3
        assert (world[:, 0] * sign > 5).all()
        assert aff2axcodes(image.affine) == ("R", "A", "S")
        t2 = np.asarray(load(cohort / f"R{number}" / "T2.nii.gz").dataobj)
        assert t2.shape == image.shape == (32, 32, 10)
        mirrored = np.asarray(image.dataobj)[::-1] == 1
        assert t2[np.asarray(image.dataobj) == 1].mean() > 1.2 * t2[mirrored].mean()


def test_the_files_are_read_as_the_scans_of_a_hospital(cohort: Path, tmp_path: Path) -> None:
    db = tmp_path / "selip.duckdb"
    with closing(open_store(db)) as connection:
        for number in range(6):
            row = [number + 1, f"R{number}", f"R{number}", number + 1, utc_now()]
            connection.execute(
                """INSERT INTO reports
                (ordinal, report_id, given_id, source_row, added_at, text, text_sha256, source_file)
                VALUES (?, ?, ?, ?, ?, '', '', 'reports.csv')""",
                row,
            )
        scan(
            cohort,
            StoredImages(connection, db, cohort),
            read_rules(),
            ReportLinker(cohort, connection, None),
            ProcessWorkers(1),
        )
        found = connection.execute("SELECT report_id, modality FROM images ORDER BY ALL").fetchall()
    assert found == sorted((f"R{n}", m) for n in range(6) for m in ("T1", "T2", "FLAIR", "DWI", "ADC"))
    volume = read_volume([cohort / "R0" / "T1.nii.gz"], "nifti")
    assert volume.voxels.shape == (32, 32, 10)


def test_the_truth_says_which_label_is_which_place(cohort: Path) -> None:
    truth = json.loads((cohort / "truth.json").read_bytes())
    assert truth["recipe"] == SMALL.model_dump(mode="json")
    by_id = {study["report_id"]: study for study in truth["studies"]}
    (only,) = by_id["R1"]["lesions"]
    assert (only["label"], only["side"], only["site"], only["signals"]) == (1, "右侧", "放射冠", {"T2": ["高"]})
    labels = np.asarray(load(cohort / "R1" / "lesions.nii.gz").dataobj)
    assert only["voxels"] == (labels == 1).sum()
    assert only["centre_mm"][0] > 5
    assert by_id["R2"]["lesions"] == []


def test_two_processes_write_the_same_bytes(cohort: Path, tmp_path: Path) -> None:
    assert write_cohort(reports(6), tmp_path, SMALL, processes=2) == 6
    assert everything(tmp_path) == everything(cohort)


def test_what_is_complete_is_kept_and_what_is_not_is_made_anew(cohort: Path, tmp_path: Path) -> None:
    write_cohort(reports(3), tmp_path, SMALL)
    (tmp_path / "R1" / "lesions.json").write_text("{", encoding="utf-8")
    kept = (tmp_path / "R0" / "T1.nii.gz").stat().st_mtime_ns
    assert write_cohort(reports(4), tmp_path, SMALL) == 2
    assert (tmp_path / "R0" / "T1.nii.gz").stat().st_mtime_ns == kept
    for number in range(4):
        assert everything(tmp_path / f"R{number}") == everything(cohort / f"R{number}")
    assert write_cohort(reports(2), tmp_path, SMALL.model_copy(update={"seed": 5})) == 2
    assert everything(tmp_path / "R0") != everything(cohort / "R0")


KILLED_AT_THE_FOURTH = """
import os, signal, sys
from pathlib import Path
from selip_contracts.annotated import read_annotated
from selip_pretrain.phantom import phantom_cohort
from selip_pretrain.phantom.render import PhantomRecipe

class KilledAfterTheFirst(dict):
    def items(self):
        yield next(iter(super().items()))
        os.kill(os.getpid(), signal.SIGKILL)

def write(folder, volumes, grid, truth):
    fourth = folder.name == "R3"
    write_folder(folder, KilledAfterTheFirst(volumes) if fourth else volumes, grid, truth)

write_folder, phantom_cohort.write_folder = phantom_cohort.write_folder, write
reports = list(read_annotated(Path(sys.argv[1])))
phantom_cohort.write_cohort(reports, Path(sys.argv[2]), PhantomRecipe(shape=(10, 32, 32)))
"""


def test_a_killed_run_is_continued_and_leaves_no_half_study(tmp_path: Path) -> None:
    truth, out = tmp_path / "truth.jsonl", tmp_path / "out"
    write_annotated(truth, reports(6))
    killed = subprocess.run([sys.executable, "-c", KILLED_AT_THE_FOURTH, truth, out], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert {folder.name for folder in out.glob("R*")} == {"R0", "R1", "R2"}
    for folder in out.glob("R*"):
        assert {p.name for p in folder.iterdir()} >= {"T1.nii.gz", "lesions.nii.gz", "lesions.json"}
    assert [path.name for path in out.glob(".*")] == [".R3.partial"]
    assert write_cohort(reports(6), out, SMALL) == 3
    assert not list(out.glob(".*"))


def test_the_command_says_what_it_did_and_draws_a_sheet(tmp_path: Path) -> None:
    truth, out = tmp_path / "truth.jsonl", tmp_path / "out"
    write_annotated(truth, reports(3))
    options = ["--from", str(truth), "--out", str(out), "--shape", "10x32x32", "--processes", "1"]
    finished = subprocess.run([*SELIP_PHANTOM, *options], capture_output=True, text=True, check=True)
    assert f"3 of 3 studies rendered, the others existed: {out}; overview: {out / SHEET}" in finished.stdout
    picture = imread(out / SHEET)
    assert min(picture.shape[:2]) > 200
    assert picture[..., :3].std() > 0.1


def test_a_report_of_a_place_that_the_vocabulary_lacks_is_left_out_and_counted(tmp_path: Path) -> None:
    finding = Finding(modality="T2", side="左侧", site="未列部位", site_text="翼髓窝", signal="高")
    unknown = AnnotatedReport(report_id="U1", findings_text="", study=Study(findings=(finding,)))
    write_annotated(tmp_path / "truth.jsonl", [*reports(2), unknown])
    options = ["--from", str(tmp_path / "truth.jsonl"), "--out", str(tmp_path / "out"), "--shape", "10x32x32"]
    run = subprocess.run([*SELIP_PHANTOM, *options], capture_output=True, text=True, check=True)
    assert "1 reports left out: they name a place that the vocabulary lacks (未列部位)" in run.stdout
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {"R0", "R1"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "out"], "--from"),
        (["--from", "empty.jsonl", "--out", "out"], "holds no report"),
        (["--from", "absent.jsonl", "--out", "out"], "cannot be read"),
        (["--from", "climbing.jsonl", "--out", "out"], "cannot name a folder"),
        (["--brats", "2", "--out", "empty.jsonl"], "is a file"),
        (["--brats", "2", "--out", "out", "--shape", "24x128"], "24x128"),
        (["--brats", "2", "--out", "out", "--shape", "2x128x128"], "from 8 to 512"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path, options: list[str], said: str) -> None:
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    write_annotated(tmp_path / "climbing.jsonl", [AnnotatedReport(report_id="../R", findings_text="", study=Study())])
    finished = subprocess.run([*SELIP_PHANTOM, *options], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert finished.returncode == 1
    assert said in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
    assert not list(tmp_path.rglob("*.nii.gz"))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "..\\x", "a\0b", "a\nb", ".hidden"])
def test_a_report_that_cannot_name_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SelipError, match="cannot name a folder"):
        write_cohort([AnnotatedReport(report_id=name, findings_text="", study=Study())], tmp_path, SMALL)


def test_without_a_chinese_font_the_sheet_is_in_english(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"R{number}" for number in range(6)]
    chosen = imread(write_contact_sheet(cohort, ids))
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    # A character that the font lacks is a warning, and a warning an error.
    english = imread(write_contact_sheet(cohort, ids))
    (cohort / SHEET).unlink()
    names = english[:, int(english.shape[1] * 0.71) :, :3]
    assert names.max() > 0.5
    assert chosen.shape == english.shape


def test_gliomas_lie_as_the_archive_of_brats_unpacks(tmp_path: Path) -> None:
    assert write_brats(tmp_path, 4, SMALL) == 4
    training = tmp_path / "MICCAI_BraTS_2019_Data_Training"
    with (training / "name_mapping.csv").open(encoding="utf-8", newline="") as file:
        grades = {row["BraTS_2019_subject_ID"]: row["Grade"] for row in csv.DictReader(file)}
    assert sorted(grades.values()) == ["HGG", "HGG", "LGG", "LGG"]
    for name, grade in grades.items():
        folder = training / grade / name
        for kind in ("t1", "t1ce", "t2", "flair", "seg"):
            image = load(folder / f"{name}_{kind}.nii.gz")
            assert image.shape == (32, 32, 10)
        assert set(np.unique(np.asarray(image.dataobj))) <= {0, 1, 2, 4}
    assert write_brats(tmp_path, 6, SMALL) == 2


def test_the_names_of_the_files_are_those_of_the_sequences(cohort: Path) -> None:
    names = {path.name.removesuffix(".nii.gz") for path in cohort.rglob("*.nii.gz")}
    assert names - {"lesions"} <= set(MODALITIES)
