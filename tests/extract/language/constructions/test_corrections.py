import pytest

from selip_extract.extractors.rules import RuleExtractor


def _read(text: str) -> set[str]:
    (reading,) = RuleExtractor().read([text])
    return {"".join(filter(None, f.key)) for f in reading.study.findings}


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("右侧，不对，是左侧丘脑见长T2信号。", {"T2左侧丘脑高"}),
        ("左侧额叶，更正，左侧颞叶见长T2信号。", {"T2左侧颞叶高"}),
        ("左侧额叶T2WI呈高信号，哦不，呈低信号。", {"T2左侧额叶低"}),
        ("左侧额叶T2WI呈高信号，不对称。", {"T2左侧额叶高"}),
    ],
)
def test_what_a_speaker_takes_back_is_not_read(text: str, findings: set[str]) -> None:
    assert _read(text) == findings
