import pytest

from selip_contracts.annotated import GOLD, read_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.language.lexer import lex
from selip_extract.language.study import assembled
from selip_extract.tagger.statements import LINKS, STATED
from selip_extract.training.annotated.labelling import labelled, labelled_sets
from selip_extract.training.combination.first_readings import rules_today
from selip_extract.training.tagged_report import TaggedReport


def _report(text: str) -> AnnotatedReport:
    """The text, annotated with what the rules read in it."""
    rules = rules_today(lex(text))
    return AnnotatedReport(report_id="r", findings_text=text, study=assembled(rules.findings, rules.general))


def _words(report: TaggedReport, role: str) -> list[str]:
    return [report.text[slice(*span)] for span in report.spans[role]]  # type: ignore[index]


def test_the_words_that_the_rules_cite_are_the_labels() -> None:
    found = labelled(_report("左侧额叶见长T1信号，DWI呈等信号，增强后未见强化。双侧侧脑室扩大。"))
    assert found is not None
    assert _words(found, "site") == ["额叶", "侧脑室"]
    assert _words(found, "side") == ["左侧", "双侧"]
    assert _words(found, "value") == ["长T1", "等信号", "未见强化", "扩大"]
    assert _words(found, "sequence") == ["DWI", "增强后"]
    assert _words(found, "negation") == ["未见强化"]
    stated = {
        (_words(found, "site")[s], LINKS[link - 1], *STATED[number])
        for (s, v), link in found.links.items()
        for number in found.stated[v]
    }
    assert stated == {
        ("额叶", "左侧", "T1", "低"),
        ("额叶", "左侧", "DWI", "等"),
        ("额叶", "左侧", "T1CE", None),
        ("侧脑室", "双侧", None, "扩大"),
    }


@pytest.mark.parametrize("part", ["findings", "negatives", "general"])
def test_a_report_that_the_rules_read_otherwise_has_no_labels(part: str) -> None:
    report = _report("左侧额叶见长T1信号，增强后未见强化。双侧侧脑室扩大。")
    other = report.model_copy(update={"study": report.study.model_copy(update={part: ()})})
    assert labelled(other) is None


def test_the_sets_that_ship_are_labelled_but_for_a_few_reports() -> None:
    found = labelled_sets()
    reports = sum(1 for path in GOLD.glob("*.jsonl") for _ in read_annotated(path))
    assert len(found.reports) + found.left_out.total() == reports
    assert len(found.reports) > 0.9 * reports


def test_sets_that_are_left_out_and_those_alone_are_all() -> None:
    sets = ("styles_o", "styles_p")
    without, only, whole = labelled_sets(sets), labelled_sets(only=sets), labelled_sets()
    assert len(without.reports) + len(only.reports) == len(whole.reports)
    assert set(only.left_out) <= {"styles_o", "styles_o_hard", "styles_p", "styles_p_hard"}
    assert without.left_out + only.left_out == whole.left_out
    assert not {r.text for r in without.reports} & {r.text for r in only.reports}
