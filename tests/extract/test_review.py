"""The review page, its data and what a real browser makes of it."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Span, Study
from selip_contracts.tables import read_store
from selip_contracts.vocabulary import ancestors
from selip_extract.answer_forms import SentenceForm
from selip_extract.corrections import import_corrections
from selip_extract.extraction import Extraction, Review
from selip_extract.extractors import ModelChoice, extractor_maker
from selip_extract.finetuning_examples import annotated_examples
from selip_extract.pipeline import extract
from selip_extract.read_reports import open_reports
from selip_extract.reports import Report
from selip_extract.review import fingerprint, review_page
from selip_extract.review_command import main
from selip_extract.score import extracted_studies, score
from selip_extract.store import Store
from selip_extract.stored_studies import stored_studies

GOLD = Path(__file__).parents[1] / "gold"
FRONTAL = "左侧额叶见长T2信号，DWI未见高信号。余脑实质可疑异常。"
HOSTILE = (
    "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\"> ]]> {{script}} "
    "'\"&amp; 🧠\u202eabc\u202c\u200f <!-- 右侧壳核见短T1信号🧠"
)
VENTRICLES = "双侧侧脑室扩大。"
UNREADABLE = "看不懂的报告"

Studies = Mapping[str, tuple[str, Study | None]]


def said(text: str, **roles: str) -> Evidence:
    """The words that say each role, as evidence."""
    spans = tuple(
        Span.model_validate({"role": role, "start": text.index(words), "end": text.index(words) + len(words)})
        for role, words in roles.items()
    )
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    return Evidence(text=text[start:end], start=start, end=end, spans=spans)


def doubted(text: str, reason: Any, passage: str) -> Review:
    return Review(reason, passage, text.index(passage), text.index(passage) + len(passage))


STUDIES: Studies = {
    "sure": (VENTRICLES, Study(
        general=(GeneralFinding(side="双侧", site="侧脑室", change="扩大",
                                evidence=said(VENTRICLES, side="双侧", site="侧脑室", change="扩大")),),
    )),
    "<b>hostile</b>": (HOSTILE, Study(
        findings=(Finding(modality="T1", side="右侧", site="壳核", signal="高", agreed=True, confidence=0.9,
                          evidence=said(HOSTILE, side="右侧", site="壳核", sequence="T1", signal="短T1")),),
    )),
    "unsure": (FRONTAL, Study(
        findings=(Finding(modality="T2", side="左侧", site="额叶", signal="高", agreed=False, confidence=0.42,
                          morphology="斑片状", size_mm=(21.0, 18.0),
                          evidence=said(FRONTAL, side="左侧", site="额叶", sequence="T2", signal="长T2信号")),),
        negatives=(Finding(modality="DWI", side="左侧", site="额叶", present=False, agreed=True, confidence=0.8,
                           evidence=said(FRONTAL, side="左侧", site="额叶", sequence="DWI", negation="未见高信号")),),
    )),
    "failed": (UNREADABLE, None),
}  # fmt: skip
REVIEWS = {
    "unsure": (doubted(FRONTAL, "uncited", "脑实质可疑异常"), doubted(FRONTAL, "disagreement", "左侧额叶见长T2信号")),
    "failed": (doubted(UNREADABLE, "failed", UNREADABLE),),
}


def write_database(path: Path, studies: Studies = STUDIES, reviews: Mapping[str, Sequence[Review]] = REVIEWS) -> Path:
    """One complete run that read these reports; None is the study of one that could not be read."""
    with Store(path) as store:
        store.add_reports(
            [Report(name, text, row) for row, (name, (text, _)) in enumerate(studies.items(), 1)], "a.csv"
        )
        run = store.begin_run({"reader": "both", "code_version": "1"})
        store.write(
            run,
            [
                Extraction(name, "ok" if study else "error", study, tuple(reviews.get(name, ())), 0.0, None, None)
                for name, (_, study) in studies.items()
            ],
        )
        store.finish_run(run, seconds=1.0, reports=len(studies))
    return path


def read_with_rules(folder: Path, reports: int) -> Path:
    """A database of so many annotated reports, each several times under other ids, read by the rules."""
    gold = [report for file in sorted(GOLD.glob("*.jsonl")) for report in read_annotated(file)]
    texts = (gold[number % len(gold)].findings_text for number in range(reports))
    source = folder / "reports.jsonl"
    write_annotated(
        source,
        (
            AnnotatedReport(report_id=f"r{n:04}", findings_text=f"{text}{n}", study=Study())
            for n, text in enumerate(texts)
        ),
    )
    with Store(folder / "rules.duckdb") as store:
        extract(open_reports(source), store, extractor_maker("rules", ModelChoice())())
    return folder / "rules.duckdb"


def data_of(page: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    data: dict[str, Any] = json.loads(match[1])
    return data


def page_of(db: Path, limit: int = 2000) -> str:
    with read_store(db) as connection:
        return review_page(connection, db.name, 1, limit)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_database(tmp_path_factory.mktemp("review") / "selip.duckdb")


def test_the_most_urgent_reports_come_first(database: Path) -> None:
    reports = data_of(page_of(database))["reports"]
    assert [report["report_id"] for report in reports] == ["failed", "unsure", "sure", "<b>hostile</b>"]
    assert [r["report_id"] for r in data_of(page_of(database, limit=2))["reports"]] == ["failed", "unsure"]


def test_the_page_lets_nothing_but_its_own_script_and_style_work(database: Path) -> None:
    page = page_of(database)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r'\s(src|href)\s*=\s*["\']?(https?:)?//', page)
    assert page.count("</script>") == 2


def test_the_overview_counts_the_whole_run(database: Path) -> None:
    overview = data_of(page_of(database, limit=1))["overview"]
    assert overview["statuses"] == {"ok": 3, "error": 1}
    assert overview["reasons"] == {"failed": 1, "disagreement": 1, "uncited": 1}
    assert overview["agreement"] == {"yes": 1, "no": 1, "one": 0}
    assert overview["heat"] == {"壳核": {"T1": 1}, "额叶": {"T2": 1}}


def test_the_heat_map_counts_a_report_at_a_site_when_it_has_a_finding_in_a_part_of_it(tmp_path: Path) -> None:
    container = ancestors("壳核")[0]
    text = f"{container}长T1，壳核长T1。"
    at = {site: Finding(modality="T1", side=None, site=site, signal="低") for site in (container, "壳核")}
    studies = {
        "both": (text, Study(findings=tuple(at.values()))),
        "part": (text, Study(findings=(at["壳核"],))),
    }
    heat = data_of(page_of(write_database(tmp_path / "selip.duckdb", studies, {})))["overview"]["heat"]
    assert heat == {"壳核": {"T1": 2}, container: {"T1": 2}}


def test_a_database_keeps_its_fingerprint_when_reports_are_added(tmp_path: Path) -> None:
    def marks() -> str:
        with read_store(tmp_path / "a.duckdb") as connection:
            return fingerprint(connection)

    write_database(tmp_path / "a.duckdb")
    before = marks()
    with Store(tmp_path / "a.duckdb") as store:
        store.add_reports([Report("later", "脑桥见长T1信号。", 1)], "b.csv")
    assert marks() == before
    with read_store(write_database(tmp_path / "b.duckdb")) as connection:
        assert fingerprint(connection) != before


@pytest.fixture
def review(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run the command; its exit code, what it printed and its complaint."""

    def run(*words: object) -> tuple[object, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["selip-review", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return left.value.code, printed.out, printed.err

    return run


def test_the_command_writes_one_file(review: Any, database: Path, tmp_path: Path) -> None:
    assert review(database, "--out", "review.html") == (0, "4 reports: open review.html in a browser.\n", "")
    assert len(data_of((tmp_path / "review.html").read_text(encoding="utf-8"))["reports"]) == 4
    assert review(database, "--out", "review.html", "--limit", 2, "--run", 1)[1].startswith("2 of 4 reports")


def test_what_cannot_be_shown_is_told_in_one_sentence(review: Any, database: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "unread.duckdb") as store:
        store.add_reports([Report("a", FRONTAL, 1)], "a.csv")
    wrong: dict[str, Sequence[object]] = {
        "no database nowhere.duckdb": ["nowhere.duckdb"],
        "has no complete run": ["unread.duckdb"],
        "has no run 7": [database, "--run", 7],
        "cannot be written": [database, "--out", "nowhere/review.html"],
    }
    for sentence, words in wrong.items():
        code, out, complaint = review(*words, *(["--out", "r.html"] if "--out" not in words else []))
        assert (code, out) == (1, "")
        assert sentence in complaint
        assert complaint.count("\n") == 1
    assert not (tmp_path / "r.html").exists()


def test_a_database_that_is_being_written_is_in_use(review: Any, tmp_path: Path) -> None:
    db = write_database(tmp_path / "selip.duckdb")
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        code, _, complaint = review(db, "--out", "r.html")
        assert holder.stdin is not None
        holder.stdin.close()
    assert code == 1
    assert "is in use by another program" in complaint


# In the browser


class Page:
    """The page in a headless Chromium; keys and clicks are real, what is asked of it is asked of its elements."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads

    def open(self, path: Path) -> "Page":
        self.driver.get(path.as_uri())
        return self

    def run(self, script: str, *values: object) -> Any:
        return self.driver.execute_script(script, *values)

    def one(self, css: str) -> Any:
        return self.driver.find_element("css selector", css)

    def all(self, css: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", css))

    def texts(self, css: str) -> list[str]:
        texts: list[str] = self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", css)
        return texts

    def press(self, keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(keys).perform()

    def hover(self, element: Any) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).move_to_element(element).perform()

    def choose(self, css: str, value: str) -> None:
        from selenium.webdriver.support.select import Select

        Select(self.one(css)).select_by_value(value)

    def rewrite(self, css: str, text: str) -> None:
        from selenium.webdriver import Keys

        self.one(css).send_keys(Keys.CONTROL, "a", Keys.NULL, text)

    def show(self, report_id: str) -> None:
        self.run(
            "[...document.querySelectorAll('.report')].find(r => r.firstChild.textContent === arguments[0]).click()",
            report_id,
        )

    def shown(self) -> list[str]:
        return self.texts("#reports b")

    def exported(self) -> Path:
        for old in self.downloads.iterdir():
            old.unlink()
        self.one("#export").click()
        for _ in range(100):
            if files := list(self.downloads.glob("*.jsonl")):
                return files[0]
            time.sleep(0.05)
        raise AssertionError(f"nothing exported: {self.one('#message').text}")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    webdriver = pytest.importorskip("selenium.webdriver")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("chromium and chromium-driver are not installed")
    downloads = tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "lang=en-US", "window-size=1400,900",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(f"--{switch}")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield Page(opened, downloads)
    opened.quit()


@pytest.fixture
def page(chromium: Page, tmp_path: Path) -> Iterator[Page]:
    """A page of a database of its own, so that the browser has kept nothing of it; it must not complain."""
    db = write_database(tmp_path / "selip.duckdb")
    (tmp_path / "review.html").write_text(page_of(db), encoding="utf-8")
    chromium.driver.get_log("browser")
    yield chromium.open(tmp_path / "review.html")
    assert chromium.driver.get_log("browser") == []


def test_a_report_is_shown_with_its_evidence_highlighted_by_sequence(page: Page) -> None:
    page.show("unsure")
    assert "".join(page.texts("#text")) == FRONTAL
    words = {m.text: m.get_attribute("data-sequence") for m in page.all("#text mark")}
    assert words == {
        "左侧": None,
        "额叶": None,
        "长": "T2",
        "T2": "T2",
        "信号": "T2",
        "DWI": "DWI",
        "未见高信号": "DWI",
    }
    assert page.one("#text mark").value_of_css_property("background-image").startswith("linear-gradient(to right")
    assert "脑实质可疑异常" in page.texts("#text .doubt")
    assert page.texts("#legend .sequence") == ["T2", "DWI"]
    row = [cell.text for cell in page.all("#stated tr[data-item='0'] td")]
    assert "斑片状 · 21×18 mm" in row[0]
    assert row[4:6] == ["0.42", "≠"]


def test_what_a_report_says_stays_text(page: Page) -> None:
    page.show("<b>hostile</b>")
    assert "".join(page.texts("#text")) == HOSTILE
    assert page.one("#report-id").text == "<b>hostile</b>"
    assert page.driver.title == "Report review – selip.duckdb"
    assert page.all("#text script, #text img, #report-id b, .report b b") == []
    assert page.texts("#text mark") == ["右侧", "壳核", "短", "T1"]


def test_finding_and_words_light_each_other(page: Page) -> None:
    page.show("unsure")
    page.hover(page.one("#stated tr[data-item='1'] td:nth-child(5)"))
    assert page.texts("#text .lit") == ["左侧", "额叶", "DWI", "未见高信号"]
    page.hover(page.all("#text mark")[2])
    assert [row.get_attribute("data-item") for row in page.all("#stated tr.lit")] == ["0"]
    page.hover(page.one("h1"))
    assert page.all(".lit") == []
    page.run("document.querySelector(\"#stated tr[data-item='0']\").focus()")
    assert page.texts("#text .lit") == ["左侧", "额叶", "长", "T2", "信号"]


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({"status": "error"}, ["failed"]),
        ({"reason": "uncited"}, ["unsure"]),
        ({"sequence": "T1"}, ["<b>hostile</b>"]),
        ({"sequence": "DWI"}, []),
        ({"sequence": "DWI", "signal": "negative"}, ["unsure"]),
        ({"sequence": "general"}, ["sure"]),
        ({"signal": "高"}, ["unsure", "<b>hostile</b>"]),
        ({"signal": "高", "agreed": "no"}, ["unsure"]),
        ({"checked": "unchecked"}, ["failed", "unsure", "sure", "<b>hostile</b>"]),
        ({"checked": "checked"}, []),
        ({"site": "基底节区"}, ["<b>hostile</b>"]),
        ({"site": "frontal"}, ["unsure"]),
        ({"sequence": "T1", "agreed": "no", "site": "大脑半球"}, []),
        ({"search": "侧脑室"}, ["sure"]),
        ({"search": "HOSTILE"}, ["<b>hostile</b>"]),
    ],
)
def test_filters(page: Page, filters: dict[str, str], shown: list[str]) -> None:
    for name, value in filters.items():
        if name in ("site", "search"):
            page.rewrite(f"#filters [name={name}]", value)
        else:
            page.choose(f"#filters [name={name}]", value)
    assert page.shown() == shown
    assert page.one("#shown").text == f"{len(shown)} / 4 reports"
    page.one("#clear").click()
    assert len(page.shown()) == 4


def test_a_cell_of_the_heat_map_shows_its_reports(page: Page) -> None:
    page.one(".heat button[title^='额叶']").click()
    assert page.shown() == ["unsure"]


def test_corrections_are_kept_and_exported_in_the_annotated_format(page: Page, tmp_path: Path) -> None:
    page.show("unsure")
    page.choose("tr[data-item='0'] [name=side]", "右侧")
    page.choose("tr[data-item='0'] [name=signal]", "稍高")
    page.rewrite("#add [name=site]", "脑桥")
    page.choose("#add [name=signal]", "negative")
    page.one("#add button").click()
    page.show("failed")
    page.press("c")
    page.driver.refresh()
    assert page.one("#progress").text == "Checked 1 · Corrected 1"
    page.show("unsure")
    assert page.one("tr[data-item='0'] [name=side]").get_property("value") == "右侧"

    exported = page.exported()
    reports = {report.report_id: report for report in read_annotated(exported)}
    assert list(reports) == ["failed", "unsure"]
    assert reports["failed"].study == Study()
    study = reports["unsure"].study
    assert [finding.key for finding in study.findings] == [("T2", "右侧", "额叶", "稍高")]
    assert [finding.key for finding in study.negatives] == [("DWI", "左侧", "额叶", None), ("T1", None, "脑桥", None)]
    (found,) = study.findings
    assert (found.morphology, found.size_mm, found.confidence, found.agreed) == ("斑片状", (21.0, 18.0), None, None)
    assert found.evidence is not None
    assert [span.role for span in found.evidence.spans] == ["site", "sequence"]
    assert STUDIES["unsure"][1] is not None
    assert study.negatives[0] == STUDIES["unsure"][1].negatives[0]

    with read_store(tmp_path / "selip.duckdb") as connection:
        assert {json.loads(line)["database"] for line in exported.read_text().splitlines()} == {fingerprint(connection)}
        gold = list(reports.values())
        figures = score(gold, extracted_studies(connection, 1, gold))
    assert (figures.reports, figures.precision, figures.recall) == (2, 0.0, 0.0)
    with Store(tmp_path / "selip.duckdb") as store:
        run = import_corrections(store, exported).run_id
        assert {report.report_id: report for report in stored_studies(store.connection, run)} == reports


def test_a_study_that_nobody_changed_is_exported_as_it_was(page: Page) -> None:
    for report_id in ("<b>hostile</b>", "sure"):
        page.show(report_id)
        page.one("#checked").click()
    exported = list(read_annotated(page.exported()))
    assert [(report.findings_text, report.study) for report in exported] == [STUDIES["sure"], STUDIES["<b>hostile</b>"]]


def test_a_model_learns_from_what_was_added(page: Page) -> None:
    page.show("unsure")
    page.one("tr[data-item='0'] .delete").click()
    page.choose("#add [name=sequence]", "T2")
    page.choose("#add [name=side]", "左侧")
    page.rewrite("#add [name=site]", "额叶\t")
    page.one("#add button").click()
    (lesson,) = annotated_examples(SentenceForm(), read_annotated(page.exported())).examples
    assert lesson.answer == "左侧 s00 : T2 高 DWI 否 ;"


def test_delete_undo_and_restore(page: Page) -> None:
    page.show("unsure")
    page.one("tr[data-item='0'] .delete").click()
    assert page.one("#none").is_displayed()
    page.press("u")
    assert len(page.all("#stated tr[data-item]")) == 2
    assert page.one("#progress").text == "Checked 0 · Corrected 0"
    page.choose("tr[data-item='0'] [name=sequence]", "T1CE")
    assert page.one("tr[data-item='0'] [name=signal]").get_property("value") == "明显强化"
    assert "look at it" in page.one("#message").text
    page.one("#restore").click()
    assert page.texts("#stated .heading") == ["T2", "DWI"]
    page.driver.refresh()
    assert page.one("#progress").text == "Checked 0 · Corrected 0"
    page.press("u")
    assert page.one("#message").text == "There is nothing to undo."
    page.one("#export").click()
    assert page.one("#message").text == "No report is checked or corrected yet."


def test_a_site_outside_the_vocabulary_and_a_finding_twice_are_refused(page: Page) -> None:
    page.show("unsure")
    page.rewrite("tr[data-item='0'] [name=site]", "月亮\t")
    assert page.one("#message").text == "Not a site of the vocabulary: 月亮"
    assert page.one("tr[data-item='0'] [name=site]").get_property("value") == "额叶"
    page.choose("#add [name=sequence]", "T2")
    page.choose("#add [name=side]", "左侧")
    page.choose("#add [name=signal]", "高")
    page.rewrite("#add [name=site]", "额叶")
    page.one("#add button").click()
    assert page.one("#message").text == "This finding is there already: T2 左侧 额叶 高"
    assert page.one("#progress").text == "Checked 0 · Corrected 0"


def test_keys_lead_through_the_reports(page: Page) -> None:
    def current() -> str:
        return str(page.one("#report-id").text)

    assert current() == "failed"
    page.press("jj")
    assert current() == "sure"
    page.press("k")
    assert current() == "unsure"
    page.press("/hostile")
    assert page.shown() == ["<b>hostile</b>"]
    assert current() == "unsure"
    page.press("\ue00cj")
    assert current() == "<b>hostile</b>"
    page.press("c")
    assert page.one("#checked").is_selected()
    page.press("?")
    assert page.one("#help").is_displayed()
    page.one("#help button").click()
    assert not page.one("#help").is_displayed()


def test_the_language_is_kept(page: Page) -> None:
    page.one("#language").click()
    assert page.one("#export").text == "导出修改"
    page.driver.refresh()
    assert page.one("#export").text == "导出修改"
    page.one("#language").click()
    assert page.one("#export").text == "Export corrections"


def test_an_empty_database_gives_a_page_that_says_so(chromium: Page, review: Any, tmp_path: Path) -> None:
    with Store(tmp_path / "empty.duckdb"):
        pass
    assert review("empty.duckdb", "--out", "empty.html")[0] == 0
    chromium.open(tmp_path / "empty.html")
    assert "This database holds no report" in chromium.one("#empty").text
    assert not chromium.one("#choose").is_displayed()


def test_two_thousand_reports_stay_fluid(chromium: Page, tmp_path: Path) -> None:
    (tmp_path / "review.html").write_text(page_of(read_with_rules(tmp_path, 2000)), encoding="utf-8")
    rendering, filtering = [], []
    for _ in range(3):
        chromium.open(tmp_path / "review.html")
        assert len(chromium.shown()) == 2000
        rendering.append(chromium.run("return performance.getEntriesByType('navigation')[0].duration"))
        filtering.append(
            chromium.run(
                """const start = performance.now();
                filterBy({sequence: "DWI", site: "大脑半球", signal: "高"});
                document.body.getBoundingClientRect();
                return performance.now() - start"""
            )
        )
        assert 0 < len(chromium.shown()) < 2000
    print(f"rendering {min(rendering):.0f} ms, filtering {min(filtering):.0f} ms")
    assert min(rendering) < 1000
    assert min(filtering) < 1000
