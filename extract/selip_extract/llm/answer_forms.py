"""The two forms of answers: words of the sentence task, or the JSON of a whole report."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from selip_extract.language.question import LocatedStatement, Question, questions, support
from selip_extract.language.tokens import LexedReport
from selip_extract.llm.answer_grammar import GRAMMAR_VERSION, answer_grammar
from selip_extract.llm.engine import Constraint
from selip_extract.llm.report_answer import SentenceAnswer, read_report_answer, right_report_answer
from selip_extract.llm.report_task import (
    ONE_SHOT,
    REPORT_TASK_VERSION,
    report_prompt,
    report_questions,
    report_schema,
)
from selip_extract.llm.sentence_task import TASK_VERSION, prompt, read_answer, right_words, word_numbers
from selip_shared.errors import SelipError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from selip_extract.llm.shown_examples import ShownExamples


@dataclass(frozen=True)
class Asked:
    """The sentences of the report `text` about which one prompt asks."""

    text: str
    questions: tuple[Question, ...]


class AnswerForm(Protocol):
    """What a model is asked, what its answer may be, and how the answer is read.

    `in_words` is true where prompts and answers are words of the sentence task's vocabulary. `request_batch_size` is
    the number of requests that transformers answers in one batch.
    """

    version: str
    in_words: bool
    max_answer_tokens: int
    request_batch_size: int

    def asked(self, lexed: LexedReport) -> list[Asked]:
        """What is asked about a report, prompt by prompt."""
        ...

    def prompt(self, asked: Asked) -> str:
        """The prompt as the model reads it."""
        ...

    def constraint(self, asked: Asked) -> Constraint:
        """The answers that the words support."""
        ...

    def read(self, asked: Asked, reply: str) -> list[SentenceAnswer]:
        """What the reply says of each sentence; ValueError where it cannot be read."""
        ...

    def right_answer(self, asked: Asked, statements: Sequence[Sequence[LocatedStatement]]) -> str:
        """The right answer where each sentence makes these statements; KeyError where its words lack a site."""
        ...


class SentenceForm:
    """The form of a small model: one sentence at a time, as numbered sites and typed tokens."""

    version = f"sentence-{TASK_VERSION}-{GRAMMAR_VERSION}"
    in_words = True
    # The longest right answer in 100,000 training examples has 99 words.
    max_answer_tokens = 160
    request_batch_size = 96

    def asked(self, lexed: LexedReport) -> list[Asked]:
        """Each sentence that can state a signal."""
        return [Asked(lexed.text, (question,)) for question in questions(lexed)]

    def prompt(self, asked: Asked) -> str:
        """The sentence's words, separated by blanks."""
        return " ".join(prompt(_only(asked)))

    def constraint(self, asked: Asked) -> Constraint:
        """The answer grammar of the sentence."""
        return Constraint("grammar", answer_grammar(support(_only(asked))))

    def read(self, asked: Asked, reply: str) -> list[SentenceAnswer]:
        """The answer's words as statements."""
        words = list(re.finditer(r"\S+", reply))
        statements = read_answer(_only(asked), [w[0] for w in words])
        spans = {statement: tuple(words[i].span() for i in indices) for statement, indices in statements.items()}
        return [SentenceAnswer(_only(asked), spans, None)]

    def right_answer(self, asked: Asked, statements: Sequence[Sequence[LocatedStatement]]) -> str:
        """The answer's words, separated by blanks."""
        (said,) = statements
        return " ".join(right_words(_only(asked), said))


def _only(asked: Asked) -> Question:
    (question,) = asked.questions
    return question


class ReportForm:
    """The form of a large model: the whole report in, JSON by sentence out; uses the chat template if there is one."""

    in_words = False
    max_answer_tokens = 4096
    request_batch_size = 16

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerFast | None",
        *,
        strict_vocabulary: bool = False,
        examples: "ShownExamples | None" = None,
    ) -> None:
        """Without a tokenizer the prompt is the plain text, for a server that renders chats itself.

        `strict_vocabulary`: the model may name no place that the lexer does not hold for one. Without `examples` every
        prompt shows the same one.
        """
        self.tokenizer = tokenizer
        self.strict_vocabulary = strict_vocabulary
        self.examples = examples
        shown = "" if examples is None else f"-examples-{examples.version}"
        self.version = f"report-{REPORT_TASK_VERSION}{'-strict' if strict_vocabulary else ''}{shown}"

    def asked(self, lexed: LexedReport) -> list[Asked]:
        """All sentences together if any can state a signal."""
        found = report_questions(lexed)
        return [Asked(lexed.text, found)] if found else []

    def prompt(self, asked: Asked) -> str:
        """Instructions and report, as the first turn of a chat if the model has a chat template."""
        shown = (ONE_SHOT,) if self.examples is None else self.examples.nearest(asked.text)
        return first_turn(self.tokenizer, report_prompt(asked.text, asked.questions, shown))

    def constraint(self, asked: Asked) -> Constraint:
        """The JSON schema of the report."""
        schema = report_schema(asked.text, asked.questions, strict=self.strict_vocabulary)
        return Constraint("json", json.dumps(schema, ensure_ascii=False))

    def read(self, asked: Asked, reply: str) -> list[SentenceAnswer]:
        """The JSON as statements."""
        return read_report_answer(asked.text, asked.questions, reply)

    def right_answer(self, asked: Asked, statements: Sequence[Sequence[LocatedStatement]]) -> str:
        """The JSON of the statements."""
        return right_report_answer(asked.questions, statements)


def first_turn(tokenizer: "PreTrainedTokenizerFast | None", text: str) -> str:
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


def form_of(
    tokenizer: "PreTrainedTokenizerFast", *, strict_vocabulary: bool = False, examples: "ShownExamples | None" = None
) -> AnswerForm:
    """The form of a model by its tokenizer: the sentence form for the sentence task's vocabulary, else the report.

    SelipError where the sentence form is to show examples.
    """
    if tokenizer.get_vocab() != word_numbers():
        return ReportForm(tokenizer, strict_vocabulary=strict_vocabulary, examples=examples)
    if examples is not None:
        raise SelipError("The decoder that ships reads no examples: leave out --examples, or name another --model.")
    return SentenceForm()
