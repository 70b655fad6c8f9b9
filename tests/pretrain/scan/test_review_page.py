"""The page of `selip-scan --review`, and what a real browser makes of it."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Page
from tests.pretrain.image_files import voxels, write_nifti, write_series
from tests.pretrain.scan.scanned_folder import Found, add_reports, run


@pytest.fixture
def page(chromium: Page, tmp_path: Path, root: Path, db: Path) -> Iterator[Page]:
    """The page of a folder with a known, an unknown and a damaged series; it must not complain."""
    add_reports(db, "R1")
    write_nifti(root / "R1" / "t1.nii.gz", voxels((30, 40, 20)))
    write_nifti(root / "R1" / "x,y.nii.gz", voxels((30, 40, 20)))
    write_nifti(root / "R1" / "t2.nii.gz").write_bytes(b"damaged")
    write_series(root / "R1" / "scout", SeriesDescription="localizer <b>", SeriesInstanceUID="1.7")
    (tmp_path / "m.csv").write_text("study,report_id,patient_id\nR1,R1,p1\n")
    done = run(root, "--db", db, "--manifest", tmp_path / "m.csv", "--review", tmp_path / "scan.html")
    assert done.returncode == 0, done.stderr
    chromium.complaints()
    yield chromium.open(tmp_path / "scan.html")
    assert chromium.complaints() == []


def test_series_are_grouped_by_doubt_and_sequence(page: Page) -> None:
    assert page.texts("h2") == ["To look at first (2)", "T1 (1)", "not used: localizer (1)"]
    assert page.texts("article b") == ["t2.nii.gz", "x,y.nii.gz", "t1.nii.gz", "localizer <b>"]
    sizes = page.run("return [...document.images].map(i => { i.loading = 'eager'; return i.complete; })")
    assert len(sizes) == 3
    assert page.texts("div.picture") == ["no picture"]
    page.one("#search").send_keys("localizer")
    assert page.run("return [...document.querySelectorAll('article')].filter(a => a.offsetParent).length") == 1


def test_corrections_are_a_manifest_that_the_next_scan_takes(page: Page, root: Path, db: Path) -> None:
    page.choose("article[title='R1/x,y.nii.gz'] select", "FLAIR")
    page.choose("article[title='R1/t1.nii.gz'] select", "none")
    assert page.texts("#count") == ["4 series, 2 corrected"]
    manifest = page.exported("csv")
    with manifest.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["study"]: row for row in csv.DictReader(file)}
    assert (rows["R1"]["report_id"], rows["R1"]["patient_id"]) == ("R1", "p1")
    assert rows["R1/x,y.nii.gz"]["sequence"] == "FLAIR"
    found = Found(root, db, manifest)
    assert found.sequences == {"R1/x,y.nii.gz": "FLAIR"}
    assert found.images["R1/x,y.nii.gz"]["patient_id"] == "p1"
    assert found.reasons["R1/t1.nii.gz"] == "other_sequence"


def test_corrections_stay_when_the_page_is_opened_again(page: Page, tmp_path: Path) -> None:
    page.choose("article[title='R1/x,y.nii.gz'] select", "SWI")
    page.open(tmp_path / "scan.html")
    assert page.texts("#count") == ["4 series, 1 corrected"]
    page.choose("article[title='R1/x,y.nii.gz'] select", "")
    assert page.texts("#count") == ["4 series, 0 corrected"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_all_words_fit_in_both_colour_schemes(page: Page, scheme: str, width: int) -> None:
    page.emulate(scheme, width, 900)
    page.driver.refresh()
    assert page.cut_off() == []
    assert page.run("return document.documentElement.scrollWidth") <= width
    background = page.run("return getComputedStyle(document.querySelector('article')).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(27, 32, 41)"}[scheme]
    page.emulate("light", 1400, 900)


def test_the_page_speaks_the_language_of_the_user(chromium: Page, tmp_path: Path, root: Path, db: Path) -> None:
    write_nifti(root / "t1.nii.gz")
    write_nifti(root / "xyz.nii.gz")
    done = run(root, "--db", db, "--review", tmp_path / "zh.html", "--lang", "zh")
    assert done.returncode == 0, done.stderr
    page = chromium.open(tmp_path / "zh.html")
    assert page.run("return document.documentElement.lang") == "zh"
    assert page.texts("h1") == ["核对序列"]
    assert page.texts("h2") == ["请先查看 (1)", "T1 (1)"]
    assert page.texts("#count") == ["2 个序列, 0 个已更正"]
    assert page.cut_off() == []
