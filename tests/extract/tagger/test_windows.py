import random

import pytest

from selip_extract.tagger.windows import MAX_CHARACTERS, Window, windows


def test_a_short_text_is_one_window() -> None:
    assert windows("左侧额叶见片状高信号。") == [Window(0, 0, 11)]


@pytest.mark.parametrize("sentence", ["左侧额叶见片状高信号。", "高信号，", "高", "左侧额叶见高信号" * 60 + "。"])
def test_a_long_text_is_read_once_and_completely(sentence: str) -> None:
    text = sentence * (3 * MAX_CHARACTERS // len(sentence) + 1)
    found = windows(text)
    assert len(found) > 1
    assert "".join(text[window.new : window.end] for window in found) == text
    assert all(window.start <= window.new < window.end for window in found)
    assert all(window.end - window.start <= MAX_CHARACTERS for window in found)


def test_windows_begin_and_end_with_sentences_and_have_the_ones_before_as_context() -> None:
    rng = random.Random(1)
    text = "".join("高" * rng.randint(3, 40) + "。" for _ in range(60))
    first, *others = windows(text)
    assert first.start == first.new == 0
    for window in others:
        assert text[window.start - 1] == text[window.new - 1] == text[window.end - 1] == "。"
        assert window.start < window.new


def test_each_pair_of_a_site_and_a_value_within_reach_is_read_once() -> None:
    text = ("左侧额叶见片状高信号" * 5 + "。") * 20
    found = windows(text)
    for site in range(0, len(text), 51):
        for value in range(max(0, site - 100), min(len(text), site + 100), 51):
            assert sum(window.reads(site, value) for window in found) == 1
