"""Double reading: whose findings are kept, with which confidence, and what a person should look at."""

import math

import pytest

from selip_contracts.findings import Finding
from selip_extract.extractors.double_reading import ModelReading, combine, confidence_of, sentences_to_compare
from selip_extract.language.lexer import lex
from selip_extract.language.question import questions
from selip_extract.language.tokens import LexedReport
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.sentence import sentences

TEXT = "左侧额叶T1WI呈低信号，T2WI呈高信号。"


def _readings(probability: float, kept: int, text: str = TEXT) -> tuple[LexedReport, list[Finding], list[ModelReading]]:
    """The report, the rules' findings, and a model that found the first `kept` of them."""
    lexed = lex(text)
    by_rule = read_clauses(sentences(lexed))
    (question,) = questions(lexed)
    found = tuple(f.model_copy(update={"confidence": confidence_of(probability)}) for f in by_rule[:kept])
    return lexed, by_rule, [ModelReading(question, found, probability)]


def _combined(probability: float, kept: int) -> list[tuple[str, bool | None, float | None]]:
    lexed, by_rule, readings = _readings(probability, kept)
    return [(f.modality, f.agreed, f.confidence) for f in combine(lexed, readings, by_rule)]


def test_what_both_read_is_agreed() -> None:
    assert _combined(0.9, 2) == [("T1", True, 0.9), ("T2", True, 0.9)]


def test_where_they_differ_a_probable_answer_of_the_model_is_kept() -> None:
    assert _combined(0.9999, 1) == [("T1", True, 0.9999)]


def test_else_the_rules_are_kept_with_the_probability_that_the_answer_is_wrong() -> None:
    assert _combined(0.9, 1) == [("T1", True, 0.9), ("T2", False, 0.1)]
    assert _combined(math.nan, 0) == [("T1", False, None), ("T2", False, None)]


def test_findings_of_a_sentence_that_was_not_asked_are_those_of_the_rules_alone() -> None:
    lexed, by_rule, _ = _readings(0.9, 2)
    assert [(f.modality, f.agreed) for f in combine(lexed, [], by_rule)] == [("T1", False), ("T2", False)]


@pytest.mark.parametrize(
    ("text", "agreed"),
    [
        (TEXT, [True, True]),
        ("左侧额页T1WI呈低信号，T2WI呈高信号。", [False, False]),
        ("左侧额叶T1WI呈低信号，FLA1R呈高信号。", [True, False]),
        ("左侧髓旁窝T1WI呈低信号，T2WI呈高信号。", [False, False]),
    ],
)
def test_on_what_the_lexer_guessed_the_readers_cannot_agree(text: str, agreed: list[bool]) -> None:
    lexed, by_rule, readings = _readings(0.9, 2, text)
    assert [f.agreed for f in combine(lexed, readings, by_rule)] == agreed


def test_sentences_in_which_the_two_differ_or_the_model_is_unsure() -> None:
    def reasons(probability: float, kept: int) -> list[str]:
        lexed, by_rule, readings = _readings(probability, kept)
        return [review.reason for review in sentences_to_compare(lexed, readings, by_rule)]

    assert reasons(0.9, 2) == []
    assert reasons(0.9, 1) == ["disagreement"]
    assert reasons(0.4, 2) == ["low_confidence"]
