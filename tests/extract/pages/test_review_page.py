"""The review page, its data and what a real browser makes of it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.database_file import read_store
from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Span, Study
from selip_contracts.vocabulary import UNLISTED
from selip_extract.cli.review import main
from selip_extract.database.corrections import import_corrections
from selip_extract.database.store import Store
from selip_extract.database.stored_studies import stored_studies
from selip_extract.evaluation.run_studies import extracted_studies
from selip_extract.evaluation.score import score
from selip_extract.extraction import Review
from selip_extract.llm.answer_forms import SentenceForm
from selip_extract.pages.review_page import fingerprint, review_page
from selip_extract.reports.report import Report
from selip_extract.training.examples import annotated_examples
from tests.browser import Page
from tests.commands import Command, command
from tests.extract.databases import Studies, data_of, read_with_rules, write_database

FRONTAL = "左侧额叶见长T2信号，DWI未见高信号。余脑实质可疑异常。"
HOSTILE = (
    "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\"> ]]> {{script}} "
    "'\"&amp; 🧠\u202eabc\u202c\u200f <!-- 右侧壳核见短T1信号🧠"
)
VENTRICLES = "双侧侧脑室扩大。"
UNREADABLE = "看不懂的报告"


def said(text: str, **roles: str) -> Evidence:
    """The words that say each role, as evidence."""
    spans = tuple(
        Span.model_validate({"role": role, "start": text.index(words), "end": text.index(words) + len(words)})
        for role, words in roles.items()
    )
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    return Evidence(text=text[start:end], start=start, end=end, spans=spans)


def doubted(text: str, reason: Any, passage: str, *alternatives: Finding) -> Review:
    return Review(reason, passage, text.index(passage), text.index(passage) + len(passage), alternatives)


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
LOW = Finding(
    modality="T2", side="左侧", site="额叶", signal="低",
    evidence=said(FRONTAL, side="左侧", site="额叶", sequence="T2", signal="长T2信号"),
)  # fmt: skip
REVIEWS = {
    "unsure": (
        doubted(FRONTAL, "uncited", "脑实质可疑异常"),
        doubted(FRONTAL, "disagreement", "左侧额叶见长T2信号", LOW),
    ),
    "failed": (doubted(UNREADABLE, "failed", UNREADABLE),),
}


def page_of(db: Path, limit: int = 2000) -> str:
    with read_store(db) as connection:
        return review_page(connection, db.name, 1, limit)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_database(tmp_path_factory.mktemp("review") / "selip.duckdb", STUDIES, REVIEWS)


def test_the_most_urgent_reports_come_first(database: Path) -> None:
    reports = data_of(page_of(database))["reports"]
    assert [report_id for report_id, *_ in reports] == ["failed", "unsure", "sure", "<b>hostile</b>"]
    assert [report_id for report_id, *_ in data_of(page_of(database, limit=2))["reports"]] == ["failed", "unsure"]


def test_the_page_lets_nothing_but_its_own_script_and_style_work(database: Path) -> None:
    page = page_of(database)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r'\s(src|href)\s*=\s*["\']?(https?:)?//', page)
    assert page.count("</script>") == 3


def test_the_overview_is_of_the_whole_run(database: Path) -> None:
    assert data_of(page_of(database, limit=1))["overview"]["statuses"] == {"ok": 3, "error": 1}


def test_a_database_keeps_its_fingerprint_when_reports_are_added(tmp_path: Path) -> None:
    def marks() -> str:
        with read_store(tmp_path / "a.duckdb") as connection:
            return fingerprint(connection)

    write_database(tmp_path / "a.duckdb", STUDIES, REVIEWS)
    before = marks()
    with Store(tmp_path / "a.duckdb") as store:
        store.add_reports([Report("later", "脑桥见长T1信号。", 1)], "b.csv")
    assert marks() == before
    with read_store(write_database(tmp_path / "b.duckdb", STUDIES, REVIEWS)) as connection:
        assert fingerprint(connection) != before


@pytest.fixture
def review(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run the command; its exit code, what it printed and its complaint."""
    monkeypatch.chdir(tmp_path)
    return command(main, monkeypatch, capsys)


def test_the_command_writes_one_file(review: Command, database: Path, tmp_path: Path) -> None:
    assert review(database, "--out", "review.html") == (0, "4 reports: open review.html in a browser.\n", "")
    assert len(data_of((tmp_path / "review.html").read_text(encoding="utf-8"))["reports"]) == 4
    assert review(database, "--out", "review.html", "--limit", 2, "--run", 1)[1].startswith("2 of 4 reports")


def test_what_cannot_be_shown_is_told_in_one_sentence(review: Command, database: Path, tmp_path: Path) -> None:
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


def test_a_database_that_is_being_written_is_in_use(review: Command, tmp_path: Path) -> None:
    db = write_database(tmp_path / "selip.duckdb", STUDIES, REVIEWS)
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


@pytest.fixture
def page(chromium: Page, tmp_path: Path) -> Iterator[Page]:
    """A page of a database of its own, so that the browser has kept nothing of it; it must not complain."""
    db = write_database(tmp_path / "selip.duckdb", STUDIES, REVIEWS)
    (tmp_path / "review.html").write_text(page_of(db), encoding="utf-8")
    chromium.complaints()
    yield chromium.open(tmp_path / "review.html")
    assert chromium.complaints() == []


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


def test_an_unlisted_place_keeps_its_words_until_another_site_is_chosen(chromium: Page, tmp_path: Path) -> None:
    unlisted = Finding(modality="T2", side="左侧", site=UNLISTED, site_text="甲区", signal="高")
    text = "左侧甲区见长T2信号。"
    reviews = {"u": (doubted(text, "unlisted_site", "左侧甲区见长T2信号"),)}
    db = write_database(tmp_path / "selip.duckdb", {"u": (text, Study(findings=(unlisted,)))}, reviews)
    (tmp_path / "review.html").write_text(page_of(db), encoding="utf-8")
    page = chromium.open(tmp_path / "review.html")
    assert page.one("#stated tr[data-item='0'] td").text.startswith("甲区")
    item = "JSON.parse(annotatedLine(reports[0])).findings[0]"
    edit = "edit(current, 0, '{}', {{value: '{}'}});"
    page.run(edit.format("side", "右侧") + edit.format("site", "未列部位"))
    changed = page.run(f"return {item}")
    assert (changed["side"], changed["site"], changed["site_text"]) == ("右侧", "未列部位", "甲区")
    page.run(edit.format("site", "额叶"))
    changed = page.run(f"return {item}")
    assert changed["site"] == "额叶"
    assert "site_text" not in changed
    page.run("filterBy({ reason: 'unlisted_site' })")
    assert page.run("return shown.map(({ id }) => id)") == ["u"]


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
    page.one("#overview summary").click()
    page.one("#figures [aria-label='额叶 frontal lobe T2: 1']").click()
    assert page.shown() == ["unsure"]
    page.run("document.querySelector(\"#figures [aria-label='error: 1']\").focus()")
    page.press("\ue007")
    assert page.shown() == ["failed"]


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
    assert page.one("#progress").text == "1 of 2 to review left · Checked 1 · Corrected 1"
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
    (example,) = annotated_examples(SentenceForm(), read_annotated(page.exported())).examples
    assert example.answer == "左侧 s00 : T2 高 DWI 否 ;"


def test_delete_undo_and_restore(page: Page) -> None:
    page.show("unsure")
    page.one("tr[data-item='0'] .delete").click()
    assert page.one("#none").is_displayed()
    page.press("u")
    assert len(page.all("#stated tr[data-item]")) == 2
    assert page.one("#progress").text == "2 of 2 to review left · Checked 0 · Corrected 0"
    page.choose("tr[data-item='0'] [name=sequence]", "T1CE")
    assert page.one("tr[data-item='0'] [name=signal]").get_property("value") == "明显强化"
    assert "please check" in page.one("#message").text
    page.one("#restore").click()
    assert page.texts("#stated .heading") == ["T2", "DWI"]
    page.driver.refresh()
    assert page.one("#progress").text == "2 of 2 to review left · Checked 0 · Corrected 0"
    page.press("u")
    assert page.one("#report-id").text == "unsure"
    assert page.texts("#stated .heading") == ["DWI", "T1CE"]
    page.press("u")
    assert page.texts("#stated .heading") == ["T2", "DWI"]
    page.press("u")
    assert page.one("#message").text == "There is nothing to undo."
    page.one("#export").click()
    assert page.one("#message").text == "No report is checked or corrected yet."


def test_the_words_in_dispute_are_marked_and_the_other_reading_is_taken(page: Page) -> None:
    page.show("unsure")
    assert page.texts("#text .disagreement") == ["长", "T2", "信号"]
    assert page.texts(".alternative") == [
        "The other reader: T2 left frontal lobe hypointenseUse instead of T2 left frontal lobe hyperintense"
    ]
    page.press("o")
    assert page.one("tr[data-item='0'] [name=signal]").get_property("value") == "低"
    assert page.texts(".alternative i") == [" ✓ taken"]
    page.press("o")
    assert page.one("#message").text == "The other reader states nothing else here."
    page.one("#checked").click()
    (report,) = read_annotated(page.exported())
    assert report.study.findings == (LOW,)


def test_what_was_missed_is_added_by_selecting_its_words(page: Page) -> None:
    page.show("failed")
    page.show("unsure")
    page.select("#text", "，DWI未见高信号。余脑实质可疑异常")
    form = {
        name: page.one(f"#add [name={name}]").get_property("value") for name in ("sequence", "side", "site", "signal")
    }
    assert form == {"sequence": "DWI", "side": "", "site": "脑实质", "signal": "negative"}
    page.choose("#add [name=signal]", "高")
    page.one("#add button").click()
    page.select("#text", "余脑实质")
    page.rewrite("#add [name=site]", "余脑")
    page.one("#add button").click()
    (report,) = read_annotated(page.exported())
    _, added, unlisted = report.study.findings
    assert added.key == ("DWI", None, "脑实质", "高")
    assert added.evidence is not None
    assert added.evidence.text == "，DWI未见高信号。余脑实质可疑异常"
    assert {span.role: FRONTAL[span.start : span.end] for span in added.evidence.spans} == {
        "sequence": "DWI", "negation": "未见", "signal": "高信号", "site": "余脑实质",
    }  # fmt: skip
    assert (unlisted.site, unlisted.site_text) == (UNLISTED, "余脑")


def test_form_size_and_certainty_are_edited(page: Page) -> None:
    page.show("unsure")
    page.press("\ue015e")
    page.rewrite("[data-attributes] [name=morphology]", "结节状")
    page.rewrite("[data-attributes] [name=size_mm]", "9 x 8.5 mm")
    page.choose("[data-attributes] [name=count]", "多发")
    page.choose("[data-attributes] [name=certainty]", "可疑")
    page.rewrite("[data-attributes] [name=number]", "3")
    page.rewrite("[data-attributes] [name=margin]", "清楚\t")
    shown = "frontal lobe · 结节状 · multiple · n = 3 · 9×8.5 mm · 清楚 · possible"
    assert page.one("tr[data-item='0'] small").text == shown
    (report,) = read_annotated(page.exported())
    (found,) = report.study.findings
    assert (found.morphology, found.size_mm, found.count, found.number) == ("结节状", (9.0, 8.5), "多发", 3)
    assert (found.margin, found.certainty, found.confidence) == ("清楚", "可疑", 0.42)
    page.rewrite("[data-attributes] [name=size_mm]", "large\t")
    assert page.one("#message").text == "A size is in millimetres, such as 21×18: large"
    page.rewrite("[data-attributes] [name=number]", "some\t")
    assert page.one("#message").text == "A number of lesions is a whole number: some"
    assert page.one("[data-attributes] [name=size_mm]").get_property("value") == "9×8.5"


def test_corrections_are_loaded_on_another_computer(page: Page, tmp_path: Path) -> None:
    page.rewrite("#reviewer", "王医生\t")
    page.show("unsure")
    page.choose("tr[data-item='0'] [name=side]", "右侧")
    page.rewrite("#note", "复核\t")
    page.press("c")
    exported = page.exported()
    (line,) = map(json.loads, exported.read_text(encoding="utf-8").splitlines())
    assert (line["checked_by"], line["note"], line["checked"]) == ("王医生", "复核", True)
    moved = exported.rename(tmp_path / exported.name)
    page.run("localStorage.clear()")
    page.driver.refresh()
    page.one("#file").send_keys(str(moved))
    page.wait("return !byId('message').hidden")
    assert page.one("#message").text == "1 reports loaded."
    page.show("unsure")
    assert page.one("tr[data-item='0'] [name=side]").get_property("value") == "右侧"
    assert page.one("#note").get_property("value") == "复核"
    assert page.one("#signature").text.startswith("王医生 · 20")
    assert page.one("#progress").text == "1 of 2 to review left · Checked 1 · Corrected 1"
    assert page.run("return reportById.get('unsure').made.items[1]") == 1
    assert [json.loads(written) for written in page.exported().read_text(encoding="utf-8").splitlines()] == [line]
    page.run("byId('message').hidden = true")
    page.one("#file").send_keys(str(moved))
    page.wait("return !byId('message').hidden")
    assert page.one("#message").text == "0 reports loaded. 1 are newer here and stay."
    page.press("u")
    assert page.one("#progress").text == "2 of 2 to review left · Checked 0 · Corrected 0"


def test_what_a_person_has_checked_is_shown_last_as_that_person_left_it(tmp_path: Path) -> None:
    db = write_database(tmp_path / "selip.duckdb", STUDIES, REVIEWS)
    checked = AnnotatedReport(
        report_id="unsure", findings_text=FRONTAL, study=Study(findings=(LOW,)), checked_by="王医生"
    )
    write_annotated(tmp_path / "checked.jsonl", [checked])
    with Store(db) as store:
        import_corrections(store, tmp_path / "checked.jsonl")
    page = data_of(page_of(db))
    assert [report_id for report_id, *_ in page["reports"]] == ["failed", "sure", "<b>hostile</b>", "unsure"]
    _, _, status, reasons, keys, run, person, _ = page["reports"][-1]
    assert (status, reasons, run, person) == ("ok", [], 2, "王医生")
    assert [page["keys"][key] for key in keys] == [["T2", "左侧", "额叶", "低", None]]


def test_the_first_click_after_typing_in_a_filter_counts(page: Page) -> None:
    page.rewrite("#filters [name=site]", "额叶")
    assert page.shown() == ["unsure"]
    page.one("#rows .report").click()
    assert page.one("#report-id").text == "unsure"


def test_findings_are_corrected_with_the_keyboard_alone(page: Page) -> None:
    page.press(" ")
    assert page.one("#report-id").text == "unsure"
    page.press("\ue015r2v\ue015l5\ue013")
    assert page.run("return itemsOf(current).map(statedOf).map(s => [s.modality, s.side, s.signal, s.certainty])") == [
        ["T2", "右侧", "稍高", "可疑"],
        ["DWI", "左侧", "低", None],
    ]
    page.press("x")
    assert [row.get_attribute("data-item") for row in page.all("#stated tr[data-item]")] == ["0"]
    page.press("\ue007脑桥\ue007\ue00cm")
    assert page.run("return itemsOf(current).map(described)") == ["DWI pons hypointense"]
    page.press(" ")
    assert page.one("#report-id").text == "sure"
    assert page.one("#progress").text == "0 of 2 to review left · Checked 2 · Corrected 1"


def test_a_report_of_which_only_something_was_not_understood_comes_after_the_others(tmp_path: Path) -> None:
    reviews = {
        "sure": (doubted(VENTRICLES, "uncited", VENTRICLES),),
        "unsure": (doubted(FRONTAL, "uncited", FRONTAL), doubted(FRONTAL, "disagreement", FRONTAL)),
    }
    page = page_of(write_database(tmp_path / "selip.duckdb", STUDIES, reviews))
    assert [report_id for report_id, *_ in data_of(page)["reports"]][:2] == ["unsure", "sure"]


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
    assert page.one("#message").text == "This finding is there already: T2 left frontal lobe hyperintense"
    assert page.one("#progress").text == "2 of 2 to review left · Checked 0 · Corrected 0"


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
    assert page.one("#export").text == "导出核对结果"
    page.driver.refresh()
    assert page.one("#export").text == "导出核对结果"
    page.one("#language").click()
    assert page.one("#export").text == "Export corrections"


@pytest.mark.parametrize("width", [1440, 390])
def test_all_filters_fit_their_words_in_both_languages(page: Page, width: int) -> None:
    page.emulate("light", width, 900)
    page.driver.refresh()
    assert page.cut_off() == []
    page.one("#language").click()
    assert page.cut_off() == []
    page.one("#language").click()
    page.emulate("light", 1400, 900)


def test_a_page_opens_in_the_language_that_it_was_asked_for_in(
    monkeypatch: pytest.MonkeyPatch, chromium: Page, review: Command, database: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("LANGUAGE", "")  # --lang sets it
    for name in ("first.html", "second.html"):
        assert review(database, "--out", name, "--lang", "zh")[0] == 0
    chromium.open(tmp_path / "first.html")
    assert chromium.driver.title == "报告核对 – selip.duckdb"
    chromium.one("#language").click()
    chromium.driver.refresh()
    assert chromium.driver.title == "Report review – selip.duckdb"
    chromium.open(tmp_path / "second.html")
    assert chromium.driver.title == "报告核对 – selip.duckdb"


def test_an_empty_database_gives_a_page_that_says_so(chromium: Page, review: Command, tmp_path: Path) -> None:
    with Store(tmp_path / "empty.duckdb"):
        pass
    assert review("empty.duckdb", "--out", "empty.html")[0] == 0
    chromium.open(tmp_path / "empty.html")
    assert "This database holds no report" in chromium.one("#empty").text
    assert not chromium.one("#choose").is_displayed()


def test_of_two_thousand_reports_only_those_in_sight_are_drawn(chromium: Page, tmp_path: Path) -> None:
    (tmp_path / "review.html").write_text(page_of(read_with_rules(tmp_path, 2000)), encoding="utf-8")
    chromium.open(tmp_path / "review.html")

    def listed() -> list[str]:
        ids: list[str] = chromium.run("return shown.map(({ id }) => id)")
        return ids

    assert len(listed()) == 2000
    assert chromium.shown() == listed()[: len(chromium.shown())]
    assert 5 < len(chromium.shown()) < 60
    assert chromium.run("return document.querySelectorAll('*').length") < 3000
    assert chromium.run("return chunks.filter(Boolean).length") == 1
    chromium.run("filterBy({sequence: 'DWI', site: '大脑半球', signal: '高'})")
    assert 0 < len(listed()) < 2000
    assert chromium.shown() == listed()[: len(chromium.shown())]
    chromium.run("show(shown.at(-1))")
    chromium.run("byId('reports').dispatchEvent(new Event('scroll'))")
    assert chromium.shown()[-1] == listed()[-1] == chromium.one("#report-id").text
    assert chromium.one("#rows .current b").text == listed()[-1]
