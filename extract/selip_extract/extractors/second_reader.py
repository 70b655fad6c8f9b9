"""The seam of the second reader: whatever reads a report beside the rules and can say how sure it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from selip_contracts.findings import Finding, GeneralFinding
from selip_extract.extraction import NO_USAGE, Review, Status, Usage
from selip_extract.language.tokens import LexedReport

CONFIDENCE_DIGITS = 4


def unknown(_finding: Finding | GeneralFinding) -> float | None:
    """The probability of a finding that the reader cannot rate."""
    return None


@dataclass(frozen=True)
class SecondReading:
    """What a second reader found in one report.

    `findings` are present findings and explicit negatives as often as the report states them, each with its evidence
    and with the reader's own probability as `confidence`, None where that is unknown. `general` is None for a reader
    that does not look for general findings. `unreturned` is the reader's probability of a finding of the rules that it
    did not return, and of its own general findings, which carry none. `review` are passages of which it stated what
    their words do not support. With a status other than ok some answers could not be read; the findings are those of
    the others.
    """

    findings: tuple[Finding, ...] = ()
    general: tuple[GeneralFinding, ...] | None = None
    unreturned: Callable[[Finding | GeneralFinding], float | None] = unknown
    review: tuple[Review, ...] = ()
    status: Status = "ok"
    reply: str | None = None
    note: str | None = None
    usage: Usage = NO_USAGE

    @property
    def failed(self) -> bool:
        """Whether the report as a whole was not read."""
        return self.status not in ("ok", "invalid", "incomplete")


class SecondReader(Protocol):
    """Reads lexed reports; the reading of one does not depend on the others. Thread-safe."""

    @property
    def batch_size(self) -> int:
        """The number of reports that should be in work at the same time."""
        ...

    def fingerprint(self) -> dict[str, str]:
        """What determines the findings, as of an extractor."""
        ...

    def second_readings(self, reports: Sequence[LexedReport]) -> list[SecondReading]:
        """One reading for each report, in order."""
        ...

    def close(self) -> None:
        """Release memory, threads and connections."""
        ...
