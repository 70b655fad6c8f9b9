"""Few-shot prompts: the annotated reports that are most like a report, with their right answers."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from selip_contracts.annotated import GOLD, read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_extract.extractors.registry import ModelChoice, extractor_maker
from selip_extract.language.lexer import lex
from selip_extract.llm.answer_forms import ReportForm, form_of
from selip_extract.llm.model_files import MODEL_FOLDER, load_tokenizer
from selip_extract.llm.report_answer import read_report_answer
from selip_extract.llm.report_task import INSTRUCTIONS, numbered, report_questions
from selip_extract.llm.shown_examples import SHOWN, ShownExamples
from selip_shared.errors import SelipError

PONS = "脑桥见斑片状长T2信号。"


def annotated(text: str, *findings: Finding) -> AnnotatedReport:
    return AnnotatedReport(report_id=text, findings_text=text, study=Study(findings=findings))


def prompt(form: ReportForm, text: str) -> str:
    (asked,) = form.asked(lex(text))
    return form.prompt(asked)


def development() -> Sequence[AnnotatedReport]:
    return list(read_annotated(GOLD / "development.jsonl"))


def test_the_nearest_report_is_shown_first_with_an_answer_that_says_what_is_annotated() -> None:
    pons = annotated(PONS, Finding(modality="T2", side=None, site="脑桥", signal="高"))
    examples = ShownExamples([*development(), pons])
    shown = examples.nearest("脑桥见斑点状长T2信号。")
    assert len(shown) == SHOWN
    report, answer = shown[0]
    assert (report, answer) == (f"〔1〕{PONS}", '{"1":{"部位":["脑桥"],"T2":"高"}}')
    (asked,) = ReportForm(None).asked(lex(PONS))
    (read,) = read_report_answer(PONS, asked.questions, answer)
    assert not read.refused
    written = prompt(ReportForm(None, examples=examples), "脑桥见斑点状长T2信号。")
    assert written.startswith(INSTRUCTIONS)
    assert written.index(PONS) < written.index(shown[1][0]) < written.index("斑点状长T2信号")


def test_a_report_is_never_shown_its_own_answer() -> None:
    examples = ShownExamples(development())
    for report in development():
        asked = report_questions(lex(report.findings_text))
        own = numbered(report.findings_text, asked)
        assert own not in [shown for shown, _ in examples.nearest(report.findings_text)]


def test_other_examples_are_another_extractor() -> None:
    few, more = ShownExamples(development()[:10]), ShownExamples(development())
    versions = {ReportForm(None, examples=examples).version for examples in (None, few, more)}
    assert len({*versions, ReportForm(None, strict_vocabulary=True).version}) == 4


def test_what_cannot_show_examples_says_so(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    write_annotated(path, [annotated("脑实质未见异常。")])
    with pytest.raises(SelipError, match="shown to a large language model"):
        extractor_maker("model", ModelChoice(examples=path))
    with pytest.raises(SelipError, match="No report of --examples states a signal"):
        extractor_maker("model", ModelChoice(str(MODEL_FOLDER), examples=path))
    with pytest.raises(SelipError, match="reads no examples"):
        form_of(load_tokenizer(MODEL_FOLDER), examples=ShownExamples(development()))
    with pytest.raises(SelipError, match="--thinking is for a model on a server"):
        extractor_maker("model", ModelChoice(str(MODEL_FOLDER), thinking=True))
