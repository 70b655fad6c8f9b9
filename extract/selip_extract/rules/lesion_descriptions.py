"""What is said of a lesion once holds for all its findings: those of later sentences name its site alone."""

from collections.abc import Sequence

from selip_contracts.findings import Finding
from selip_extract.language.lesion_words import LesionNumber, LesionWords, introduction
from selip_extract.rules.mentions import Location


def with_descriptions(findings: Sequence[Finding], text: str) -> list[Finding]:
    """The findings; a present one without form, number, noun or margin has those that its site has before it."""
    margins: dict[Location, str] = {}
    for finding in findings:
        if finding.margin is not None:
            margins.setdefault(_location(finding), finding.margin)
    introduced: dict[Location, LesionWords] = {}
    return [_described(finding, introduced, margins, text) if finding.present else finding for finding in findings]


def _location(finding: Finding) -> Location:
    return finding.side, finding.site_name


def _described(
    finding: Finding, introduced: dict[Location, LesionWords], margins: dict[Location, str], text: str
) -> Finding:
    if finding.lesion == "水肿":
        return finding
    where = _location(finding)
    site = next((s for s in finding.evidence.spans if s.role == "site"), None) if finding.evidence else None
    own = introduction(text, site.end) if site else LesionWords()
    stated = LesionWords(finding.morphology, LesionNumber(finding.count, finding.number), finding.lesion)
    if own != LesionWords():
        introduced[where] = own
    before = introduced.setdefault(where, stated)
    said = stated.or_else(before)
    described: dict[str, object] = {
        "morphology": said.morphology,
        "count": said.number.kind,
        "number": said.number.exact,
        "lesion": said.lesion,
        "margin": finding.margin or margins.get(where),
    }
    changed = {name: value for name, value in described.items() if value != getattr(finding, name)}
    return finding.model_copy(update=changed) if changed else finding
