import random

import opencc

from selip_contracts.vocabulary import site_and_words
from selip_extract.pseudo_reports.writing.report import WrittenReport, write_study
from selip_extract.tagger.statements import LINKS, ROLES, STATED, Role
from selip_extract.training.tagged_report import Edit, TaggedReport, edited, tagged

REPORTS = 150
_SIMPLIFIED = opencc.OpenCC("t2s")


def _reports() -> list[tuple[WrittenReport, TaggedReport]]:
    written = [write_study(random.Random(f"tagged-{i}")) for i in range(REPORTS)]
    return [(report, found) for report in written if (found := tagged(report)) is not None]


def _stated(report: TaggedReport) -> set[tuple[object, ...]]:
    return {
        (report.spans["site"][site], LINKS[link - 1], *STATED[number])
        for (site, value), link in report.links.items()
        for number in report.stated[value]
    }


def test_a_tagged_report_states_the_facts_of_the_report() -> None:
    reports = _reports()
    assert len(reports) > 0.9 * REPORTS
    for report, found in reports:
        facts = {(f.mention.site_span, f.mention.site.side, f.modality, f.value) for f in report.facts}
        assert _stated(found) >= facts
        # what is only repeated (信号同上) is learnt as stated by the words that stated it first
        repeated = len({f.value_span for f in report.facts}) > len(found.spans["value"])
        assert repeated or _stated(found) == facts


def test_the_words_of_a_site_are_tagged() -> None:
    for report, found in _reports():
        words = {_SIMPLIFIED.convert(found.text[slice(*span)]) for span in found.spans["site"]}
        unlisted = {w for f in report.facts if (w := site_and_words(f.mention.site.site)[1])}
        assert all(any(name[:2] in word.replace("\n", "") for word in words) for name in unlisted) or "\n" in found.text


def _example() -> TaggedReport:
    text = "左侧额叶见高信号。"
    spans: dict[Role, list[tuple[int, int]]] = {role: [] for role in ROLES}
    spans |= {"side": [(0, 2)], "site": [(2, 4)], "value": [(5, 8)]}
    return TaggedReport(text, spans, [{0}], [False], {(0, 0): 2})


def _words(report: TaggedReport) -> list[str]:
    roles: tuple[Role, ...] = ("side", "site", "value")
    return [report.text[slice(*span)] for role in roles for span in report.spans[role]]


def test_edits_move_the_spans() -> None:
    report = edited(_example(), [Edit(2, 4, "翼峡窝"), Edit(4, 5, ""), Edit(0, 0, "可见"), Edit(5, 5, "片状")])
    assert report.text == "可见左侧翼峡窝片状高信号。"
    assert _words(report) == ["左侧", "翼峡窝", "高信号"]


def test_an_insertion_at_the_edge_of_a_span_stays_outside() -> None:
    report = edited(_example(), [Edit(4, 4, "内"), Edit(2, 2, "的"), Edit(8, 8, "影")])
    assert report.text == "左侧的额叶内见高信号影。"
    assert _words(report) == ["左侧", "额叶", "高信号"]


def test_of_edits_that_overlap_the_first_is_made() -> None:
    report = edited(_example(), [Edit(2, 4, "颞叶"), Edit(3, 4, "页"), Edit(2, 4, "枕叶")])
    assert report.text == "左侧枕叶见高信号。"


def test_an_edit_inside_a_span_keeps_it_whole() -> None:
    report = edited(_example(), [Edit(6, 7, "新信")])
    assert _words(report) == ["左侧", "额叶", "高新信号"]
