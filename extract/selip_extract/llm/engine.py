"""The interface between a task and what runs a language model: an engine answers requests, each with a constraint."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from selip_extract.extraction import Status, Usage

CONCURRENCY = 128
"""The default number of requests in flight to a server."""


@dataclass(frozen=True)
class Constraint:
    """What an answer may be: the source of a grammar in the EBNF of xgrammar, or of a JSON schema.

    JSON answers are formatted as json.dumps(..., ensure_ascii=False, separators=(",", ":")) does.
    """

    kind: Literal["grammar", "json"]
    source: str


@dataclass(frozen=True)
class GenerationRequest:
    """One prompt; an answer has at most `max_tokens` tokens, and is free text without a constraint."""

    prompt: str
    constraint: Constraint | None
    max_tokens: int


@dataclass(frozen=True)
class Answer:
    """What a model wrote.

    `log_probabilities[i]` is the natural logarithm of the probability of token i among the tokens that the constraint
    admits. `ends[i]` is the offset in `text` at which its characters end; the end token has no characters. An engine
    that cannot separate the tokens gives the whole text as one token; probabilities that it does not know are nan.
    """

    text: str
    ends: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    ended: bool
    usage: Usage

    @property
    def probability(self) -> float:
        """The model's probability of the whole answer."""
        return math.exp(sum(self.log_probabilities))

    def probability_of(self, spans: Sequence[tuple[int, int]]) -> float:
        """The probability of the tokens that overlap the characters [start, end) of any of the spans."""
        total, begin = 0.0, 0
        for end, value in zip(self.ends, self.log_probabilities, strict=True):
            if any(begin < stop and start < end for start, stop in spans):
                total += value
            begin = end
        return math.exp(total)


@dataclass(frozen=True)
class Failure:
    """Why one request has no answer: a status, and a note that quotes nothing of the prompt."""

    status: Status
    note: str


class Engine(Protocol):
    """Runs a language model with greedy decoding; thread-safe.

    `batch_size` is the number of reports in work at the same time that keeps the engine busy.
    """

    batch_size: int

    def fingerprint(self) -> dict[str, str]:
        """What determines its answers: engine, model_hash, adapter_hash and settings."""
        ...

    def answers(self, requests: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        """One answer or failure for each request, in order; raises where the engine itself failed."""
        ...

    def close(self) -> None:
        """Release memory, threads and connections."""
        ...
