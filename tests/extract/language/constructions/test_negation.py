import pytest

from selip_extract.extractors.rules import RuleExtractor


@pytest.mark.parametrize("before", ["未", "不", "未再", "尚未", "并未见", "不伴", "欠"])
@pytest.mark.parametrize("what", ["DWI信号{}增高", "DWI{}高信号", "增强后{}强化", "弥散{}受限"])
def test_a_negator_before_what_it_denies(before: str, what: str) -> None:
    study = RuleExtractor().read(["左侧丘脑见长T2信号，" + what.format(before)])[0].study
    assert [(f.modality, f.signal) for f in study.findings] == [("T2", "高")]
    assert study.negatives


@pytest.mark.parametrize("behind", ["不明显", "不著", "欠明显", "阴性", "未见", "较前消失", "不甚明显"])
@pytest.mark.parametrize("what", ["DWI高信号{}", "增强后强化{}"])
def test_a_negator_behind_what_it_denies(behind: str, what: str) -> None:
    study = RuleExtractor().read(["左侧丘脑见长T2信号，" + what.format(behind)])[0].study
    assert [(f.modality, f.signal) for f in study.findings] == [("T2", "高")]
    assert study.negatives


@pytest.mark.parametrize("text", ["脑室未扩大，脑沟未增宽。", "中线结构未移位。", "双侧上颌窦不增厚。"])
def test_denied_changes_are_no_findings(text: str) -> None:
    reading = RuleExtractor().read([text])[0]
    assert reading.study.general == ()
    assert reading.study.normal


def test_a_negator_reaches_no_further_than_its_word() -> None:
    study = RuleExtractor().read(["左侧丘脑见长T2信号，边界不清，DWI呈高信号，不均匀。"])[0].study
    assert {(f.modality, f.signal) for f in study.findings} == {("T2", "高"), ("DWI", "高")}


def test_a_line_of_a_template_may_deny() -> None:
    text = "部位：左侧小脑半球\nT1WI：低\nSWI：未见低信号\n强化：无\n其他：右侧上颌窦黏膜增厚"
    study = RuleExtractor().read([text])[0].study
    assert [(f.modality, f.side, f.site) for f in study.findings] == [("T1", "左侧", "小脑半球")]
    assert {f.modality for f in study.negatives} == {"SWI", "T1CE"}
