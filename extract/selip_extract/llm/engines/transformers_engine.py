"""transformers as the engine: batches of similar length on a CPU or one GPU, each row with its own grammar."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import torch
import xgrammar
from peft import PeftModel
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from selip_extract.extraction import Usage
from selip_extract.llm.adapters import load_adapter, reads_in_four_bits, weights
from selip_extract.llm.engine import Answer, Constraint, Failure, GenerationRequest
from selip_extract.llm.engines.tokens import decode, prompt_ids, too_long
from selip_extract.llm.model_files import load_model
from selip_shared.threads import compute_alone

MAX_PARAMETERS_OF_ONE_THREAD = 50_000_000
"""A smaller model is no faster with more threads, and slower where other programs use the processors."""

GRAMMAR_CACHE_BYTES = 256 << 20
ANY_TEXT_GRAMMAR = r"root ::= [^\0]*"


class GrammarMask(LogitsProcessor):
    """Masks the tokens that the grammar of each row does not admit; one instance serves one generation."""

    def __init__(self, grammars: Sequence[xgrammar.CompiledGrammar], vocabulary_size: int, prompt_length: int) -> None:
        self.matchers = [xgrammar.GrammarMatcher(g) for g in grammars]
        self.mask = xgrammar.allocate_token_bitmask(len(grammars), vocabulary_size)
        self.prompt_length = prompt_length
        self.log_probabilities: list[list[float]] = [[] for _ in grammars]
        self.last: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Mask `scores` (rows, vocabulary) by the grammars after the tokens of `input_ids` (rows, length)."""
        if input_ids.shape[1] > self.prompt_length:
            self.accept(input_ids[:, -1])
        for row, matcher in enumerate(self.matchers):
            if not matcher.is_terminated():
                matcher.fill_next_token_bitmask(self.mask, row)
        xgrammar.apply_token_bitmask_inplace(scores, self.mask.to(scores.device))
        self.last = scores.log_softmax(-1)
        return scores

    def accept(self, chosen: torch.Tensor) -> None:
        """Advance the grammars by the chosen tokens (rows); call it for the last tokens of a generation too."""
        assert self.last is not None
        values = self.last.gather(1, chosen[:, None]).squeeze(1).tolist()
        for row, (matcher, token) in enumerate(zip(self.matchers, chosen.tolist(), strict=True)):
            if not matcher.is_terminated():
                self.log_probabilities[row].append(values[row])
                assert matcher.accept_token(token), "the mask admits only tokens of the grammar"


class TransformersEngine:
    """The model of a folder, with or without an adapter; it answers requests in batches.

    A `model` that is given is used as it is, instead of one loaded from the folder.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer: PreTrainedTokenizerFast,
        request_batch_size: int,
        adapter: Path | None = None,
        model: PeftModel | None = None,
    ) -> None:
        self.folder = folder
        self.adapter = adapter
        self._given = model
        self.tokenizer = tokenizer
        self.request_batch_size = request_batch_size
        # Two batches of requests: of a large model a user sees progress, and loses little by a kill.
        self.batch_size = 2 * request_batch_size
        # One thread for all callers: each further thread that calls torch would start its own threads.
        self._worker = ThreadPoolExecutor(1, initializer=self._set_threads)

    @cached_property
    def model(self) -> PreTrainedModel | PeftModel:
        """The weights, loaded at their first use."""
        model = self._given or self._loaded()
        # The probabilities are the model's own, without the penalties that its files may ask for.
        neutral = GenerationConfig(eos_token_id=self.tokenizer.eos_token_id)  # type: ignore[no-untyped-call]
        model.generation_config = neutral
        return model

    def _loaded(self) -> PreTrainedModel | PeftModel:
        """The model of the folder, an adapter merged into it unless that would round the weights of 4 bits again."""
        if self.adapter is None:
            return load_model(self.folder)
        four_bit = reads_in_four_bits(self.adapter)
        adapted = load_adapter(load_model(self.folder, four_bit=four_bit), self.folder, self.adapter)
        if four_bit:
            return adapted
        merged: PreTrainedModel = adapted.merge_and_unload()
        return merged

    @cached_property
    def max_sequence_tokens(self) -> int:
        """The largest number of tokens of prompt and answer together."""
        return int(self.model.config.max_position_embeddings)

    def fingerprint(self) -> dict[str, str]:
        """The engine and the hashes of model and adapter."""
        return {"engine": "transformers", **weights(self.folder, self.adapter)}

    def answers(self, requests: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        """The model's answers, in the order of the requests; prompts of similar length are batched."""
        ids = prompt_ids(self.tokenizer, requests)
        failures = ((i, too_long(prompt, self.max_sequence_tokens)) for i, prompt in enumerate(ids))
        found: dict[int, Answer | Failure] = {i: failure for i, failure in failures if failure}
        order = sorted((i for i in range(len(requests)) if i not in found), key=lambda i: len(ids[i]))
        for start in range(0, len(order), self.request_batch_size):
            batch = order[start : start + self.request_batch_size]
            generation = self._worker.submit(self._generate, [ids[i] for i in batch], [requests[i] for i in batch])
            found.update(zip(batch, generation.result(), strict=True))
        return [found[i] for i in range(len(requests))]

    def close(self) -> None:
        """End the engine's thread."""
        self._worker.shutdown()

    def _set_threads(self) -> None:
        if self.model.num_parameters() < MAX_PARAMETERS_OF_ONE_THREAD:
            compute_alone()

    @torch.inference_mode()
    def _generate(self, prompts: list[list[int]], requests: list[GenerationRequest]) -> list[Answer]:
        inputs = self.tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(self.model.device)
        length = inputs["input_ids"].shape[1]
        mask = GrammarMask([self._compiled(r.constraint) for r in requests], self.model.config.vocab_size, length)
        out = self.model.generate(  # type: ignore[operator]
            **inputs,
            max_new_tokens=min(max(r.max_tokens for r in requests), self.max_sequence_tokens - length),
            do_sample=False,
            logits_processor=LogitsProcessorList([mask]),
            pad_token_id=self.tokenizer.pad_token_id,
        )
        mask.accept(out[:, -1])
        return [
            self._answer(len(prompt), ids[: len(values)], values)
            for prompt, ids, values in zip(prompts, out[:, length:].tolist(), mask.log_probabilities, strict=True)
        ]

    def _answer(self, prompt_length: int, ids: list[int], log_probabilities: list[float]) -> Answer:
        text, ends = decode(self.tokenizer, ids)
        ended = bool(ids) and ids[-1] == self.tokenizer.eos_token_id
        return Answer(text, ends, tuple(log_probabilities), ended, Usage(prompt_length, 0, len(ids)))

    @cached_property
    def _compiler(self) -> xgrammar.GrammarCompiler:
        vocabulary = xgrammar.TokenizerInfo.from_huggingface(self.tokenizer, vocab_size=self.model.config.vocab_size)
        return xgrammar.GrammarCompiler(vocabulary, max_threads=2, cache_limit_bytes=GRAMMAR_CACHE_BYTES)

    def _compiled(self, constraint: Constraint | None) -> xgrammar.CompiledGrammar:
        if constraint is None:
            return self._compiler.compile_grammar(ANY_TEXT_GRAMMAR)
        if constraint.kind == "grammar":
            return self._compiler.compile_grammar(constraint.source)
        return self._compiler.compile_json_schema(
            constraint.source, any_whitespace=False, separators=(",", ":"), strict_mode=True
        )
