import pytest

from selip_extract.tagger.characters import UNKNOWN, common_characters, normal_form, numbers_of, vocabulary_of


@pytest.mark.parametrize(
    "text",
    ["左侧额叶T2WI高信号", "雙側額葉長T1長T2信號", "①右侧，②左侧：ｔ２", "大小约1㎝×2㎜\r\n\t高", "", "ﬁ\u0301𠮷"],
)
def test_every_character_stays_one(text: str) -> None:
    assert len(normal_form(text)) == len(text)


def test_width_case_and_traditional_forms_are_read_as_one() -> None:
    assert normal_form("ｔ２ｗｉ：額葉") == "T2WI:额叶"


def test_breaks_and_blanks_are_told_apart() -> None:
    assert normal_form("高\r信\t号\u3000影\n") == "高\n信 号 影\n"


def test_common_characters_are_the_first_level_of_gb_2312() -> None:
    assert sum("\u4e00" <= c <= "\u9fff" for c in common_characters()) == 3755


def test_a_character_that_is_not_known_has_the_number_of_unknown_ones() -> None:
    numbers = numbers_of("额叶")
    assert numbers("額叶髎") == [2, 3, UNKNOWN]


def test_a_vocabulary_holds_each_character_once() -> None:
    characters = vocabulary_of(["额叶髎", "髎骨"])
    assert len(set(characters)) == len(characters)
    assert "髎" in characters
