import random

import pytest

from selip_contracts.findings import Finding
from selip_extract.language.evidence import ground
from selip_extract.language.lexer import lex
from selip_extract.language.question import Question, Statement, questions, support
from selip_extract.pseudo_reports.writing.report import write_study


def _ground(text: str, *statements: Statement) -> list[Finding]:
    """What is grounded in the last question that the text poses."""
    lexed = lex(text)
    return ground(lexed, questions(lexed)[-1], statements)


def _supported(question: Question) -> list[Statement]:
    words = support(question)
    return [
        Statement(side, question.sites[i], modality, value)
        for side, sites in words.sites_by_side
        for i in sites
        for modality in words.modalities
        for value in (None, *(words.enhancements if modality == "T1CE" else words.signals))
    ]


def test_evidence_is_the_slice_from_the_first_to_the_last_word() -> None:
    for seed in range(60):
        text = write_study(random.Random(seed)).text
        lexed = lex(text)
        for question in questions(lexed):
            for finding in ground(lexed, question, _supported(question)):
                evidence = finding.evidence
                assert evidence is not None
                assert evidence.text == text[evidence.start : evidence.end]
                assert {s.role for s in evidence.spans} >= {"site", "signal"}
                assert (evidence.start, evidence.end) == (
                    min(s.start for s in evidence.spans),
                    max(s.end for s in evidence.spans),
                )
                assert ("side" in {s.role for s in evidence.spans}) == (finding.side is not None)
                assert ("negation" in {s.role for s in evidence.spans}) == (not finding.present)


def test_the_words_of_a_statement() -> None:
    text = "左侧额叶见斑片状T1WI低信号，DWI未见高信号。"
    present, absent = _ground(text, Statement("左侧", "额叶", "T1", "低"), Statement("左侧", "额叶", "DWI", None))
    assert present.evidence is not None
    assert absent.evidence is not None
    assert present.evidence.text == "左侧额叶见斑片状T1WI低信号"
    assert {s.role: text[s.start : s.end] for s in absent.evidence.spans} == {
        "side": "左侧", "site": "额叶", "sequence": "DWI", "negation": "未见", "signal": "高信号",
    }  # fmt: skip
    assert (absent.present, absent.signal) == (False, None)


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("双侧额叶见T2WI高信号。", Statement("右侧", "额叶", "T2", "高")),
        ("双侧额叶见T2WI高信号。", Statement(None, "额叶", "T2", "高")),
        ("左侧额叶见T2WI高信号。", Statement("右侧", "额叶", "T2", "高")),
        ("左侧额叶、右侧颞叶见T2WI高信号。", Statement("右侧", "额叶", "T2", "高")),
        ("左侧额叶见T2WI高信号。", Statement("左侧", "顶叶", "T2", "高")),
        ("左侧额叶见T2WI高信号。", Statement("左侧", "额叶", "T1", "高")),
        ("左侧额叶见T2WI高信号。", Statement("左侧", "额叶", "T2", "稍高")),
        ("左侧额叶见T2WI高信号。", Statement("左侧", "额叶", "T2", None)),
        ("左侧额叶T1WI呈低信号，T2WI未见高信号。", Statement("左侧", "额叶", "T2", "高")),
        ("左侧额叶见T2WI高信号，增强后未见强化。", Statement("左侧", "额叶", "T1CE", "强化")),
        ("左侧额叶见T2WI高信号，弥散受限。", Statement("左侧", "额叶", "DWI", "低")),
    ],
)
def test_what_the_words_do_not_say_is_refused(text: str, statement: Statement) -> None:
    assert _ground(text, statement) == []


@pytest.mark.parametrize(("modality", "value"), [("DWI", "高"), ("ADC", "低")])
def test_restricted_diffusion_says_two_signals(modality: str, value: str) -> None:
    statement = Statement("左侧", "额叶", modality, value)  # type: ignore[arg-type]
    (finding,) = _ground("左侧额叶弥散受限。", statement)
    assert finding.key == (modality, "左侧", "额叶", value)


@pytest.mark.parametrize(
    ("size", "mm"),
    [
        ("约2.1×1.8cm", (21, 18)),
        ("大小约21mm×18mm", (21, 18)),
        ("约2.1*1.8*1.5厘米", (21, 18, 15)),
        ("约5mm", (5,)),
        ("约3×2mm，另一枚约12×8mm", (12, 8)),
        ("大小分别约3×2mm、12×8mm", ()),
        ("约1.2×1.0cm（前片约2.0×1.5cm）", (12, 10)),
        ("约2公分", (20,)),
        ("约１.２ × ０.８ ｃｍ", (12, 8)),
        ("约3-5mm", (5,)),
        ("约2cm×15mm", (20, 15)),
        ("边界清", ()),
    ],
)
def test_sizes_are_in_millimetres(size: str, mm: tuple[float, ...]) -> None:
    (finding,) = _ground(f"左侧额叶见肿块，{size}，T2WI呈高信号。", Statement("左侧", "额叶", "T2", "高"))
    assert finding.size_mm == mm


def test_what_is_said_of_the_lesion() -> None:
    text = "左侧额叶见多发斑片状软化灶，边界清楚，T2WI呈高信号。"
    (finding,) = _ground(text, Statement("左侧", "额叶", "T2", "高"))
    assert (finding.morphology, finding.count, finding.margin, finding.lesion) == (
        "斑片状", "多发", "边界清楚", "软化灶",
    )  # fmt: skip


def test_what_is_said_of_the_lesion_is_in_simplified_characters() -> None:
    (finding,) = _ground("左側額葉見斑片狀T2WI高訊號。", Statement("左侧", "额叶", "T2", "高"))
    assert finding.morphology == "斑片状"


def test_a_site_that_is_named_again_is_that_beside_the_signal() -> None:
    text = "T1WI示左侧额叶圆形低信号，右侧丘脑片状高信号；T2WI示左侧额叶环形高信号，右侧丘脑低信号。"
    (finding,) = _ground(text, Statement("左侧", "额叶", "T1", "低"))
    assert finding.evidence is not None
    assert (finding.evidence.text, finding.morphology) == ("T1WI示左侧额叶圆形低信号", "圆形")


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("左侧额叶见T1WI低信号，部分病灶DWI呈高信号。", "可疑"),
        ("左侧额叶见T1WI低信号，可疑DWI高信号。", "可疑"),
        ("左侧额叶见T1WI低信号，部分左侧额叶病灶DWI呈高信号。", "肯定"),
        ("左侧额叶见T1WI低信号，DWI部分呈高信号。", "肯定"),
        ("左侧额叶见T1WI低信号，病灶DWI呈高信号。", "肯定"),
    ],
)
def test_some_lesions_without_a_site_are_uncertain(text: str, certainty: str) -> None:
    findings = _ground(text, Statement("左侧", "额叶", "T1", "低"), Statement("左侧", "额叶", "DWI", "高"))
    assert [f.certainty for f in findings] == ["肯定", certainty]


def test_a_site_named_before_the_sentence_is_evidence() -> None:
    text = "左侧额叶见T1WI低信号。增强后明显强化。"
    (finding,) = _ground(text, Statement("左侧", "额叶", "T1CE", "明显强化"))
    assert finding.evidence is not None
    assert finding.evidence.text == "左侧额叶见T1WI低信号。增强后明显强化"
