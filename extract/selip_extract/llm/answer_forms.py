"""The two forms in which a model answers: words of the sentence task, or the JSON of a whole report."""

import json
import re
from collections.abc import Iterable
from typing import Protocol

from transformers import PreTrainedTokenizerFast

from selip_extract.language.lexer import LexedReport
from selip_extract.language.question import LocatedStatement, Question, Statement, questions, support
from selip_extract.llm.answer_grammar import GRAMMAR_VERSION, answer_grammar
from selip_extract.llm.engine import Constraint
from selip_extract.llm.model_files import word_numbers
from selip_extract.llm.report_task import (
    REPORT_TASK_VERSION,
    read_report_answer,
    report_answer,
    report_prompt,
    report_question,
    report_schema,
)
from selip_extract.llm.sentence_task import TASK_VERSION, prompt, read_answer, right_words

Spans = tuple[tuple[int, int], ...]
"""Characters [start, end) of an answer's text."""


class AnswerForm(Protocol):
    """What a model is asked, what its answer may be, and how it is read; `in_words`: those of the task's vocabulary."""

    version: str
    in_words: bool
    longest_answer: int
    at_once: int

    def questions(self, lexed: LexedReport) -> list[Question]:
        """The questions that a report poses."""
        ...

    def prompt(self, lexed: LexedReport, question: Question) -> str:
        """The question as the model reads it."""
        ...

    def constraint(self, question: Question) -> Constraint:
        """What the question's words support."""
        ...

    def read(self, question: Question, reply: str) -> dict[Statement, Spans]:
        """The reply's statements and the characters that say each; ValueError where it cannot be read."""
        ...

    def right_answer(self, question: Question, told: Iterable[LocatedStatement]) -> str:
        """What the model should reply where the question's words tell this; KeyError where they lack a site."""
        ...


class SentenceForm:
    """A small model's form: numbered sites and typed tokens, a sentence at a time."""

    version = f"sentence-{TASK_VERSION}-{GRAMMAR_VERSION}"
    in_words = True
    # the longest right answer in 100,000 lessons has 99 words
    longest_answer = 160
    at_once = 96

    def questions(self, lexed: LexedReport) -> list[Question]:
        """The sentences that can state a signal."""
        return questions(lexed)

    def prompt(self, lexed: LexedReport, question: Question) -> str:
        """The question's words between blanks."""
        return " ".join(prompt(question))

    def constraint(self, question: Question) -> Constraint:
        """The answer grammar of the sentence."""
        return Constraint("grammar", answer_grammar(support(question)))

    def read(self, question: Question, reply: str) -> dict[Statement, Spans]:
        """The answer's words as statements."""
        words = list(re.finditer(r"\S+", reply))
        said = read_answer(question, [w[0] for w in words])
        return {statement: tuple(words[i].span() for i in places) for statement, places in said.items()}

    def right_answer(self, question: Question, told: Iterable[LocatedStatement]) -> str:
        """The answer's words between blanks."""
        return " ".join(right_words(question, told))


class ReportForm:
    """A large model's form: the whole report, JSON by sequence; a chat template is used where there is one."""

    version = f"report-{REPORT_TASK_VERSION}"
    in_words = False
    longest_answer = 4096
    at_once = 16

    def __init__(self, tokenizer: PreTrainedTokenizerFast | None) -> None:
        """Without a tokenizer the prompt is the bare text, for a server that renders chats itself."""
        self.tokenizer = tokenizer

    def questions(self, lexed: LexedReport) -> list[Question]:
        """One question, where any sentence can state a signal."""
        return [report_question(lexed)] if questions(lexed) else []

    def prompt(self, lexed: LexedReport, question: Question) -> str:
        """Instructions and report, as a chat's first turn where the model has a chat template."""
        return first_turn(self.tokenizer, report_prompt(lexed.text))

    def constraint(self, question: Question) -> Constraint:
        """The JSON schema of the report."""
        return Constraint("json", json.dumps(report_schema(question), ensure_ascii=False))

    def read(self, question: Question, reply: str) -> dict[Statement, Spans]:
        """The JSON as statements."""
        return {statement: (span,) for statement, span in read_report_answer(reply).items()}

    def right_answer(self, question: Question, told: Iterable[LocatedStatement]) -> str:
        """The JSON of the statements in the order of the text."""
        ordered = sorted(told, key=lambda t: (t.signal_at, t.site_at))
        return report_answer(question, dict.fromkeys(t.statement for t in ordered))


def first_turn(tokenizer: PreTrainedTokenizerFast | None, text: str) -> str:
    """The text as a chat's first turn where the tokenizer has a chat template, else as it is."""
    if tokenizer is None or tokenizer.chat_template is None:
        return text
    turn = [{"role": "user", "content": text}]
    # Templates of models that think before they answer know this switch; others pass it by.
    rendered = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    assert isinstance(rendered, str)
    # What tokenizes the prompt, here or on a server, begins it with its own special token: once is enough.
    begins = tokenizer.bos_token is not None and tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]
    return rendered.removeprefix(tokenizer.bos_token) if begins else rendered


def form_of(tokenizer: PreTrainedTokenizerFast) -> AnswerForm:
    """The form that a model speaks, told by its tokenizer: the sentence task's own words, or any other."""
    return SentenceForm() if tokenizer.get_vocab() == word_numbers() else ReportForm(tokenizer)
