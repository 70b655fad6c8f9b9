"""The findings of a report as a study: each once, and no negative where a finding is present."""

from collections.abc import Iterable

from selip_contracts.findings import Finding, GeneralFinding, Study


def assembled(findings: Iterable[Finding], general: Iterable[GeneralFinding]) -> Study:
    """One study of findings in the order of the text; of equal ones the first is kept."""
    present: dict[object, Finding] = {}
    absent: dict[object, Finding] = {}
    for finding in findings:
        (present if finding.present else absent).setdefault((finding.key, finding.site_name), finding)
    where = {_where(f) for f in present.values()}
    return Study(
        findings=tuple(present.values()),
        negatives=tuple(f for f in absent.values() if _where(f) not in where),
        general=tuple({(g.key, g.site_text): g for g in general}.values()),
    )


def _where(finding: Finding) -> tuple[str | None, ...]:
    return finding.modality, finding.side, finding.site_name
