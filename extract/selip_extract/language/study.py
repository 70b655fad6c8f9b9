"""The findings of a report as a study: each once, and no negative where a finding is present."""

from collections.abc import Iterable

from selip_contracts.findings import Finding, GeneralFinding, Study


def assembled(findings: Iterable[Finding], general: Iterable[GeneralFinding]) -> Study:
    """One study of findings in the order of the text; of equal ones the first is kept."""
    present: dict[object, Finding] = {}
    absent: dict[object, Finding] = {}
    for finding in findings:
        (present if finding.present else absent).setdefault(finding.key, finding)
    where = {(f.modality, f.side, f.site) for f in present.values()}
    return Study(
        findings=tuple(present.values()),
        negatives=tuple(f for f in absent.values() if (f.modality, f.side, f.site) not in where),
        general=tuple({g.key: g for g in general}.values()),
    )
