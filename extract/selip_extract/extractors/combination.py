"""How the rules and a second reader become one reading, finding by finding.

Every finding that either of them states is a candidate. A logistic regression turns what both say of it into the
probability that it is right, which is the finding's confidence. A finding of both is kept, one of the rules or the
reader alone if it is probable enough, and the sentence in which they differ goes to a person unless the
probability is clear. The weights belong to the second reader: they are learnt on reports that it was not trained on and
to which the rules were not fitted (`selip-score --fit-combination`), and lie beside its model or adapter.
"""

import json
import math
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from selip_contracts.findings import Finding, GeneralFinding
from selip_extract.extraction import Review, ReviewReason
from selip_extract.extractors.candidates import (
    FEATURES,
    MAX_LOG_ODDS,
    Candidate,
    Stated,
    candidates,
    sentence_number,
    stated_at,
)
from selip_extract.extractors.second_reader import CONFIDENCE_DIGITS, SecondReading
from selip_extract.language.tokens import LexedReport, Token
from selip_extract.rules.lookahead import clauses_of
from selip_shared.errors import SelipError
from selip_shared.files import write_text

FILE_NAME = "combination.json"
KEPT_OF_RULES, KEPT_OF_READER = 0.5, 0.65
"""From which probability on a finding of one of the two alone is kept. The shipped reader was made with a look at its
errors in what the weights were learnt on."""
CLEAR, CLEAR_ALONE, CLEAR_GENERAL, CLEARLY_WRONG = 0.8, 0.95, 0.6, 0.3
"""From which probability on a finding of both, one of one of the two alone, and a general finding need no person, and
up to which one needs none that the reader alone states and that is left out. What they cost: docs/accuracy.md."""


def is_kept(candidate: Candidate, probability: float) -> bool:
    """Whether a candidate that is right with this probability becomes a finding."""
    return candidate.agreed or probability >= (KEPT_OF_RULES if candidate.by_rules else KEPT_OF_READER)


class Combination(BaseModel):
    """The weights of the regression by feature, and on how many reports and candidates they were learnt (0: not).

    `source` says which reports these were, and who read them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[str, float]
    reports: int = 0
    candidates: int = 0
    source: str = ""

    @model_validator(mode="after")
    def _weights_fit(self) -> "Combination":
        if set(self.weights) != set(FEATURES) or not all(map(math.isfinite, self.weights.values())):
            raise ValueError(f"the weights are not finite numbers for {', '.join(FEATURES)}")
        return self

    def probability(self, candidate: Candidate) -> float:
        """The probability that the candidate is right."""
        score = sum(self.weights[name] * value for name, value in candidate.features().items())
        return 1 / (1 + math.exp(-min(max(score, -MAX_LOG_ODDS), MAX_LOG_ODDS)))

    def is_clear(self, candidate: Candidate, probability: float) -> bool:
        """Whether no person need look at a candidate that is right with this probability.

        A finding of the rules that is left out is not clear, nor any difference by weights that were not learnt.
        """
        kept = is_kept(candidate, probability)
        if candidate.general and kept:
            clear = probability >= CLEAR_GENERAL
        elif candidate.agreed:
            clear = probability >= CLEAR
        elif kept:
            clear = probability >= CLEAR_ALONE
        else:
            clear = candidate.by_reader and probability <= CLEARLY_WRONG
        return clear and (candidate.agreed or self.reports > 0)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_text(path, json.dumps(self.model_dump(), ensure_ascii=False, indent=1) + "\n")


# How far a model can be trusted that was never measured is unknown, however sure it is: the rules decide, and it moves
# their confidence.
DEFAULT = Combination(
    weights=dict.fromkeys(FEATURES, 0.0)
    | {"always": -6.0, "rules": 12.0, "returned_log_odds": 0.4, "unreturned_unlikely": 0.4, "unreturned_likely": 0.4}
)


def load_combination(path: Path) -> Combination:
    """The combination in a file; SelipError where it holds none."""
    try:
        return Combination.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as failure:
        raise SelipError(
            f"{path} holds no combination of this version: make one with selip-score --fit-combination."
        ) from failure


@dataclass(frozen=True)
class Combined:
    """The findings that are kept, with confidence and agreement, in the order of the text, and what to review.

    A passage that is to be reviewed holds the findings that were left out as its alternatives.
    """

    findings: list[Finding]
    general: list[GeneralFinding]
    review: list[Review]


def combined(
    lexed: LexedReport,
    findings: Sequence[Finding],
    general: Iterable[GeneralFinding],
    unfit: Iterable[Sequence[Token]],
    reading: SecondReading,
    combination: Combination,
) -> Combined:
    """The rules' findings, as often as they are stated, and the second reading as one.

    `unfit` are the sentences that the rules misread.
    """
    result = Combined([], list(general) if reading.general is None else [], [])
    doubtful: dict[tuple[ReviewReason, int], list[tuple[Stated, bool]]] = defaultdict(list)
    stated = candidates(lexed, findings, general, unfit, reading)
    # keys that negatives of the same sequence, side and site would have
    present = {(*c.stated.key[:3], None) for c in stated if not c.negative}
    for candidate in stated:
        probability = combination.probability(candidate)
        kept = is_kept(candidate, probability)
        silent = combination.reports > 0 and _is_silence(candidate, kept, present)
        if not silent and not combination.is_clear(candidate, probability):
            reason: ReviewReason = "low_confidence" if candidate.agreed else "disagreement"
            doubtful[reason, sentence_number(lexed, stated_at(candidate.stated))].append((candidate.stated, kept))
        if not kept:
            continue
        said = {
            "confidence": round(probability, CONFIDENCE_DIGITS),
            "agreed": candidate.agreed and not candidate.guessed,
        }
        if isinstance(candidate.stated, GeneralFinding):
            result.general.append(candidate.stated.model_copy(update=said))
        else:
            result.findings.append(candidate.stated.model_copy(update=said))
    result.review.extend(_passage(reason, lexed, number, doubts) for (reason, number), doubts in doubtful.items())
    return result


def _is_silence(candidate: Candidate, kept: bool, present: Container[object]) -> bool:
    """Whether one of the two says that something is not there, and this is left out or the other does not contradict.

    No person need look at it: if it is left out, what contradicts it has its own confidence.
    """
    return candidate.negative and not candidate.agreed and not (kept and candidate.stated.key in present)


def _passage(reason: ReviewReason, lexed: LexedReport, number: int, doubts: Sequence[tuple[Stated, bool]]) -> Review:
    """The clauses of the sentence of this number that state what is in doubt, each with whether it is kept.

    Their evidence alone where the lexer knows no word of the sentence.
    """
    spans = [span for stated, _ in doubts if stated.evidence for span in stated.evidence.spans]
    if number < 0:
        start, end = min(span.start for span in spans), max(span.end for span in spans)
    else:
        sentence = lexed.sentences[number]
        here = [span for span in spans if sentence[0].start <= span.start < sentence[-1].end]
        clauses = clauses_of(sentence, min(span.start for span in here), max(span.end for span in here))
        start, end = clauses[0].start, clauses[-1].end
    left_out = tuple(stated for stated, kept in doubts if not kept)
    return Review(reason, lexed.text[start:end], start, end, left_out)
