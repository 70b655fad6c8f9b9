import pytest

from selip_extract.extractors.rules import RuleExtractor


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("垂体左份见结节，呈稍低T1、稍高T2信号。", {("T1", "稍低"), ("T2", "稍高")}),
        ("左侧脑桥DWI/ADC呈高/低信号。", {("DWI", "高"), ("ADC", "低")}),
        ("左侧额叶见片状T1低T2高信号。", {("T1", "低"), ("T2", "高")}),
        ("左侧额叶T1/T2/FLAIR/DWI呈低/高/高/等信号。", {("T1", "低"), ("T2", "高"), ("FLAIR", "高"), ("DWI", "等")}),
        ("T1/T2/DWI：左侧额叶病灶为等/高/等。", {("T1", "等"), ("T2", "高"), ("DWI", "等")}),
        ("左侧额叶T2/FLAIR高信号。", {("T2", "高"), ("FLAIR", "高")}),
        ("左侧颞极见低信号（T1WI）及高信号（T2WI）。", {("T1", "低"), ("T2", "高")}),
    ],
)
def test_each_sequence_has_its_own_signal(text: str, findings: set[tuple[str, str]]) -> None:
    (reading,) = RuleExtractor().read([text])
    assert {(f.modality, f.signal) for f in reading.study.findings} == findings


@pytest.mark.parametrize(
    "text",
    [
        "T1/T2/FLAIR：右侧额叶病灶为低/高/高，约8mm；左侧顶叶病灶为稍低/稍高/等。",
        "T1WI、T2WI、FLAIR：右侧额叶病灶分别为低、高、高，约8mm；左侧顶叶病灶分别为稍低、稍高、等。",
    ],
)
def test_sequences_named_first_are_those_of_each_lesion(text: str) -> None:
    (reading,) = RuleExtractor().read([text])
    assert [(f.site, f.modality, f.signal) for f in reading.study.findings] == [
        ("额叶", "T1", "低"),
        ("额叶", "T2", "高"),
        ("额叶", "FLAIR", "高"),
        ("顶叶", "T1", "稍低"),
        ("顶叶", "T2", "稍高"),
        ("顶叶", "FLAIR", "等"),
    ]


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("豆状核见片状T2WI高信号，双侧对称。", "双侧"),
        ("豆状核T2WI呈高信号，呈左右对称性分布，边界不清。", "双侧"),
        ("左侧豆状核T2WI呈高信号，双侧对称。", "左侧"),
        ("豆状核T2WI呈高信号。", None),
    ],
)
def test_both_sides_may_be_said_behind(text: str, side: str | None) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [f.key for f in study.findings] == [("T2", side, "豆状核", "高")]
