import random
import re
from pathlib import Path

import pytest

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.findings import Evidence, SpanRole
from selip_contracts.vocabulary import ENHANCEMENTS, SITES
from selip_extract.evaluation.score import grounded
from selip_extract.language.lexer import lex
from selip_extract.language.tokens import Token
from selip_extract.pseudo_reports.writing.draft import Fact
from selip_extract.pseudo_reports.writing.report import WrittenReport, write_study

CONSTRUCTIONS = {
    "the former and the latter": "前者.{2,80}后者",
    "the same again": "信号(?:特点|特征|表现|改变)?同[上前]",
    "an exception": "除.{2,40}外",
    "the remainder": "其余病灶|余病灶",
    "among them": "其中",
    "some of the lesions": "部分病灶",
    "respectively": "分别(?:呈|为)",
    "in turn": "依次(?:呈|为)",
    "all of the above": "上述病灶|以上病灶|前述病灶|各病灶",
    "both": "两者|二者",
    "only": "仅|只有",
    "earlier and now": "(?:原|前片|上次检查|前次片).{2,30}(?:现|本次|目前|此次)",
    "compared with an earlier study": "较前",
    "a date": r"20\d\d",
    "long T1 long T2": "长T1.?长T2",
    "long T1 and T2": "[长短]T1[、及]?T2(?!-|/|F)",
    "T2 and FLAIR at once": "T2(?:WI)?/FLAIR",
    "T1 FLAIR": "T1 FLAIR",
    "T2-FLAIR": "T2-?FLAIR",
    "two signals": "[高低等]、[高低等]信号",
    "fused lobes": "[额颞顶枕岛]{2,}叶",
    "a part in brackets": "[（(](?:壳核|苍白球|尾状核|豆状核)[）)]",
    "a side after its site": "偏[左右]",
    "placed last": "位于",
    "contrast": "增强",
    "no enhancement": "未见(?:明显)?强化",
    "restricted diffusion": "[弥扩]散(?:明显)?受限",
    "other body parts": "MRA",
    "a numbered list": r"(?:^|。)(?:1[.、]|（1）|\(1\)).+2[.、）)]",
    "a size": "[×*xX]",
    "half width": "^[^，。；：（）]*[,;:()]",
}


@pytest.fixture(scope="module")
def reports() -> list[WrittenReport]:
    return [write_study(random.Random(seed)) for seed in range(400)]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [write_study(random.Random(f"construction {seed}")).text for seed in range(3000)]


def test_the_same_seed_writes_the_same_report(reports: list[WrittenReport]) -> None:
    assert [write_study(random.Random(seed)) for seed in range(50)] == reports[:50]
    assert len({r.text for r in reports}) > 390


def test_the_truth_is_an_annotated_file(reports: list[WrittenReport], tmp_path: Path) -> None:
    annotated = [report.annotated(f"p{i}") for i, report in enumerate(reports)]
    write_annotated(tmp_path / "pseudo.jsonl", annotated)
    assert list(read_annotated(tmp_path / "pseudo.jsonl")) == annotated


def test_the_truth_keeps_the_rules_of_the_annotation(reports: list[WrittenReport]) -> None:
    for report in reports:
        study = report.study
        for finding in study.findings:
            assert finding.site in SITES
            assert finding.signal is not None
            assert (finding.signal in ENHANCEMENTS) == (finding.modality == "T1CE")
        present = {(f.modality, f.side, f.site) for f in study.findings}
        absent = [(f.modality, f.side, f.site) for f in study.negatives]
        assert not present & set(absent)
        for keys in ([f.key for f in study.findings], absent, [g.key for g in study.general]):
            assert len(set(keys)) == len(keys)


def test_every_site_of_the_truth_stands_in_the_text(reports: list[WrittenReport]) -> None:
    for report in reports:
        study = report.study
        without_slips = report.text.replace("园", "圆")
        sites = {x.site for x in (*study.findings, *study.negatives)} | {x.site for x in study.general}
        assert all(grounded(site, without_slips) for site in sites)


def _evidence(report: WrittenReport) -> list[Evidence]:
    study = report.study
    said = [x.evidence for x in (*study.findings, *study.negatives)] + [x.evidence for x in study.general]
    assert None not in said
    return [e for e in said if e is not None]


def test_evidence_is_quoted_from_the_text(reports: list[WrittenReport]) -> None:
    for report in reports:
        for evidence in _evidence(report):
            assert evidence.text == report.text[evidence.start : evidence.end]
            assert evidence.start == min(s.start for s in evidence.spans)
            assert evidence.end == max(s.end for s in evidence.spans)
            assert all(s.start < s.end for s in evidence.spans)


def _says(role: SpanRole, token: Token, fact: Fact) -> bool:
    kind, value = token.kind, token.value
    match role:
        case "site":
            return (kind, value) == ("site", fact.mention.site.site)
        case "side":
            return kind in ("side", "post_side") and value == fact.mention.site.side
        case "sequence":
            return (kind, value) == ("sequence", fact.modality)
        case "negation":
            return kind == "negation"
        case "change":
            return (kind, value) == ("change", fact.value)
    if value == "同上":
        return kind == "cue"
    if kind == "restriction":
        return (fact.modality, fact.value) in (("DWI", "高"), ("DWI", None), ("ADC", "低"), ("ADC", None))
    if fact.value is None:
        return kind in ("signal", "enhancement", "abnormal")
    return kind in ("signal", "enhancement") and value == fact.value


def _roles(fact: Fact) -> dict[SpanRole, tuple[int, int]]:
    spans = {
        "site": fact.mention.site_span,
        "side": fact.mention.side_span,
        "sequence": fact.sequence_span,
        "negation": fact.negation_span,
        "change" if fact.modality is None else "signal": fact.value_span,
    }
    return {role: span for role, span in spans.items() if span is not None}  # type: ignore[misc]


def test_every_span_says_what_its_role_claims(reports: list[WrittenReport]) -> None:
    checked = 0
    silent = []
    for report in reports:
        tokens = [token for sentence in lex(report.text).sentences for token in sentence]
        for fact in report.facts:
            # 其他 stands for changes of any wording: as a word of its own it says nothing
            if fact.value == "其他":
                continue
            for role, (start, end) in _roles(fact).items():
                checked += 1
                inside = [t for t in tokens if t.start < end and start < t.end]
                if not any(_says(role, t, fact) for t in inside):
                    silent.append((role, report.text[start - 5 : end + 5], fact))
    assert checked > 10_000
    # 右眼球后 is read as 右眼 and 球后
    assert len(silent) < checked / 500, silent


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_each_construction_is_written(construction: str, texts: list[str]) -> None:
    pattern = re.compile(CONSTRUCTIONS[construction], re.DOTALL)
    share = sum(bool(pattern.search(text)) for text in texts) / len(texts)
    assert 0.004 < share < 0.9, f"{construction}: {share:.2%}"


def test_a_sign_of_doubt_is_recorded(reports: list[WrittenReport]) -> None:
    doubtful = [(r, f) for r in reports for f in r.study.findings if f.certainty == "可疑"]
    assert doubtful
    for report, finding in doubtful:
        assert finding.evidence is not None
        assert re.search("部分|个别|少数", report.text[finding.evidence.start : finding.evidence.end])


def test_some_reports_are_normal(reports: list[WrittenReport]) -> None:
    assert 0.05 < sum(r.study.normal for r in reports) / len(reports) < 0.3
