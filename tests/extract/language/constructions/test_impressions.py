import pytest

from selip_contracts.findings import Study
from selip_extract.extractors.rules import RuleExtractor


def read(text: str) -> Study:
    return RuleExtractor().read([text])[0].study


@pytest.mark.parametrize(
    "impression",
    [
        "印象：1.右侧丘脑T2高信号，梗死。2.双侧侧脑室扩大。",
        "\n【影像诊断】\n1、右侧丘脑T2WI高信号。\n2、脑桥DWI高信号。",
        "MR诊断1.右侧丘脑T2WI高信号；2.双侧侧脑室扩大",
        "\n诊断意见：右侧丘脑T2WI高信号。脑桥DWI高信号。",
        "结论\n右侧丘脑占位，T2WI高信号。",
    ],
)
def test_an_impression_states_nothing(impression: str) -> None:
    study = read("左侧额叶见片状T1WI低信号。" + impression)
    assert [f.key for f in study.findings] == [("T1", "左侧", "额叶", "低")]
    assert study.general == ()


def test_the_findings_after_it_are_read_again() -> None:
    study = read("脑桥T2WI高信号。印象：脑桥梗死。影像所见：左侧额叶见DWI高信号。")
    assert [f.key for f in study.findings] == [("T2", None, "脑桥", "高"), ("DWI", "左侧", "额叶", "高")]


def test_the_question_before_the_findings_is_none() -> None:
    assert len(read("临床诊断：脑梗死。左侧额叶见T2WI高信号。").findings) == 1
    assert len(read("诊断：胶质瘤术后。左侧额叶见T2WI高信号。").findings) == 1


def test_what_only_the_impression_calls_abnormal_is_not_normal() -> None:
    assert not read("脑实质未见异常信号。印象：轻度脑萎缩。").normal
    assert read("脑实质未见异常信号。印象：头颅MRI平扫未见异常。").normal


def test_the_line_of_findings_before_it_needs_no_full_stop() -> None:
    study = read("左侧额叶见片状T1WI低信号，边界清\n结论：1.左侧额叶病灶。\n2.右侧丘脑T2WI高信号。")
    assert [f.key for f in study.findings] == [("T1", "左侧", "额叶", "低")]
