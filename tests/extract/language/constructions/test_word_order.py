import pytest

from selip_extract.extractors.rules import RuleExtractor


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("垂体左份见结节，呈稍低T1、稍高T2信号。", {("T1", "稍低"), ("T2", "稍高")}),
        ("左侧脑桥DWI/ADC呈高/低信号。", {("DWI", "高"), ("ADC", "低")}),
        ("左侧额叶见片状T1低T2高信号。", {("T1", "低"), ("T2", "高")}),
        ("左侧额叶T2/FLAIR高信号。", {("T2", "高"), ("FLAIR", "高")}),
    ],
)
def test_each_sequence_has_its_own_signal(text: str, findings: set[tuple[str, str]]) -> None:
    (reading,) = RuleExtractor().read([text])
    assert {(f.modality, f.signal) for f in reading.study.findings} == findings
