import pytest

from selip_extract.extractors.rules import RuleExtractor


@pytest.mark.parametrize(
    "text",
    [
        "左\ufffd额叶见长T1\ufffd\ufffd信号，DWI\ufffd\ufffd高信号。",
        "左侧额叶□有□无异常信号；T2WI□高□低信号。",
        "锟斤拷左侧额叶见锟斤拷T2WI高信号。",
    ],
)
def test_a_sentence_with_lost_characters_states_nothing_and_is_reviewed(text: str) -> None:
    (reading,) = RuleExtractor().read([text])
    assert (reading.study.findings, reading.study.negatives, reading.study.normal) == ((), (), False)
    assert [passage.reason for passage in reading.review] == ["uncited"]


def test_the_other_sentences_are_read() -> None:
    (reading,) = RuleExtractor().read(["左侧额叶见T2WI高信号。右侧\ufffd叶见T2WI高信号。"])
    assert [f.key for f in reading.study.findings] == [("T2", "左侧", "额叶", "高")]
    assert len(reading.review) == 1
