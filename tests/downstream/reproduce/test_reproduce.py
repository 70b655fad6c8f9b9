"""Whole reproductions: of every kind of step, as small as one can be, from nothing; and on a hospital's own data."""

import csv
import json
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from selip_contracts.annotated import read_annotated
from selip_contracts.database_file import read_store
from selip_downstream.reproduce.plan import plan
from selip_downstream.reproduce.runner.code_dependencies import used_modules
from selip_downstream.reproduce.sizes import BRAIN, QUICK
from tests.downstream.reproduce.recording_watcher import run
from tests.downstream.reproduce.step_folders import NUMBERED_TITLES, TITLES, numbered

TINY = replace(
    QUICK,
    reading=replace(QUICK.reading, scored=6, adapting=2),
    training=replace(
        QUICK.training,
        settings={**QUICK.training.settings, "steps": 2, "validate_every": 2},
        targets=("hard", "best-match"),
        repeats={1.0: 1},
        error_rates=(30,),
    ),
    measuring=replace(QUICK.measuring, rounds=100, label_shares=(1.0,), label_draws=1, pointed=2),
)
SURNAME = "欧阳"
"""Of every patient of the hospital."""
WITHOUT_IMAGES = 4
"""So many of its reports have none."""


def rows(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(read_store(database)) as connection:
        return connection.execute(query).fetchall()


def imported(log: Path) -> set[str]:
    """What python, told to by PYTHONPROFILEIMPORTTIME, says of our own modules, but for those that only start one."""
    found = set(re.findall(r"\| +(selip_\S+)$", log.read_text(encoding="utf-8"), re.MULTILINE))
    return {module for module in found if not module.endswith(".entry_points")}


@pytest.mark.slow
def test_from_nothing_to_the_page_once_and_then_only_what_a_change_concerns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = plan(TINY)
    with monkeypatch.context() as told:
        told.setenv("PYTHONPROFILEIMPORTTIME", "1")
        ran = run(tmp_path, *steps).run
    assert sorted(ran) == sorted(step.name for step in steps)
    assert ran[-1] == "page"
    assert (tmp_path / "page" / "reproduction.html").stat().st_size > 10_000
    measured = [tmp_path / step.name / "results.duckdb" for step in steps if "--results" in step.commands[-1]]
    assert len(measured) == 8
    for database in measured:
        assert rows(database, "FROM results WHERE value IS NOT NULL")
    assert {path.name for path in tmp_path.glob("train-*/*/*.safetensors")} == {"model.safetensors"}
    assert not any(tmp_path.glob("train-*/last"))
    assert not any(tmp_path.glob("segment/**/*.safetensors"))
    for step in steps:
        came = imported(tmp_path / step.name / "log.txt")
        assert "selip_shared.errors" in came
        assert came <= set().union(*map(used_modules, step.commands)), step.name
    assert run(tmp_path, *steps).run == []
    other = replace(TINY, measuring=replace(TINY.measuring, pointed=3))
    assert run(tmp_path, *plan(other)).run == ["pointing", "page"]


def call(program: str, *arguments: object) -> None:
    beside_python = str(Path(sys.executable).with_name(program))
    subprocess.run([beside_python, *map(str, arguments)], check=True, capture_output=True)


def write_hospital(folder: Path, reports: int) -> int:
    """A table as a hospital exports it and images by month and examination; how many volumes have a report there.

    Some reports have no images, one examination has no report, and there are masks and notes among the images.
    """
    chosen, shape = folder / "chosen", "12x64x64"
    call("selip-pseudo", "--out", folder / "pseudo", "--count", 2000, "--seed", 5)
    call("python", "-m", "selip_downstream.reproduce.data.choose_cohort", folder / "pseudo" / "truth.jsonl",
         "--out", chosen, "--studies", reports, "--max-sites", 1, "--sites", ",".join(BRAIN), "--normal", 0.4,
         "--smallest", 26, "--largest", 44)  # fmt: skip
    call("selip-phantom", "--from", chosen / "truth.jsonl", "--out", folder / "phantom", "--shape", shape)
    call("selip-phantom", "--brats", 40, "--out", folder / "brats", "--shape", shape)
    table = [["序号", "检查号", "患者姓名", "性别", "年龄", "检查日期", "检查部位", "影像所见", "诊断意见"]]
    volumes = 0
    for number, report in enumerate(read_annotated(chosen / "truth.jsonl"), start=1):
        examination, day = f"MR{2021_000_000 + number}", f"2021-{number % 12 + 1:02}-03"
        text = report.findings_text.replace("。", "。\n", 1)
        table.append([str(number), examination, f"{SURNAME}{number}", "男", "61岁", day, "颅脑平扫", text, "请复查"])
        if number <= WITHOUT_IMAGES:
            continue
        if number == reports:
            examination = "MR1999000001"
        study = folder / "images" / day[:7] / examination / "导出"
        study.parent.mkdir(parents=True)
        (folder / "phantom" / report.report_id).rename(study)
        (study / "说明.txt").write_text("头颅", encoding="utf-8")
        if number != reports:
            volumes += len({*study.glob("*.nii.gz")} - {study / "lesions.nii.gz"})
    with (folder / "reports.csv").open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(table)
    return volumes


@pytest.mark.slow
def test_on_a_hospitals_own_data_the_page_claims_no_truth(tmp_path: Path) -> None:
    volumes = write_hospital(tmp_path, reports=120)
    root = tmp_path / "reproduction"
    command = [
        sys.executable, "-m", "selip_downstream.reproduce", "quick", "--reports", str(tmp_path / "reports.csv"),
        "--images", str(tmp_path / "images"), "--brats", str(tmp_path / "brats"), "--out", str(root),
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{root / 'page' / 'reproduction.html'}\n"
    data = root / "data-extracted" / "selip.duckdb"
    assert rows(data, "SELECT count(*) FROM reports") == [(120,)]
    assert rows(data, "SELECT count(*) FROM images WHERE report_id IS NOT NULL") == [(volumes,)]
    content = json.loads((root / "page" / "reproduction.json").read_text(encoding="utf-8"))
    without_truth = numbered([title for title in NUMBERED_TITLES if "extraction error" not in title])
    assert [section["title"] for section in content["sections"]] == [*TITLES[:2], *without_truth]
    assert any("How many of them are wrong is not known" in sentence for sentence in content["summary"])
    for name in ("reproduction.html", "reproduction.json", "reproduction.md"):
        page = (root / "page" / name).read_text(encoding="utf-8")
        for claimed in ("true findings", "true texts", "hantom", "every truth", "ointing game", "rendered", SURNAME):
            assert claimed not in page, f"{claimed} in {name}"
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    # What could not be measured is tried again.
    assert all(line.endswith("done before") or " failed: " in line for line in again.stderr.splitlines())
