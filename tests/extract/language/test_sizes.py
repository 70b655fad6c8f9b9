import pytest
from hypothesis import given
from hypothesis import strategies as st

from selip_extract.language.lexer import lex, normalized
from selip_extract.language.sizes import millimetres, size_pattern

MM = {"mm": 1, "毫米": 1, "cm": 10, "厘米": 10, "公分": 10, "ＭＭ": 1, "㎜": 1, "㎝": 10}


def read(text: str) -> list[tuple[float, ...]]:
    return [millimetres(match[0]) for match in size_pattern().finditer(normalized(text))]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("5mm", [(5,)]),
        ("2.1×1.8cm", [(21, 18)]),
        ("2.1 * 1.8 * 1.5 厘米", [(21, 18, 15)]),
        ("21mm×18mm", [(21, 18)]),
        ("3公分", [(30,)]),
        ("1.2✕0.8公分", [(12, 8)]),
        # of a range the upper end
        ("1-2mm", [(2,)]),
        ("0.3～0.5cm", [(5,)]),
        # each dimension in its unit
        ("2cm×15mm", [(20, 15)]),
        ("12mm×8", [(12, 8)]),
        ("12×8", [(12, 8)]),
        # as they are typed
        ("１．８×１．２ｃｍ", [(18, 12)]),
        ("1.8╳1.2cm", [(18, 12)]),
        ("1.8·1.2cm", [(18, 12)]),
        ("1.8乘1.2cm", [(18, 12)]),
        ("18mm乘以12mm", [(18, 12)]),
        ("1,8×1,2cm", [(18, 12)]),
        # 1.8 cm, or the end of a list
        ("1,8cm", []),
        ("约3×2mm，另一枚约12×8mm", [(3, 2), (12, 8)]),
        ("3枚", []),
        ("3.0T", []),
    ],
)
def test_sizes_in_millimetres(text: str, sizes: list[tuple[float, ...]]) -> None:
    assert read(text) == sizes


@given(
    st.lists(st.integers(1, 999), min_size=1, max_size=3),
    st.sampled_from(sorted(MM)),
    st.sampled_from("×xX*＊✕"),
    st.sampled_from(["", " ", "　"]),
    st.booleans(),
)
def test_a_size_that_is_written_is_read(tenths: list[int], unit: str, cross: str, blank: str, every_unit: bool) -> None:
    numbers = [f"{n / 10:g}" for n in tenths]
    end = blank + unit
    between = (end if every_unit else "") + blank + cross + blank
    text = between.join(numbers) + end
    assert read(text) == [tuple(pytest.approx(n / 10 * MM[unit]) for n in tenths)]


@given(st.integers(1, 99), st.integers(1, 99), st.sampled_from("-~～－"))
def test_a_range_is_read_as_its_upper_end(low: int, high: int, to: str) -> None:
    assert read(f"{low}{to}{high}mm") == [(high,)]


@pytest.mark.parametrize("text", ["2.1×1.8cm", "3公分", "1-2mm", "2cm×15mm", "12×8"])
def test_the_lexer_reads_the_same_sizes(text: str) -> None:
    (sentence,) = lex(f"约{text}").sentences
    assert [(t.kind, t.start, t.end) for t in sentence[1:]] == [("size", 1, 1 + len(text))]
    assert len(read(text)) == 1
