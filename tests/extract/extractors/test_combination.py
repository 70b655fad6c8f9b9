"""Rules and a second reader combined: which findings are kept, how sure they are, and what a person should look at."""

import json
import math
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_extract.evaluation.score import score
from selip_extract.extraction import Usage
from selip_extract.extractors.base import Extractor
from selip_extract.extractors.both import DoubleExtractor
from selip_extract.extractors.candidates import candidates
from selip_extract.extractors.combination import DEFAULT, Combination, combined, load_combination
from selip_extract.extractors.inconsistencies import misread
from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.extractors.registry import ModelChoice, combination_of
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.extractors.second_reader import SecondReading
from selip_extract.language.lexer import lex
from selip_extract.language.question import is_expressible
from selip_extract.llm.answer_forms import SentenceForm
from selip_extract.llm.engine import Answer, Failure, GenerationRequest
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.sentence import sentences
from selip_extract.training.combination.fitting import fit_combination
from selip_extract.training.pseudo_examples import written_statements
from selip_shared.errors import SelipError

TEXT = "左侧额叶T1WI呈低信号，T2WI呈高信号。右侧枕叶T2WI呈低信号。"
SURE = 0.9999


def rules_of(text: str) -> list[Finding]:
    return read_clauses(sentences(lex(text)))


def reading_of(kept: Sequence[int], own: float | None, unreturned: float | None, text: str = TEXT) -> SecondReading:
    """A second reader that found those of the rules' findings whose numbers are given."""
    found = [finding.model_copy(update={"confidence": own}) for finding in rules_of(text)]
    return SecondReading(tuple(found[i] for i in kept), unreturned=lambda _: unreturned)


def combine(reading: SecondReading, rules: Sequence[Finding], text: str = TEXT) -> list[tuple[str, bool | None]]:
    return [(f.modality, f.agreed) for f in combined(lex(text), rules, [], (), reading, FITTED).findings]


# What is learnt of a reader that is right as often as it says, beside rules that are right in 98 of 100.
FITTED = Combination(
    weights=DEFAULT.weights
    | {"always": -4, "rules": 8, "returned_log_odds": 1, "unreturned_unlikely": 1, "unreturned_likely": 1},
    reports=100,
)


def test_what_both_read_is_agreed_and_surer_than_either() -> None:
    both = combined(lex(TEXT), rules_of(TEXT), [], (), reading_of([0, 1, 2], 0.9, None), FITTED)
    assert [(f.modality, f.agreed) for f in both.findings] == [("T1", True), ("T2", True), ("T2", True)]
    assert all(f.confidence is not None and f.confidence > 0.98 for f in both.findings)
    assert both.review == []


def test_of_an_unsure_reader_the_rules_are_kept() -> None:
    assert combine(reading_of([0, 2], 0.9, 0.1), rules_of(TEXT)) == [("T1", True), ("T2", False), ("T2", True)]
    assert combine(reading_of([0, 1, 2], 0.9, None), rules_of(TEXT)[:1]) == [("T1", True)]


def test_a_sure_reader_is_kept_against_the_rules() -> None:
    assert combine(reading_of([0, 2], SURE, 1 - SURE), rules_of(TEXT)) == [("T1", True), ("T2", True)]
    assert combine(reading_of([0, 1, 2], SURE, None), rules_of(TEXT)[:1]) == [
        ("T1", True), ("T2", False), ("T2", False)
    ]  # fmt: skip


def test_a_reader_that_knows_no_probabilities_does_not_overrule_the_rules() -> None:
    assert combine(reading_of([0], None, None), rules_of(TEXT)[1:]) == [("T2", False), ("T2", False)]


def test_a_reader_that_was_never_measured_does_not_overrule_the_rules_however_sure_it_is() -> None:
    both = combined(lex(TEXT), rules_of(TEXT)[1:], [], (), reading_of([0], 1.0, 0.0), DEFAULT)
    assert [(f.modality, f.agreed) for f in both.findings] == [("T2", False), ("T2", False)]
    assert all(f.confidence is not None and f.confidence < 0.9 for f in both.findings)
    assert {passage.reason for passage in both.review} == {"disagreement"}


def test_one_difference_puts_one_sentence_before_a_person() -> None:
    both = combined(lex(TEXT), rules_of(TEXT), [], (), reading_of([0, 1], 0.9, 0.2), DEFAULT)
    assert [(passage.reason, passage.text) for passage in both.review] == [("disagreement", "右侧枕叶T2WI呈低信号")]
    assert [passage.alternatives for passage in both.review] == [()]


def test_a_person_is_shown_no_more_than_the_clauses_in_doubt() -> None:
    text = "左侧额叶T1WI呈低信号，T2WI呈高信号，增强后未见强化，边界清；右侧枕叶T2WI呈低信号，边界不清。"
    both = combined(lex(text), rules_of(text), [], (), reading_of([0, 1, 2], 0.9, 0.2, text), DEFAULT)
    assert [(passage.reason, passage.text) for passage in both.review] == [("disagreement", "右侧枕叶T2WI呈低信号")]


def test_a_person_sees_what_was_left_out() -> None:
    both = combined(lex(TEXT), rules_of(TEXT), [], (), reading_of([2], 0.9, 1 - SURE), FITTED)
    assert [(p.text, [f.key[0] for f in p.alternatives]) for p in both.review] == [
        ("左侧额叶T1WI呈低信号，T2WI呈高信号", ["T1", "T2"])
    ]


def test_what_both_read_of_which_the_reader_is_unsure_goes_to_a_person() -> None:
    both = combined(lex(TEXT), rules_of(TEXT), [], (), reading_of([0, 1, 2], 1e-2, None), FITTED)
    assert {passage.reason for passage in both.review} == {"low_confidence"}
    assert len(both.findings) == 3


@pytest.mark.parametrize(
    ("text", "agreed"),
    [
        (TEXT, [True, True, True]),
        ("左侧额页T1WI呈低信号，T2WI呈高信号。", [False, False]),
        ("左侧额叶T1WI呈低信号，FLA1R呈高信号。", [True, False]),
        ("左侧髓旁窝T1WI呈低信号，T2WI呈高信号。", [False, False]),
    ],
)
def test_on_what_the_lexer_guessed_the_readers_cannot_agree(text: str, agreed: list[bool]) -> None:
    reading = reading_of(range(len(agreed)), 0.9, None, text)
    assert [a for _, a in combine(reading, rules_of(text), text)] == agreed


def test_another_value_of_the_same_place_makes_both_less_sure() -> None:
    weights = Combination(weights=FITTED.weights | {"contested": -2.0}, reports=100)
    found = rules_of(TEXT)
    other = found[1].model_copy(update={"signal": "低", "confidence": 0.6})
    alone = combined(lex(TEXT), found, [], (), reading_of([0, 1, 2], 0.6, None), weights).findings
    reading = SecondReading((*reading_of([0, 1, 2], 0.6, None).findings, other))
    contested = combined(lex(TEXT), found, [], (), reading, weights).findings
    before, after = (next(f.confidence for f in findings if f.key == found[1].key) for findings in (alone, contested))
    assert before is not None
    assert after is not None
    assert after < before
    assert [f.confidence for f in contested if f.modality == "T1"] == [
        f.confidence for f in alone if f.modality == "T1"
    ]


@pytest.mark.parametrize(
    ("feature", "text", "stated"),
    [
        ("site_elsewhere", "左侧额叶见结节，T1WI呈低信号。T2WI呈高信号", [False, True]),
        ("agreed_values", "左侧额叶T1WI呈低信号", [True]),
        ("reader_refers", "左侧额叶T1WI呈低信号，其余病灶T2WI呈高信号", [True, True]),
        ("reader_refers", "左侧额叶T1WI呈低信号", [False]),
        ("also_of_part", "左侧颞叶、左侧海马T1WI呈低信号", [True, False]),
        ("also_of_part", "左侧颞叶T1WI呈低信号，左侧海马T1WI呈低信号", [False, False]),
        ("side_missing", "脑桥T1WI呈低信号，额叶T2WI呈高信号", [False, True]),
        ("outside_brain", "左侧侧脑室T1WI呈低信号，左侧额叶T2WI呈高信号", [True, False]),
        ("rules_misread", "双侧额叶T1WI呈低信号，左侧为稍低信号。右侧枕叶T2WI呈高信号", [True, True, False]),
        ("reader_misread", "双侧额叶T1WI呈低信号，左侧为稍低信号。右侧枕叶T2WI呈高信号", [True, True, False]),
    ],
)
def test_the_wording_of_a_sentence_is_known_of_its_findings(feature: str, text: str, stated: list[bool]) -> None:
    found = rules_of(text)
    known = {
        c.stated.key: c
        for c in candidates(lex(text), found, [], misread(lex(text), found), SecondReading(tuple(found)))
    }
    assert [bool(known[finding.key].features()[feature]) for finding in found] == stated


def test_general_findings_are_combined_where_the_reader_looks_for_them() -> None:
    text = "脑室系统扩大。双侧脑沟增宽。"
    lexed = lex(text)
    changes = read_changes(sentences(lexed))
    assert combined(lexed, [], changes, (), SecondReading(), DEFAULT).general == changes
    both = combined(lexed, [], changes, (), SecondReading(general=tuple(changes[:1])), DEFAULT)
    assert [change.key for change in both.general] == [change.key for change in changes]
    assert [change.agreed for change in both.general] == [True, False]
    assert all(change.confidence is not None for change in both.general)
    assert [(passage.reason, passage.text) for passage in both.review] == [("disagreement", "双侧脑沟增宽")]

    def surely_wrong(_stated: Finding | GeneralFinding) -> float:
        return 1 - SURE

    assert combined(lexed, [], changes, (), SecondReading(general=(), unreturned=surely_wrong), FITTED).general == []


def test_a_general_finding_of_one_reader_needs_a_person_only_where_it_is_unsure() -> None:
    text = "脑室系统扩大。双侧脑沟增宽。"
    changes = read_changes(sentences(lex(text)))
    unrated = SecondReading(general=tuple(changes[:1]))
    unsure = SecondReading(general=tuple(changes[:1]), unreturned=lambda _: 0.02)
    for reading, expected in ((unrated, set()), (unsure, {"disagreement"})):
        both = combined(lex(text), [], changes, (), reading, FITTED)
        assert [change.agreed for change in both.general] == [True, False]
        assert {passage.reason for passage in both.review if "脑沟" in passage.text} == expected


def test_a_clear_difference_is_not_put_before_a_person() -> None:
    both = combined(lex(TEXT), rules_of(TEXT)[:1], [], (), reading_of([0, 1, 2], SURE, None), FITTED)
    assert [f.agreed for f in both.findings] == [True, False, False]
    assert both.review == []


def test_silence_about_what_the_other_denies_is_not_put_before_a_person() -> None:
    text = "左侧额叶T1WI呈低信号，DWI未见高信号。"
    found = rules_of(text)
    assert [f.present for f in found] == [True, False]
    both = combined(lex(text), found, [], (), reading_of([0], 0.9, 0.5, text), FITTED)
    assert [f.agreed for f in both.findings] == [True, False]
    assert both.review == []
    high = found[1].model_copy(update={"present": True, "signal": "高", "confidence": 0.97})
    contradicted = SecondReading((found[0].model_copy(update={"confidence": 0.9}), high), unreturned=lambda _: 0.1)
    assert [p.reason for p in combined(lex(text), found, [], (), contradicted, FITTED).review] == ["disagreement"]


class ScriptedEngine:
    """Answers each prompt as the table says, each token with the same probability; "" where the table has nothing."""

    batch_size = 64

    def __init__(self, answers: dict[str, str], token_probability: float) -> None:
        self.table = answers
        self.token_probability = token_probability

    def fingerprint(self) -> dict[str, str]:
        return {"engine": "scripted"}

    def answers(self, requests: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        return [self._answer(self.table.get(request.prompt, "")) for request in requests]

    def close(self) -> None:
        pass

    def _answer(self, text: str) -> Answer:
        ends = (*(i + 1 for i, character in enumerate(text) if character == " "), len(text), len(text))
        return Answer(text, ends, (math.log(self.token_probability),) * len(ends), True, Usage())


PSEUDO_REPORTS = 120


@cache
def right_answers() -> tuple[list[AnnotatedReport], dict[str, str]]:
    """Pseudo-reports that a model in the sentence form can read without error, and its answer to every prompt."""
    form = SentenceForm()
    reports: list[AnnotatedReport] = []
    answers: dict[str, str] = {}
    for number in range(PSEUDO_REPORTS):
        written = write_study(random.Random(f"combination/{number}"))
        lexed, statements = lex(written.text), written_statements(written)
        asked = [(a, [s for s in statements if a.questions[0].holds(s.signal_at)]) for a in form.asked(lexed)]
        if all(is_expressible(a.questions[0], (s.statement for s in said)) for a, said in asked):
            reports.append(written.annotated(f"pseudo-{number}"))
            answers |= {form.prompt(a): form.right_answer(a, [said]) for a, said in asked}
    readings = scripted(answers).read([report.findings_text for report in reports])
    pairs = zip(reports, readings, strict=True)
    return [report for report, read in pairs if stated(read.study) == stated(report.study)], answers


def stated(study: Study) -> set[object]:
    return {finding.key for finding in (*study.findings, *study.negatives)}


def scripted(answers: dict[str, str]) -> LanguageModelExtractor:
    return LanguageModelExtractor(ScriptedEngine(answers, SURE), SentenceForm())


def f1_of(extractor: Extractor, reports: Sequence[AnnotatedReport]) -> float:
    """F1 of the findings."""
    readings = extractor.read([report.findings_text for report in reports])
    studies = {report.report_id: reading.study for report, reading in zip(reports, readings, strict=True)}
    value = score(reports, studies).finding_f1.value
    assert value is not None
    return value


def test_with_a_perfect_model_both_are_perfect() -> None:
    reports, answers = right_answers()
    model = scripted(answers)
    assert f1_of(RuleExtractor(), reports) < f1_of(model, reports) == 1.0
    fit = fit_combination(model, reports)
    assert fit.rules_f1 < fit.reader_f1 == fit.combined_f1 == 1.0
    assert f1_of(DoubleExtractor(model, fit.combination), reports) == 1.0


@pytest.mark.parametrize("answers_at_random", [False, True])
def test_a_useless_model_costs_the_rules_nothing_however_sure_it_is(answers_at_random: bool) -> None:
    reports, answers = right_answers()
    rng = random.Random(0)
    wrong = rng.sample([*answers.values()], len(answers))
    model = scripted(dict(zip(answers, wrong, strict=True)) if answers_at_random else {})
    rules_f1 = f1_of(RuleExtractor(), reports)
    assert f1_of(model, reports) < 0.1
    assert f1_of(DoubleExtractor(model), reports) == rules_f1
    fit = fit_combination(model, reports)
    # signs of misreading may correct the rules
    assert fit.combined_f1 >= fit.rules_f1 == rules_f1
    assert f1_of(DoubleExtractor(model, fit.combination), reports) >= rules_f1


def test_weights_are_kept_in_a_file_beside_the_model_or_named_by_the_user(tmp_path: Path) -> None:
    fitted = tmp_path / "combination.json"
    FITTED.save(fitted)
    assert load_combination(fitted) == FITTED
    assert combination_of(ModelChoice(adapter=tmp_path)) == FITTED
    assert combination_of(ModelChoice(combination=fitted)) == FITTED
    assert combination_of(ModelChoice(base_url="http://127.0.0.1:9/v1")) == DEFAULT
    assert combination_of(ModelChoice()).reports > 0


@pytest.mark.parametrize("weights", [{}, {**DEFAULT.weights, "more": 1.0}, {**DEFAULT.weights, "rules": math.inf}, []])
def test_a_file_without_such_weights_is_refused(weights: object, tmp_path: Path) -> None:
    path = tmp_path / "combination.json"
    path.write_text(json.dumps({"weights": weights}), encoding="utf-8")
    with pytest.raises(SelipError, match="holds no combination of this version"):
        load_combination(path)
    with pytest.raises(SelipError, match="holds no combination of this version"):
        load_combination(tmp_path / "missing.json")


def test_weights_are_learnt_from_no_fewer_reports_than_can_teach_them() -> None:
    reports, answers = right_answers()
    with pytest.raises(SelipError, match="teach no combination"):
        fit_combination(scripted(answers), reports[:10])
