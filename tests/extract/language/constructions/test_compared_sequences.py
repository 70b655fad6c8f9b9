import pytest

from selip_extract.extractors.rules import RuleExtractor
from selip_extract.language.lexer import lex


@pytest.mark.parametrize(
    ("text", "cue"),
    [
        ("T2WI呈高信号，FLAIR：同T2WI。", "同T2"),
        ("T2WI呈高信号，FLAIR序列同T2序列所见。", "同T2"),
        ("T2WI呈高信号，FLAIR与T2WI信号相同。", "同T2"),
        ("DWI呈高信号，T2WI信号与DWI相仿。", "同DWI"),
        ("T1WI、T2WI同FLAIR呈高信号。", None),
        ("T1WI与T2WI呈高信号。", None),
        ("T2WI呈高信号，FLAIR呈高信号，与T2WI所见范围一致。", None),
    ],
)
def test_a_sequence_that_looks_like_another_one(text: str, cue: str | None) -> None:
    cues = [t.value for s in lex(text).sentences for t in s if t.kind == "cue" and t.value.startswith("同")]
    assert cues == ([] if cue is None else [cue])


def test_each_site_has_what_was_stated_of_it() -> None:
    text = "左侧额叶T2WI呈高信号，脑桥T2WI呈低信号。上述病灶FLAIR信号同T2WI。"
    study = RuleExtractor().read([text])[0].study
    assert {(f.site, f.signal) for f in study.findings if f.modality == "FLAIR"} == {("额叶", "高"), ("脑桥", "低")}


def test_two_sequences_that_are_alike_before_their_signal_is_stated() -> None:
    study = RuleExtractor().read(["左侧额叶病灶FLAIR与T2WI信号相同，均呈高信号。"])[0].study
    assert {(f.modality, f.signal) for f in study.findings} == {("T2", "高"), ("FLAIR", "高")}
