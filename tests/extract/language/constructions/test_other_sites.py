import pytest

from selip_extract.extractors.rules import RuleExtractor


@pytest.mark.parametrize(
    "text",
    [
        "双侧额叶（不含中央前回）见片状T2WI高信号。",
        "双侧额叶（中央前回除外）见片状T2WI高信号。",
        "双侧额叶（未累及中央前回）见片状T2WI高信号。",
        "双侧额叶，不包括中央前回，见片状T2WI高信号。",
        "双侧额叶（除中央前回外）见片状T2WI高信号。",
    ],
)
def test_a_part_that_the_lesion_leaves_out_is_no_site(text: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [(f.side, f.site) for f in study.findings] == [("双侧", "额叶")]


def test_brackets_that_state_a_signal_are_read() -> None:
    text = "双侧额叶病灶（除左侧额叶T2WI呈低信号外）DWI呈高信号。"
    study = RuleExtractor().read([text])[0].study
    assert ("T2", "左侧", "额叶", "低") in {f.key for f in study.findings}


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("丘脑层面T2WI示左侧岛叶片状高信号。", "岛叶"),
        ("侧脑室体部水平轴位T2WI可见左侧半卵圆中心高信号。", "半卵圆中心"),
        ("左侧顶叶见病灶，三角区层面T2WI呈高信号。", "顶叶"),
        ("左侧丘脑水平T2WI呈高信号。", "丘脑"),
    ],
)
def test_the_site_of_a_slice_is_no_site_of_the_lesion(text: str, site: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [f.key for f in study.findings] == [("T2", "左侧", site, "高")]


def test_the_only_site_of_a_report_is_no_slice() -> None:
    study = RuleExtractor().read(["中脑水平T2WI可见高信号。"])[0].study
    assert [f.key for f in study.findings] == [("T2", None, "中脑", "高")]


@pytest.mark.parametrize(
    "text",
    [
        "左侧桥臂病灶，T2WI与脑干等信号。",
        "左侧桥臂病灶，T2WI较小脑呈等信号。",
        "左侧桥臂病灶，与小脑关系密切，T2WI等信号。",
    ],
)
def test_a_site_that_is_compared_with_has_no_signal(text: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [f.key for f in study.findings] == [("T2", "左侧", "桥臂", "等")]


@pytest.mark.parametrize(
    "text",
    [
        "左侧额叶及左侧顶叶见幕上和幕下多发T2WI高信号灶。",
        "左侧额叶中线部位及左侧顶叶中线区见T2WI高信号。",
    ],
)
def test_a_region_behind_the_sites_is_none(text: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert {f.key for f in study.findings} == {("T2", "左侧", site, "高") for site in ("额叶", "顶叶")}
