"""`selip-scan` as it is called."""

import errno
import os
import subprocess
from contextlib import closing
from pathlib import Path

from selip_contracts.database_file import read_store
from tests.pretrain.image_files import voxels, write_nifti, write_series
from tests.pretrain.scan.scanned_folder import SELIP_SCAN, add_reports, run


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


def test_the_command_explains_what_decided(root: Path, db: Path) -> None:
    write_nifti(root / "R1" / "t1_post.nii.gz")
    write_series(root / "R2", SeriesDescription="t2_tse_sag", BodyPartExamined="KNEE", SeriesInstanceUID="1.7")
    done = run(root, "--db", db, "--explain", "T1_POST")
    assert done.returncode == 0, done.stderr
    assert "T1CE by the rule 'T1 and contrast by name'" in done.stdout
    assert "and_words: 'post' in 't1_post'" in done.stdout
    assert "1.7" not in done.stdout
    done = run(root, "--db", db, "--explain", "1.7")
    assert "other_sequence by the rule 'another part of the body, by BodyPartExamined'" in done.stdout
    assert "body_part: 'knee' in 'KNEE'" in done.stdout
    assert "certain where the series description names the head" in done.stdout
    assert not db.exists()
    done = run(root, "--db", db, "--explain", "nothing")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def open_when_read(pipe: Path, process: subprocess.Popen[bytes]) -> int:
    """A descriptor to write to the pipe, as soon as another process reads it; an error where the process has ended."""
    while process.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
    raise AssertionError("the scan ended before it read the pipe")


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
        descriptor = open_when_read(pipe, process)
        process.kill()
        # The standard error is at its end when no process holds it any more.
        process.stderr.read()
        os.close(descriptor)
    last.unlink()
    write_nifti(last)
    done = run(root, "--db", db)
    assert done.returncode == 0, done.stderr
    with closing(read_store(db)) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT study) FROM images").fetchall() == [(5, 5)]


def test_a_dry_run_prints_the_table_and_touches_no_database(root: Path, db: Path) -> None:
    write_nifti(root / "R1" / "t1.nii.gz")
    write_nifti(root / "R1" / "xyz.nii.gz")
    done = run(root, "--db", db, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert not db.exists()
    for said in ("t1.nii.gz", "T1 by name", "xyz.nii.gz", "unrecognised"):
        assert said in done.stdout
    add_reports(db, "R1")
    before = db.read_bytes()
    assert run(root, "--db", db, "--dry-run").returncode == 0
    assert db.read_bytes() == before


def test_what_a_manifest_misses_is_said(tmp_path: Path, root: Path, db: Path) -> None:
    add_reports(db, "0012", "A7")
    write_nifti(root / "12" / "t1.nii.gz")
    write_nifti(root / "a7" / "t1.nii.gz")
    (tmp_path / "m.csv").write_text("study,report_id\nnowhere,0012\na7,R9\n")
    done = run(root, "--db", db, "--manifest", tmp_path / "m.csv")
    assert done.returncode == 0, done.stderr
    assert "2 names match but for leading zeros or case, and were linked: 12 as 0012, a7 as A7" in done.stdout
    assert "1 rows of the manifest name no image in the folder: nowhere" in done.stdout
    assert "1 reports of the manifest are not in the database: R9" in done.stdout
    assert "2 studies, 0 of them without a report" in done.stdout
