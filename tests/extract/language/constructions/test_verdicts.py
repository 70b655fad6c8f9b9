import pytest

from selip_extract.extractors.rules import RuleExtractor


@pytest.mark.parametrize(
    ("said", "findings", "negatives"),
    [
        ("DWI(-)", set(), {"DWI"}),
        ("SWI阴性，增强（-）", set(), {"SWI", "T1CE"}),
        ("增强：无", set(), {"T1CE"}),
        ("DWI(+)", {("DWI", "高")}, set()),
        ("强化方式：环形", {("T1CE", "环形强化")}, set()),
        ("增强：轻度", {("T1CE", "轻度强化")}, set()),
    ],
)
def test_one_word_says_what_a_sequence_shows(said: str, findings: set[tuple[str, str]], negatives: set[str]) -> None:
    (reading,) = RuleExtractor().read([f"左侧额叶片状灶，T1低，T2高，{said}。"])
    plain = {("T1", "低"), ("T2", "高")}
    assert {(f.modality, f.signal) for f in reading.study.findings} == plain | findings
    assert {f.modality for f in reading.study.negatives} == negatives


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("脑沟宽，脑室大。", {("脑沟", "增宽"), ("脑室系统", "扩大")}),
        ("中线右移(-)。", set()),
        ("脑沟增宽不明显。", set()),
    ],
)
def test_one_word_says_what_a_site_is_like(text: str, changes: set[tuple[str, str]]) -> None:
    (reading,) = RuleExtractor().read([text])
    assert {(g.site, g.change) for g in reading.study.general} == changes
