import pytest

from selip_extract.extractors.rules import RuleExtractor


@pytest.mark.parametrize(
    "text",
    [
        "左侧额叶术后改变，右侧颞叶见片状长T2信号。",
        "左侧小脑半球形态不规则，右侧颞叶见片状长T2信号。",
        "右侧顶部开颅术后，右侧颞叶见片状长T2信号。",
    ],
)
def test_a_clause_that_says_all_of_its_site_leaves_the_next_one_its_own(text: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [(f.modality, f.side, f.site) for f in study.findings] == [("T2", "右侧", "颞叶")]


def test_sites_of_one_enumeration_stay_together() -> None:
    study = (
        RuleExtractor().read(["左侧额叶术后，T2WI呈高信号。左侧额叶、颞叶及右侧顶叶病灶，FLAIR均呈高信号。"])[0].study
    )
    assert {(f.modality, f.site) for f in study.findings} == {
        ("T2", "额叶"), ("FLAIR", "额叶"), ("FLAIR", "颞叶"), ("FLAIR", "顶叶")
    }  # fmt: skip


def test_a_text_without_punctuation_goes_on_to_the_next_site() -> None:
    text = "双侧额叶见长T2信号DWI未见高信号左侧丘脑见长T2信号FLAIR低信号脑沟增宽"
    study = RuleExtractor().read([text])[0].study
    assert [(f.modality, f.side, f.site, f.signal) for f in study.findings] == [
        ("T2", "双侧", "额叶", "高"), ("T2", "左侧", "丘脑", "高"), ("FLAIR", "左侧", "丘脑", "低")
    ]  # fmt: skip
    assert [(f.modality, f.side, f.site) for f in study.negatives] == [("DWI", "双侧", "额叶")]
    assert [(g.site, g.change) for g in study.general] == [("脑沟", "增宽")]


@pytest.mark.parametrize(
    "text",
    [
        "两侧大脑半球灰白质分界清，右侧颞叶见片状T2WI高信号。",
        "双侧基底节区显示尚可，右侧颞叶见片状T2WI高信号。",
        "脑干形态、大小可，T2WI示右侧颞叶片状高信号。",
        "小脑扁桃体下缘位于枕大孔水平以上，右侧颞叶见片状T2WI高信号。",
        "垂体上缘膨隆，右侧颞叶见片状T2WI高信号。",
    ],
)
def test_a_statement_lends_its_sites_to_none(text: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [f.key for f in study.findings] == [("T2", "右侧", "颞叶", "高")]


@pytest.mark.parametrize(
    "text",
    [
        "右侧额叶前部，右侧颞叶内侧份，见片状T2WI高信号。",
        "右侧额叶皮层下多发，右侧颞叶2枚，T2WI呈高信号。",
    ],
)
def test_words_for_a_part_leave_a_list_open(text: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [f.key for f in study.findings] == [("T2", "右侧", site, "高") for site in ("额叶", "颞叶")]


@pytest.mark.parametrize("text", ["右侧颞叶对称性脑白质T2WI高信号。", "右侧颞叶多发皮层下T2WI高信号。"])
def test_a_layer_stays_with_its_lobe_behind_a_description(text: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [f.key for f in study.findings] == [("T2", "右侧", "颞叶", "高")]
