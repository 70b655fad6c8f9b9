"""Examples that a model is adapted with: prompts and right answers, from pseudo-reports and from annotated reports."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from selip_contracts.findings import AnnotatedReport
from selip_extract.language.lexer import lex
from selip_extract.language.question import LocatedStatement, is_expressible
from selip_extract.llm.annotation_alignment import align
from selip_extract.llm.answer_forms import AnswerForm, Asked
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.training.pseudo_examples import perturbed, written_statements

MAX_REPEATS = 4
MIN_TEXTS_TO_HOLD_OUT = 5


class Example(NamedTuple):
    """A prompt and its right answer; `known`: the base model was trained on many of the kind."""

    prompt: str
    answer: str
    known: bool = False


@dataclass
class Examples:
    """Examples of `reports` reports; `left_out` prompts have a truth that their words do not support."""

    examples: list[Example] = field(default_factory=list)
    reports: int = 0
    left_out: int = 0

    def add(
        self,
        form: AnswerForm,
        asked: Asked,
        statements: Sequence[list[LocatedStatement] | None],
        prompt: str,
        *,
        known: bool = False,
    ) -> None:
        """Add the right answer where the words of each sentence support its statements; None: they do not."""
        said = [here for here in statements if here is not None]
        if len(said) < len(statements):
            self.left_out += 1
        else:
            self.examples.append(Example(prompt, form.right_answer(asked, said), known))


def pseudo_examples(form: AnswerForm, count: int, seed: str) -> Examples:
    """Examples of `count` pseudo-reports, the same for the same seed; prompts in words are perturbed."""
    found = Examples()
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        report = write_study(rng)
        lexed, statements = lex(report.text), written_statements(report)
        found.reports += 1
        for asked in form.asked(lexed):
            said: list[list[LocatedStatement] | None] = []
            for question in asked.questions:
                here = [s for s in statements if question.holds(s.signal_at)]
                said.append(here if is_expressible(question, (s.statement for s in here)) else None)
            prompt = form.prompt(asked)
            found.add(form, asked, said, _perturbed(rng, prompt) if form.in_words else prompt, known=form.in_words)
    return found


def annotated_examples(form: AnswerForm, reports: Iterable[AnnotatedReport]) -> Examples:
    """Examples of the annotated reports."""
    found = Examples()
    for report in reports:
        found.reports += 1
        asked = form.asked(lex(report.findings_text))
        said = iter(align(report, [question for prompted in asked for question in prompted.questions]))
        for prompted in asked:
            found.add(form, prompted, list(islice(said, len(prompted.questions))), form.prompt(prompted))
    return found


def split(reports: Sequence[AnnotatedReport], share: float) -> tuple[list[AnnotatedReport], list[AnnotatedReport]]:
    """(to learn from, held out): the share whose texts have the smallest hashes, none of very few.

    The side of a report hardly depends on the others of its file, and a text that occurs twice is on one side alone.
    """
    by_text: dict[str, list[AnnotatedReport]] = {}
    for report in reports:
        by_text.setdefault(hashlib.sha256(report.findings_text.encode()).hexdigest(), []).append(report)
    ordered = [by_text[name] for name in sorted(by_text)]
    count = max(1, round(share * len(ordered))) if len(ordered) >= MIN_TEXTS_TO_HOLD_OUT else 0
    return [r for group in ordered[count:] for r in group], [r for group in ordered[:count] for r in group]


def _perturbed(rng: random.Random, prompt: str) -> str:
    *words, last = prompt.split(" ")
    return " ".join([*perturbed(rng, words), last])


def mixed(
    rng: random.Random, replayed: Sequence[Example], annotated: Sequence[Example], epochs: int
) -> Iterator[Example]:
    """All examples in the order of the training; annotated ones are repeated until they make about half of it.

    No more than MAX_REPEATS times: of what is repeated more often a model learns the words instead of the task.
    """
    times = min(MAX_REPEATS, max(1, round(len(replayed) / len(annotated)))) if annotated else 0
    for _ in range(epochs):
        epoch = [*replayed, *list(annotated) * times]
        rng.shuffle(epoch)
        yield from epoch
