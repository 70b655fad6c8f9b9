"""A causal language model as an extractor: an engine answers the questions of each report in the model's form."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selip_contracts.findings import Finding, GeneralFinding
from selip_extract.extraction import NO_USAGE, Status
from selip_extract.extractors.base import Reading
from selip_extract.extractors.candidates import stated_at
from selip_extract.extractors.inconsistencies import misread
from selip_extract.extractors.review import quoted, reviewed
from selip_extract.extractors.second_reader import CONFIDENCE_DIGITS, SecondReading
from selip_extract.language.evidence import ground
from selip_extract.language.lexer import lex
from selip_extract.language.question import Question, Statement
from selip_extract.language.study import assembled
from selip_extract.language.tokens import LexedReport
from selip_extract.llm.answer_forms import AnswerForm, Asked
from selip_extract.llm.engine import Answer, Engine, Failure, GenerationRequest
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.lesions.descriptions import with_descriptions
from selip_extract.rules.sentence import sentences


@dataclass(frozen=True)
class _SentenceReading:
    """What the model read in one sentence, and the probability of its answer; nan where unknown.

    `refused`: it also stated what the words of the sentence do not support.
    """

    question: Question
    findings: tuple[Finding, ...]
    probability: float
    status: Status = "ok"
    refused: bool = False


class LanguageModelExtractor:
    """Reads reports with a language model alone, or as a second reader beside the rules.

    Without `constrained` the model answers in free text.
    """

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
        reports = [lex(text) for text in texts]
        return [self._reading(*pair) for pair in zip(reports, self.second_readings(reports), strict=True)]

    def _reading(self, lexed: LexedReport, read: SecondReading) -> Reading:
        if read.failed:
            return Reading.failed(read.status, read.note)
        study = assembled(read.findings, read_changes(sentences(lexed)))
        study, review = reviewed(lexed, study, read.findings, misread(lexed, read.findings))
        return Reading(study, read.reply, read.status, review=(*read.review, *review), usage=read.usage)

    def second_readings(self, reports: Sequence[LexedReport]) -> list[SecondReading]:
        """The model's reading of each report; a report fails if one of its prompts does."""
        asked = [(i, prompted) for i, lexed in enumerate(reports) for prompted in self.form.asked(lexed)]
        answers = self.engine.answers([self._request(prompted) for _, prompted in asked])
        answered: list[list[tuple[Asked, Answer]]] = [[] for _ in reports]
        failures: dict[int, SecondReading] = {}
        for (i, prompted), answer in zip(asked, answers, strict=True):
            if isinstance(answer, Failure):
                failures.setdefault(i, SecondReading(status=answer.status, note=answer.note))
            else:
                answered[i].append((prompted, answer))
        return [failures.get(i) or self._answered(lexed, answered[i]) for i, lexed in enumerate(reports)]

    def _request(self, asked: Asked) -> GenerationRequest:
        constraint = self.form.constraint(asked) if self.constrained else None
        return GenerationRequest(self.form.prompt(asked), constraint, self.form.max_answer_tokens)

    def _answered(self, lexed: LexedReport, answered: Sequence[tuple[Asked, Answer]]) -> SecondReading:
        read = [sentence for asked, answer in answered for sentence in self._sentences(lexed, asked, answer)]

        def unreturned(stated: Finding | GeneralFinding) -> float | None:
            """What is left for other answers to the sentence."""
            at = stated_at(stated)
            given = [r.probability for r in read if r.status == "ok" and r.question.holds(at)]
            return None if not given or math.isnan(given[0]) else 1 - given[0]

        return SecondReading(
            findings=tuple(with_descriptions([finding for r in read for finding in r.findings], sentences(lexed))),
            unreturned=unreturned,
            review=tuple(quoted("low_confidence", lexed, r.question.sentence) for r in read if r.refused),
            status=next((r.status for r in read if r.status != "ok"), "ok"),
            reply="\n".join(answer.text for _, answer in answered),
            usage=sum((answer.usage for _, answer in answered), NO_USAGE),
        )

    def _sentences(self, lexed: LexedReport, asked: Asked, answer: Answer) -> Iterator[_SentenceReading]:
        """What the model read in each sentence; nothing where its answer cannot be read."""
        try:
            sentences = self.form.read(asked, answer.text)
        except ValueError:
            status: Status = "invalid" if answer.ended else "incomplete"
            yield from (_SentenceReading(question, (), math.nan, status) for question in asked.questions)
            return
        for question, statements, spans, refused in sentences:
            grounded = ground(lexed, question, statements)
            findings = tuple(
                f.model_copy(update={"confidence": _confidence(answer.probability_of(statements[_statement(f)]))})
                for f in grounded
            )
            yield _SentenceReading(
                question,
                findings,
                answer.probability if spans is None else answer.probability_of(spans),
                "ok" if answer.ended else "incomplete",
                refused or len(grounded) < len(statements),
            )


def _confidence(probability: float) -> float | None:
    return None if math.isnan(probability) else round(probability, CONFIDENCE_DIGITS)


def _statement(finding: Finding) -> Statement:
    return Statement(finding.side, finding.site_name, finding.modality, finding.signal)
