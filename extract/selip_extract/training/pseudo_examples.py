"""What the shipped model learns from: questions about pseudo-reports with their right answers, in words."""

import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

from selip_extract.language.lexer import lex
from selip_extract.language.question import LocatedStatement, Question, Statement, questions, support
from selip_extract.llm.sentence_task import BLANK, prompt, right_words
from selip_extract.pseudo_reports.draft import Value
from selip_extract.pseudo_reports.write_report import WrittenReport, write_study


class Lesson(NamedTuple):
    """One question and its answer as words of the task's vocabulary."""

    prompt: list[str]
    answer: list[str]


def told_by(report: WrittenReport) -> list[LocatedStatement]:
    """What a pseudo-report states of sequences, in the order of the writing."""
    return [
        LocatedStatement(
            Statement(f.mention.site.side, f.mention.site.site, f.modality, cast(Value | None, f.value)),
            f.mention.site_span[0],
            f.value_span[0],
        )
        for f in report.facts
        if f.modality is not None
    ]


def sayable(question: Question, statements: Iterable[Statement]) -> bool:
    """Whether the words of the question support all of the statements."""
    words = support(question)
    places = {(side, question.sites[i]) for side, sites in words.places for i in sites}
    values = {None, *words.signals, *words.enhancements}
    return all((s.side, s.site) in places and s.modality in words.modalities and s.value in values for s in statements)


def lessons(report: WrittenReport) -> Iterator[Lesson]:
    """The report's questions with their answers; a question whose truth its words cannot support is left out."""
    told = told_by(report)
    for question in questions(lex(report.text)):
        here = [t for t in told if question.holds(t.signal_at)]
        if sayable(question, (t.statement for t in here)):
            yield Lesson(prompt(question), right_words(question, here))


def blurred(rng: random.Random, words: list[str]) -> list[str]:
    """The words with blanks and verbs dropped or added at random: what the report's other words may be."""
    found: list[str] = []
    drop_blank, drop_verb, add = rng.random() * 0.6, rng.random() * 0.3, rng.random() * 0.08
    for word in words:
        if (word == BLANK and rng.random() < drop_blank) or (word == "呈" and rng.random() < drop_verb):
            continue
        if rng.random() < add and (not found or found[-1] != BLANK):
            found.append(BLANK)
        found.append(word)
    return found


def lesson_stream(seed: int) -> Iterator[Lesson]:
    """Endless lessons from pseudo-reports, the same for the same seed."""
    number = 0
    while True:
        rng = random.Random(f"{seed}-{number}")
        number += 1
        for lesson in lessons(write_study(rng)):
            yield Lesson(blurred(rng, lesson.prompt[:-1]) + lesson.prompt[-1:], lesson.answer)
