"""The pattern of the lexer: its first-character filter passes by no form of its table."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selip_contracts.vocabulary import SITES
from selip_extract.language.lexer import lex
from selip_extract.language.lexicon import LOBE_CHARACTERS, lexicon
from selip_extract.language.token_patterns import token_pattern, token_table

ROWS = dict(token_table())
FILTER = re.compile(token_pattern().pattern.partition("(?:(?P<")[0], re.ASCII)


@pytest.mark.parametrize("row", ROWS)
@given(st.data())
def test_the_filter_admits_whatever_a_row_matches(row: str, data: st.DataObject) -> None:
    pattern = re.compile(ROWS[row], re.ASCII)
    text = data.draw(st.from_regex(pattern))
    match = pattern.search(text)
    assert match is not None
    assert FILTER.match(text, match.start())


@given(
    st.text(
        st.sampled_from('左右额颞叶长短稍等T12*WIFLAIRGES+-_.、,()年月日×MC0359①。\n{}"压水注后增强平扫'), max_size=30
    )
)
def test_the_filter_changes_no_match(text: str) -> None:
    rows = re.compile("|".join(f"(?P<{row}>{expression})" for row, expression in ROWS.items()), re.ASCII)
    with_filter, without = token_pattern().finditer(text), rows.finditer(text)
    assert [(m.span(), m.lastgroup) for m in with_filter] == [(m.span(), m.lastgroup) for m in without]


def test_names_with_letters_or_digits_of_sites_are_read() -> None:
    names = [
        (form, site.name)
        for site in SITES.values()
        for form in site.surface_forms
        if re.search("[A-Z0-9]", form) and form not in LOBE_CHARACTERS
    ]
    assert names
    for form, site in names:
        assert [(t.kind, t.value) for s in lex(form).sentences for t in s] == [("site", site)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('{"side": "左侧"}', ["other"]),
        ("b=1000图像", ["sequence"]),
        ("20230511", ["date"]),
        ("5月11日", ["date"]),
        ("TOF-MRA", ["elsewhere"]),
        ("disregard", ["elsewhere"]),
        ("平扫+增强扫描+MRA", ["other"]),
        ("1.2×0.8×0.5cm", ["size"]),
        ("Gd-DTPA增强扫描后", ["sequence"]),
    ],
)
def test_rows_of_the_table(text: str, kinds: list[str]) -> None:
    assert [t.kind for s in lex(text).sentences for t in s] == kinds


def test_every_relaxation_time_is_read_before_t1_and_t2() -> None:
    for time in lexicon().relaxation:
        for sequence in ("T1", "T2"):
            (sentence,) = lex(f"{time}{sequence}信号").sentences
            assert [(t.kind, t.start, t.end) for t in sentence[:2]] == [
                (kind, 0, len(time) + 2) for kind in ("sequence", "signal")
            ]
