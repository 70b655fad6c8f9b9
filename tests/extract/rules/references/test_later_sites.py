"""Which sites a value has that are named behind it."""

import pytest

from tests.extract.rules.sentences import found


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("颅内见一枚结节，T1低T2高。位于右侧额叶。", "T1右侧额叶低 T2右侧额叶高"),
        (
            "见一枚结节，T1WI呈低信号，直径约8mm。该结节位于左侧小脑半球，DWI呈等信号。",
            "T1左侧小脑半球低 DWI左侧小脑半球等",
        ),
        ("DWI见一点状高信号，ADC低。位置：左侧内囊后肢。", "DWI左侧内囊后肢高 ADC左侧内囊后肢低"),
        ("见长T1长T2信号灶，增强环形强化，病灶部位为右侧枕叶。", "T1右侧枕叶低 T2右侧枕叶高 T1CE右侧枕叶环形强化"),
        (
            "左侧额叶T2高信号。另见一结节，T1WI低信号。位于右侧顶叶。",
            "T2左侧额叶高 T1右侧顶叶低",
        ),
        # what goes on about a lesion, what is denied, and what lies elsewhere
        ("左侧额叶见一结节。T1WI低信号。位于额下回。", "T1左侧额叶低"),
        ("DWI未见高信号。病灶位于左侧额叶，T2WI呈高信号。", "T2左侧额叶高"),
        ("左侧大脑半球大片状DWI高信号，主要位于额顶叶。", "DWI左侧额叶高 DWI左侧顶叶高"),
    ],
)
def test_a_site_that_is_named_later_has_the_values_before_it(text: str, findings: str) -> None:
    assert found(text) == set(findings.split())


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("左侧桥小脑角区占位，脑干受其推压。T1WI呈低信号。", "T1左侧桥小脑角区低"),
        ("右侧基底节区及左额叶各见占位。前者T2WI高信号，后者T2WI低信号。", "T2右侧基底节区高 T2左侧额叶低"),
        ("左侧额叶未见占位。T1WI呈低信号。", ""),
    ],
)
def test_a_mass_is_what_the_next_sentence_describes(text: str, findings: str) -> None:
    assert found(text) == set(findings.split())
