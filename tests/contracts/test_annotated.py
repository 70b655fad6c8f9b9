import json
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selip_contracts.annotated import format_annotated, parse_annotated, read_annotated, write_annotated
from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Study
from selip_shared.errors import SelipError

TEXT = "左侧额叶见片状长T2信号影，DWI未见高信号。脑室扩大。"
ANNOTATED = AnnotatedReport(
    report_id="r1",
    findings_text=TEXT,
    study=Study(
        findings=(
            Finding(
                modality="T2",
                side="左侧",
                site="额叶",
                signal="高",
                morphology="片状",
                evidence=Evidence(text="左侧额叶见片状长T2信号影", start=0, end=13),
            ),
        ),
        negatives=(Finding(modality="DWI", side="左侧", site="额叶", present=False),),
        general=(GeneralFinding(side=None, site="脑室系统", change="扩大"),),
    ),
)
Item = TypeVar("Item", Finding, GeneralFinding)
LINE = (
    '{"report_id": "r1", "findings_text": "左侧额叶见片状长T2信号影，DWI未见高信号。脑室扩大。", "normal": false, '
    '"findings": [{"modality": "T2", "side": "左侧", "site": "额叶", "signal": "高", "morphology": "片状", '
    '"evidence": {"text": "左侧额叶见片状长T2信号影", "start": 0, "end": 13}}], '
    '"negatives": [{"modality": "DWI", "side": "左侧", "site": "额叶"}], '
    '"general": [{"side": null, "site": "脑室系统", "change": "扩大"}]}'
)


def test_a_line_says_what_is_known_and_no_more() -> None:
    assert format_annotated(ANNOTATED) == LINE
    assert parse_annotated(LINE) == ANNOTATED


@given(st.from_type(Study))
def test_every_study_reads_back(study: Study) -> None:
    def quoted_nowhere(items: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple({item.key: item.model_copy(update={"evidence": None}) for item in items}.values())

    report = AnnotatedReport(
        report_id="r1",
        findings_text=TEXT,
        study=Study(
            findings=quoted_nowhere(study.findings),
            negatives=quoted_nowhere(study.negatives),
            general=quoted_nowhere(study.general),
        ),
    )
    assert parse_annotated(format_annotated(report)) == report


def test_a_file_reads_back_report_by_report(tmp_path: Path) -> None:
    reports = [ANNOTATED, ANNOTATED.model_copy(update={"report_id": "r\u2028 2"})]
    path = tmp_path / "truth.jsonl"
    assert write_annotated(path, reports) == 2
    assert list(read_annotated(path)) == reports


def test_an_earlier_file_stands_where_writing_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    write_annotated(path, [ANNOTATED])

    def broken() -> list[AnnotatedReport]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_annotated(path, (report for _ in range(1) for report in broken()))
    assert list(read_annotated(path)) == [ANNOTATED]
    assert list(tmp_path.iterdir()) == [path]


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(LINE), **fields}, ensure_ascii=False)


FINDING = {"modality": "T2", "side": "左侧", "site": "额叶", "signal": "高"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no JSON (Expecting property name enclosed in double quotes, character 2)"),
        ("[]", "no JSON object"),
        ('{"report_id": "r1", "findings": []}', "findings_text and normal missing"),
        (changed(normal=True), "normal is true but the findings say false"),
        (changed(findings="T2"), "findings: Input should be a valid tuple"),
        (changed(findings=[{**FINDING, "site": "某叶"}]), "findings.0.site: 某叶 is not a site of the vocabulary"),
        (changed(findings=[{**FINDING, "signal": "明显强化"}]), "findings.0: signal 明显强化 on T2"),
        (changed(findings=[{**FINDING, "colour": "red"}]), "findings.0.colour: Extra inputs are not permitted"),
        (changed(findings=[FINDING, FINDING]), "findings contain T2 左侧 额叶 高 twice"),
        (changed(negatives=[FINDING]), "negatives.0: a present finding has a signal, a negative one has none"),
        (
            changed(findings=[{**FINDING, "evidence": {"text": "右侧", "start": 0, "end": 2}}]),
            "an evidence is not the text at [0, 2) of findings_text",
        ),
        (LINE, "report_id r1 is already on line 1"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(f"{LINE}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(SelipError) as told:
        list(read_annotated(path))
    assert str(told.value) == f"{path}, line 3: {reason}: correct the line."


def test_side_and_negatives_may_be_left_out() -> None:
    finding = '{"modality": "T2", "site": "脑桥", "signal": "高"}'
    line = f'{{"report_id": "a", "findings_text": "脑桥", "normal": false, "findings": [{finding}]}}'
    assert parse_annotated(line).study.findings == (Finding(modality="T2", side=None, site="脑桥", signal="高"),)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match=r"cannot be read \(No such file or directory\)"):
        list(read_annotated(tmp_path / "none.jsonl"))
    with pytest.raises(SelipError, match=r"cannot be read \(Is a directory\)"):
        list(read_annotated(tmp_path))
    with pytest.raises(SelipError, match=r"cannot be written \(No such file or directory\)"):
        write_annotated(tmp_path / "none" / "truth.jsonl", [])
    binary = tmp_path / "gold.bin"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SelipError, match="is not UTF-8 text"):
        list(read_annotated(binary))
