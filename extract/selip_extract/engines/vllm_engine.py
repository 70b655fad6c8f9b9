"""vLLM as the engine, in this process: many reports at once on a GPU, or on a CPU with vLLM's CPU build."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedTokenizerFast

from selip_extract.adapters import check_base, read_config, weights
from selip_extract.engines import Answer, Ask, Constraint, Failure
from selip_extract.engines.transformers_engine import decoded
from selip_extract.extraction import Usage
from selip_extract.model_files import check_causal
from selip_shared.errors import SelipError

# A report of 20,000 characters with the longest answer; more would only take memory from the cache.
LONGEST_SEQUENCE = 24_576
QUIET = {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_CONFIGURE_LOGGING": "1"}
ON_A_CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}


class VllmEngine:
    """The model of a folder, with an adapter on it or without; after its death the next call starts another."""

    batch_size = 4096

    def __init__(self, folder: Path, tokenizer: PreTrainedTokenizerFast, adapter: Path | None = None) -> None:
        """SelipError where the folder's model is none that answers, or the adapter belongs to another."""
        check_causal(folder)
        if adapter is not None:
            check_base(folder, adapter)
        self.folder = folder
        self.tokenizer = tokenizer
        self.adapter = adapter
        self.longest = min(
            AutoConfig.from_pretrained(folder, local_files_only=True).max_position_embeddings, LONGEST_SEQUENCE
        )
        # The engine is made and called in one thread, whichever thread asks.
        self._worker = ThreadPoolExecutor(1)
        self._llm: Any = None

    def fingerprint(self) -> dict[str, str]:
        """The engine and the hashes of model and adapter."""
        return {"engine": "vllm", **weights(self.folder, self.adapter)}

    def answers(self, asks: Sequence[Ask]) -> list[Answer | Failure]:
        """The answers, in the order of the asks; where the engine dies the exception is vLLM's own."""
        prompts = self._tokens(asks)
        found: dict[int, Answer | Failure] = {
            i: Failure("too_long", f"{len(prompt)} tokens, and the model takes {self.longest}")
            for i, prompt in enumerate(prompts)
            if len(prompt) >= self.longest
        }
        order = [i for i in range(len(asks)) if i not in found]
        if order:
            said = self._worker.submit(self._generate, [asks[i] for i in order]).result()
            found.update(zip(order, said, strict=True))
        return [found[i] for i in range(len(asks))]

    def close(self) -> None:
        """End the engine's processes and thread."""
        self._worker.submit(self._stop).result()
        self._worker.shutdown()

    def _stop(self) -> None:
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None

    @property
    def llm(self) -> Any:
        """The engine itself (vllm.LLM), started when it is first needed."""
        if self._llm is None:
            self._llm = self._started()
        return self._llm

    def requests(self, asks: Sequence[Ask]) -> tuple[list[Any], list[Any]]:
        """Prompts and sampling parameters as LLM.generate takes them."""
        prompts = self._tokens(asks)
        parameters = [
            self._sampling(ask, self.longest - len(prompt)) for prompt, ask in zip(prompts, asks, strict=True)
        ]
        return [{"prompt_token_ids": prompt} for prompt in prompts], parameters

    def _tokens(self, asks: Sequence[Ask]) -> list[list[int]]:
        return self.tokenizer([a.prompt for a in asks], return_token_type_ids=False)["input_ids"] if asks else []

    def _generate(self, asks: list[Ask]) -> list[Answer]:
        prompts, parameters = self.requests(asks)
        from vllm.lora.request import LoRARequest
        from vllm.v1.engine.exceptions import EngineDeadError

        adapter = None if self.adapter is None else LoRARequest("adapter", 1, str(self.adapter))
        try:
            outputs = self.llm.generate(prompts, parameters, use_tqdm=False, lora_request=adapter)
        except EngineDeadError:
            self._stop()
            raise
        return [self._answer(output) for output in outputs]

    def _started(self) -> Any:
        for name, value in (QUIET | ({} if torch.cuda.is_available() else ON_A_CPU)).items():
            os.environ.setdefault(name, value)
        from vllm import LLM

        lora = {} if self.adapter is None else {"enable_lora": True, "max_lora_rank": read_config(self.adapter).r}
        gpu = torch.cuda.is_available()
        try:
            return LLM(
                str(self.folder),
                dtype="auto" if gpu else "float32",
                enforce_eager=not gpu,
                max_model_len=self.longest,
                enable_prefix_caching=True,
                disable_log_stats=True,
                structured_outputs_config={"backend": "xgrammar", "disable_any_whitespace": True},
                **lora,
            )
        except (RuntimeError, ValueError) as failure:
            raise SelipError(f"vLLM does not start with {self.folder}: {str(failure).splitlines()[0]}") from failure

    def _sampling(self, ask: Ask, room: int) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            temperature=0.0,
            max_tokens=min(ask.longest, room),
            logprobs=0,
            detokenize=False,
            structured_outputs=_structured(ask.constraint),
        )

    def _answer(self, output: Any) -> Answer:
        (said,) = output.outputs
        ids = list(said.token_ids)
        text, ends = decoded(self.tokenizer, ids)
        log_probabilities = tuple(at[token].logprob for at, token in zip(said.logprobs, ids, strict=True))
        usage = Usage(len(output.prompt_token_ids), output.num_cached_tokens or 0, len(ids))
        return Answer(text, ends, log_probabilities, said.finish_reason == "stop", usage)


def _structured(constraint: Constraint | None) -> Any:
    from vllm.sampling_params import StructuredOutputsParams

    if constraint is None:
        return None
    if constraint.kind == "grammar":
        return StructuredOutputsParams(grammar=constraint.source)
    return StructuredOutputsParams(json=constraint.source)
