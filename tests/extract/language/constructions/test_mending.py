import pytest
from hypothesis import given
from hypothesis import strategies as st

from selip_extract.language.constructions.mending import mended


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("右侧放射冠见小片状等T1稍\n长T2信号。", "右侧放射冠见小片状等T1稍 长T2信号。"),
        ("FL\nAIR呈高信号", "FL AIR呈高信号"),
        ("双侧\n额叶见点状高信号", "双侧 额叶见点状高信号"),
        ("增强后未\n见明显强化", "增强后未 见明显强化"),
        ("双侧上颌窦\n黏膜增厚", "双侧上颌窦 黏膜增厚"),
        ("脑室系统未见扩大\n中线居中", "脑室系统未见扩大\n中线居中"),
        ("双侧额\n顶叶见高信号", "双侧额 顶叶见高信号"),
        ("部位：左侧丘脑\nT1WI：低\n其他：无", "部位：左侧丘脑，T1WI：低\n其他：无"),
        ("1、左侧额叶见高信号，\n2、右侧额叶", "1、左侧额叶见高信号，\n2、右侧额叶"),
    ],
)
def test_a_line_that_breaks_inside_a_sentence_is_joined(text: str, read: str) -> None:
    assert mended(text).text == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (
            "斑片状长T2信号 ADC图未见减低 左侧丘脑高信号 脑沟增宽",
            "斑片状长T2信号，ADC图未见减低，左侧丘脑高信号，脑沟增宽",
        ),
        ("T2 FLAIR呈高信号", "T2 FLAIR呈高信号"),
        ("呈高信号 影", "呈高信号 影"),
    ],
)
def test_a_blank_after_a_statement_is_a_comma(text: str, read: str) -> None:
    assert mended(text).text == read


def test_traditional_characters_are_read_as_simplified_ones() -> None:
    assert mended("右側額葉見斑片狀長T1長T2信號，以顳葉為著").text == "右侧额叶见斑片状长T1长T2信号，以颞叶为著"


@pytest.mark.parametrize(
    ("text", "read", "slips"),
    [
        ("右侧额页见高信号", "右侧额叶见高信号", ((2, 4),)),
        ("左侧外囊见常T1长T2信号", "左侧外囊见长T1长T2信号", ((5, 8),)),
        ("FLA1R稍高、DWl等", "FLAIR稍高、DWI等", ((0, 5), (8, 11))),
        ("异常信号", "异常信号", ()),
    ],
)
def test_a_slip_is_mended_and_marked(text: str, read: str, slips: tuple[tuple[int, int], ...]) -> None:
    assert mended(text) == (read, slips)


@given(st.text(alphabet="左右侧额颞页叶脑室 \n\t，。；T12WIFLAR0高低信号見額", max_size=60))
def test_the_mended_text_has_as_many_characters_as_the_stored_one(text: str) -> None:
    assert len(mended(text).text) == len(text)
