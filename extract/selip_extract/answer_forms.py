"""The two forms in which a model answers: words of the sentence task, or the JSON of a whole report."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import xgrammar
from transformers import PreTrainedTokenizerFast

from selip_extract.answer_grammar import GRAMMAR_VERSION, compiled
from selip_extract.model_files import word_numbers
from selip_extract.report_task import (
    REPORT_TASK_VERSION,
    read_report_answer,
    report_prompt,
    report_question,
    report_schema,
)
from selip_extract.scan import Scan
from selip_extract.task import TASK_VERSION, Question, Statement, prompt, questions, read_answer, support


class AnswerForm(Protocol):
    """What a model is asked, under which grammar, and how its answer is read."""

    version: str
    longest_answer: int
    at_once: int

    def questions(self, scan: Scan) -> list[Question]:
        """The questions that a report poses."""
        ...

    def prompt(self, scan: Scan, question: Question) -> str:
        """The question as the model reads it."""
        ...

    def grammar(self, question: Question) -> xgrammar.CompiledGrammar:
        """What the question's words support."""
        ...

    def read(self, question: Question, ids: Sequence[int]) -> tuple[str, list[Statement]]:
        """The reply as text and its statements; ValueError where it cannot be read."""
        ...


class SentenceForm:
    """A small model's form: numbered sites and typed tokens, a sentence at a time."""

    version = f"sentence-{TASK_VERSION}-{GRAMMAR_VERSION}"
    # the longest right answer in 100,000 lessons has 99 words
    longest_answer = 160
    at_once = 96

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer

    def questions(self, scan: Scan) -> list[Question]:
        """The sentences that can state a signal."""
        return questions(scan)

    def prompt(self, scan: Scan, question: Question) -> str:
        """The question's words between blanks."""
        return " ".join(prompt(question))

    def grammar(self, question: Question) -> xgrammar.CompiledGrammar:
        """The answer grammar of the sentence."""
        return compiled(support(question))

    def read(self, question: Question, ids: Sequence[int]) -> tuple[str, list[Statement]]:
        """The answer's words as statements."""
        words = self.tokenizer.convert_ids_to_tokens(list(ids))
        assert isinstance(words, list)
        return "".join(words), read_answer(question, words)


class ReportForm:
    """A large model's form: the whole report, JSON by sequence; a chat template is used where there is one."""

    version = f"report-{REPORT_TASK_VERSION}"
    longest_answer = 4096
    at_once = 16

    def __init__(self, tokenizer: PreTrainedTokenizerFast, vocabulary: int) -> None:
        self.tokenizer = tokenizer
        tokens = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=vocabulary)
        self._compile = lru_cache(1_000)(xgrammar.GrammarCompiler(tokens, max_threads=2).compile_json_schema)

    def questions(self, scan: Scan) -> list[Question]:
        """One question, where any sentence can state a signal."""
        return [report_question(scan)] if questions(scan) else []

    def prompt(self, scan: Scan, question: Question) -> str:
        """Instructions and report, as a chat's first turn where the model has a chat template."""
        text = report_prompt(scan.text)
        if self.tokenizer.chat_template is None:
            return text
        turn = [{"role": "user", "content": text}]
        rendered = self.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        assert isinstance(rendered, str)
        return rendered

    def grammar(self, question: Question) -> xgrammar.CompiledGrammar:
        """The JSON schema of the report, in one byte form."""
        schema = json.dumps(report_schema(question), ensure_ascii=False)
        return self._compile(schema, any_whitespace=False, separators=(",", ":"), strict_mode=True)

    def read(self, question: Question, ids: Sequence[int]) -> tuple[str, list[Statement]]:
        """The JSON as statements."""
        reply = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        assert isinstance(reply, str)
        return reply, read_report_answer(reply)


def form_of(tokenizer: PreTrainedTokenizerFast, vocabulary: int) -> AnswerForm:
    """The form that a model speaks, told by its tokenizer: the sentence task's own words, or any other."""
    if tokenizer.get_vocab() == word_numbers():
        return SentenceForm(tokenizer)
    return ReportForm(tokenizer, vocabulary)
