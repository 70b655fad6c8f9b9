import pytest

from selip_contracts.findings import Finding, GeneralFinding, Study
from selip_extract.evaluation.score import score
from selip_extract.training.combination import first_readings as module
from selip_extract.training.combination.first_readings import first_readings


def test_every_report_of_six_sets_was_read_with_evidence_in_its_words() -> None:
    read = list(first_readings())
    assert {reading.set.removesuffix("_hard") for reading in read} == {f"styles_{letter}" for letter in "efghijklm"}
    assert len(read) == 540
    for reading in read:
        read_of: tuple[Finding | GeneralFinding, ...] = (*reading.rules.findings, *reading.rules.general)
        for stated in read_of:
            assert stated.evidence is not None
            assert reading.report.findings_text[stated.evidence.start : stated.evidence.end] == stated.evidence.text


def test_the_rules_made_the_errors_of_a_first_sight() -> None:
    read = [reading for reading in first_readings() if reading.set == "styles_h_hard"]
    studies = {r.report.report_id: Study(findings=tuple(f for f in r.rules.findings if f.present)) for r in read}
    assert score([reading.report for reading in read], studies).finding_f1.value == pytest.approx(0.904, abs=5e-4)


def test_what_the_rules_of_today_read_is_printed_as_lines_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    module.main(["styles_h_hard"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20
    assert all(module._Line.model_validate_json(line).set == "styles_h_hard" for line in lines)
