import pytest

from selip_contracts.vocabulary import Side
from selip_extract.language.laterality import lateralised_sites
from selip_extract.language.lexer import lex


def _sites(text: str) -> list[tuple[Side | None, str]]:
    """The sites of one sentence that are meant themselves, with their sides."""
    (sentence,) = lex(text).sentences
    return [(s.side, s.site) for s in lateralised_sites(sentence) if not s.is_qualifier]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("左侧额叶、基底节区及右侧小脑半球", "左侧额叶 左侧基底节区 右侧小脑半球"),
        ("左侧额颞叶", "左侧额叶 左侧颞叶"),
        ("双侧额顶叶皮层下及半卵圆中心", "双侧额叶 双侧顶叶 双侧半卵圆中心"),
        ("左侧额叶，顶叶", "左侧额叶 左侧顶叶"),
        ("右侧额叶病灶、顶叶病灶", "右侧额叶 右侧顶叶"),
        ("左侧额叶；顶叶", "左侧额叶 无顶叶"),
        ("左侧额叶见高信号，顶叶", "左侧额叶 无顶叶"),
        ("左侧额叶病灶，顶叶", "左侧额叶 无顶叶"),
        ("左侧颞极蛛网膜囊肿，邻近额叶", "左侧颞叶 无额叶"),
        ("除左侧额叶外，顶叶", "左侧额叶 无顶叶"),
        ("额叶、左侧顶叶", "无额叶 左侧顶叶"),
        ("额叶", "无额叶"),
    ],
)
def test_a_side_carries_over_an_enumeration(text: str, expected: str) -> None:
    assert [(side or "无") + site for side, site in _sites(text)] == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("脑桥、左侧丘脑", "无脑桥 左侧丘脑"),
        ("左侧丘脑、脑桥", "左侧丘脑 无脑桥"),
        ("左侧丘脑、脑桥及小脑半球", "左侧丘脑 无脑桥 左侧小脑半球"),
        ("右侧额叶、胼胝体压部", "右侧额叶 无胼胝体压部"),
        ("右侧脑桥", "右侧脑桥"),
        ("脑桥右侧份", "右侧脑桥"),
        ("脑桥左侧份", "左侧脑桥"),
        ("脑桥偏右", "右侧脑桥"),
        ("脑桥偏左、右侧丘脑", "左侧脑桥 右侧丘脑"),
    ],
)
def test_a_midline_site_has_the_side_it_is_given_itself(text: str, expected: str) -> None:
    assert [(side or "无") + site for side, site in _sites(text)] == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("额叶（左侧）", [("左侧", "额叶")]), ("额叶(右侧)、顶叶", [("右侧", "额叶"), (None, "顶叶")])],
)
def test_a_side_in_brackets_belongs_to_the_site_before(text: str, expected: list[tuple[Side | None, str]]) -> None:
    assert _sites(text) == expected


@pytest.mark.parametrize("text", ["病变位于左侧", "病灶主要位于左侧"])
def test_a_side_said_of_the_lesion_belongs_to_the_sites_before(text: str) -> None:
    assert _sites("额叶" + text) == [("左侧", "额叶")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("左侧基底节区（壳核）", "壳核"),
        ("左侧基底节区(壳核)", "壳核"),
        ("左侧基底节区壳核", "壳核"),
        ("左侧基底节区（壳核、苍白球）", "壳核 苍白球"),
        ("左侧额叶（中央前回）", "中央前回"),
        ("左侧颞叶海马", "海马"),
        ("左侧侧脑室旁白质", "侧脑室旁"),
        ("左侧侧脑室后角旁", "侧脑室后角旁"),
    ],
)
def test_the_most_specific_site_is_meant(text: str, expected: str) -> None:
    assert _sites(text) == [("左侧", site) for site in expected.split()]


def test_a_part_named_in_an_enumeration_does_not_replace_the_whole() -> None:
    assert _sites("左侧基底节区、壳核") == [("左侧", "基底节区"), ("左侧", "壳核")]


def test_the_token_that_says_the_side_is_known() -> None:
    text = "左侧额叶、脑桥右侧份及丘脑"
    (sentence,) = lex(text).sentences
    said = {p.site: p.side_token and text[p.side_token.start : p.side_token.end] for p in lateralised_sites(sentence)}
    assert said == {"额叶": "左侧", "脑桥": "右侧份", "丘脑": "左侧"}
