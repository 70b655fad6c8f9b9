"""How the rules and a second reader become one reading, finding by finding.

Every finding that either of them states is a candidate. A logistic regression turns what both say of it into the
probability that it is right, which is the finding's confidence. A finding of both is kept, one of the rules or the
reader alone if it is probable enough, and the sentence in which they differ goes to a person, kept or not. The weights
belong to the second reader: they are learnt on reports that it was not trained on (`selip-score --fit-combination`) and
lie beside its model or adapter.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from selip_contracts.findings import Finding, GeneralFinding
from selip_extract.extraction import Review, ReviewReason
from selip_extract.extractors.review import is_guessed, quoted
from selip_extract.extractors.second_reader import CONFIDENCE_DIGITS, SecondReading
from selip_extract.language.tokens import LexedReport
from selip_shared.errors import SelipError
from selip_shared.files import write_text

FILE_NAME = "combination.json"
KEPT_OF_RULES, KEPT_OF_READER = 0.2, 0.8
"""From which probability on a finding of one of the two alone is kept. The weights are learnt on texts that are more
like those from which the reader learnt than a hospital's are, so the rules stand unless the odds are four to one."""
UNSURE = 0.8
"""Below this probability a finding of both readers goes to a person."""
MAX_LOG_ODDS = 10.0

Stated = Finding | GeneralFinding


@dataclass(frozen=True)
class Candidate:
    """A finding that the rules or the second reader state.

    `probability` is the second reader's own, None where it is unknown. `guessed`: the lexer, from which both readers
    may have it, mended a word of it or holds its site to be unlisted.
    """

    stated: Stated
    by_rules: bool
    by_reader: bool
    probability: float | None
    guessed: bool

    @property
    def agreed(self) -> bool:
        """Whether rules and second reader both state it."""
        return self.by_rules and self.by_reader

    def is_kept(self, probability: float) -> bool:
        """Whether the finding is kept if this is the probability that it is right."""
        return self.agreed or probability >= (KEPT_OF_RULES if self.by_rules else KEPT_OF_READER)

    def features(self) -> dict[str, float]:
        """What the regression sees, by the names of its weights."""
        odds = 0.0 if self.probability is None else log_odds(self.probability)
        return {
            "always": 1.0,
            "rules": float(self.by_rules),
            "reader": float(self.by_reader),
            "returned_log_odds": odds if self.by_reader else 0.0,
            "unreturned_log_odds": 0.0 if self.by_reader else odds,
            "guessed": float(self.guessed),
            "negative": float(isinstance(self.stated, Finding) and not self.stated.present),
            "general": float(isinstance(self.stated, GeneralFinding)),
        }


FEATURES = ("always", "rules", "reader", "returned_log_odds", "unreturned_log_odds", "guessed", "negative", "general")


def log_odds(probability: float) -> float:
    """The natural logarithm of p / (1 - p), within ±MAX_LOG_ODDS."""
    smallest = math.exp(-MAX_LOG_ODDS)
    held = min(max(probability, smallest), 1 - smallest)
    return math.log(held / (1 - held))


class Combination(BaseModel):
    """The weights of the regression by feature, and on how many reports and candidates they were learnt (0: not)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[str, float]
    reports: int = 0
    candidates: int = 0

    @model_validator(mode="after")
    def _weights_fit(self) -> "Combination":
        if set(self.weights) != set(FEATURES) or not all(map(math.isfinite, self.weights.values())):
            raise ValueError(f"the weights are not finite numbers for {', '.join(FEATURES)}")
        return self

    def probability(self, candidate: Candidate) -> float:
        """The probability that the candidate is right."""
        score = sum(self.weights[name] * value for name, value in candidate.features().items())
        return 1 / (1 + math.exp(-min(max(score, -MAX_LOG_ODDS), MAX_LOG_ODDS)))

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_text(path, json.dumps(self.model_dump(), indent=1) + "\n")


# How far a model can be trusted that was never measured is unknown, however sure it is: the rules decide, and it moves
# their confidence.
DEFAULT = Combination(
    weights=dict.fromkeys(FEATURES, 0.0)
    | {"always": -6.0, "rules": 12.0, "returned_log_odds": 0.4, "unreturned_log_odds": 0.4}
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
    findings: Iterable[Finding],
    general: Iterable[GeneralFinding],
    reading: SecondReading,
    combination: Combination,
) -> Combined:
    """The rules' findings, as often as they are stated, and the second reading as one."""
    result = Combined([], list(general) if reading.general is None else [], [])
    passages: dict[Review, list[Stated]] = {}
    for candidate in candidates(lexed, findings, general, reading):
        probability = combination.probability(candidate)
        kept = candidate.is_kept(probability)
        if not candidate.agreed:
            passage = _passage("disagreement", lexed, candidate.stated)
            passages.setdefault(passage, []).extend(() if kept else (candidate.stated,))
        elif probability < UNSURE:
            passages.setdefault(_passage("low_confidence", lexed, candidate.stated), [])
        if not kept:
            continue
        if isinstance(candidate.stated, GeneralFinding):
            result.general.append(candidate.stated)
        else:
            agreed = candidate.agreed and not candidate.guessed
            said = {"confidence": round(probability, CONFIDENCE_DIGITS), "agreed": agreed}
            result.findings.append(candidate.stated.model_copy(update=said))
    result.review.extend(replace(passage, alternatives=tuple(left_out)) for passage, left_out in passages.items())
    return result


def candidates(
    lexed: LexedReport, findings: Iterable[Finding], general: Iterable[GeneralFinding], reading: SecondReading
) -> list[Candidate]:
    """Every finding of the rules or the second reading once, in the order of the text."""
    found = _matched(lexed, list(findings), reading.findings, reading.unreturned)
    if reading.general is not None:
        found += _matched(lexed, list(general), reading.general, reading.unreturned)
    return sorted(found, key=lambda candidate: stated_at(candidate.stated))


def _matched(
    lexed: LexedReport,
    by_rules: Sequence[Stated],
    by_reader: Sequence[Stated],
    unreturned: Callable[[Stated], float | None],
) -> list[Candidate]:
    """The rules' findings and the reader's: each where it is stated first, those of both as the rules have them."""
    rules = {(stated.key, stated.site_text): stated for stated in reversed(by_rules)}
    reader = {(stated.key, stated.site_text): stated for stated in reversed(by_reader)}
    return [
        Candidate(
            stated,
            name in rules,
            name in reader,
            _own_probability(reader[name], unreturned) if name in reader else unreturned(stated),
            is_guessed(lexed, stated),
        )
        for name, stated in (reader | rules).items()
    ]


def _own_probability(stated: Stated, unreturned: Callable[[Stated], float | None]) -> float | None:
    return stated.confidence if isinstance(stated, Finding) else unreturned(stated)


def stated_at(stated: Stated) -> int:
    """The offset of the words that state the signal or the change: they decide to which sentence a finding belongs."""
    assert stated.evidence is not None
    return next(s.start for s in stated.evidence.spans if s.role in ("signal", "change"))


def _sentence_number(lexed: LexedReport, offset: int) -> int:
    """The number of the last sentence that begins at the offset or before it; -1 before the first."""
    return bisect_right(lexed.sentences, offset, key=lambda sentence: sentence[0].start) - 1


def _passage(reason: ReviewReason, lexed: LexedReport, stated: Stated) -> Review:
    """The sentence that states it; its evidence alone where the lexer knows no word of that sentence."""
    number = _sentence_number(lexed, stated_at(stated))
    if number >= 0:
        return quoted(reason, lexed, lexed.sentences[number])
    assert stated.evidence is not None
    return Review(reason, stated.evidence.text, stated.evidence.start, stated.evidence.end)
