import random
import re
from pathlib import Path

import pytest

from selip_contracts.annotated import read_annotated, write_annotated
from selip_contracts.findings import Evidence, Finding, GeneralFinding, SpanRole
from selip_contracts.vocabulary import ENHANCEMENTS, SITES, site_and_words
from selip_extract.evaluation.score import grounded
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.language.constructions.compared_sequences import AS_SEQUENCE
from selip_extract.language.constructions.mending import mended
from selip_extract.language.lexer import lex
from selip_extract.language.lexicon import LOBE_CHARACTERS
from selip_extract.language.tokens import Token
from selip_extract.pseudo_reports.sample_study import UNLISTED_SITES
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
    "in turn without a word": "(?:T[12]|FLAIR)[^，。；（）]{0,7}[、及和与](?:T[12]|FLAIR|DWI)[^，。；（）、均别次]{0,6}"
    "[呈为][极略稍轻微度偏较很明显等]{0,3}[高低等](?:信号)?[、及和]",
    "Roman labels": "[ⅠⅡ]|病灶I",
    "a territory and what lies in it": "动脉供血区[（(]",
    "the largest in brackets": "大者[（(]",
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
    "a plane before the sequence": "(?:[横冠矢][断状轴]?[位面]|轴[位面])(?:T[12]|FLAIR|DWI|SWI|ADC|增强)",
    "times behind": "T1(?:明显|稍|略)?[长短等][、，,]?T2(?:明显|稍|略)?[长短等](?:信号|异常|改变)",
    "a signal measured by tissue": "[高低]于(?:脑实质|脑?灰质)",
    "a side after its site": "偏[左右]",
    "placed last": "位于",
    "contrast": "增强",
    "no enhancement": "未见(?:明显)?强化",
    "restricted diffusion": "[弥扩]散(?:明显)?受限",
    "a slice": "(?:层面|水平|平面|层面轴位)(?:[TFDASEGCB弥扩磁增压黑水脂注静]|表观)",
    "other body parts": "MRA",
    "a numbered list": r"(?:^|。)(?:1[.、]|（1）|\(1\)).+2[.、）)]",
    "a size": "[×*xX]",
    "half width": "^[^，。；：（）]*[,;:()]",
}


RIGHT_CHARACTERS = str.maketrans("园久介湖", "圆欠界糊")
LOBES = [word for lobe in LOBE_CHARACTERS for word in (lobe, lobe + "叶")]
DOUBT = "部分|個別|个别|少数|少數|疑|似|可能|考虑|考慮|不除外|不能除外|待排|不排除|不能排除"

FAMILIES = {
    "sequences in turn": 0.97,
    "as another sequence": 0.9,
    "excepted sequence": 0.95,
    "left and right in turn": 0.95,
    "excluded part": 0.95,
    "unlisted site": 0.9,
    "disease without a signal": 0.95,
    "negation": 0.95,
    "denied change": 0.95,
    "doubt": 0.95,
    "broken lines": 0.9,
    "blanks for punctuation": 0.8,
    "traditional characters": 0.95,
    "slip": 0.9,
    "other exam": 0.93,
    "impression": 0.93,
    "labels": 0.6,
    "label list": 0.8,
    "the largest of a list": 0.85,
    "sides compared": 0.85,
    "telegram": 0.9,
    "template": 0.85,
    "dictation": 0.9,
    "no punctuation": 0.75,
    "the largest": 0.4,
    "ordinals": 0.6,
    "all after a split": 0.7,
    "left and right contrasted": 0.6,
    "the same except": 0.7,
    "other and same side": 0.8,
    "the rest": 0.8,
    "sizes of several": 0.9,
    "table": 0.95,
    "lists with colons": 0.95,
    "bracketed labels": 0.93,
    "only one": 0.9,
    "only on one sequence": 0.9,
    "parts of a lesion": 0.88,
    "sized sides": 0.9,
    "list by value": 0.9,
    "list of the same": 0.8,
    "by value": 0.9,
    "numbered": 0.9,
    "nested brackets": 0.85,
    "corrected value": 0.88,
    "exception before": 0.9,
    "exception behind": 0.95,
    "the largest of both sides": 0.95,
    "parts of a site": 0.95,
    "margins told apart": 0.9,
    "table of both sides": 0.95,
    "sequences in brackets": 0.95,
    "other body part": 0.9,
    "vessel exam": 0.93,
    "noun as a heading": 0.93,
    "grown size": 0.93,
    "damaged text": 0.9,
    "figures": 0.93,
    "spaced sequences": 0.93,
}
"""The families of constructions beyond the ordinary report, and the finding F1 that the rules reach at least."""


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
        text = mended(report.text).text.replace("园", "圆").replace(" ", "")
        said: list[Finding | GeneralFinding] = [*study.findings, *study.negatives, *study.general]
        assert all(grounded(x.site, text) if x.site_text is None else x.site_text in text for x in said)


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
            # 弦峡窝区域 is read as a whole where 弦峡窝 was drawn
            return kind == "site" and value.startswith(fact.mention.site.site)
        case "side":
            # 左右 of 左右分别呈… is both
            return kind in ("side", "post_side") and value in (fact.mention.site.side, "双侧")
        case "sequence":
            return (kind, value) == ("sequence", fact.modality)
        case "negation":
            return kind == "negation"
        case "change":
            return (kind, value) == ("change", fact.value)
    if value == "同上" or value in AS_SEQUENCE:
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


def test_one_word_restricts_the_diffusion_of_all_sites(texts: list[str]) -> None:
    restricted = re.compile("(?:DWI及ADC图示|DWI、ADC图呈|DWI与ADC提示)[^，。]{2,40}散(?:明显)?受限")
    assert any(restricted.search(text) for text in texts)


@pytest.fixture(scope="module")
def families() -> dict[str, list[WrittenReport]]:
    found: dict[str, list[WrittenReport]] = {}
    for report in (write_study(random.Random(f"family {seed}")) for seed in range(4000)):
        for family in report.families:
            found.setdefault(family, []).append(report)
    return found


def test_there_are_no_other_families(families: dict[str, list[WrittenReport]]) -> None:
    assert set(families) == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_written_and_read_by_the_rules(family: str, families: dict[str, list[WrittenReport]]) -> None:
    written = families[family][:60]
    assert len(families[family]) >= 9
    tallies = [
        ({f.key for f in report.study.findings}, {f.key for f in read.study.findings})
        for report, read in zip(written, RuleExtractor().read([r.text for r in written]), strict=True)
    ]
    right, missing_or_wrong = (
        sum(map(len, sets)) for sets in ([a & b for a, b in tallies], [a ^ b for a, b in tallies])
    )
    assert 2 * right / (2 * right + missing_or_wrong) >= FAMILIES[family]


def test_most_reports_are_ordinary(families: dict[str, list[WrittenReport]]) -> None:
    assert len({report.text for written in families.values() for report in written}) < 0.65 * 4000


def test_a_report_that_only_names_a_disease_is_not_normal(families: dict[str, list[WrittenReport]]) -> None:
    only = [r for r in families["disease without a signal"] if not r.study.findings and not r.study.general]
    assert len(only) > 20
    assert not any(report.study.normal for report in only)


def test_a_made_up_place_is_a_word_of_no_vocabulary() -> None:
    assert len(UNLISTED_SITES) > 1000
    forms = [form for site in SITES.values() for form in site.surface_forms if len(form) > 1]
    assert not any(form in name for form in forms for name in UNLISTED_SITES[::7])


@pytest.mark.parametrize(
    "done",
    ["broken lines", "blanks for punctuation", "traditional characters", "slip", "figures", "spaced sequences"],
)
def test_what_is_done_to_the_text_moves_no_evidence(done: str) -> None:
    """The words of each span, mended, are those of the text before anything was done to it."""
    checked = 0
    for seed in range(4000):
        if checked > 200:
            break
        report = write_study(random.Random(f"typed {seed}"))
        if done not in report.families:
            continue
        text = mended(report.text).text
        for fact in report.facts:
            start, end = fact.mention.site_span
            words = re.sub(r"\s", "", text[start:end]).replace("园", "圆")
            site, made_up = site_and_words(fact.mention.site.site)
            bare_part = site.removeprefix(SITES[site].parent or "")
            names = (*SITES[site].surface_forms, *LOBES, bare_part)
            assert words in ((made_up,) if made_up else names), (report.text, words)
            checked += 1
    assert checked > 50


def test_attributes_are_those_that_were_written(reports: list[WrittenReport]) -> None:
    findings = [(r, f) for r in reports for f in r.study.findings]
    sizes = [f.size_mm for _, f in findings if f.size_mm]
    assert len(sizes) > 100
    for report, finding in findings:
        text = mended(report.text).text
        for written in (finding.lesion, finding.margin):
            assert written is None or re.sub(r"\s", "", written) in re.sub(
                "[\\s]|久", lambda m: "欠" if m[0] == "久" else "", text
            )


def test_what_the_rules_read_of_general_changes_is_labelled(families: dict[str, list[WrittenReport]]) -> None:
    """A change that stands in the text is in the truth, so that the model learns no silence."""
    damaged = {"slip", "no punctuation", "blanks for punctuation", "broken lines", "damaged text", "dictation"}
    written = {r.text: r for reports in families.values() for r in reports if not r.families & damaged}
    reports = list(written.values())[:500]
    tallies = [
        ({(g.side, g.site, g.change) for g in report.study.general}, {(g.side, g.site, g.change) for g in read.general})
        for report, read in zip(
            reports, (r.study for r in RuleExtractor().read([r.text for r in reports])), strict=True
        )
    ]
    stated = sum(len(truth) for truth, _ in tallies)
    assert stated > 300
    assert sum(len(read - truth) for truth, read in tallies) < 0.01 * stated
    assert sum(len(truth - read) for truth, read in tallies) < 0.02 * stated


def test_an_angiography_states_what_has_changed(families: dict[str, list[WrittenReport]]) -> None:
    for report in families["vessel exam"]:
        assert any(g.change in ("狭窄", "闭塞", "扩张") for g in report.study.general), report.text
        assert not report.study.normal


def test_a_sign_of_doubt_is_recorded(reports: list[WrittenReport]) -> None:
    doubtful = [(r, f) for r in reports for f in r.study.findings if f.certainty == "可疑"]
    assert doubtful
    for report, finding in doubtful:
        assert finding.evidence is not None
        assert re.search(DOUBT, report.text[finding.evidence.start : finding.evidence.end + 5].replace("\n", ""))


def test_some_reports_are_normal(reports: list[WrittenReport]) -> None:
    assert 0.05 < sum(r.study.normal for r in reports) / len(reports) < 0.3
