"""Double reading: a finding that model and rules share is `agreed`; where they differ a person should look."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selip_contracts.findings import Finding
from selip_extract.extraction import Review, Status
from selip_extract.extractors.review import is_guessed, quoted
from selip_extract.language.question import Question
from selip_extract.language.tokens import LexedReport

# Below this probability of a whole answer the rules' reading of the sentence is kept instead of the model's.
TRUSTED = 0.9995
LOW_CONFIDENCE = 0.5
CONFIDENCE_DIGITS = 4


@dataclass(frozen=True)
class ModelReading:
    """What the model read in one sentence, and the probability of its whole answer; nan where the engine gives none."""

    question: Question
    findings: tuple[Finding, ...]
    probability: float
    status: Status = "ok"


def confidence_of(probability: float) -> float | None:
    """A probability as findings carry it; None for nan."""
    return None if math.isnan(probability) else round(probability, CONFIDENCE_DIGITS)


def cited_at(finding: Finding) -> int:
    """The offset of the words that state the finding's signal: it decides to which sentence the finding belongs."""
    assert finding.evidence is not None
    return next(s.start for s in finding.evidence.spans if s.role == "signal")


def combine(lexed: LexedReport, readings: Sequence[ModelReading], by_rule: Sequence[Finding]) -> list[Finding]:
    """The findings of a report after both readings, each with its confidence and whether both readers found it.

    Both readers take a mended word and an unlisted place from the lexer: on these they cannot agree independently.
    """
    kept: list[Finding] = []
    for reading in readings:
        kept += _of_sentence(lexed, reading, _in_sentence(reading.question, by_rule))
    kept += [
        finding.model_copy(update={"agreed": False})
        for finding in by_rule
        if not any(reading.question.holds(cited_at(finding)) for reading in readings)
    ]
    return sorted(kept, key=cited_at)


def _in_sentence(question: Question, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that are cited in the question's sentence."""
    return [finding for finding in findings if question.holds(cited_at(finding))]


def _of_sentence(lexed: LexedReport, reading: ModelReading, rules: Sequence[Finding]) -> Iterator[Finding]:
    """The model's findings or the rules'; one that the model left out has the probability that its answer is wrong."""
    model_keys, rule_keys = {f.key for f in reading.findings}, {f.key for f in rules}
    trusted = model_keys == rule_keys or reading.probability >= TRUSTED
    confidence = {f.key: f.confidence for f in reading.findings}
    for finding in reading.findings if trusted else rules:
        agreed = finding.key in model_keys and finding.key in rule_keys and not is_guessed(lexed, finding)
        against = confidence_of(1 - reading.probability)
        yield finding.model_copy(update={"agreed": agreed, "confidence": confidence.get(finding.key, against)})


def sentences_to_compare(
    lexed: LexedReport, readings: Sequence[ModelReading], by_rule: Sequence[Finding]
) -> Iterator[Review]:
    """The sentences in which the readers differ, and those in which both agree but the model is unsure."""
    for reading in readings:
        sentence = reading.question.sentence
        rule_keys = {f.key for f in _in_sentence(reading.question, by_rule)}
        if {f.key for f in reading.findings} != rule_keys:
            yield quoted("disagreement", lexed, sentence)
        elif reading.probability < LOW_CONFIDENCE:
            yield quoted("low_confidence", lexed, sentence)
