"""Forms in a clause of their own."""

import pytest

from tests.extract.rules.sentences import findings


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("左侧额叶、脑桥病灶，T2WI呈高信号，FLAIR呈高信号，呈卵圆形。", {"左侧额叶": "卵圆形", "脑桥": "卵圆形"}),
        (
            "病灶1位于左侧额叶，病灶2位于脑桥。病灶1：T1WI低信号，T2WI高信号，类圆形。病灶2：T1WI低信号，T2WI高信号，点状。",
            {"左侧额叶": "类圆形", "脑桥": "点状"},
        ),
        (
            "左侧额叶、脑桥均呈T2WI高信号、FLAIR高信号；形态分别为团块状、点状。",
            {"左侧额叶": "团块状", "脑桥": "点状"},
        ),
        ("左侧额叶T1WI低信号，T2WI高信号，梭形，其中左侧额叶者DWI高信号。", {"左侧额叶": "梭形"}),
        (
            "双侧额叶结节：右侧约31mm，呈分叶状，T1WI低信号；左侧约9mm，圆形，T1WI等信号。",
            {"右侧额叶": "分叶状", "左侧额叶": "圆形"},
        ),
        ("左侧额叶见“皂泡样”T2WI高信号。", {"左侧额叶": "“皂泡样”"}),
        ("左侧额叶T1WI低信号；脑桥T1WI低信号，均呈类圆形。", {"左侧额叶": "类圆形", "脑桥": "类圆形"}),
        (
            "左侧额叶、脑桥各见一结节，前者9mm、圆形，后者6mm、椭圆形，二者T1WI低信号。",
            {"左侧额叶": "圆形", "脑桥": "椭圆形"},
        ),
        ("左侧额叶T2WI高信号；脑桥T1WI低信号，T2WI高信号，点状。", {"左侧额叶": None, "脑桥": "点状"}),
        ("左侧额叶见“V”字形T2WI高信号。右侧枕叶“雪花”样FLAIR高信号。", {"左侧额叶": "“V”字形", "右侧枕叶": "“雪花”样"}),
    ],
)
def test_a_form_alone_is_that_of_the_lesions_in_focus(text: str, forms: dict[str, str | None]) -> None:
    found = findings(text)
    assert {(site, f.morphology) for (site, _), f in found.items()} == set(forms.items())


@pytest.mark.parametrize(
    "text",
    [
        "左侧额叶T1WI低信号，T2WI高信号。该囊肿最大径约19mm，未见强化。",
        "左侧额叶T1WI低信号，T2WI高信号，边界清，此为囊肿。",
        "左侧额叶T1WI低信号，T2WI高信号囊肿。",
    ],
)
def test_a_noun_may_be_said_later(text: str) -> None:
    assert findings(text)["左侧额叶", "T2"].lesion == "囊肿"


def test_the_form_of_a_rim_or_of_another_enhancement_is_that_of_its_value_alone() -> None:
    rim = findings("左侧丘脑血肿，中心T1WI等信号，周边环状T2WI高信号，SWI呈低信号。")
    assert [f.morphology for f in rim.values()] == [None, "环状", None]
    rails = findings("左侧顶叶见“铁轨”状强化，T2WI稍低信号。")
    assert [f.morphology for f in rails.values()] == ["“铁轨”状", None]
    dots = findings("双侧额叶结节，T1WI低信号，增强后部分呈点状强化、部分呈环形强化。")
    assert dots["双侧额叶", "T1CE"].morphology is None
