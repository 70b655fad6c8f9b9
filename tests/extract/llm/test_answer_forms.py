"""Any causal language model in the place of the shipped one: the whole report in, its statements as JSON out."""

import json
import random
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xgrammar
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from selip_contracts.findings import Finding
from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.extractors.registry import ModelChoice, extractor_maker
from selip_extract.language.evidence import ground
from selip_extract.language.lexer import lex
from selip_extract.language.question import LocatedStatement, Statement, is_expressible
from selip_extract.llm.answer_forms import Asked, ReportForm, SentenceForm
from selip_extract.llm.model_files import MODEL_FOLDER, load_model, load_tokenizer
from selip_extract.llm.report_answer import read_report_answer
from selip_extract.llm.report_task import INSTRUCTIONS, SEQUENCE_KEYS, place_name, report_questions
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.rules.lesions.descriptions import with_descriptions
from selip_extract.rules.sentence import sentences
from selip_extract.training.pseudo_examples import written_statements
from selip_shared.errors import SelipError
from tests.extract.small_models import TEMPLATE, byte_level_tokenizer, untaught


def _reports(count: int) -> list[str]:
    return [write_study(random.Random(f"forms-{i}")).text for i in range(count)]


@pytest.fixture(scope="module")
def any_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Qwen3 with random weights and a byte-level tokenizer of its own, saved as Hugging Face models are."""
    folder = tmp_path_factory.mktemp("any_model")
    tokenizer = byte_level_tokenizer([INSTRUCTIONS, *_reports(50)])
    tokenizer.save_pretrained(folder)
    untaught(tokenizer).save_pretrained(folder)
    return folder


def _extractor(folder: Path) -> LanguageModelExtractor:
    extractor = extractor_maker("model", ModelChoice(str(folder)))()
    assert isinstance(extractor, LanguageModelExtractor)
    return extractor


def test_the_tokenizer_decides_the_form(any_model: Path) -> None:
    assert isinstance(_extractor(MODEL_FOLDER).form, SentenceForm)
    assert isinstance(_extractor(any_model).form, ReportForm)


class Answered(NamedTuple):
    """What is asked about a report whose words support all of its truth, its statements by sentence and its answer."""

    asked: Asked
    said: list[list[LocatedStatement]]
    answer: str
    truth: tuple[Finding, ...]


@cache
def _answered() -> list[Answered]:
    form, found = ReportForm(None), []
    for i in range(100):
        written = write_study(random.Random(f"forms-{i}"))
        statements = written_statements(written)
        for asked in form.asked(lex(written.text)):
            said = [[s for s in statements if q.holds(s.signal_at)] for q in asked.questions]
            pairs = zip(asked.questions, said, strict=True)
            if all(is_expressible(q, (s.statement for s in here)) for q, here in pairs):
                found.append(Answered(asked, said, form.right_answer(asked, said), written.study.findings))
    return found


def test_a_report_answer_is_read_back_sentence_by_sentence() -> None:
    assert len(_answered()) > 80
    for asked, said, answer, _ in _answered():
        assert json.dumps(json.loads(answer), ensure_ascii=False, separators=(",", ":")) == answer
        for sentence, here in zip(read_report_answer(asked.text, asked.questions, answer), said, strict=True):
            assert sentence.statements.keys() == {s.statement for s in here}
            assert not sentence.refused
            assert sentence.spans is not None
            for statement, (side, place, value) in sentence.statements.items():
                assert SEQUENCE_KEYS[statement.modality] in answer[slice(*value)]
                assert place_name(statement.site) in answer[slice(*place)]
                assert (statement.side or "部位") in answer[slice(*side)]
                if here:
                    assert sentence.spans[0][0] < side[0] < place[0] < sentence.spans[0][1]


def test_findings_rest_on_the_words_of_their_sentence() -> None:
    in_sentence, at_signal, with_shape = [], [], []
    for asked, said, answer, truth in _answered():
        lexed, shapes = lex(asked.text), {finding.key: finding.morphology for finding in truth if finding.present}
        found: list[Finding] = []
        for sentence, here in zip(read_report_answer(asked.text, asked.questions, answer), said, strict=True):
            for finding in ground(lexed, sentence.question, sentence.statements):
                assert finding.evidence is not None
                (span,) = (s for s in finding.evidence.spans if s.role == "signal")
                signals = [s.signal_at for s in here if s.statement[2:] == (finding.modality, finding.signal)]
                in_sentence.append(sentence.question.holds(span.start))
                # The writer's 呈弥散受限 begins before the token.
                at_signal.append(any(span.start - 2 <= at < span.end for at in signals))
                found.append(finding)
        described = with_descriptions(found, sentences(lexed))
        with_shape += [f.morphology == shapes[f.key] for f in described if f.key in shapes]
    assert len(with_shape) > 200
    assert np.mean(in_sentence) >= 0.97
    assert np.mean(at_signal) >= 0.95
    assert np.mean(with_shape) >= 0.93


REFUSED = {
    "[]": "validation error",
    "{": "Invalid JSON",
    '{"1":{}}': "has no place",
    '{"1":[]}': "validation error",
    '{"1":3}': "validation error",
    '{"1":{"T2":"高"}}': "has no place",
    '{"1":{"左侧":[],"T2":"高"}}': "validation error",
    '{"1":{"左侧":"额叶","T2":"高"}}': "validation error",
    '{"1":{"左侧":["额叶"],"T2":"强化"}}': "validation error",
    '{"1":{"左侧":["额叶"],"T1CE":"强化"}}': "validation error",
    '{"2":{"左侧":["额叶"],"T2":"高"}}': "the report lacks",
    '{"1":{"左侧":["额叶"],"T2":"高"},"1":{"左侧":["额叶"]}}': "twice",
}


@pytest.mark.parametrize("answer", REFUSED)
def test_an_answer_that_is_no_study_is_refused(answer: str) -> None:
    lexed = lex("左侧额叶见片状长T2信号。")
    with pytest.raises(ValueError, match=REFUSED[answer]):
        read_report_answer(lexed.text, report_questions(lexed), answer)


def _compiler(tokenizer: PreTrainedTokenizerFast) -> xgrammar.GrammarCompiler:
    return xgrammar.GrammarCompiler(
        xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=len(tokenizer)), max_threads=1
    )


def _admits(compiler: xgrammar.GrammarCompiler, form: ReportForm, asked: Asked, reply: str) -> bool:
    matcher = xgrammar.GrammarMatcher(
        compiler.compile_json_schema(
            form.constraint(asked).source, any_whitespace=False, separators=(",", ":"), strict_mode=True
        )
    )
    return bool(matcher.accept_string(reply)) and matcher.is_completed()


def test_the_grammar_admits_every_right_answer(any_model: Path) -> None:
    compiler = _compiler(load_tokenizer(any_model))
    for asked, _, answer, _ in _answered():
        for strict in (False, True):
            assert _admits(compiler, ReportForm(None, strict_vocabulary=strict), asked, answer)


TEXT = "左侧额叶见片状长T1长T2信号，DWI未见高信号。右侧额叶见片状短T1信号。"
RIGHT = '{"1":{"左侧":["额叶"],"T1":"低","T2":"高","DWI":null},"2":{"右侧":["额叶"],"T1":"高"}}'


@pytest.mark.parametrize(
    ("wrong", "instead"),
    [
        ("额叶", "颞叶"),
        ('"左侧":["额叶"],', ""),
        ('"左侧"', '"双侧"'),
        ('"左侧"', '"部位"'),
        ('"T1":"高"', '"T1":"低"'),
        ('"T2":"高"', '"T2":"稍高"'),
        ('"T1":"低"', '"SWI":"低"'),
        ('"T2":"高"', '"T1":"低"'),
        (',"2"', ',"1"'),
        ('{"左侧":["额叶"],"T1":"低","T2":"高","DWI":null}', '[{"左侧":["额叶"],"T1":"低"}]'),
        (
            '{"左侧":["额叶"],"T1":"低","T2":"高","DWI":null}',
            "[" + '{"左侧":["额叶"],"T1":"低"},' * 3 + '{"左侧":["额叶"]}]',
        ),
        (":", ": "),
    ],
)
def test_the_grammar_admits_nothing_that_the_sentence_does_not_support(
    wrong: str, instead: str, any_model: Path
) -> None:
    form = ReportForm(None, strict_vocabulary=True)
    compiler = _compiler(load_tokenizer(any_model))
    (asked,) = form.asked(lex(TEXT))
    assert _admits(compiler, form, asked, RIGHT)
    assert RIGHT.replace(wrong, instead, 1) != RIGHT
    assert not _admits(compiler, form, asked, RIGHT.replace(wrong, instead, 1))


def test_words_that_the_lexer_does_not_hold_for_a_site_may_be_the_place_of_a_lesion(any_model: Path) -> None:
    text = "左侧额叶病灶累及嗅三角，T2WI呈高信号。"
    (asked,) = ReportForm(None).asked(lex(text))
    answer = '{"1":{"部位":["嗅三角","枕极"],"T2":"高"}}'
    compiler = _compiler(load_tokenizer(any_model))
    assert _admits(compiler, ReportForm(None), asked, '{"1":{"部位":["嗅三角"],"T2":"高"}}')
    assert not _admits(compiler, ReportForm(None, strict_vocabulary=True), asked, answer)
    (sentence,) = read_report_answer(text, asked.questions, answer)
    assert sentence.refused
    (finding,) = ground(lex(text), sentence.question, sentence.statements)
    assert (finding.site, finding.site_text, finding.modality, finding.signal) == ("未列部位", "嗅三角", "T2", "高")
    assert finding.evidence is not None
    (span,) = (s for s in finding.evidence.spans if s.role == "site")
    assert text[span.start : span.end] == "嗅三角"


def test_sites_in_the_words_of_the_report_are_those_of_the_vocabulary() -> None:
    text = "左侧额颞叶见片状长T2信号。"
    (asked,) = ReportForm(None).asked(lex(text))
    (sentence,) = read_report_answer(text, asked.questions, '{"1": {"左侧": ["额颞叶"], "T2": "高"}}')
    assert sentence.statements.keys() == {Statement("左侧", "额叶", "T2", "高"), Statement("左侧", "颞叶", "T2", "高")}


@pytest.mark.parametrize("adds_it", [True, False])
def test_a_chat_begins_with_one_special_token(any_model: Path, tmp_path: Path, adds_it: bool) -> None:
    tokenizer = load_tokenizer(any_model)
    tokenizer.add_special_tokens({"bos_token": "<|begin|>"})
    tokenizer.chat_template = "<|begin|>" + TEMPLATE
    if adds_it:
        begin = ("<|begin|>", tokenizer.bos_token_id)
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing("<|begin|> $A", special_tokens=[begin])
    tokenizer.save_pretrained(tmp_path)
    saved = load_tokenizer(tmp_path)
    lexed = lex("左侧额叶见片状长T1信号。")
    form = ReportForm(saved)
    prompt = form.prompt(*form.asked(lexed))
    assert saved(prompt)["input_ids"].count(saved.bos_token_id) == 1


def test_a_model_of_any_kind_says_only_what_the_words_support(any_model: Path) -> None:
    text = "右侧小脑半球见片状长T1长T2信号。"
    extractor = _extractor(any_model)
    extractor.form.max_answer_tokens = 200
    prompt = extractor.form.prompt(*extractor.form.asked(lex(text)))
    assert prompt.startswith("<|user|>")
    assert f"〔1〕{text}" in prompt
    (reading,) = extractor.read([text])
    for finding in (*reading.study.findings, *reading.study.negatives):
        assert (finding.side, finding.site) == ("右侧", "小脑半球")
        assert finding.evidence is not None
        assert text[finding.evidence.start : finding.evidence.end] == finding.evidence.text


def test_a_report_that_states_no_signal_is_not_asked(any_model: Path) -> None:
    assert _extractor(any_model).form.asked(lex("双侧大脑半球对称，中线结构居中。")) == []


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="no causal language model"):
        load_model(tmp_path)
    with pytest.raises(SelipError, match="no tokenizer"):
        load_tokenizer(tmp_path)
