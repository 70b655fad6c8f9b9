"""The result of reading one report: a status, the study, and what a person should review."""

from dataclasses import dataclass
from typing import Literal, get_args

from selip_contracts.findings import Finding, GeneralFinding, Study

Status = Literal["ok", "incomplete", "invalid", "too_long", "empty", "not_chinese", "not_mri", "not_head", "error"]
ReviewReason = Literal["failed", "unlisted_site", "disagreement", "inconsistent", "mended", "low_confidence", "uncited"]

STATUSES: tuple[Status, ...] = get_args(Status)
REVIEW_REASONS: tuple[ReviewReason, ...] = get_args(ReviewReason)
"""By urgency, as in the view `review`."""

MAX_QUOTED_CHARACTERS = 60
"""Characters quoted of a report that a person should review as a whole."""


@dataclass(frozen=True)
class Usage:
    """Tokens of prompts, how many of these the engine had in its cache, and tokens of answers."""

    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.tokens_in + other.tokens_in,
            self.tokens_cached + other.tokens_cached,
            self.tokens_out + other.tokens_out,
        )


NO_USAGE = Usage()


@dataclass(frozen=True)
class Review:
    """Characters [start, end) of a report that a person should review, quoted in `text`, and the reason.

    `alternatives` is what a reader stated of them and what is not in the study.
    """

    reason: ReviewReason
    text: str
    start: int
    end: int
    alternatives: tuple[Finding | GeneralFinding, ...] = ()

    @staticmethod
    def beginning(reason: ReviewReason, text: str) -> "Review":
        """The beginning of a report that a person should review as a whole."""
        quoted = text[:MAX_QUOTED_CHARACTERS]
        return Review(reason, quoted, 0, len(quoted))


@dataclass(frozen=True)
class Extraction:
    """One report read once: it has a study if and only if its status is ok; `reply` is the language model's text."""

    report_id: str
    status: Status
    study: Study | None
    review: tuple[Review, ...]
    seconds: float
    reply: str | None
    note: str | None
    usage: Usage = NO_USAGE

    def __post_init__(self) -> None:
        assert (self.study is not None) == (self.status == "ok"), f"{self.report_id}: {self.status} with a study"
