"""transformers as the engine: batches of like length on a CPU or one GPU, each row under its own grammar."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import torch
import xgrammar
from transformers import LogitsProcessor, LogitsProcessorList, PreTrainedModel, PreTrainedTokenizerFast

from selip_extract.extraction import Usage
from selip_extract.llm.adapters import load_adapter, weights
from selip_extract.llm.engine import Answer, Constraint, Failure, GenerationRequest
from selip_extract.llm.engines.tokens import decoded, no_room, prompts
from selip_extract.llm.model_files import load_model

GRAMMAR_BYTES = 256 << 20
ANY_TEXT = r"root ::= [^\0]*"


class GrammarMask(LogitsProcessor):
    """Lets each row of a batch continue only as its grammar admits; one instance serves one generation."""

    def __init__(self, grammars: Sequence[xgrammar.CompiledGrammar], vocabulary: int, prompt_length: int) -> None:
        self.matchers = [xgrammar.GrammarMatcher(g) for g in grammars]
        self.mask = xgrammar.allocate_token_bitmask(len(grammars), vocabulary)
        self.prompt_length = prompt_length
        self.log_probabilities: list[list[float]] = [[] for _ in grammars]
        self.last: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Mask `scores` (rows, vocabulary) by the grammars after the tokens of `input_ids` (rows, length)."""
        if input_ids.shape[1] > self.prompt_length:
            self.take(input_ids[:, -1])
        for row, matcher in enumerate(self.matchers):
            if not matcher.is_terminated():
                matcher.fill_next_token_bitmask(self.mask, row)
        xgrammar.apply_token_bitmask_inplace(scores, self.mask.to(scores.device))
        self.last = scores.log_softmax(-1)
        return scores

    def take(self, chosen: torch.Tensor) -> None:
        """Note the tokens (rows) that were chosen, the last ones of a generation too."""
        assert self.last is not None
        taken = self.last.gather(1, chosen[:, None]).squeeze(1).tolist()
        for row, (matcher, token) in enumerate(zip(self.matchers, chosen.tolist(), strict=True)):
            if not matcher.is_terminated():
                self.log_probabilities[row].append(taken[row])
                assert matcher.accept_token(token), "the grammar admits what it let through"


class TransformersEngine:
    """The model of a folder, with an adapter merged into it or without; `at_once` asks are answered together."""

    batch_size = 256

    def __init__(
        self, folder: Path, tokenizer: PreTrainedTokenizerFast, at_once: int, adapter: Path | None = None
    ) -> None:
        self.folder = folder
        self.adapter = adapter
        self.tokenizer = tokenizer
        self.at_once = at_once
        # One thread for all callers: every other one that calls torch would start threads of its own.
        self._worker = ThreadPoolExecutor(1)

    @cached_property
    def model(self) -> PreTrainedModel:
        """The weights, loaded when they are first needed."""
        model = load_model(self.folder)
        if self.adapter is None:
            return model
        merged: PreTrainedModel = load_adapter(model, self.folder, self.adapter).merge_and_unload()
        return merged

    @cached_property
    def longest(self) -> int:
        """The most tokens that prompt and answer may have together."""
        return int(self.model.config.max_position_embeddings)

    def fingerprint(self) -> dict[str, str]:
        """The engine and the hashes of model and adapter."""
        return {"engine": "transformers", **weights(self.folder, self.adapter)}

    def answers(self, asks: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        """The model's answers, in the order of the asks; like lengths are asked together."""
        ids = prompts(self.tokenizer, asks)
        failures = ((i, no_room(prompt, self.longest)) for i, prompt in enumerate(ids))
        found: dict[int, Answer | Failure] = {i: failure for i, failure in failures if failure}
        order = sorted((i for i in range(len(asks)) if i not in found), key=lambda i: len(ids[i]))
        for start in range(0, len(order), self.at_once):
            batch = order[start : start + self.at_once]
            generation = self._worker.submit(self._generate, [ids[i] for i in batch], [asks[i] for i in batch])
            found.update(zip(batch, generation.result(), strict=True))
        return [found[i] for i in range(len(asks))]

    def close(self) -> None:
        """End the engine's thread."""
        self._worker.shutdown()

    @torch.inference_mode()
    def _generate(self, prompts: list[list[int]], asks: list[GenerationRequest]) -> list[Answer]:
        inputs = self.tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(self.model.device)
        length = inputs["input_ids"].shape[1]
        mask = GrammarMask([self._compiled(a.constraint) for a in asks], self.model.config.vocab_size, length)
        out = self.model.generate(  # type: ignore[operator]
            **inputs,
            max_new_tokens=min(max(a.longest for a in asks), self.longest - length),
            do_sample=False,
            logits_processor=LogitsProcessorList([mask]),
            pad_token_id=self.tokenizer.pad_token_id,
        )
        mask.take(out[:, -1])
        return [
            self._answer(len(prompt), ids[: len(values)], values)
            for prompt, ids, values in zip(prompts, out[:, length:].tolist(), mask.log_probabilities, strict=True)
        ]

    def _answer(self, prompt_length: int, ids: list[int], log_probabilities: list[float]) -> Answer:
        text, ends = decoded(self.tokenizer, ids)
        ended = bool(ids) and ids[-1] == self.tokenizer.eos_token_id
        return Answer(text, ends, tuple(log_probabilities), ended, Usage(prompt_length, 0, len(ids)))

    @cached_property
    def _compiler(self) -> xgrammar.GrammarCompiler:
        words = xgrammar.TokenizerInfo.from_huggingface(self.tokenizer, vocab_size=self.model.config.vocab_size)
        return xgrammar.GrammarCompiler(words, max_threads=2, cache_limit_bytes=GRAMMAR_BYTES)

    def _compiled(self, constraint: Constraint | None) -> xgrammar.CompiledGrammar:
        if constraint is None:
            return self._compiler.compile_grammar(ANY_TEXT)
        if constraint.kind == "grammar":
            return self._compiler.compile_grammar(constraint.source)
        return self._compiler.compile_json_schema(
            constraint.source, any_whitespace=False, separators=(",", ":"), strict_mode=True
        )
