"""Examples that a model is adapted with: prompts and right answers, from pseudo-reports and from annotated reports."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from selip_contracts.findings import AnnotatedReport
from selip_extract.language.lexer import lex
from selip_extract.language.question import LocatedStatement, Question
from selip_extract.llm.answer_forms import AnswerForm
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.training.annotation_alignment import align
from selip_extract.training.pseudo_examples import is_expressible, perturbed, written_statements

HELD_OUT_SHARE = 0.1
MIN_TEXTS_TO_HOLD_OUT = 5


class Example(NamedTuple):
    """A prompt and its right answer; `known`: the base model was trained on many of the kind."""

    prompt: str
    answer: str
    known: bool = False


@dataclass
class Examples:
    """Examples of `reports` reports; `left_out` questions have a truth that their words do not support."""

    examples: list[Example] = field(default_factory=list)
    reports: int = 0
    left_out: int = 0


def pseudo_examples(form: AnswerForm, count: int, seed: str) -> Examples:
    """Examples of `count` pseudo-reports, the same for the same seed; prompts in words are perturbed."""
    found = Examples()
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        report = write_study(rng)
        lexed, statements = lex(report.text), written_statements(report)
        asked = form.questions(lexed)
        answers: list[list[LocatedStatement] | None] = []
        for question in asked:
            here = [s for s in statements if question.holds(s.signal_at)]
            answers.append(here if is_expressible(question, (s.statement for s in here)) else None)
        prompts = (form.prompt(lexed, question) for question in asked)
        if form.in_words:
            prompts = (_perturbed(rng, prompt) for prompt in prompts)
        _add(found, form, form.in_words, zip(prompts, asked, answers, strict=True))
    return found


def annotated_examples(form: AnswerForm, reports: Iterable[AnnotatedReport]) -> Examples:
    """Examples of the annotated reports."""
    found = Examples()
    for report in reports:
        lexed = lex(report.findings_text)
        asked = form.questions(lexed)
        prompts = [form.prompt(lexed, question) for question in asked]
        _add(found, form, False, zip(prompts, asked, align(report, asked), strict=True))
    return found


def split(reports: Sequence[AnnotatedReport]) -> tuple[list[AnnotatedReport], list[AnnotatedReport]]:
    """(to learn from, held out): the tenth whose texts have the smallest hashes, none of very few.

    The side of a report hardly depends on the others of its file, and a text that occurs twice is on one side alone.
    """
    by_text: dict[str, list[AnnotatedReport]] = {}
    for report in reports:
        by_text.setdefault(hashlib.sha256(report.findings_text.encode()).hexdigest(), []).append(report)
    ordered = [by_text[name] for name in sorted(by_text)]
    count = max(1, round(HELD_OUT_SHARE * len(ordered))) if len(ordered) >= MIN_TEXTS_TO_HOLD_OUT else 0
    return [r for group in ordered[count:] for r in group], [r for group in ordered[:count] for r in group]


def _add(
    found: Examples, form: AnswerForm, known: bool, asked: Iterable[tuple[str, Question, list[LocatedStatement] | None]]
) -> None:
    found.reports += 1
    for prompt, question, statements in asked:
        if statements is None:
            found.left_out += 1
        else:
            found.examples.append(Example(prompt, form.right_answer(question, statements), known))


def _perturbed(rng: random.Random, prompt: str) -> str:
    *words, last = prompt.split(" ")
    return " ".join([*perturbed(rng, words), last])


def mixed(
    rng: random.Random, replayed: Sequence[Example], annotated: Sequence[Example], epochs: int
) -> Iterator[Example]:
    """All examples in the order of the training; annotated ones are repeated until they make about half of it."""
    times = max(1, round(len(replayed) / len(annotated))) if annotated else 0
    for _ in range(epochs):
        epoch = [*replayed, *list(annotated) * times]
        rng.shuffle(epoch)
        yield from epoch
