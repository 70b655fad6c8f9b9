"""The examples that a model is adapted with."""

import json
import random

from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_extract.llm.answer_forms import ReportForm, SentenceForm
from selip_extract.llm.report_task import PLACE_KEYS
from selip_extract.pseudo_reports.generate import pseudo_reports
from selip_extract.training.examples import Example, annotated_examples, mixed, pseudo_examples, split

TEXT = "左侧额叶见片状T2WI高信号，DWI未见高信号。双侧上颌窦黏膜增厚。"
REPORT = AnnotatedReport(
    report_id="r1",
    findings_text=TEXT,
    study=Study(
        findings=(Finding(modality="T2", side="左侧", site="额叶", signal="高"),),
        negatives=(Finding(modality="DWI", side="左侧", site="额叶", present=False),),
    ),
)


def test_a_sentence_is_an_example_in_the_words_of_the_task() -> None:
    (example,) = annotated_examples(SentenceForm(), [REPORT]).examples
    assert example.prompt.endswith("<now> 左侧 <叶> s00 呈 〇 T2 高 , DWI 未见 高 <answer>")
    assert example.answer == "左侧 s00 : T2 高 DWI 否 ;"


def test_a_report_is_an_example_for_a_model_that_writes_json() -> None:
    (example,) = annotated_examples(ReportForm(None), [REPORT]).examples
    assert f"〔1〕{TEXT}" in example.prompt
    assert example.answer == '{"1":{"左侧":["额叶"],"T2":"高","DWI":null}}'


def test_the_json_of_a_pseudo_report_says_its_study() -> None:
    found = pseudo_examples(ReportForm(None), 60, "json")
    assert found.reports == 60
    assert len(found.examples) > 40
    assert len({e.prompt for e in found.examples}) == len(found.examples)
    for example in found.examples:
        for said in json.loads(example.answer).values():
            assert isinstance(said, dict) or len(said) > 1
            for lesion in [said] if isinstance(said, dict) else said:
                assert lesion.keys() & PLACE_KEYS.keys()


def test_pseudo_examples_are_the_same_for_the_same_seed_alone() -> None:
    form = SentenceForm()
    assert pseudo_examples(form, 20, "a") == pseudo_examples(form, 20, "a")
    assert not {e.prompt for e in pseudo_examples(form, 20, "a").examples} & {
        e.prompt for e in pseudo_examples(form, 20, "b").examples if len(e.prompt) > 40
    }


def test_a_question_whose_truth_its_words_do_not_support_is_counted() -> None:
    unsaid = Finding(modality="T2", side="右侧", site="额叶", signal="高")
    found = annotated_examples(SentenceForm(), [REPORT.model_copy(update={"study": Study(findings=(unsaid,))})])
    assert (found.examples, found.left_out) == ([], 1)


def test_a_tenth_is_held_out_whatever_stands_beside_it() -> None:
    reports = list(pseudo_reports(50, 4))
    twice = [*reports, *(r.model_copy(update={"report_id": f"again {r.report_id}"}) for r in reports)]
    learnt, held_out = split(twice, 0.1)
    assert len(held_out) == 10
    assert not {r.findings_text for r in learnt} & {r.findings_text for r in held_out}
    assert {r.findings_text for r in split(random.Random(1).sample(reports, 50), 0.1)[1]} == {
        r.findings_text for r in held_out
    }
    assert split(reports[:4], 0.1) == (split(reports[:4], 0.1)[0], [])


def test_annotated_examples_make_half_of_the_training() -> None:
    pseudo = [Example("p", str(i)) for i in range(100)]
    annotated = [Example("a", str(i)) for i in range(30)]
    order = list(mixed(random.Random(0), pseudo, annotated, 2))
    assert order != sorted(order)
    assert len(order) == 2 * (100 + 90)
    assert {order.count(e) for e in annotated} == {6}
    assert len(list(mixed(random.Random(0), pseudo, annotated[:5], 1))) == 100 + 4 * 5
    assert len(list(mixed(random.Random(0), [], annotated, 1))) == 30
    assert len(list(mixed(random.Random(0), pseudo, [], 1))) == 100
