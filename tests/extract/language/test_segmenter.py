from hypothesis import given
from hypothesis import strategies as st

from selip_extract.language.lexicon import words
from selip_extract.language.segmenter import LexiconSegmenter, joined, segmenter


@given(st.text(st.sampled_from("左右侧额叶脑室旁皮层下、/高低信号呈见未异常水肿的"), max_size=40))
def test_the_words_are_the_text(text: str) -> None:
    assert "".join(segmenter().cut(text)) == joined(text)
    assert len(joined(text)) == len(text)


def test_every_word_of_the_lexicon_is_one_word() -> None:
    assert [word for word in words() if segmenter().cut(word) != [joined(word)]] == []


def test_the_fewest_words_are_chosen() -> None:
    words = ["左侧", "侧脑室", "脑室"]
    assert LexiconSegmenter(words).cut("左侧脑室") == ["左侧", "脑室"]
    assert LexiconSegmenter([*words, "左侧脑室"]).cut("左侧脑室") == ["左侧脑室"]
