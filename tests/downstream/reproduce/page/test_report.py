import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from selip_contracts.annotated import GOLD
from selip_downstream.evaluation.tasks import Metric
from selip_downstream.reproduce.page.report import main
from tests.browser import Page
from tests.commands import command
from tests.downstream.reproduce.step_folders import (
    LEVELS,
    NUMBERED_TITLES,
    TITLES,
    measure_retrieval,
    numbered,
    steps_of,
    write_data,
    write_frozen,
    write_reading,
    write_retrieval,
    write_step,
    write_studies,
    write_tasks,
    write_trainings,
)

DEVELOPMENT = GOLD / "development.jsonl"


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole reproduction's steps, but for those that read reports."""
    root = tmp_path_factory.mktemp("steps")
    write_retrieval(root, {10: LEVELS | {"SeLIP": 0.2}, 100: LEVELS})
    write_frozen(root)
    write_studies(root)
    write_tasks(root)
    write_data(root)
    write_trainings(root)
    return root


@pytest.fixture(scope="module")
def page(steps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command has written, with scores that selip-score has printed."""
    few = steps.parent / "few.jsonl"
    few.write_text("\n".join(DEVELOPMENT.read_text(encoding="utf-8").splitlines()[:8]) + "\n", encoding="utf-8")
    inside = write_step(steps, "pseudo-test") / "truth.jsonl"
    shutil.copy(few, inside)
    score = ("from selip_extract.cli.score import main; main()", "--extractor", "rules", "--json")
    write_reading(steps, {"rules": "".join(_printed("-c", *score, gold) for gold in (inside, few))})
    out = tmp_path_factory.mktemp("page")
    assert _write(out, steps) == f"The page is {out / 'reproduction.html'}.\n"
    return out


def test_the_page_shows_what_the_steps_have_measured(page: Path, steps: Path, chromium: Page) -> None:
    chromium.complaints()
    chromium.open(page / "reproduction.html")
    assert chromium.complaints() == []
    assert chromium.texts("nav a") == TITLES
    assert chromium.run("return [...document.images].every(i => i.complete && i.naturalWidth > 200)")
    assert chromium.texts("#section-3 h3") == ["Pseudo-reports", "Annotated reports: few"]
    row = chromium.texts("#section-3 tbody tr:first-child td")
    assert row[:2] == ["rules", "1.000 (1.000–1.000)"]
    found = {
        (figure.model, figure.metric): figure.estimate
        for figure in measure_retrieval(steps, LEVELS)
        if (figure.configuration["sequence"], figure.configuration["direction"]) == ("together", "image to text")
    }
    best, lead = found["best-match", Metric.TOP_5], found["best-match − CLIP", Metric.TOP_5]
    assert chromium.texts("#section-6 thead")[0] == "randomCLIPSeLIPbest-match"
    assert f"{best.value:.3f} ({best.low:.3f}–{best.high:.3f})" in chromium.texts("#section-6 tbody")[0]
    assert f"{lead.value:+.3f} ({lead.low:+.3f} to {lead.high:+.3f}) *" in chromium.texts("#section-6 tbody")[1]
    assert [len(chromium.all(f"#section-{number} img")) for number in (4, 6, 7, 8, 10)] == [2, 3, 1, 1, 3]
    assert chromium.texts("#section-5 h3") == [
        "Text among the first five, by study", "Side and site of the first hit, by study",
    ]  # fmt: skip
    assert chromium.texts("#section-5 tbody tr td:first-child") == ["0 %", "50 %"] * 2
    assert chromium.texts("#section-10 tbody tr td:first-child")[:5] == [
        "random", "true findings", "extracted", "10 % wrong", "30 % wrong",
    ]  # fmt: skip


def test_the_examples_stand_beside_each_other(page: Path, chromium: Page) -> None:
    chromium.emulate("light", 1400, 900)
    chromium.open(page / "reproduction.html")
    captions = chromium.texts("#section-9 figcaption")
    assert captions[1].startswith("CLIP: cosines")
    assert captions[2].startswith("best-match: cosines")
    assert captions[3].startswith("Where CLIP sees 在")
    tops = chromium.run(
        "return [...document.querySelectorAll('#section-9 figure')].map(f => f.getBoundingClientRect().top)"
    )
    assert tops[1] == tops[2]
    assert tops[3] == tops[4]
    chromium.emulate("dark", 400, 800)
    assert chromium.run("return document.documentElement.scrollWidth") <= 400
    chromium.emulate("light", 1400, 900)


def test_data_and_markdown_hold_what_the_page_shows(page: Path, steps: Path, chromium: Page) -> None:
    content = json.loads((page / "reproduction.json").read_text(encoding="utf-8"))
    chromium.open(page / "reproduction.html")
    cells = chromium.texts("tbody td")
    assert _cells(content["sections"]) == cells
    rendered = MarkdownIt().enable("table").parse((page / "reproduction.md").read_text(encoding="utf-8"))
    inside = [token.type == "td_open" for token in rendered]
    told = ["".join(child.content for child in rendered[place + 1].children or ()) for place, is_cell in
            enumerate(inside) if is_cell]  # fmt: skip
    assert told == [" ".join(cell.split()) for cell in cells]
    (compared,) = [
        it for it in content["comparisons"] if it["step"] == "segment" and it["configuration"]["share"] == 0.1
    ]
    assert compared["n"] == 150
    assert compared["configuration"]["models"]["CLIP"][1]["checkpoint"] == "train-hard-100-1/best"
    assert len(compared["figures"]["Dice"]["best-match − CLIP"]) == 3
    for name in ("reproduction.json", "reproduction.md", "reproduction.html"):
        assert str(steps) not in (page / name).read_text(encoding="utf-8")


def test_the_same_steps_give_the_same_data(page: Path, steps: Path, tmp_path: Path) -> None:
    _write(tmp_path, steps)
    for name in ("reproduction.html", "reproduction.json", "reproduction.md"):
        assert (page / name).read_bytes() == (tmp_path / name).read_bytes()


def test_what_was_not_measured_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_retrieval(tmp_path / "steps", {100: LEVELS})
    run = command(main, monkeypatch, capsys)
    assert run("--size", "quick", "--out", tmp_path, *steps_of(tmp_path / "steps"))[0] == 0
    content = json.loads((tmp_path / "reproduction.json").read_text(encoding="utf-8"))
    shown = numbered([NUMBERED_TITLES[3], NUMBERED_TITLES[-1]])
    assert [section["title"] for section in content["sections"]] == [TITLES[0], *shown]
    assert "Nothing was measured with as few" in " ".join(content["summary"])


def test_a_step_that_failed_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_retrieval(tmp_path / "steps", {100: LEVELS})
    asked = write_step(tmp_path / "steps", "classify-normal")
    (asked / "step.json").write_text(json.dumps({"key": "k", "failed": "Nothing can be asked of the 29 images."}))
    run = command(main, monkeypatch, capsys)
    assert run("--size", "quick", "--out", tmp_path, *steps_of(tmp_path / "steps"))[0] == 0
    content = json.loads((tmp_path / "reproduction.json").read_text(encoding="utf-8"))
    (failed,) = [part for part in content["sections"][-1]["sections"] if part["title"] == "What failed"]
    assert failed["paragraphs"] == ["The step classify-normal failed: Nothing can be asked of the 29 images."]
    assert content["seconds"] == {"retrieve-100": 7.25}


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [("retrieve-10", "retrieve-10 names no step and its folder"), ("a={}/none", "The step a is not done")],
)
def test_what_is_no_finished_step_is_told(
    steps: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = command(main, monkeypatch, capsys)
    code, _, said = run("--size", "quick", "--out", tmp_path / "page", steps.format(tmp_path))
    assert code == 1
    assert said.startswith(complaint)


def _write(out: Path, steps: Path) -> str:
    options = ("--size", "quick", "--out", out, "--examples", 1)
    return _printed("-m", "selip_downstream.reproduce.page.report", *options, *steps_of(steps))


def _printed(*words: object) -> str:
    ran = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _cells(sections: list[dict[str, Any]]) -> list[str]:
    found = []
    for section in sections:
        found += [cell for table in section["tables"] for row in table["rows"] for cell in row]
        found += _cells(section["sections"])
    return found
