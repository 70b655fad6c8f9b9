"""A causal language model as an extractor: an engine answers the questions of each report in the model's form."""

from collections.abc import Sequence
from dataclasses import dataclass

from selip_contracts.findings import Finding
from selip_extract.extraction import NO_USAGE, Usage
from selip_extract.extractors.base import Reading
from selip_extract.extractors.double_reading import ModelReading, confidence_of
from selip_extract.extractors.review import reviewed
from selip_extract.language.evidence import ground
from selip_extract.language.lexer import lex
from selip_extract.language.question import Question, Statement
from selip_extract.language.study import assembled
from selip_extract.language.tokens import LexedReport
from selip_extract.llm.answer_forms import AnswerForm
from selip_extract.llm.engine import Answer, Engine, Failure, GenerationRequest
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.sentence import sentences


@dataclass(frozen=True)
class ModelReply:
    """The model's reply to one report: its text, the reading of each question, and the tokens used."""

    text: str
    sentences: tuple[ModelReading, ...]
    usage: Usage


class LanguageModelExtractor:
    """Reads reports with a language model alone; without `constrained` it answers in free text."""

    name = "model"

    def __init__(self, engine: Engine, form: AnswerForm, constrained: bool = True) -> None:
        self.engine = engine
        self.form = form
        self.constrained = constrained

    @property
    def batch_size(self) -> int:
        """The number of reports that keeps the engine busy."""
        return self.engine.batch_size

    def fingerprint(self) -> dict[str, str]:
        """The fingerprint of the engine, and the versions of task and grammar."""
        return {
            "task_version": self.form.version,
            "grammar_version": self.form.version if self.constrained else "none",
            **self.engine.fingerprint(),
        }

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading for each text; all questions of all texts go to the engine together."""
        lexed_reports = [lex(text) for text in texts]
        return [
            self._reading(*pair) for pair in zip(lexed_reports, self.read_lexed_reports(lexed_reports), strict=True)
        ]

    def _reading(self, lexed: LexedReport, reply: ModelReply | Failure) -> Reading:
        if isinstance(reply, Failure):
            return Reading.failed(reply.status, reply.note)
        found = [f for s in reply.sentences for f in s.findings]
        study, review = reviewed(lexed, assembled(found, read_changes(sentences(lexed))), found)
        statuses = [s.status for s in reply.sentences if s.status != "ok"]
        return Reading(study, reply.text, statuses[0] if statuses else "ok", review=review, usage=reply.usage)

    def read_lexed_reports(self, lexed_reports: Sequence[LexedReport]) -> list[ModelReply | Failure]:
        """The model's reply to each report; a report fails if one of its questions does."""
        questions = [(i, q) for i, lexed in enumerate(lexed_reports) for q in self.form.questions(lexed)]
        answers = self.engine.answers([self._request(lexed_reports[i], question) for i, question in questions])
        answered: list[list[tuple[Question, Answer]]] = [[] for _ in lexed_reports]
        failures: dict[int, Failure] = {}
        for (i, question), answer in zip(questions, answers, strict=True):
            if isinstance(answer, Failure):
                failures.setdefault(i, answer)
            else:
                answered[i].append((question, answer))
        return [failures.get(i) or self._reply(lexed, answered[i]) for i, lexed in enumerate(lexed_reports)]

    def _request(self, lexed: LexedReport, question: Question) -> GenerationRequest:
        constraint = self.form.constraint(question) if self.constrained else None
        return GenerationRequest(self.form.prompt(lexed, question), constraint, self.form.max_answer_tokens)

    def _reply(self, lexed: LexedReport, answered: Sequence[tuple[Question, Answer]]) -> ModelReply:
        return ModelReply(
            "\n".join(answer.text for _, answer in answered),
            tuple(self._read(lexed, question, answer) for question, answer in answered),
            sum((answer.usage for _, answer in answered), NO_USAGE),
        )

    def _read(self, lexed: LexedReport, question: Question, answer: Answer) -> ModelReading:
        """The findings of one answer; an answer that was cut off has the probability 0, since it may lack findings."""
        try:
            statements = self.form.read(question, answer.text)
        except ValueError:
            return ModelReading(question, (), 0.0, "invalid" if answer.ended else "incomplete")
        findings = tuple(
            f.model_copy(update={"confidence": confidence_of(answer.probability_of(statements[_statement(f)]))})
            for f in ground(lexed.text, question, statements)
        )
        if not answer.ended:
            return ModelReading(question, findings, 0.0, "incomplete")
        return ModelReading(question, findings, answer.probability)


def _statement(finding: Finding) -> Statement:
    return Statement(finding.side, finding.site_name, finding.modality, finding.signal)
