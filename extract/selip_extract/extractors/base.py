"""The seam between the pipeline and what reads a report: a new extractor is one file and one line in EXTRACTORS."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from selip_contracts.findings import Study
from selip_extract.extraction import NO_USAGE, Review, Status, Usage

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Reading:
    """What an extractor read in one text; under another status than ok its study is not stored."""

    study: Study
    reply: str | None = None
    status: Status = "ok"
    note: str | None = None
    review: tuple[Review, ...] = ()
    usage: Usage = NO_USAGE

    @classmethod
    def failed(cls, status: Status, note: str | None = None) -> Self:
        """That of a text which could not be read."""
        return cls(Study(), status=status, note=note)


class Extractor(Protocol):
    """Reads texts; what it finds in one text does not depend on the others. Safe to call from several threads."""

    name: str

    @property
    def batch_size(self) -> int:
        """How many reports should be in work at once."""
        ...

    def fingerprint(self) -> dict[str, str]:
        """What decides the findings: model_hash, task_version, grammar_version, engine, seed, settings.

        Where a column of the table `runs` has the name of a key it takes its value.
        """
        ...

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text, in the order of the texts."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...
