"""Which lesion a margin is said of."""

import pytest

from tests.extract.rules.sentences import findings


@pytest.mark.parametrize(
    ("text", "margins"),
    [
        ("左侧额叶见结节，T2WI呈高信号，边界清楚。", {"左侧额叶": "边界清楚"}),
        ("左侧额叶见结节，T2WI呈高信号。边界欠清。", {"左侧额叶": "边界欠清"}),
        ("左侧额叶见结节，边缘模糊不清，T2WI呈高信号。", {"左侧额叶": "边缘模糊不清"}),
        ("左侧额叶见结节，边界：清，T2WI呈高信号。", {"左侧额叶": "边界清"}),
        ("左侧额叶见结节，T2WI呈高信号，与周围脑组织分界不清。", {"左侧额叶": "分界不清"}),
        ("左侧额叶见结节，T2WI呈高信号，周围水肿边界不清。", {"左侧额叶": None}),
        ("左侧额叶见结节，T2WI呈高信号，灰白质界限模糊。", {"左侧额叶": None}),
        ("左侧额叶见结节，T2WI呈高信号，边界清楚（应为边界不清）。", {"左侧额叶": "边界不清"}),
        (
            "左侧额叶、脑桥各见结节，T2WI均呈高信号；前者边界清，后者轮廓欠光整。",
            {"左侧额叶": "边界清", "脑桥": "轮廓欠光整"},
        ),
        ("左侧额叶、脑桥各见结节，T2WI均呈高信号，边界均清。", {"左侧额叶": "边界均清", "脑桥": "边界均清"}),
        (
            "左侧额叶、脑桥、右侧枕叶各见结节，T2WI均呈高信号，除脑桥病灶外边界均清。",
            {"左侧额叶": "边界均清", "脑桥": None, "右侧枕叶": "边界均清"},
        ),
        (
            "左侧额叶、脑桥各见结节，T2WI均呈高信号，脑桥者边界清，余病灶边界模糊。",
            {"左侧额叶": "边界模糊", "脑桥": "边界清"},
        ),
        (
            "左侧额叶T2WI呈高信号；脑桥T2WI呈低信号。边缘均清楚。",
            {"左侧额叶": "边缘均清楚", "脑桥": "边缘均清楚"},
        ),
        (
            "部位|大小|边界|T2WI\n左侧额叶|9×7mm|清|高\n脑桥|14mm|欠清|低",
            {"左侧额叶": "边界清", "脑桥": "边界欠清"},
        ),
    ],
)
def test_a_margin_is_that_of_the_lesion_it_is_said_of(text: str, margins: dict[str, str | None]) -> None:
    assert {site: finding.margin for (site, _), finding in findings(text).items()} == margins


def test_of_several_margins_a_finding_has_that_of_its_part() -> None:
    found = findings("左侧额叶肿块，坏死区T1WI呈低信号、边界不规则，整体约5cm，境界不清，T2WI呈混杂信号。")
    assert {sequence: f.margin for (_, sequence), f in found.items()} == {"T1": "边界不规则", "T2": "境界不清"}
