"""What an extraction says of one study: findings per sequence, explicit negatives, general changes."""

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from selip_contracts.vocabulary import (
    ENHANCEMENTS,
    SIGNAL_CLASS,
    SITES,
    UNLISTED,
    Change,
    Enhancement,
    Modality,
    Side,
    Signal,
    SignalClass,
    unlisted,
)

Count = Literal["单发", "多发", "散在"]
Certainty = Literal["肯定", "可疑"]
SpanRole = Literal["site", "side", "sequence", "signal", "negation", "change"]
Key = tuple[Modality, Side | None, str, Signal | Enhancement | None]


def _known_site(name: str) -> str:
    if name not in SITES:
        raise ValueError(f"{name} is not a site of the vocabulary")
    return name


def _check_site_text(site: str, words: str | None) -> None:
    if (site == UNLISTED) != (words is not None):
        raise ValueError(f"site_text belongs to the site {UNLISTED}, and to no other")


SiteName = Annotated[str, AfterValidator(_known_site)]


class Strict(BaseModel):
    """Immutable, and nothing beside the declared fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(Strict):
    """Characters [start, end) of the report's text and the part of the statement that they express."""

    role: SpanRole
    start: int = Field(ge=0)
    end: int = Field(ge=0)

    @cached_property
    def written(self) -> str:
        """`role:start-end`, as in the database; cached, since the findings of a sentence share their spans."""
        return f"{self.role}:{self.start}-{self.end}"


class Evidence(Strict):
    """The quoted words [start, end) of the report, and the spans in them for site, side, sequence and signal."""

    text: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    spans: tuple[Span, ...] = ()


class Finding(Strict):
    """On this sequence, at this site, the signal is this; `present` false is an explicit negative without signal.

    `site_text` holds the report's words for a place that the vocabulary lacks, whose site is 未列部位. `number` is how
    many lesions the report counts at the sites that it names together: 双侧额叶见12个….
    """

    modality: Modality
    side: Side | None
    site: SiteName
    site_text: str | None = None
    signal: Signal | Enhancement | None = None
    present: bool = True
    morphology: str | None = None
    count: Count | None = None
    number: int | None = Field(default=None, ge=1)
    size_mm: tuple[float, ...] = ()
    margin: str | None = None
    lesion: str | None = None
    certainty: Certainty = "肯定"
    evidence: Evidence | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    agreed: bool | None = None

    @model_validator(mode="after")
    def _signal_fits(self) -> Self:
        _check_site_text(self.site, self.site_text)
        if self.present != (self.signal is not None):
            raise ValueError("a present finding has a signal, a negative one has none")
        if self.signal is not None and (self.signal in ENHANCEMENTS) != (self.modality == "T1CE"):
            raise ValueError(f"signal {self.signal} on {self.modality}")
        return self

    @property
    def site_name(self) -> str:
        """The site, and of an unlisted one a name that keeps different words apart."""
        return self.site if self.site_text is None else unlisted(self.site_text)

    @property
    def signal_class(self) -> SignalClass | None:
        """高, 等, 低, 混杂 or 强化; None for a negative."""
        return None if self.signal is None else SIGNAL_CLASS[self.signal]

    @property
    def key(self) -> Key:
        """(modality, side, site, signal): what the score compares within a report."""
        return (self.modality, self.side, self.site, self.signal)


class GeneralFinding(Strict):
    """A change that belongs to no sequence."""

    side: Side | None
    site: SiteName
    site_text: str | None = None
    change: Change
    evidence: Evidence | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    agreed: bool | None = None

    @model_validator(mode="after")
    def _site_text_fits(self) -> Self:
        _check_site_text(self.site, self.site_text)
        return self

    @property
    def key(self) -> tuple[Side | None, str, Change]:
        """(side, site, change): what the score compares within a report."""
        return (self.side, self.site, self.change)


class Study(Strict):
    """All that a report states: present findings, explicit negatives, general changes.

    `understood` is false where a sentence of the report was not understood: what was not found may still be there.
    """

    findings: tuple[Finding, ...] = ()
    negatives: tuple[Finding, ...] = ()
    general: tuple[GeneralFinding, ...] = ()
    understood: bool = True

    @model_validator(mode="after")
    def _presence_fits(self) -> Self:
        if not all(f.present for f in self.findings) or any(f.present for f in self.negatives):
            raise ValueError("findings are present, negatives are not")
        return self

    @property
    def normal(self) -> bool:
        """Whether all of the report was understood and nothing is present, neither on a sequence nor general."""
        return self.understood and not self.findings and not self.general

    def on(self, modality: Modality) -> tuple[Finding, ...]:
        """The present findings on one sequence."""
        return tuple(f for f in self.findings if f.modality == modality)


class AnnotatedReport(Strict):
    """One line of the annotated format: a report, the study it states, and the person who said so, if known."""

    report_id: str
    findings_text: str
    study: Study
    checked_by: str | None = None


def keys(findings: Iterable[Finding]) -> frozenset[Key]:
    """The distinct keys of the findings."""
    return frozenset(f.key for f in findings)
