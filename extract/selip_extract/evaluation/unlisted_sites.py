"""Findings at sites that the vocabulary lacks, compared with an annotation."""

from collections.abc import Sequence
from typing import TypeVar

from selip_contracts.findings import Finding, GeneralFinding, Study
from selip_contracts.vocabulary import SITES, UNLISTED

Stated = TypeVar("Stated", Finding, GeneralFinding)


def with_annotated_sites(study: Study, annotated: Study) -> Study:
    """The extracted study, with 未列部位 for a listed site that names what is annotated as 未列部位.

    A listed site names it where one of its surface forms is in the annotation's site_text, on the same sequence and
    side, and the annotation has nothing at the listed site itself.
    """
    return study.model_copy(
        update={
            "findings": _renamed(study.findings, annotated.findings),
            "negatives": _renamed(study.negatives, annotated.negatives),
            "general": _renamed(study.general, annotated.general),
        }
    )


def _renamed(extracted: tuple[Stated, ...], annotated: Sequence[Stated]) -> tuple[Stated, ...]:
    words = [(_context(stated), stated.site_text) for stated in annotated if stated.site_text is not None]
    if not words:
        return extracted
    listed = {(_context(stated), stated.site) for stated in annotated}

    def renamed(stated: Stated) -> Stated:
        context = _context(stated)
        if (context, stated.site) in listed:
            return stated
        for other, site_text in words:
            if other == context and any(form in site_text for form in SITES[stated.site].surface_forms):
                return stated.model_copy(update={"site": UNLISTED, "site_text": site_text})
        return stated

    return tuple(map(renamed, extracted))


def _context(stated: Finding | GeneralFinding) -> tuple[str | None, ...]:
    """The sequence and the side."""
    return (stated.modality if isinstance(stated, Finding) else None, stated.side)
