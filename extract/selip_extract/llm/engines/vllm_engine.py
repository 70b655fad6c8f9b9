"""vLLM as the engine: many reports at the same time on a GPU, or on a CPU with vLLM's CPU build."""

import asyncio
import gc
import os
from collections.abc import MutableMapping, Sequence
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedTokenizerFast

from selip_extract.extraction import Usage
from selip_extract.llm.adapters import check_base, read_config, weights
from selip_extract.llm.engine import Answer, Constraint, Failure, GenerationRequest
from selip_extract.llm.engines.loop_thread import LoopThread
from selip_extract.llm.engines.tokens import decode, prompt_ids, too_long
from selip_extract.llm.model_files import check_causal
from selip_shared.errors import SelipError

# Enough for a report of 20,000 characters with the longest answer; more would only take memory from the cache.
MAX_SEQUENCE_TOKENS = 24_576
VLLM_ENVIRONMENT = {"VLLM_LOGGING_LEVEL": "ERROR"}
# The model computes in the process of the engine, and a waiting thread does not keep a core busy: both would take cores
# from the extractors that run beside it.
VLLM_CPU_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "OMP_WAIT_POLICY": "passive",
}
STRUCTURED_OUTPUTS = {"backend": "xgrammar", "disable_any_whitespace": True}


def prepare_environment(environment: MutableMapping[str, str], gpu: bool) -> None:
    """Add the variables that vLLM reads when it is imported or started; those that are set already stay as they are."""
    for name, value in (VLLM_ENVIRONMENT if gpu else VLLM_ENVIRONMENT | VLLM_CPU_ENVIRONMENT).items():
        environment.setdefault(name, value)


class VllmEngine:
    """The model of a folder, with or without an adapter.

    All requests of a call go to vLLM together, which batches them with those of other calls. If the engine process
    dies, the running calls fail and the next call starts a new process. From then on only one call runs at a time, so
    that the request that kills the engine is found.
    """

    batch_size = 1024

    def __init__(self, folder: Path, tokenizer: PreTrainedTokenizerFast, adapter: Path | None = None) -> None:
        """SelipError where the folder holds no causal language model, or the adapter belongs to another model."""
        check_causal(folder)
        self.rank = None
        if adapter is not None:
            check_base(folder, adapter)
            self.rank = read_config(adapter).r
        self.folder = folder
        self.tokenizer = tokenizer
        self.adapter = adapter
        config = AutoConfig.from_pretrained(folder, local_files_only=True).get_text_config()
        self.max_sequence_tokens = min(config.max_position_embeddings, MAX_SEQUENCE_TOKENS)
        self._llm: Any = None
        self._request_numbers = count()
        self._died = False
        self._one_call = Lock()
        self._loop = LoopThread("vllm")

    def fingerprint(self) -> dict[str, str]:
        """The engine and the hashes of model and adapter."""
        return {"engine": "vllm", **weights(self.folder, self.adapter)}

    def answers(self, requests: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        """The answers, in the order of the requests; raises vLLM's own exception where the engine dies."""
        with self._one_call if self._died else nullcontext():
            return self._loop.run(self._answers(requests))

    def close(self) -> None:
        """End the engine's processes and the thread."""
        self._loop.run(self._stop())
        self._loop.close()

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the engine, in the names of vllm.LLM and vllm's AsyncEngineArgs."""
        gpu = torch.cuda.is_available()
        lora = {} if self.rank is None else {"enable_lora": True, "max_lora_rank": max(self.rank, 8)}
        return {
            "model": str(self.folder),
            "dtype": "auto" if gpu else "float32",
            "enforce_eager": not gpu,
            "max_model_len": self.max_sequence_tokens,
            "enable_prefix_caching": True,
            "disable_log_stats": True,
            "generation_config": "vllm",
            "structured_outputs_config": STRUCTURED_OUTPUTS,
            **lora,
        }

    def sampling(self, request: GenerationRequest, free_tokens: int) -> Any:
        """Greedy vllm.SamplingParams with the request's constraint; the answer has at most `free_tokens` tokens."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            temperature=0.0,
            max_tokens=min(request.max_tokens, free_tokens),
            logprobs=0,
            detokenize=False,
            structured_outputs=_structured_outputs(request.constraint),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    async def _answers(self, requests: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        if self._llm is None:
            self._llm = self._start()
        # No local variable here: if an import inside vLLM fails at the start, this frame lives to the program's end.
        return await self._answers_of(self._llm, requests)

    async def _answers_of(self, llm: Any, requests: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        prompts = prompt_ids(self.tokenizer, requests)
        tasks = (self._answer(llm, ids, request) for ids, request in zip(prompts, requests, strict=True))
        answers: list[Answer | Failure] = []
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException):
                if llm is self._llm:
                    self._died = True
                    await self._stop()
                raise result
            answers.append(result)
        return answers

    async def _answer(self, llm: Any, ids: list[int], request: GenerationRequest) -> Answer | Failure:
        from vllm.exceptions import VLLMValidationError
        from vllm.lora.request import LoRARequest

        if failure := too_long(ids, self.max_sequence_tokens):
            return failure
        adapter = None if self.adapter is None else LoRARequest("adapter", 1, str(self.adapter))
        sampling = self.sampling(request, self.max_sequence_tokens - len(ids))
        try:
            async for output in llm.generate(
                {"prompt_token_ids": ids}, sampling, str(next(self._request_numbers)), lora_request=adapter
            ):
                last = output
        except VLLMValidationError:
            return Failure("error", "vLLM refuses the prompt or its grammar")
        (completion,) = last.outputs
        if completion.finish_reason not in ("stop", "length"):
            return Failure("error", f"vLLM ended the answer with {completion.finish_reason}")
        answer_ids = list(completion.token_ids)
        text, ends = decode(self.tokenizer, answer_ids)
        log_probabilities = tuple(
            choices[token].logprob for choices, token in zip(completion.logprobs, answer_ids, strict=True)
        )
        usage = Usage(len(ids), last.num_cached_tokens or 0, len(answer_ids))
        return Answer(text, ends, log_probabilities, completion.finish_reason == "stop", usage)

    def _start(self) -> Any:
        prepare_environment(os.environ, gpu=torch.cuda.is_available())
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        try:
            return AsyncLLM.from_engine_args(AsyncEngineArgs(**self.arguments(), enable_log_requests=False))
        except (RuntimeError, ValueError) as failure:
            raise SelipError(
                f"vLLM does not start with {self.folder} ({str(failure).splitlines()[0]}): use another extractor."
            ) from failure

    async def _stop(self) -> None:
        """Runs in the loop, where vLLM's own tasks run."""
        if self._llm is not None:
            self._llm.shutdown()
            self._llm = None
            # vLLM's objects refer to each other; their clean-up would fail when the interpreter ends.
            gc.collect()


def _structured_outputs(constraint: Constraint | None) -> Any:
    from vllm.sampling_params import StructuredOutputsParams

    if constraint is None:
        return None
    if constraint.kind == "grammar":
        return StructuredOutputsParams(grammar=constraint.source)
    return StructuredOutputsParams(json=constraint.source)
