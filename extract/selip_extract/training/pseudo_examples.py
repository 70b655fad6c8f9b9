"""Examples for the shipped model: questions about pseudo-reports with their right answers, in the words of the task."""

import random
from collections.abc import Iterator
from typing import NamedTuple, cast

from selip_extract.language.lexer import lex
from selip_extract.language.question import LocatedStatement, Statement, is_expressible, questions
from selip_extract.llm.sentence_task import BLANK, prompt, right_words
from selip_extract.pseudo_reports.lesion_archetypes import SignalValue
from selip_extract.pseudo_reports.writing.report import WrittenReport, write_study


class PseudoExample(NamedTuple):
    """One question and its answer as words of the task's vocabulary."""

    prompt: list[str]
    answer: list[str]


def written_statements(report: WrittenReport) -> list[LocatedStatement]:
    """The statements of a pseudo-report about sequences, in the order of its text."""
    return [
        LocatedStatement(
            Statement(f.mention.site.side, f.mention.site.site, f.modality, cast(SignalValue | None, f.value)),
            f.mention.site_span[0],
            f.value_span[0],
        )
        for f in report.facts
        if f.modality is not None
    ]


def examples_of(report: WrittenReport) -> Iterator[PseudoExample]:
    """The report's questions with their answers; a question whose truth its words cannot support is left out."""
    statements = written_statements(report)
    for question in questions(lex(report.text)):
        here = [s for s in statements if question.holds(s.signal_at)]
        if is_expressible(question, (s.statement for s in here)):
            yield PseudoExample(prompt(question), right_words(question, here))


def perturbed(rng: random.Random, words: list[str]) -> list[str]:
    """The words with blanks and verbs dropped, and blanks added, at random: other reports have other words there."""
    found: list[str] = []
    drop_blank, drop_verb, add = rng.random() * 0.6, rng.random() * 0.3, rng.random() * 0.08
    for word in words:
        if (word == BLANK and rng.random() < drop_blank) or (word == "呈" and rng.random() < drop_verb):
            continue
        if rng.random() < add and (not found or found[-1] != BLANK):
            found.append(BLANK)
        found.append(word)
    return found


def example_stream(seed: int) -> Iterator[PseudoExample]:
    """Endless examples from pseudo-reports, the same for the same seed."""
    number = 0
    while True:
        rng = random.Random(f"{seed}-{number}")
        number += 1
        for example in examples_of(write_study(rng)):
            yield PseudoExample(perturbed(rng, example.prompt[:-1]) + example.prompt[-1:], example.answer)
