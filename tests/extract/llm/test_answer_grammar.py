import random
from collections.abc import Sequence
from functools import cache

import pytest
import torch
import xgrammar

from selip_contracts.findings import Finding
from selip_contracts.vocabulary import site_and_words
from selip_extract.language.lexer import lex
from selip_extract.language.question import Question, Support, questions, support
from selip_extract.llm.answer_grammar import answer_grammar
from selip_extract.llm.model_files import tokenizer
from selip_extract.llm.sentence_task import END, VOCABULARY, prompt, read_answer, word_numbers
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.training.pseudo_examples import examples_of


@cache
def _compiler() -> xgrammar.GrammarCompiler:
    return xgrammar.GrammarCompiler(xgrammar.TokenizerInfo.from_huggingface(tokenizer(), vocab_size=len(VOCABULARY)))


def _compiled(words: Support) -> xgrammar.CompiledGrammar:
    return _compiler().compile_grammar(answer_grammar(words))


def _admitted(words: Support, answer: Sequence[str]) -> bool:
    matcher = xgrammar.GrammarMatcher(_compiled(words))
    return all(matcher.accept_token(word_numbers()[w]) for w in (*answer, END)) and matcher.is_terminated()


def _only(text: str) -> Question:
    (question,) = questions(lex(text))
    return question


def _walk(rng: random.Random, words: Support, ends_willingly: bool) -> list[str]:
    """An answer of words drawn from those that the grammar admits."""
    matcher = xgrammar.GrammarMatcher(_compiled(words))
    bits = xgrammar.allocate_token_bitmask(1, len(VOCABULARY))
    said: list[str] = []
    while not matcher.is_terminated():
        matcher.fill_next_token_bitmask(bits)
        allowed = [w for i, w in enumerate(VOCABULARY) if bits[0, i // 32] >> (i % 32) & 1]
        others = [w for w in allowed if w != END]
        word = rng.choice(allowed if ends_willingly or not others else others)
        assert matcher.accept_token(word_numbers()[word])
        said.append(word)
        assert len(said) < 5000
    return said[:-1]


def _check_supported(question: Question, said: Sequence[str]) -> None:
    words = support(question)
    places = {(side, question.sites[i]) for side, sites in words.sites_by_side for i in sites}
    statements = read_answer(question, said)
    assert bool(statements) == bool(said)
    for s in statements:
        assert (s.side, s.site) in places
        assert s.modality in words.modalities
        assert s.value in (None, *words.signals, *words.enhancements)
        site, words_of_site = site_and_words(s.site)
        Finding(
            modality=s.modality,
            side=s.side,
            site=site,
            site_text=words_of_site,
            signal=s.value,
            present=s.value is not None,
        )


def test_the_right_answer_of_every_lesson_is_admitted() -> None:
    taught = 0
    for seed in range(250):
        report = write_study(random.Random(seed))
        asked = iter(questions(lex(report.text)))
        for example in examples_of(report):
            question = next(q for q in asked if prompt(q) == example.prompt)
            assert _admitted(support(question), example.answer), example
            taught += 1
    assert taught > 400


def test_every_walk_ends_and_says_only_what_the_words_support() -> None:
    rng = random.Random(1)
    asked = [q for seed in range(25) for q in questions(lex(write_study(random.Random(seed)).text))]
    for question in asked:
        _check_supported(question, _walk(rng, support(question), ends_willingly=True))


def test_a_walk_that_avoids_the_end_reaches_it() -> None:
    question = _only("左侧额叶、右侧颞叶见T1WI低信号，T2WI呈高信号，增强后环形强化")
    said = _walk(random.Random(2), support(question), ends_willingly=False)
    assert said[-1] == ";"
    _check_supported(question, said)


TEXT = "左侧额叶、脑桥见T1WI低信号，增强后明显强化"


@pytest.mark.parametrize(
    ("said", "admitted"),
    [
        ("左侧 s00 : T1 低 ;", True),
        ("左侧 s00 无侧 s01 : T1 低 CE 明显强化 ;", True),
        ("左侧 s00 : T1 否 ; 无侧 s01 : CE 否 ;", True),
        ("", True),
        ("右侧 s00 : T1 低 ;", False),
        ("左侧 s01 : T1 低 ;", False),
        ("左侧 s02 : T1 低 ;", False),
        ("左侧 s00 : T2 低 ;", False),
        ("左侧 s00 : T1 高 ;", False),
        ("左侧 s00 : T1 明显强化 ;", False),
        ("左侧 s00 : CE 低 ;", False),
        ("左侧 s00 : CE 轻度强化 ;", False),
        ("左侧 s00 : T1 低", False),
        ("s00 : T1 低 ;", False),
    ],
)
def test_what_is_admitted(said: str, admitted: bool) -> None:
    assert _admitted(support(_only(TEXT)), said.split()) is admitted


def test_a_word_of_questions_is_not_the_beginning_of_a_word_of_answers() -> None:
    words = support(_only("左侧额叶增强后均匀强化"))
    assert _admitted(words, "左侧 s00 : CE 均匀强化 ;".split())
    matcher = xgrammar.GrammarMatcher(_compiled(words))
    assert [matcher.accept_token(word_numbers()[w]) for w in ("左侧", "s00", ":", "CE", "<均>")] == [True] * 4 + [False]


def test_no_word_begins_a_word_of_an_answer() -> None:
    said: set[str] = set()
    for seed in range(100):
        for example in examples_of(write_study(random.Random(seed))):
            said |= set(example.answer)
    assert len(said) > 30
    assert not [(a, b) for a in VOCABULARY for b in said if a != b and b.startswith(a)]


def test_words_that_support_nothing_admit_the_empty_answer_alone() -> None:
    nothing = Support(sites_by_side=(), modalities=("T1",), signals=("高",), enhancements=())
    assert _walk(random.Random(3), nothing, ends_willingly=False) == []
    assert not _admitted(nothing, ["左侧"])


def test_token_ids_fit_the_mask() -> None:
    assert xgrammar.allocate_token_bitmask(1, len(VOCABULARY)).dtype == torch.int32
    assert sorted(word_numbers().values()) == list(range(len(VOCABULARY)))
