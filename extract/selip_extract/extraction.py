"""What reading one report gave: a status, the study, and what a person should look at."""

from dataclasses import dataclass
from typing import Literal, get_args

from selip_contracts.findings import Study

Status = Literal["ok", "incomplete", "invalid", "too_long", "empty", "error"]
ReviewReason = Literal["disagreement", "uncited", "low_confidence", "failed"]

STATUSES: tuple[Status, ...] = get_args(Status)
REVIEW_REASONS: tuple[ReviewReason, ...] = get_args(ReviewReason)


@dataclass(frozen=True)
class Review:
    """Characters [start, end) of a report that a person should look at, quoted in `text`, and why."""

    reason: ReviewReason
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Extraction:
    """One report read once: exactly the status ok has a study; `reply` is what a language model wrote, unchanged."""

    report_id: str
    status: Status
    study: Study | None
    review: tuple[Review, ...]
    seconds: float
    reply: str | None
    note: str | None

    def __post_init__(self) -> None:
        assert (self.study is not None) == (self.status == "ok"), f"{self.report_id}: {self.status} with a study"
