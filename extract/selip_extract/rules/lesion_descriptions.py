"""What is said of a lesion once holds for all its findings: those of later sentences name its site alone."""

from collections.abc import Sequence

from selip_contracts.findings import Finding
from selip_extract.language.evidence import LesionNouns, introduction
from selip_extract.rules.mentions import Location

_NOTHING = LesionNouns(None, None, None)


def with_descriptions(findings: Sequence[Finding], text: str) -> list[Finding]:
    """The findings; a present one without shape, number, noun or margin has those that its site has before it."""
    margins: dict[Location, str] = {}
    for finding in findings:
        if finding.margin is not None:
            margins.setdefault(_location(finding), finding.margin)
    introduced: dict[Location, LesionNouns] = {}
    return [_described(finding, introduced, margins, text) if finding.present else finding for finding in findings]


def _location(finding: Finding) -> Location:
    return finding.side, finding.site_name


def _described(
    finding: Finding, introduced: dict[Location, LesionNouns], margins: dict[Location, str], text: str
) -> Finding:
    where = _location(finding)
    site = next((s for s in finding.evidence.spans if s.role == "site"), None) if finding.evidence else None
    own = introduction(text, site.end) if site else _NOTHING
    if own != _NOTHING:
        introduced[where] = own
    before = introduced.get(where, own)
    said: dict[str, object] = {
        "morphology": finding.morphology or before.morphology,
        "count": finding.count or before.count,
        "lesion": finding.lesion or before.lesion,
        "margin": finding.margin or margins.get(where),
    }
    changed = {name: value for name, value in said.items() if value != getattr(finding, name)}
    return finding.model_copy(update=changed) if changed else finding
