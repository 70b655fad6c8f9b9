"""What an annotated report teaches: its statements, laid to the sentences that say them."""

import random

from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_extract.language.lexer import lex
from selip_extract.language.question import is_expressible, questions
from selip_extract.llm.annotation_alignment import align
from selip_extract.llm.sentence_task import read_answer, right_words
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.training.pseudo_examples import written_statements


def report(text: str, *findings: Finding) -> AnnotatedReport:
    present = tuple(f for f in findings if f.present)
    absent = tuple(f for f in findings if not f.present)
    return AnnotatedReport(report_id="r", findings_text=text, study=Study(findings=present, negatives=absent))


def taught(annotated: AnnotatedReport) -> list[str | None]:
    """The right answer of each question of the report; None where it is left out."""
    asked = questions(lex(annotated.findings_text))
    told = align(annotated, asked)
    return [None if t is None else " ".join(right_words(q, t)) for q, t in zip(asked, told, strict=True)]


FRONTAL_T2 = Finding(modality="T2", side="左侧", site="额叶", signal="高")
FRONTAL_DWI = Finding(modality="DWI", side="左侧", site="额叶", present=False)
PARIETAL_T2 = Finding(modality="T2", side="右侧", site="顶叶", signal="高")


def test_each_statement_goes_to_the_sentence_that_says_it() -> None:
    text = "左侧额叶见片状T2WI高信号，DWI未见高信号。右侧顶叶见T2WI高信号。"
    expected = ["左侧 s00 : T2 高 DWI 否 ;", "右侧 s00 : T2 高 ;"]
    assert taught(report(text, PARIETAL_T2, FRONTAL_DWI, FRONTAL_T2)) == expected


def test_the_nearest_of_like_signals_is_a_sites_own() -> None:
    text = "左侧额叶见T2WI高信号，右侧顶叶见T2WI高信号。"
    assert taught(report(text, PARIETAL_T2, FRONTAL_T2)) == ["左侧 s00 : T2 高 ; 右侧 s01 : T2 高 ;"]


def test_signals_before_their_sequences_keep_the_order_of_the_text() -> None:
    signals = {"DWI": "等", "T1": "稍低", "T2": "等"}
    said = [
        Finding.model_validate({"modality": m, "side": "双侧", "site": "丘脑", "signal": s})
        for m, s in sorted(signals.items())
    ]
    text = "见等信号（DWI）、稍低信号（T1WI）、等信号（T2WI）灶，位于双侧丘脑。"
    assert taught(report(text, *reversed(said))) == ["双侧 s00 : DWI 等 T1 稍低 T2 等 ;"]


def test_a_later_sentence_continues_the_lesion() -> None:
    enhanced = Finding(modality="T1CE", side="左侧", site="额叶", signal="明显强化")
    text = "左侧额叶见T2WI高信号。增强后明显强化。"
    assert taught(report(text, FRONTAL_T2, enhanced)) == ["左侧 s00 : T2 高 ;", "左侧 s00 : CE 明显强化 ;"]


def test_a_sentence_that_may_say_it_again_is_left_out() -> None:
    text = "左侧额叶见T2WI高信号。左侧额叶病灶T2WI呈高信号。"
    assert taught(report(text, FRONTAL_T2)) == ["左侧 s00 : T2 高 ;", None]


def test_a_sentence_whose_site_has_a_statement_that_no_words_say_is_left_out() -> None:
    unsaid = Finding(modality="FLAIR", side="左侧", site="额叶", signal="低")
    text = "左侧额叶见T2WI高信号。右侧顶叶见T2WI高信号。"
    assert taught(report(text, FRONTAL_T2, PARIETAL_T2, unsaid)) == [None, "右侧 s00 : T2 高 ;"]


def test_the_words_that_the_file_cites_decide() -> None:
    pseudo = [write_study(random.Random(f"cited/{i}")) for i in range(40)]
    for written in pseudo:
        cited = [f for f in written.annotated("r").study.findings if f.evidence]
        asked = questions(lex(written.text))
        for question, told in zip(asked, align(report(written.text, *cited), asked), strict=True):
            for said in told or ():
                assert question.holds(said.signal_at)
                assert any(said == fact for fact in written_statements(written))


def test_pseudo_reports_without_their_evidence_teach_what_they_teach_with_it() -> None:
    """Repeated statements and layouts that only their writer knows are few."""
    right = given = 0
    for number in range(300):
        written = write_study(random.Random(f"aligned/{number}"))
        study = written.study
        bare = [f.model_copy(update={"evidence": None}) for f in (*study.findings, *study.negatives)]
        asked = questions(lex(written.text))
        for question, told in zip(asked, align(report(written.text, *bare), asked), strict=True):
            here = [t for t in written_statements(written) if question.holds(t.signal_at)]
            if told is None or not is_expressible(question, (t.statement for t in here)):
                continue
            given += 1
            true = set(read_answer(question, right_words(question, here)))
            right += set(read_answer(question, right_words(question, told))) == true
    assert given > 500
    assert right / given > 0.92
