from collections.abc import Callable, Iterable, Sequence

import pytest

from selip_contracts.findings import Finding, GeneralFinding, Study
from selip_extract.evaluation.score import score
from selip_extract.training.combination import first_readings as module
from selip_extract.training.combination.first_readings import FirstReading, first_readings


def test_every_report_was_read_with_evidence_in_its_words() -> None:
    read = list(first_readings())
    assert {reading.set.removesuffix("_hard") for reading in read} == {f"styles_{letter}" for letter in "efghijklmnop"}
    assert len(read) == 720
    for reading in read:
        read_of: tuple[Finding | GeneralFinding, ...] = (
            *reading.rules.findings,
            *reading.rules.general,
            *reading.reader.findings,
            *(reading.reader.general or ()),
        )
        for stated in read_of:
            assert stated.evidence is not None
            assert reading.report.findings_text[stated.evidence.start : stated.evidence.end] == stated.evidence.text


def _f1(read: Sequence[FirstReading], findings: Callable[[FirstReading], Iterable[Finding]]) -> float | None:
    studies = {r.report.report_id: Study(findings=tuple(f for f in findings(r) if f.present)) for r in read}
    return score([reading.report for reading in read], studies).finding_f1.value


def test_rules_and_tagger_made_the_errors_of_a_first_sight() -> None:
    read = [reading for reading in first_readings() if reading.set == "styles_m_hard"]
    assert _f1(read, lambda reading: reading.rules.findings) == pytest.approx(0.9185, abs=5e-4)
    assert _f1(read, lambda reading: reading.reader.findings) == pytest.approx(0.800, abs=5e-4)


def test_the_probability_that_the_tagger_gave_at_first_sight_is_known_of_every_finding() -> None:
    for reading in first_readings():
        assert all(finding.confidence is not None for finding in reading.reader.findings)
        assert all(reading.reader.unreturned(finding) is not None for finding in reading.rules.findings)


def test_what_rules_and_tagger_of_today_read_is_printed_as_lines_of_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    module.main(["styles_h_hard"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20
    read = [module._Line.model_validate_json(line).read() for line in lines]
    assert all(reading.set == "styles_h_hard" and reading.rules.findings for reading in read)
    assert any(reading.reader.findings for reading in read)
