import pytest

from selip_contracts.vocabulary import unlisted
from selip_extract.tagger.characters import normal_form
from selip_extract.tagger.places import side_named, side_span, sites_named


def _named(text: str, place: str) -> tuple[str, ...]:
    normal = normal_form(text)
    at = normal.index(normal_form(place))
    return sites_named(normal, (at, at + len(place)))


@pytest.mark.parametrize(
    ("text", "place", "sites"),
    [
        ("左侧额叶见高信号", "额叶", ("额叶",)),
        ("左侧额叶见高信号", "额", ("额叶",)),
        ("左側額葉見高信號", "額葉", ("额叶",)),
        ("左侧额\n叶见高信号", "额\n叶", ("额叶",)),
        ("左侧额页见高信号", "额页", ("额叶",)),
        ("右侧小脑半球见高信号", "小脑半", ("小脑半球",)),
        ("脑桥下部见高信号", "脑桥下部", ("脑桥",)),
        ("侧脑室前后角旁见高信号", "侧脑室前后角旁", ("侧脑室前角旁", "侧脑室后角旁")),
        ("右侧翼峡窝见高信号", "翼峡窝", (unlisted("翼峡窝"),)),
        ("可见高信号", "高信号", ()),
        ("可见（）", "（", ()),
    ],
)
def test_words_name_sites(text: str, place: str, sites: tuple[str, ...]) -> None:
    assert _named(text, place) == sites


def test_a_place_of_which_a_known_word_is_a_part_is_another_place() -> None:
    assert _named("左侧翼突峡沟见高信号", "翼突峡沟") == (unlisted("翼突峡沟"),)


@pytest.mark.parametrize(
    ("words", "side"), [("左侧", "左侧"), ("右", "右侧"), ("左侧及右侧", "双侧"), ("两", "双侧"), ("中线", None)]
)
def test_words_name_a_side(words: str, side: str | None) -> None:
    assert side_named(words) == side


def test_a_side_stands_before_its_site_or_behind_it() -> None:
    text = "左侧额叶、右侧颞叶、胼胝体（左侧）"
    sides = [(0, 2), (5, 7), (14, 16)]
    assert side_span(text, "左侧", (2, 4), sides) == (0, 2)
    assert side_span(text, "右侧", (7, 9), sides) == (5, 7)
    assert side_span(text, "右侧", (2, 4), sides) == (5, 7)
    assert side_span(text, "双侧", (2, 4), sides) is None
