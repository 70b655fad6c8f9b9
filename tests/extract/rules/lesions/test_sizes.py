"""A size stands with the lesion it is said of."""

import pytest

from selip_extract.language.lexer import lex
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.lesions.sizes import largest
from selip_extract.rules.mentions import Location
from selip_extract.rules.sentence import sentences
from tests.extract.rules.sentences import findings


def sizes(text: str) -> dict[str, tuple[float, ...]]:
    """The size of each site with a finding."""
    return {f"{f.side or ''}{f.site}": f.size_mm for f in read_clauses(sentences(lex(text))) if f.present}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "左侧额叶、右侧枕叶见结节，大小分别约1.2×1.0cm、0.8×0.7cm，T1WI呈等信号。",
            {"左侧额叶": (12, 10), "右侧枕叶": (8, 7)},
        ),
        ("左侧额叶见长T1信号，约1.5cm，右侧颞叶见长T2信号，约8mm。", {"左侧额叶": (15,), "右侧颞叶": (8,)}),
        ("左侧额叶（约1.2cm）、右侧丘脑（约0.8cm）见长T2信号。", {"左侧额叶": (12,), "右侧丘脑": (8,)}),
        (
            "双侧额叶、左侧顶叶见多发结节，大者位于左侧顶叶，约2.2cm×2.0cm，T1WI呈低信号。",
            {"双侧额叶": (), "左侧顶叶": (22, 20)},
        ),
        ("脑内多发结节，最大者约2cm，位于左侧顶叶，T1WI呈低信号。", {"左侧顶叶": (20,)}),
        ("①左侧额叶，约1cm，②右侧顶叶，约2cm。T1WI：①呈低信号，②呈等信号。", {"左侧额叶": (10,), "右侧顶叶": (20,)}),
        ("左侧额叶见长T1信号。大小约1.2cm。", {"左侧额叶": (12,)}),
        ("左侧额叶肿块，前后径约5.1cm，左右径约3.9cm，上下径约4.4cm，T1WI低信号。", {"左侧额叶": (51, 39, 44)}),
        ("左侧额叶见肿块，大小：4.4cm（前后）×3.9cm（左右），T1WI低信号。", {"左侧额叶": (44, 39)}),
        (
            "双侧硬膜下见长T1信号，厚度左侧约9mm，右侧约5mm，T2WI右侧呈高信号。",
            {"双侧硬膜下": (9,), "右侧硬膜下": (5,)},
        ),
        (
            "左侧额叶、脑桥见两枚结节，大者位于左侧额叶，约2.6×2.2cm，另一枚约1.0×0.9cm，T1WI呈低信号。",
            {"左侧额叶": (26, 22), "脑桥": (10, 9)},
        ),
        ("左侧额叶、脑桥见3枚结节，大小分别约12mm、8mm、5mm，T1WI呈低信号。", {"左侧额叶": (), "脑桥": ()}),
        ("左侧额叶、脑桥见结节，最小者约2mm、最大者约7mm，T1WI呈低信号。", {"左侧额叶": (7,), "脑桥": (7,)}),
        ("左侧额叶见结节，约13×12cm，单位有误，应为13×12mm，T1WI呈低信号。", {"左侧额叶": (13, 12)}),
        ("左侧额叶、脑桥见长T1信号，约1.2cm。", {"左侧额叶": (12,), "脑桥": (12,)}),
    ],
)
def test_whose_size_it_is(text: str, expected: dict[str, tuple[float, ...]]) -> None:
    assert sizes(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "左侧额叶见长T1信号，中线结构右移约5mm，增强后强化。",
        "层厚5mm，左侧额叶见长T1信号。",
        "左侧额叶见长T1信号，周围见片状水肿，范围约4cm。",
        "左侧额叶见长T1信号（前片约2.0×1.5cm）。",
        "左侧额叶见长T1信号，体积约12.5cm3。",
        "左侧额叶见长T1信号，约1,8cm。",
    ],
)
def test_no_size_of_the_lesion(text: str) -> None:
    assert sizes(text) == {"左侧额叶": ()}


def test_of_several_sizes_the_one_with_most_dimensions_counts() -> None:
    here: Location = ("左侧", "额叶")
    assert largest([(here, (30.0,)), (here, (12.0, 10.0)), (here, (14.0, 9.0))]) == {here: (14.0, 9.0)}


def test_a_size_behind_a_normal_other_side_is_that_of_the_lesion() -> None:
    found = findings("右侧海马见一囊肿，T1WI低信号，左侧海马未见囊肿，长径约8mm，FLAIR呈低信号。")
    assert {site: f.size_mm for (site, _), f in found.items()} == {"右侧海马": (8.0,)}
