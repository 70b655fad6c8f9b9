import pytest

from selip_extract.extractors.rules import RuleExtractor


@pytest.mark.parametrize(
    ("said", "modality", "signal"),
    [
        ("增强后呈花环状高强化", "T1CE", "环形强化"),
        ("增强后呈不均匀稍高强化", "T1CE", "不均匀强化"),
        ("T1WI呈高、等混杂信号", "T1", "混杂"),
    ],
)
def test_a_value_that_several_words_say_together(said: str, modality: str, signal: str) -> None:
    study = RuleExtractor().read([f"左侧颞叶见结节，{said}。"])[0].study
    assert [(f.modality, f.signal) for f in study.findings] == [(modality, signal)]


def test_the_filling_of_a_sinus_is_no_enhancement_of_a_lesion() -> None:
    study = RuleExtractor().read(["增强扫描脑内未见异常强化，静脉窦强化充盈良好。"])[0].study
    assert study.findings == ()


def test_hydrocephalus_is_a_dilatation_of_the_ventricles() -> None:
    study = RuleExtractor().read(["第四脑室受压，幕上脑积水。"])[0].study
    assert [(g.site, g.change) for g in study.general] == [("四脑室", "受压"), ("脑室系统", "扩张")]


@pytest.mark.parametrize(
    ("text", "signal"),
    [("左侧丘脑轻度T2高信号。", "稍高"), ("左侧丘脑略T2WI低信号。", "稍低"), ("左侧丘脑明显T2高信号。", "高")],
)
def test_a_degree_may_stand_before_the_sequence(text: str, signal: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [f.key for f in study.findings] == [("T2", "左侧", "丘脑", signal)]
