import random
from collections.abc import Sequence

import pytest

from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_contracts.vocabulary import SIGNAL_CLASS
from selip_extract.evaluation.score import flattened, grounded, score
from selip_shared.bootstrap import Estimate

TEXT = "左侧额叶、右侧颞叶及双侧小脑半球见异常信号。"


def present(side: str | None, site: str, signal: str, modality: str = "T2") -> Finding:
    return Finding.model_validate({"modality": modality, "side": side, "site": site, "signal": signal})


def absent(side: str | None, site: str, modality: str = "DWI") -> Finding:
    return Finding.model_validate({"modality": modality, "side": side, "site": site, "present": False})


def annotated(report_id: str, *findings: Finding, negatives: Sequence[Finding] = ()) -> AnnotatedReport:
    study = Study(findings=findings, negatives=tuple(negatives))
    return AnnotatedReport(report_id=report_id, findings_text=TEXT, study=study)


def test_a_perfect_extraction_has_every_figure_at_its_best() -> None:
    gold = [annotated("a", present("左侧", "额叶", "高")), annotated("b")]
    figures = score(gold, {r.report_id: r.study for r in gold})
    assert figures.finding_f1 == figures.exact_match == figures.positive_exact_match == Estimate(1.0, 1.0, 1.0)
    assert (figures.negation_errors, figures.ungrounded, figures.missing_reports) == (0, 0, 0)


def test_a_wrong_degree_is_right_as_class_a_wrong_side_is_right_nowhere() -> None:
    gold = [annotated("a", present("左侧", "额叶", "高"), present("右侧", "颞叶", "高"))]
    figures = score(gold, {"a": Study(findings=(present("左侧", "额叶", "稍高"), present("左侧", "颞叶", "高")))})
    assert figures.finding_f1.value == 0.0
    assert figures.class_f1.value == 0.5
    assert figures.where_f1.value == 0.5
    assert figures.site_f1.value == 0.5
    assert figures.exact_match.value == 0.0


def test_precision_and_recall_count_distinct_keys() -> None:
    gold = [annotated("a", present("左侧", "额叶", "高"), present("右侧", "颞叶", "高"))]
    found = (present("左侧", "额叶", "高"), present("左侧", "额叶", "高"))
    figures = score(gold, {"a": Study(findings=found)})
    assert (figures.precision, figures.recall, figures.finding_f1.value) == (1.0, 0.5, 0.6667)


def test_a_present_finding_at_an_explicit_negative_is_a_negation_error() -> None:
    gold = [annotated("a", negatives=[absent("左侧", "额叶"), absent("右侧", "颞叶")])]
    figures = score(gold, {"a": Study(findings=(present("左侧", "额叶", "高", "DWI"),))})
    assert figures.negation_errors == 1
    assert figures.positive_exact_match is None


def test_a_site_that_the_text_does_not_name_is_ungrounded() -> None:
    figures = score([annotated("a")], {"a": Study(findings=(present(None, "脑桥", "高"),))})
    assert figures.ungrounded == 1
    assert (figures.precision, figures.recall) == (0.0, 1.0)


def test_a_site_is_named_in_small_and_capital_letters() -> None:
    assert grounded("麦氏腔", "左侧Meckel腔见结节")
    assert not grounded("麦氏腔", "左侧海绵窦见结节")


def test_a_report_of_which_nothing_was_extracted_is_missing() -> None:
    gold = [annotated("a", present("左侧", "额叶", "高")), annotated("b")]
    figures = score(gold, {})
    assert figures.missing_reports == 1
    assert (figures.exact_match.value, figures.finding_f1.value, figures.precision) == (0.5, 0.0, 1.0)


def test_general_findings_are_scored_apart() -> None:
    wide = GeneralFinding(side="双侧", site="侧脑室", change="扩大")
    narrow = GeneralFinding(side="双侧", site="侧脑室", change="变窄")
    gold = [AnnotatedReport(report_id="a", findings_text=TEXT, study=Study(general=(wide,)))]
    assert score(gold, {"a": Study(general=(wide,))}).general_f1.value == 1.0
    assert score(gold, {"a": Study(general=(narrow,))}).general_f1.value == 0.0
    assert score(gold, {"a": Study(general=(narrow,))}).exact_match.value == 1.0


def test_without_annotated_reports_there_is_no_score() -> None:
    with pytest.raises(ValueError, match="no annotated report"):
        score([], {})


def test_json_has_a_figure_and_its_interval_side_by_side() -> None:
    figures = flattened(vars(score([annotated("a", present("左侧", "额叶", "高"))], {})))
    assert figures["finding_f1"] == 0.0
    assert figures["finding_f1_95ci"] == [0.0, 0.0]
    assert figures["missing_reports"] == 1


# An independent statement of the score, in plain loops over the annotated files' dictionaries.

Row = dict[str, str | None]


def naive_keys(rows: list[Row], names: Sequence[str]) -> set[tuple[str | None, ...]]:
    return {tuple(row[name] for name in names) for row in rows}


def naive_row(finding: Finding) -> Row:
    return {
        "modality": finding.modality,
        "side": finding.side,
        "site": finding.site,
        "signal": finding.signal,
        "class": SIGNAL_CLASS[finding.signal] if finding.signal else None,
    }


def naive_f1(tp: int, fp: int, fn: int) -> float:
    return round(2 * tp / (2 * tp + fp + fn), 4) if tp + fp + fn else 1.0


def naive_figures(gold: list[AnnotatedReport], extracted: dict[str, Study]) -> dict[str, object]:
    views = {
        "finding_f1": ("modality", "side", "site", "signal"),
        "class_f1": ("modality", "side", "site", "class"),
        "where_f1": ("modality", "side", "site"),
        "site_f1": ("side", "site"),
    }
    figures: dict[str, object] = {}
    for name, names in views.items():
        counts = []
        for report in gold:
            want = naive_keys([naive_row(f) for f in report.study.findings], names)
            got = naive_keys([naive_row(f) for f in extracted.get(report.report_id, Study()).findings], names)
            counts.append((len(want & got), len(got - want), len(want - got)))
        figures[name] = naive_f1(*(sum(column) for column in zip(*counts, strict=True)))
        if name == "finding_f1":
            rng = random.Random(0)
            draws = []
            for _ in range(1000):
                sample = [counts[rng.randrange(len(counts))] for _ in counts]
                draws.append(naive_f1(*(sum(column) for column in zip(*sample, strict=True))))
            draws.sort()
            figures["finding_f1_95ci"] = [draws[25], draws[975]]
            exact = [fp + fn == 0 for _, fp, fn in counts]
    positive = [e for e, report in zip(exact, gold, strict=True) if report.study.findings]
    figures["exact_match"] = round(sum(exact) / len(exact), 4)
    figures["positive_exact_match"] = round(sum(positive) / len(positive), 4) if positive else None
    return figures


def random_study(rng: random.Random) -> Study:
    findings = [
        present(
            rng.choice(["左侧", "右侧", None]), rng.choice(["额叶", "颞叶"]), rng.choice(["高", "稍高", "低"]), modality
        )
        for modality in rng.choices(["T1", "T2", "FLAIR"], k=rng.randrange(5))
    ]
    return Study(findings=tuple(findings))


@pytest.mark.parametrize("seed", range(4))
def test_figures_and_interval_equal_an_independent_statement_of_them(seed: int) -> None:
    rng = random.Random(seed)
    gold, extracted = [], {}
    for number in range(30):
        study = random_study(rng)
        gold.append(AnnotatedReport(report_id=str(number), findings_text=TEXT, study=study))
        if rng.random() < 0.9:
            extracted[str(number)] = study if rng.random() < 0.5 else random_study(rng)
    naive = naive_figures(gold, extracted)
    figures = flattened(vars(score(gold, extracted)))
    assert {name: figures[name] for name in naive} == naive
