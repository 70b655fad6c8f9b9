"""The interface of extractors: a new one is one module here and one line in `registry.EXTRACTORS`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from selip_contracts.findings import Study
from selip_extract.extraction import NO_USAGE, Review, Status, Usage


@dataclass(frozen=True)
class Reading:
    """What an extractor returns for one text; the study is stored only with the status ok."""

    study: Study
    reply: str | None = None
    status: Status = "ok"
    note: str | None = None
    review: tuple[Review, ...] = ()
    usage: Usage = NO_USAGE

    @classmethod
    def failed(cls, status: Status, note: str | None = None) -> Self:
        """The reading of a text that could not be read."""
        return cls(Study(), status=status, note=note)


class Extractor(Protocol):
    """Reads texts; the findings of one text do not depend on the other texts. Thread-safe."""

    name: str

    @property
    def batch_size(self) -> int:
        """The number of reports that should be in work at the same time."""
        ...

    def fingerprint(self) -> dict[str, str]:
        """What determines the findings: model_hash, task_version, grammar_version, engine, seed, settings.

        A key that names a column of the table `runs` fills that column.
        """
        ...

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading for each text, in the order of the texts."""
        ...

    def close(self) -> None:
        """Release memory, threads and connections."""
        ...
