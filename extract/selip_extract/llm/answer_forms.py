"""The two forms of answers: words of the sentence task, or the JSON of a whole report."""

import json
import re
from collections.abc import Iterable
from typing import Protocol

from transformers import PreTrainedTokenizerFast

from selip_extract.language.question import LocatedStatement, Question, Statement, questions, support
from selip_extract.language.tokens import LexedReport
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
"""Offsets [start, end) in the text of an answer."""


class AnswerForm(Protocol):
    """What a model is asked, what its answer may be, and how the answer is read.

    `in_words` is true where prompts and answers are words of the sentence task's vocabulary. `request_batch_size` is
    the number of requests that transformers answers in one batch.
    """

    version: str
    in_words: bool
    max_answer_tokens: int
    request_batch_size: int

    def questions(self, lexed: LexedReport) -> list[Question]:
        """The questions that a report poses."""
        ...

    def prompt(self, lexed: LexedReport, question: Question) -> str:
        """The question as the model reads it."""
        ...

    def constraint(self, question: Question) -> Constraint:
        """The answers that the question's words support."""
        ...

    def read(self, question: Question, reply: str) -> dict[Statement, Spans]:
        """The statements of the reply and the characters that state each; ValueError where it cannot be read."""
        ...

    def right_answer(self, question: Question, statements: Iterable[LocatedStatement]) -> str:
        """The right answer where the question's words make these statements; KeyError where they lack a site."""
        ...


class SentenceForm:
    """The form of a small model: one sentence at a time, as numbered sites and typed tokens."""

    version = f"sentence-{TASK_VERSION}-{GRAMMAR_VERSION}"
    in_words = True
    # The longest right answer in 100,000 training examples has 99 words.
    max_answer_tokens = 160
    request_batch_size = 96

    def questions(self, lexed: LexedReport) -> list[Question]:
        """The sentences that can state a signal."""
        return questions(lexed)

    def prompt(self, lexed: LexedReport, question: Question) -> str:
        """The question's words, separated by blanks."""
        return " ".join(prompt(question))

    def constraint(self, question: Question) -> Constraint:
        """The answer grammar of the sentence."""
        return Constraint("grammar", answer_grammar(support(question)))

    def read(self, question: Question, reply: str) -> dict[Statement, Spans]:
        """The answer's words as statements."""
        words = list(re.finditer(r"\S+", reply))
        statements = read_answer(question, [w[0] for w in words])
        return {statement: tuple(words[i].span() for i in indices) for statement, indices in statements.items()}

    def right_answer(self, question: Question, statements: Iterable[LocatedStatement]) -> str:
        """The answer's words, separated by blanks."""
        return " ".join(right_words(question, statements))


class ReportForm:
    """The form of a large model: the whole report in, JSON by sequence out; uses the chat template if there is one."""

    version = f"report-{REPORT_TASK_VERSION}"
    in_words = False
    max_answer_tokens = 4096
    request_batch_size = 16

    def __init__(self, tokenizer: PreTrainedTokenizerFast | None) -> None:
        """Without a tokenizer the prompt is the plain text, for a server that renders chats itself."""
        self.tokenizer = tokenizer

    def questions(self, lexed: LexedReport) -> list[Question]:
        """One question if any sentence can state a signal, else none."""
        return [report_question(lexed)] if questions(lexed) else []

    def prompt(self, lexed: LexedReport, question: Question) -> str:
        """Instructions and report, as the first turn of a chat if the model has a chat template."""
        return first_turn(self.tokenizer, report_prompt(lexed.text))

    def constraint(self, question: Question) -> Constraint:
        """The JSON schema of the report."""
        return Constraint("json", json.dumps(report_schema(question), ensure_ascii=False))

    def read(self, question: Question, reply: str) -> dict[Statement, Spans]:
        """The JSON as statements."""
        return {statement: (span,) for statement, span in read_report_answer(reply).items()}

    def right_answer(self, question: Question, statements: Iterable[LocatedStatement]) -> str:
        """The JSON of the statements in the order of the text."""
        ordered = sorted(statements, key=lambda s: (s.signal_at, s.site_at))
        return report_answer(question, dict.fromkeys(s.statement for s in ordered))


def first_turn(tokenizer: PreTrainedTokenizerFast | None, text: str) -> str:
    """The text as the first turn of a chat if the tokenizer has a chat template, else unchanged."""
    if tokenizer is None or tokenizer.chat_template is None:
        return text
    turn = [{"role": "user", "content": text}]
    # Templates of models that think before they answer know this switch; others ignore it.
    rendered = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    assert isinstance(rendered, str)
    # The tokenizer, here or on a server, adds its own first special token: keep it out of the prompt.
    adds_bos = tokenizer.bos_token is not None and tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]
    return rendered.removeprefix(tokenizer.bos_token) if adds_bos else rendered


def form_of(tokenizer: PreTrainedTokenizerFast) -> AnswerForm:
    """The form of a model by its tokenizer: the sentence form for the sentence task's vocabulary, else the report."""
    return SentenceForm() if tokenizer.get_vocab() == word_numbers() else ReportForm(tokenizer)
