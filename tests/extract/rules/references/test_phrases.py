"""Phrases of several tokens are found with the words that they span."""

import pytest

from selip_extract.rules.references.phrases import Chosen, phrases
from tests.extract.rules.sentences import sentence


def found(text: str) -> list[tuple[str, str]]:
    """Kind and words of each phrase."""
    of = sentence(text)
    return [
        (phrase.kind, text[of.tokens[at].start : of.tokens[phrase.end - 1].end]) for at, phrase in phrases(of).items()
    ]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("前两枚呈高信号", "ordinal", "前两枚"),
        ("FLAIR后两处呈高信号", "ordinal", "后两处"),
        ("第二个病灶呈高信号", "ordinal", "第二个病灶"),
        ("末者呈高信号", "ordinal", "末者"),
        ("信号与左侧顶叶病灶相同", "comparison", "与左侧顶叶病灶相同"),
        ("T2WI呈高信号，以额颞叶为著", "predominance", "以额颞叶为著"),
        ("T2WI呈高信号，FLAIR亦然", "likewise", "亦然"),
    ],
)
def test_a_phrase(text: str, kind: str, words: str) -> None:
    assert found(text) == [(kind, words)]


@pytest.mark.parametrize(
    "text",
    [
        "第三脑室扩大",
        "T2WI呈高信号，以边缘为著",
        "T1WI以低信号为主",
        "额叶以及左侧颞叶呈显著高信号",
        "信号与脑实质相仿",
        "左侧丘脑和豆状核较前相仿",
    ],
)
def test_no_phrase(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("前三处", (0, 1, 2)),
        ("后二者", (-2, -1)),
        ("第二枚", (1,)),
        ("第一、四处", (0, 3)),
        ("第1、3枚", (0, 2)),
        ("首个", (0,)),
        ("最后一枚", (-1,)),
        ("T1WI同第一处", (0,)),
    ],
)
def test_what_an_ordinal_chooses(text: str, chosen: Chosen) -> None:
    assert next(iter(phrases(sentence(text)).values())).chosen == chosen
