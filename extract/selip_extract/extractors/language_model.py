"""A causal language model as a reader: an engine answers the reports' questions, each in the form the model speaks."""

from collections.abc import Sequence
from dataclasses import dataclass

from selip_contracts.findings import Finding
from selip_extract.extraction import NO_USAGE, Usage
from selip_extract.extractors.base import Reading
from selip_extract.extractors.double_reading import ModelReading, confidence_of
from selip_extract.language.evidence import grounded
from selip_extract.language.lexer import LexedReport, lex
from selip_extract.language.question import Question, Statement
from selip_extract.language.study import assembled
from selip_extract.llm.answer_forms import AnswerForm
from selip_extract.llm.engine import Answer, Engine, Failure, GenerationRequest
from selip_extract.rules.general_findings import read_changes


@dataclass(frozen=True)
class Said:
    """The model's reply to one report, what it says sentence by sentence, and the tokens that took."""

    reply: str
    sentences: tuple[ModelReading, ...]
    usage: Usage


class LanguageModelExtractor:
    """Reads reports with a language model alone; one that is not `constrained` may answer anything."""

    name = "model"

    def __init__(self, engine: Engine, form: AnswerForm, constrained: bool = True) -> None:
        self.engine = engine
        self.form = form
        self.constrained = constrained

    @property
    def batch_size(self) -> int:
        """As many reports as keep the engine busy."""
        return self.engine.batch_size

    def fingerprint(self) -> dict[str, str]:
        """What the engine says of the model, and the version of task and grammar."""
        return {
            "task_version": self.form.version,
            "grammar_version": self.form.version if self.constrained else "none",
            **self.engine.fingerprint(),
        }

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text; the questions of all texts are asked at once."""
        lexed_reports = [lex(text) for text in texts]
        return [
            self._reading(*pair) for pair in zip(lexed_reports, self.read_lexed_reports(lexed_reports), strict=True)
        ]

    def _reading(self, lexed: LexedReport, said: Said | Failure) -> Reading:
        if isinstance(said, Failure):
            return Reading.failed(said.status, said.note)
        study = assembled([f for s in said.sentences for f in s.findings], read_changes(lexed))
        statuses = [s.status for s in said.sentences if s.status != "ok"]
        return Reading(study, said.reply, statuses[0] if statuses else "ok", usage=said.usage)

    def read_lexed_reports(self, lexed_reports: Sequence[LexedReport]) -> list[Said | Failure]:
        """What the model says of each report's sentences; a report fails with any of its questions."""
        asked = [(i, q) for i, s in enumerate(lexed_reports) for q in self.form.questions(s)]
        answers = self.engine.answers([self._ask(lexed_reports[i], question) for i, question in asked])
        said: list[list[tuple[Question, Answer]]] = [[] for _ in lexed_reports]
        failures: dict[int, Failure] = {}
        for (i, question), answer in zip(asked, answers, strict=True):
            if isinstance(answer, Failure):
                failures.setdefault(i, answer)
            else:
                said[i].append((question, answer))
        return [failures.get(i) or self._said(s, said[i]) for i, s in enumerate(lexed_reports)]

    def _ask(self, lexed: LexedReport, question: Question) -> GenerationRequest:
        constraint = self.form.constraint(question) if self.constrained else None
        return GenerationRequest(self.form.prompt(lexed, question), constraint, self.form.longest_answer)

    def _said(self, lexed: LexedReport, answered: Sequence[tuple[Question, Answer]]) -> Said:
        return Said(
            "\n".join(answer.text for _, answer in answered),
            tuple(self._read(lexed, question, answer) for question, answer in answered),
            sum((answer.usage for _, answer in answered), NO_USAGE),
        )

    def _read(self, lexed: LexedReport, question: Question, answer: Answer) -> ModelReading:
        """An answer that was cut off is trusted in nothing: no one can say what it left out."""
        try:
            said = self.form.read(question, answer.text)
        except ValueError:
            return ModelReading(question, (), 0.0, "invalid" if answer.ended else "incomplete")
        findings = tuple(
            f.model_copy(update={"confidence": confidence_of(answer.probability_of(said[_statement(f)]))})
            for f in grounded(lexed.text, question, said)
        )
        if not answer.ended:
            return ModelReading(question, findings, 0.0, "incomplete")
        return ModelReading(question, findings, answer.probability)


def _statement(finding: Finding) -> Statement:
    return Statement(finding.side, finding.site, finding.modality, finding.signal)
