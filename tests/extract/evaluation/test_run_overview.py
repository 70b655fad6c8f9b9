"""The figures of a run, in the terminal and as pictures in a real browser."""

import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from selip_contracts.annotated import write_annotated
from selip_contracts.database_file import read_store
from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_contracts.vocabulary import UNLISTED, ancestors
from selip_extract.cli.overview import main
from selip_extract.database.corrections import import_corrections
from selip_extract.database.store import Store
from selip_extract.database.stored_studies import stored_studies
from selip_extract.evaluation.run_overview import MAX_SITES, Overview, overview
from selip_extract.extraction import Review
from selip_extract.reports.report import Report
from tests.browser import Page
from tests.commands import Command, command
from tests.extract.databases import Studies, data_of, read_with_rules, write_database

FRONTAL = "左侧额叶见长T2信号。"
STUDIES: Studies = {
    "sure": (FRONTAL, Study(findings=(
        Finding(modality="T2", side="左侧", site="额叶", signal="高", confidence=0.995, agreed=True),
        Finding(modality="T1", side="左侧", site="额叶", signal="低", confidence=0.6, agreed=False),
    ))),
    "one extractor": ("脑桥", Study(
        findings=(Finding(modality="T1CE", side=None, site="脑桥", signal="环形强化"),),
        negatives=(Finding(modality="DWI", side="左侧", site="额叶", present=False, confidence=0.1, agreed=False),),
    )),
    "failed": ("看不懂", None),
}  # fmt: skip
REVIEWS = {"failed": (Review("failed", "看不懂", 0, 3),), "sure": (Review("disagreement", "额叶", 2, 4),) * 2}


def figures(db: Path) -> Overview:
    with read_store(db) as connection:
        return overview(connection, 1)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_database(tmp_path_factory.mktemp("overview") / "selip.duckdb", STUDIES, REVIEWS)


def test_each_report_has_one_outcome_and_checked_ones_are_no_work_left(tmp_path: Path) -> None:
    wide = Study(general=(GeneralFinding(side="双侧", site="侧脑室", change="扩大"),))
    studies: Studies = {
        "wide": ("侧脑室扩大", wide),
        "none": ("正常", Study()),
        "odd": ("奇怪", Study()),
        "bad": ("坏", None),
    }
    reviews = {"odd": (Review("uncited", "奇怪", 0, 2),), "wide": (Review("mended", "侧脑室", 0, 3),)}
    db = write_database(tmp_path / "selip.duckdb", studies, reviews)
    checked = AnnotatedReport(report_id="wide", findings_text="侧脑室扩大", study=wide)
    write_annotated(tmp_path / "checked.jsonl", [checked])
    with Store(db) as store:
        import_corrections(store, tmp_path / "checked.jsonl")
    found = figures(db)
    assert found.outcomes == {"abnormal": 1, "normal": 1, "not_understood": 1, "failed": 1}
    assert found.work == {"left": 1, "checked": 1}
    assert found.general == {"侧脑室": {"扩大": 1}}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 annotated reports as the rules read them."""
    return read_with_rules(tmp_path_factory.mktemp("read"), 200)


def test_all_is_counted_in_its_order(database: Path) -> None:
    found = figures(database)
    assert list(found.outcomes.items()) == [("abnormal", 2), ("failed", 1)]
    assert list(found.work.items()) == [("left", 2)]
    assert list(found.statuses.items()) == [("ok", 2), ("error", 1)]
    assert list(found.reasons.items()) == [("failed", 1), ("disagreement", 1)]
    assert list(found.agreement.items()) == [("yes", 1), ("no", 1), ("one", 1)]
    assert list(found.sides.items()) == [("左侧", 2), ("nothing", 1)]
    assert found.sites == {"脑桥": {"T1CE": 1}, "额叶": {"T1": 1, "T2": 1}}
    assert list(found.signals.items()) == [("高", {"T2": 1}), ("低", {"T1": 1}), ("环形强化", {"T1CE": 1})]
    assert list(found.confidence) == ["≥ 0.99", "0.5 – 0.9", "nothing"]
    assert [run.reports for run in found.runs] == [3]


def test_a_report_counts_at_a_site_when_it_has_a_finding_in_a_part_of_it(tmp_path: Path) -> None:
    container = ancestors("壳核")[0]
    at = {site: Finding(modality="T1", side=None, site=site, signal="低") for site in (container, "壳核")}
    studies = {
        "both": ("壳核", Study(findings=tuple(at.values()))),
        "part": ("壳核", Study(findings=(at["壳核"],))),
    }
    assert figures(write_database(tmp_path / "selip.duckdb", studies, {})).sites == {
        "壳核": {"T1": 2},
        container: {"T1": 2},
    }


def test_the_figures_are_those_that_one_counts_by_hand(read: Path) -> None:
    with read_store(read) as connection:
        reports: list[AnnotatedReport] = list(stored_studies(connection, 1))
    findings = [finding for report in reports for finding in report.study.findings]
    found = figures(read)
    assert len(findings) > 500
    assert found.sides == Counter(finding.side or "nothing" for finding in findings)
    assert {(signal, modality): n for signal, counts in found.signals.items() for modality, n in counts.items()} == (
        Counter((finding.signal, finding.modality) for finding in findings)
    )
    assert found.confidence == {"nothing": {"one": len(findings)}}
    by_site = Counter(
        place
        for report in reports
        for place in {
            (site, finding.modality)
            for finding in report.study.findings
            for site in (finding.site, *ancestors(finding.site))
        }
    )
    assert len(found.sites) == MAX_SITES
    for site, counts in found.sites.items():
        assert counts == {modality: n for (at, modality), n in by_site.items() if at == site}


@pytest.fixture
def selip_overview(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run the command in an empty folder: exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return command(main, monkeypatch, capsys)


def test_the_terminal_shows_the_figures_and_no_report_text(selip_overview: Command, database: Path) -> None:
    code, out, err = selip_overview(database)
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    for row in (
        ["额叶", "1", "1"],
        ["环形强化", "1"],
        ["≥", "0.99", "1"],
        ["2", "1"],
        ["1", "both", "3", "1.0", "3.0"],
    ):
        assert row in rows
    assert "2 reports to review:" in out
    assert FRONTAL not in out


def test_the_commonest_unlisted_places_and_sentences_that_were_not_understood_are_listed(
    selip_overview: Command, tmp_path: Path
) -> None:
    def unlisted(words: str) -> Finding:
        return Finding(modality="T2", side="左侧", site=UNLISTED, site_text=words, signal="高")

    change = GeneralFinding(side=None, site=UNLISTED, site_text="甲区", change="占位")
    studies: Studies = {
        "1": ("[甲区]有异常。", Study(findings=(unlisted("甲区"), unlisted("乙[区]")))),
        "2": ("[甲区]有异常。", Study(general=(change,), understood=False)),
        "3": ("张某某有异常。", Study(understood=False)),
    }
    reviews = {name: (Review("uncited", text, 0, len(text)),) for name, (text, _) in studies.items()}
    db = write_database(tmp_path / "selip.duckdb", studies, reviews)
    found = figures(db)
    assert list(found.unlisted_sites.items()) == [("甲区", 2), ("乙[区]", 1)]
    assert found.uncited == {"[甲区]有异常。": 2}
    assert [site["name"] for site in tomllib.loads(found.vocabulary_entries)["site"]] == ["甲区", "乙[区]"]
    out = selip_overview(db)[1]
    assert {("2", "甲区"), ("1", "乙[区]"), ("2", "[甲区]有异常。")} <= {
        tuple(line.split()) for line in out.splitlines()
    }
    assert found.vocabulary_entries in out
    assert selip_overview(db, "--out", "o.html")[0] == 0
    assert "张某某" not in out + (tmp_path / "o.html").read_text(encoding="utf-8")


def test_a_page_of_pictures_is_written(selip_overview: Command, database: Path, tmp_path: Path) -> None:
    assert selip_overview(database, "--out", "o.html") == (0, "Run 1: open o.html in a browser.\n", "")
    page = (tmp_path / "o.html").read_text(encoding="utf-8")
    assert data_of(page)["overview"]["statuses"] == {"ok": 2, "error": 1}
    assert FRONTAL not in page


def test_what_cannot_be_shown_is_told_in_one_sentence(selip_overview: Command, database: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "empty.duckdb"):
        pass
    with Store(tmp_path / "unread.duckdb") as store:
        store.add_reports([Report("a", FRONTAL, 1)], "a.csv")
    for words, sentence in (
        (["empty.duckdb"], "empty.duckdb holds no report: read some with selip-extract reports.csv"),
        (["empty.duckdb", "--out", "o.html"], "empty.duckdb holds no report"),
        (["unread.duckdb"], "has no complete run"),
        ([database, "--run", 7], "has no run 7"),
        ([database, "--out", "nowhere/o.html"], "cannot be written"),
        (["nowhere.duckdb"], "There is no database"),
    ):
        code, out, complaint = selip_overview(*words)
        assert (code, out, complaint.count("\n")) == (1, "", 1)
        assert sentence in complaint
    assert not (tmp_path / "o.html").exists()


def test_help_loads_no_model() -> None:
    code = "import sys, selip_extract.cli.overview; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def page(chromium: Page, selip_overview: Command, read: Path, tmp_path: Path) -> Iterator[Page]:
    """The page of the reports that the rules have read; it must not complain."""
    selip_overview(read, "--out", "o.html")
    chromium.complaints()
    yield chromium.open(tmp_path / "o.html")
    assert chromium.complaints() == []
    chromium.emulate("light", 1400, 900)


def picture(page: Page, heading: str) -> list[str]:
    """The words in the picture under that heading."""
    words: list[str] = page.run(
        """const figure = [...document.querySelectorAll("figure")]
            .find(figure => figure.firstChild.textContent === arguments[0]);
        return [...figure.querySelectorAll("svg text")].map(text => text.textContent)""",
        heading,
    )
    return words


def test_pictures_show_the_figures_in_both_languages(page: Page, read: Path) -> None:
    found = figures(read)
    assert picture(page, "Side (findings)") == [
        word for key, count in found.sides.items() for word in (ENGLISH_SIDES[key], f"{count:,}")
    ]
    assert "frontal lobe" in picture(page, "Site (reports)")
    page.one("#language").click()
    assert set(found.sites) <= set(picture(page, "部位（报告数）"))
    assert set(found.signals) <= set(picture(page, "信号（所见数）"))
    page.one("#language").click()
    assert page.driver.title == "Overview – rules.duckdb"


def test_a_page_opens_in_the_language_that_it_was_asked_for_in(
    monkeypatch: pytest.MonkeyPatch, chromium: Page, selip_overview: Command, read: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("LANGUAGE", "")  # --lang sets it
    selip_overview(read, "--out", "zh.html", "--lang", "zh")
    chromium.open(tmp_path / "zh.html")
    assert chromium.driver.title == "概览 – rules.duckdb"


ENGLISH_SIDES = {"左侧": "left", "右侧": "right", "双侧": "bilateral", "nothing": "none"}

# Contrast of texts with what lies under them, by the definition of WCAG 2.2; a cell is as dark as its opacity makes it.
CONTRASTS = """
const context = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const rgb = (...colours) => {
  for (const [colour, opacity] of colours) { context.globalAlpha = opacity; context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1); }
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const light = (colour) => colour.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
return [...document.querySelectorAll("svg text")].map(text => {
  const sheet = getComputedStyle(text.closest("figure")).backgroundColor;
  const cell = text.parentNode.querySelector(":scope > .cell");
  const under = cell ? [[sheet, 1], [getComputedStyle(cell).fill, getComputedStyle(cell).fillOpacity]] : [[sheet, 1]];
  const [dark, bright] = [light(rgb(...under)), light(rgb([getComputedStyle(text).fill, 1]))].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
});
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_pictures_can_be_read_in_light_and_dark_wide_and_narrow(page: Page, scheme: str, width: int) -> None:
    page.emulate(scheme, width, 844)
    page.driver.refresh()
    contrasts = page.run(CONTRASTS)
    assert len(contrasts) > 100
    assert min(contrasts) > 4.5
    assert page.run("return document.documentElement.scrollWidth") <= width
    overlaps = page.run(
        """return [...document.querySelectorAll("svg")].some(svg => {
          const boxes = [...svg.querySelectorAll("text")].map(text => text.getBBox());
          return boxes.some((a, i) => a.x < -1 || boxes.some((b, j) => j > i && a.x + 1 < b.x + b.width &&
            b.x + 1 < a.x + a.width && a.y + 4 < b.y + b.height && b.y + 4 < a.y + a.height));
        })"""
    )
    assert not overlaps


def test_what_a_run_calls_itself_stays_text(chromium: Page, selip_overview: Command, tmp_path: Path) -> None:
    name = "</script><img src=x onerror=\"document.title='taken'\">"
    with Store(tmp_path / "s.duckdb") as store:
        store.add_reports([Report("a", FRONTAL, 1)], "a.csv")
        run = store.begin_run({"extractor": name, "code_version": "1"})
        store.write(run, [])
        store.finish_run(run, seconds=1.0, reports=1)
    selip_overview("s.duckdb", "--run", 1, "--out", "o.html")
    chromium.open(tmp_path / "o.html")
    assert chromium.driver.title == "Overview – s.duckdb"
    assert name in chromium.one("#source").text
    assert chromium.all("img") == []
