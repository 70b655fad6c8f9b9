import importlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import entry_points
from pathlib import Path, PurePath
from typing import Any

import pytest
import typer

from selip_downstream.reproduce.__main__ import check_disk, main, put_part
from selip_downstream.reproduce.plan import NO_REAL_DATA, RealData, plan
from selip_downstream.reproduce.runner.steps import Step
from selip_downstream.reproduce.sizes import QUICK, SIZES, STANDARD, Size
from selip_shared.errors import SelipError
from tests.commands import command


@pytest.fixture
def real(tmp_path: Path) -> RealData:
    reports, images, brats = tmp_path / "{reports}.csv", tmp_path / "images", tmp_path / "brats"
    reports.write_text("检查号,影像所见\n1,脑桥见长T1信号。\n", encoding="utf-8")
    images.mkdir()
    brats.mkdir()
    return RealData(reports, images, brats)


def plans(real: RealData) -> Iterator[list[Step]]:
    for size in SIZES.values():
        yield plan(size)
        yield plan(size, real, "cuda")
        yield plan(size, RealData(brats=real.brats))
        yield plan(size, replace(real, brats=None))


@cache
def parser(module: str) -> Any:
    return typer.main.get_command(importlib.import_module(module).app)


def keys(steps: list[Step]) -> dict[str, str]:
    by_name = {step.name: step for step in steps}
    found: dict[str, str] = {}
    for name in TopologicalSorter({step.name: step.needs for step in steps}).static_order():
        found[name] = by_name[name].key(found)
    return found


def changed(one: Size, other: Size) -> set[str]:
    before, after = keys(plan(one)), keys(plan(other))
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_each_step_has_its_own_name_and_its_needs_are_there_and_it_leads_to_the_page(real: RealData) -> None:
    for steps in plans(real):
        needs = {step.name: step.needs for step in steps}
        assert len(needs) == len(steps)
        assert [*TopologicalSorter(needs).static_order()][-1] == "page"
        assert needs["page"] == needs.keys() - {"page"}
        assert all(step.seconds > 0 for step in steps)


def test_every_command_line_is_one_that_its_program_takes(real: RealData, tmp_path: Path) -> None:
    scripts = entry_points(group="console_scripts")
    programs = {script.name: script.load().__module__ for script in scripts if script.name.startswith("selip-")}
    for steps in plans(real):
        folders = {step.name: tmp_path / step.name for step in steps}
        for step in steps:
            for words in step.commands:
                program, *arguments = [word.format_map({"out": tmp_path, **folders}) for word in words]
                if program == "python":
                    _, module, *arguments = arguments
                else:
                    module = programs[program]
                with parser(module).make_context(program, arguments):
                    pass


def test_what_has_no_truth_is_left_out_of_real_data(real: RealData) -> None:
    without_brats = {step.name for step in plan(QUICK, replace(real, brats=None))}
    assert not any("errors" in name for name in without_brats)
    assert not without_brats & {"pseudo", "phantom", "pointing", "data-true", "segment", "train-extracted-0"}
    assert without_brats >= {"data-extracted", "train-hard-30-0", "retrieve-100", "classify-normal", "read-both"}
    with_brats = {step.name: step for step in plan(QUICK, real)}
    assert with_brats.keys() - without_brats == {"classify-brats", "segment"}
    assert real.brats in with_brats["segment"].inputs
    measuring = {name for name, step in with_brats.items() if "--results" in step.commands[-1]}
    assert measuring == {step.name for step in with_brats.values() if step.optional} >= {"retrieve-30", "segment"}
    assert not any(step.optional for step in plan(QUICK))
    assert {real.reports, real.images} <= set(with_brats["data-extracted"].inputs)
    (train,) = with_brats["train-hard-30-0"].commands
    assert "{data-extracted}/selip.duckdb" in train


def test_the_standard_size_has_the_claim_on_frozen_features_and_whole_trainings_with_few_studies_alone(
    real: RealData,
) -> None:
    standard = {step.name: step for step in plan(STANDARD)}
    trainings = {name for name in standard if name.startswith("train-")}
    assert trainings == {f"train-{target}-10-{seed}" for target in ("hard", "selip", "best-match") for seed in range(5)}
    assert standard.keys() >= {"frozen", "frozen-studies", "data-errors-10", "classify-normal", "pointing"}
    assert trainings <= standard["pointing"].needs & standard["classify-normal"].needs & standard["retrieve-10"].needs
    assert not standard.keys() & {"brats", "classify-brats", "segment", "retrieve-errors", "retrieve-100"}
    assert {"brats", "classify-brats", "segment", "retrieve-errors"} <= {step.name for step in plan(QUICK)}
    assert {"classify-brats", "segment"} <= {step.name for step in plan(STANDARD, RealData(brats=real.brats))}


def test_a_finished_training_keeps_what_others_read_and_not_the_state_to_continue_from(real: RealData) -> None:
    for steps in plans(real):
        assert {step.scratch for step in steps if step.name.startswith("train-")} == {("last",)}
        removed = [f"{{{step.name}}}/{pattern}" for step in steps for pattern in step.scratch]
        read = [word.partition("=")[2] or word for step in steps for command in step.commands for word in command]
        assert not any(PurePath(word).match(pattern) for word in read for pattern in removed)


def test_a_changed_number_changes_what_depends_on_it_alone() -> None:
    assert changed(QUICK, QUICK) == set()
    pointed = replace(QUICK, measuring=replace(QUICK.measuring, pointed=5))
    assert changed(QUICK, pointed) == {"pointing", "page"}
    scored = replace(QUICK, reading=replace(QUICK.reading, scored=7))
    readers = {f"read-{reader}" for reader in ("model", "rules", "both", "free", "adapted")}
    assert changed(QUICK, scored) == {"pseudo-test", *readers, "page"}
    training = replace(QUICK.training, settings={**QUICK.training.settings, "steps": 7})
    affected = changed(QUICK, replace(QUICK, training=training))
    assert affected >= {"train-hard-30-0", "train-extracted-0", "retrieve-30", "segment", "page"}
    assert not affected & {"cohort", "phantom", "data-true", "data-errors-30", "brats", "adapt"}
    studies = changed(QUICK, replace(QUICK, studies=replace(QUICK.studies, noise=0.02)))
    assert studies >= {"phantom", "data-true", "train-hard-30-0"}
    assert not studies & {"cohort", "pseudo", "read-both"}


def test_reports_and_images_belong_together(real: RealData) -> None:
    with pytest.raises(SelipError, match="belong together"):
        replace(real, images=None)
    with pytest.raises(SelipError, match=r"There is no .*nowhere"):
        RealData(brats=Path("nowhere"))


def test_an_unknown_size_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = command(main, monkeypatch, capsys)("huge")
    assert code == 1
    assert "There is no size huge: name one of quick, standard, full." in said


def test_a_disk_without_room_is_noticed_before_the_first_step(
    tmp_path: Path, real: RealData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    free = shutil.disk_usage(tmp_path).free / 1e9
    too_large = replace(QUICK, disk_gb=free + 1)
    monkeypatch.setitem(SIZES, "quick", too_large)
    code, _, said = command(main, monkeypatch, capsys)("quick", "--out", tmp_path / "out")
    assert (code, [*(tmp_path / "out").iterdir()]) == (1, [])
    assert re.fullmatch(
        r"The size quick needs about [\d,.]+ GB more, and .*out has [\d,.]+ GB: free some space, name a folder on"
        r" another disk with --out, or name a smaller size\.\n",
        said,
    )
    check_disk(replace(QUICK, studies=replace(QUICK.studies, disk_gb=free + 1)), real, tmp_path)
    # What is there already is not needed again.
    with (tmp_path / "held").open("wb") as file:
        file.truncate(int(2e9))
    check_disk(replace(too_large, studies=replace(QUICK.studies, disk_gb=0)), NO_REAL_DATA, tmp_path)


def test_a_document_holds_the_newest_run_of_each_size(tmp_path: Path) -> None:
    document = tmp_path / "reproduction.md"
    put_part(document, "quick", "# Quick, old\n")
    put_part(document, "standard", "# Standard\n")
    both = document.read_text(encoding="utf-8")
    assert both.index("# Quick, old") < both.index("# Standard")
    put_part(document, "quick", "# Quick, new\n")
    assert document.read_text(encoding="utf-8") == both.replace("# Quick, old", "# Quick, new")
