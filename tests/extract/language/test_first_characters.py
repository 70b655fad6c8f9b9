import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selip_extract.language.first_characters import filtered, first_characters


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("长T1", "长"),
        ("长|短|稍长", "长短稍"),
        (r"\d{1,2}[.、)]", "0123456789"),
        ("[A-C+]+", "ABC+"),
        ("第?[34]脑室", "第34"),
        ("(?:FS-?)?(?:T2)?FLAIR", "FT"),
        ("(?<=左)额(?=叶)", "额"),
        ("(?:额|颞)++(?:叶)?+", "额颞"),
        ("(?>T1|T2)", "T"),
        ("(?!T1)T.", "T"),
    ],
)
def test_the_characters_that_a_match_can_begin_with(expression: str, first: str) -> None:
    assert first_characters(expression) == set(first)


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("T1(", "is not a regular expression"),
        ("(T1)", r"has a capturing group: write \(\?:"),
        ("(?:T1)?", "matches the empty text"),
        ("T1|", "matches the empty text"),
        (".T1", "can begin with almost any character"),
        ("[^T]1", "can begin with almost any character"),
        (r"\w1", "can begin with almost any character"),
    ],
)
def test_an_expression_without_known_first_characters_is_refused(expression: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        first_characters(expression)


PIECES = st.sampled_from(["T1", "[12]", "(?:加权|像)", r"\d", "(?:WI)?", "图*", "(?=T)", "[^T]"])


@given(st.lists(PIECES, max_size=4), st.lists(PIECES, max_size=4), st.text("T12加权像WI图9", min_size=1, max_size=6))
def test_no_match_begins_with_another_character(one: list[str], other: list[str], text: str) -> None:
    expression = f"{''.join(one)}|{''.join(other)}"
    try:
        first = first_characters(expression)
    except ValueError:
        return
    for match in re.finditer(expression, text, re.ASCII):
        assert match[0][0] in first


@given(st.lists(PIECES, max_size=4), st.lists(PIECES, max_size=4), st.text("T12加权像WI图9٣", max_size=12))
def test_a_filtered_expression_finds_the_same(one: list[str], other: list[str], text: str) -> None:
    expression = f"{''.join(one)}|{''.join(other)}"
    found = [match.span() for match in filtered(expression).finditer(text)]
    assert found == [match.span() for match in re.finditer(expression, text)]
