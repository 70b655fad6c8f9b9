"""vLLM as the engine, beside this process: many reports at once on a GPU, or on a CPU with vLLM's CPU build."""

import asyncio
import gc
import os
from collections.abc import Sequence
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
from selip_extract.llm.engines.tokens import decoded, no_room, prompts
from selip_extract.llm.model_files import check_causal
from selip_shared.errors import SelipError

# A report of 20,000 characters with the longest answer; more would only take memory from the cache.
LONGEST_SEQUENCE = 24_576
QUIET = {"VLLM_LOGGING_LEVEL": "ERROR"}
# The model computes in the engine's own process, and no thread keeps a core busy while it waits for others: both would
# take the cores from the readers beside it.
ON_A_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "OMP_WAIT_POLICY": "passive",
}
JSON_AND_GRAMMARS = {"backend": "xgrammar", "disable_any_whitespace": True}


class VllmEngine:
    """The model of a folder, with an adapter on it or without.

    All asks of a call are handed to vLLM at once, which batches them with those of other calls. Where its process dies
    the calls in work fail; the next one starts another, and from then on one call is answered at a time, so that what
    kills the engine is found.
    """

    batch_size = 1024

    def __init__(self, folder: Path, tokenizer: PreTrainedTokenizerFast, adapter: Path | None = None) -> None:
        """SelipError where the folder's model is none that answers, or the adapter belongs to another."""
        check_causal(folder)
        self.rank = None
        if adapter is not None:
            check_base(folder, adapter)
            self.rank = read_config(adapter).r
        self.folder = folder
        self.tokenizer = tokenizer
        self.adapter = adapter
        self.longest = min(
            AutoConfig.from_pretrained(folder, local_files_only=True).max_position_embeddings, LONGEST_SEQUENCE
        )
        self._llm: Any = None
        self._numbers = count()
        self._died = False
        self._alone = Lock()
        self._loop = LoopThread("vllm")

    def fingerprint(self) -> dict[str, str]:
        """The engine and the hashes of model and adapter."""
        return {"engine": "vllm", **weights(self.folder, self.adapter)}

    def answers(self, asks: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        """The answers, in the order of the asks; where the engine dies the exception is vLLM's own."""
        with self._alone if self._died else nullcontext():
            return self._loop.run(self._all(asks))

    def close(self) -> None:
        """End the engine's processes and the thread."""
        self._loop.run(self._stop())
        self._loop.close()

    def arguments(self) -> dict[str, Any]:
        """What the engine is started with, as vllm.LLM takes it too; sets what vLLM reads from the environment."""
        gpu = torch.cuda.is_available()
        for name, value in (QUIET if gpu else QUIET | ON_A_CPU).items():
            os.environ.setdefault(name, value)
        lora = {} if self.rank is None else {"enable_lora": True, "max_lora_rank": max(self.rank, 8)}
        return {
            "model": str(self.folder),
            "dtype": "auto" if gpu else "float32",
            "enforce_eager": not gpu,
            "max_model_len": self.longest,
            "enable_prefix_caching": True,
            "disable_log_stats": True,
            "structured_outputs_config": JSON_AND_GRAMMARS,
            **lora,
        }

    def sampling(self, ask: GenerationRequest, room: int) -> Any:
        """Greedy, under the ask's constraint, within `room` tokens (vllm.SamplingParams)."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            temperature=0.0,
            max_tokens=min(ask.longest, room),
            logprobs=0,
            detokenize=False,
            structured_outputs=_structured(ask.constraint),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    async def _all(self, asks: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        if self._llm is None:
            self._llm = self._started()
        # No name for it here: an import that fails inside vLLM while it starts keeps this frame to the program's end.
        return await self._answered(self._llm, asks)

    async def _answered(self, llm: Any, asks: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        asked = zip(prompts(self.tokenizer, asks), asks, strict=True)
        found = await asyncio.gather(*(self._answer(llm, ids, ask) for ids, ask in asked), return_exceptions=True)
        answers = []
        for said in found:
            if isinstance(said, BaseException):
                if llm is self._llm:
                    self._died = True
                    await self._stop()
                raise said
            answers.append(said)
        return answers

    async def _answer(self, llm: Any, ids: list[int], ask: GenerationRequest) -> Answer | Failure:
        from vllm.exceptions import VLLMValidationError
        from vllm.lora.request import LoRARequest

        if failure := no_room(ids, self.longest):
            return failure
        adapter = None if self.adapter is None else LoRARequest("adapter", 1, str(self.adapter))
        sampling = self.sampling(ask, self.longest - len(ids))
        try:
            async for output in llm.generate(
                {"prompt_token_ids": ids}, sampling, str(next(self._numbers)), lora_request=adapter
            ):
                last = output
        except VLLMValidationError:
            return Failure("error", "vLLM refuses the prompt or its grammar")
        (said,) = last.outputs
        if said.finish_reason not in ("stop", "length"):
            return Failure("error", f"vLLM ended the answer with {said.finish_reason}")
        written = list(said.token_ids)
        text, ends = decoded(self.tokenizer, written)
        log_probabilities = tuple(at[token].logprob for at, token in zip(said.logprobs, written, strict=True))
        usage = Usage(len(ids), last.num_cached_tokens or 0, len(written))
        return Answer(text, ends, log_probabilities, said.finish_reason == "stop", usage)

    def _started(self) -> Any:
        arguments = self.arguments()
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        try:
            return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments, enable_log_requests=False))
        except (RuntimeError, ValueError) as failure:
            raise SelipError(
                f"vLLM does not start with {self.folder} ({str(failure).splitlines()[0]}): take another extractor."
            ) from failure

    async def _stop(self) -> None:
        """In the loop, where vLLM's own tasks run."""
        if self._llm is not None:
            self._llm.shutdown()
            self._llm = None
            # It refers to itself, and at the interpreter's end its own clean-up would fail.
            gc.collect()


def _structured(constraint: Constraint | None) -> Any:
    from vllm.sampling_params import StructuredOutputsParams

    if constraint is None:
        return None
    if constraint.kind == "grammar":
        return StructuredOutputsParams(grammar=constraint.source)
    return StructuredOutputsParams(json=constraint.source)
