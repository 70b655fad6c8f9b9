"""The engine on the model that ships: probabilities, texts and what it cannot answer."""

import math
import random

import pytest
import torch
import xgrammar

from selip_extract.language.lexer import lex
from selip_extract.llm.answer_forms import Asked, SentenceForm
from selip_extract.llm.engine import Answer, Constraint, Failure, GenerationRequest
from selip_extract.llm.engines.transformers_engine import TransformersEngine
from selip_extract.llm.model_files import MODEL_FOLDER, load_tokenizer
from selip_extract.llm.sentence_task import END, word_numbers
from selip_extract.pseudo_reports.writing.report import write_study

FORM = SentenceForm()


@pytest.fixture(scope="module")
def engine() -> TransformersEngine:
    return TransformersEngine(MODEL_FOLDER, load_tokenizer(MODEL_FOLDER), request_batch_size=8)


def _asked(count: int) -> list[tuple[Asked, GenerationRequest]]:
    lexed_reports = [lex(write_study(random.Random(f"engine-{i}")).text) for i in range(count)]
    return [
        (asked, GenerationRequest(FORM.prompt(asked), FORM.constraint(asked), FORM.max_answer_tokens))
        for lexed in lexed_reports
        for asked in FORM.asked(lexed)
    ]


def _naive_log_probabilities(engine: TransformersEngine, request: GenerationRequest, ids: list[int]) -> list[float]:
    """Each token's log-probability among those the grammar admits: one pass over the whole row, in float64."""
    assert request.constraint is not None
    vocabulary = engine.model.config.vocab_size
    tokens = xgrammar.TokenizerInfo.from_huggingface(engine.tokenizer, vocab_size=vocabulary)
    matcher = xgrammar.GrammarMatcher(xgrammar.GrammarCompiler(tokens).compile_grammar(request.constraint.source))
    prompt = engine.tokenizer(request.prompt, return_token_type_ids=False)["input_ids"]
    with torch.inference_mode():
        logits = engine.model(input_ids=torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1].double()
    found = []
    for row, token in zip(logits, ids, strict=True):
        bits = xgrammar.allocate_token_bitmask(1, vocabulary)
        matcher.fill_next_token_bitmask(bits)
        admitted = [i for i in range(vocabulary) if bits[0, i // 32] >> (i % 32) & 1]
        found.append(float(row[token] - torch.logsumexp(row[admitted], 0)))
        assert matcher.accept_token(token)
    return found


def test_probabilities_are_those_of_one_pass_in_double_precision(engine: TransformersEngine) -> None:
    asked = _asked(6)
    assert len(asked) > 5
    for (_, request), answer in zip(asked, engine.answers([request for _, request in asked]), strict=True):
        assert isinstance(answer, Answer)
        assert answer.ended
        words = [word_numbers()[w] for w in answer.text.split()]
        naive = _naive_log_probabilities(engine, request, [*words, word_numbers()[END]])
        assert answer.log_probabilities == pytest.approx(naive, abs=1e-4)
        assert answer.usage.tokens_out == len(naive)
        assert answer.probability == pytest.approx(math.exp(sum(naive)), rel=1e-3)


def test_a_statement_is_at_least_as_probable_as_the_whole_answer(engine: TransformersEngine) -> None:
    statements = 0
    asked = _asked(6)
    for (prompted, _), answer in zip(asked, engine.answers([request for _, request in asked]), strict=True):
        assert isinstance(answer, Answer)
        (sentence,) = FORM.read(prompted, answer.text)
        for spans in sentence.statements.values():
            assert answer.probability <= answer.probability_of(spans) <= 1
            statements += 1
        assert answer.probability_of([]) == 1
    assert statements > 10


def test_tokens_end_where_their_words_end(engine: TransformersEngine) -> None:
    (answer,) = engine.answers([_asked(1)[0][1]])
    assert isinstance(answer, Answer)
    words = [answer.text[a:b].strip() for a, b in zip((0, *answer.ends), answer.ends, strict=False)]
    assert words == [*answer.text.split(), ""]


def test_an_answer_does_not_depend_on_what_else_is_asked(engine: TransformersEngine) -> None:
    requests = [request for _, request in _asked(8)]
    together = engine.answers(requests)
    for request, answer in zip(requests, together, strict=True):
        (alone,) = engine.answers([request])
        assert isinstance(answer, Answer)
        assert isinstance(alone, Answer)
        assert alone.text == answer.text
        assert alone.log_probabilities == pytest.approx(answer.log_probabilities, abs=1e-4)


def test_a_prompt_without_room_fails_alone(engine: TransformersEngine) -> None:
    (_, request), *_ = _asked(1)
    longest = GenerationRequest(" ".join(["〇"] * 2_000), request.constraint, request.max_tokens)
    short, long = engine.answers([request, longest])
    assert isinstance(short, Answer)
    assert isinstance(long, Failure)
    assert long.status == "too_long"


def test_without_a_constraint_the_answer_is_free(engine: TransformersEngine) -> None:
    grammar = GenerationRequest("左侧 <answer>", Constraint("grammar", 'root ::= "高" "低"'), 8)
    free = GenerationRequest("左侧 <answer>", None, 8)
    bound, unbound = engine.answers([grammar, free])
    assert isinstance(bound, Answer)
    assert isinstance(unbound, Answer)
    assert bound.text == "高 低"
    assert len(unbound.log_probabilities) <= 8
