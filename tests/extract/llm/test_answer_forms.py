"""Any causal language model in the place of the shipped one: the whole report in, the contract's JSON out."""

import json
import random
from pathlib import Path

import pytest
import xgrammar
from tokenizers.processors import TemplateProcessing

from selip_extract.extractors.language_model import LanguageModelExtractor
from selip_extract.extractors.registry import ModelChoice, extractor_maker
from selip_extract.language.lexer import lex
from selip_extract.language.question import Statement, support
from selip_extract.llm.answer_forms import ReportForm, SentenceForm
from selip_extract.llm.model_files import MODEL_FOLDER, load_model, load_tokenizer
from selip_extract.llm.report_task import INSTRUCTIONS, read_report_answer, report_answer, report_question
from selip_extract.pseudo_reports.writing.report import write_study
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


def test_a_report_answer_is_read_back() -> None:
    for text in _reports(100):
        question = report_question(lex(text))
        words = support(question)
        said = [
            Statement(side, question.sites[i], m, v)
            for side, sites in words.sites_by_side
            for i in sites[:2]
            for m in words.modalities
            for v in (None, *(words.enhancements if m == "T1CE" else words.signals)[:2])
        ]
        answer = report_answer(question, said)
        read = read_report_answer(answer)
        assert set(read) == set(said)
        for statement, (start, end) in read.items():
            told = json.loads(answer[start:end])
            assert (told["side"], told["site"], told["signal"]) == (statement.side, statement.site, statement.value)


@pytest.mark.parametrize("answer", ["[]", "{", '{"T1":[{}]}', '{"T1":3}', '{"T1":["左侧"]}'])
def test_an_answer_that_is_no_study_is_refused(answer: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read_report_answer(answer)


def test_the_grammar_admits_the_right_answer_and_no_unsupported_site(any_model: Path) -> None:
    tokenizer = load_tokenizer(any_model)
    form = ReportForm(tokenizer)
    words = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=len(tokenizer))
    compiler = xgrammar.GrammarCompiler(words)
    text = "左侧额叶见片状长T1长T2信号，DWI未见高信号。"
    question = report_question(lex(text))
    right = [
        Statement("左侧", "额叶", "T1", "低"),
        Statement("左侧", "额叶", "T2", "高"),
        Statement("左侧", "额叶", "DWI", None),
    ]
    answer = report_answer(question, right)

    def admits(reply: str) -> bool:
        schema = form.constraint(question).source
        matcher = xgrammar.GrammarMatcher(
            compiler.compile_json_schema(schema, any_whitespace=False, separators=(",", ":"), strict_mode=True)
        )
        return matcher.accept_string(reply) and matcher.accept_token(tokenizer.eos_token_id)

    assert admits(answer)
    assert not admits(answer.replace("额叶", "颞叶"))
    assert not admits(answer.replace("左侧", "右侧"))
    assert not admits(json.dumps(json.loads(answer), ensure_ascii=False))


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
    prompt = ReportForm(saved).prompt(lexed, report_question(lexed))
    assert saved(prompt)["input_ids"].count(saved.bos_token_id) == 1


def test_a_model_of_any_kind_says_only_what_the_words_support(any_model: Path) -> None:
    text = "右侧小脑半球见片状长T1长T2信号。"
    extractor = _extractor(any_model)
    extractor.form.max_answer_tokens = 200
    question = report_question(lex(text))
    prompt = extractor.form.prompt(lex(text), question)
    assert prompt.startswith("<|user|>")
    assert text in prompt
    (reading,) = extractor.read([text])
    for finding in (*reading.study.findings, *reading.study.negatives):
        assert (finding.side, finding.site) == ("右侧", "小脑半球")
        assert finding.evidence is not None
        assert text[finding.evidence.start : finding.evidence.end] == finding.evidence.text


def test_a_report_that_states_no_signal_is_not_asked(any_model: Path) -> None:
    assert _extractor(any_model).form.questions(lex("双侧大脑半球对称，中线结构居中。")) == []


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="no causal language model"):
        load_model(tmp_path)
    with pytest.raises(SelipError, match="no tokenizer"):
        load_tokenizer(tmp_path)
