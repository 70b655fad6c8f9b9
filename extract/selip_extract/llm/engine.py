"""The seam between a task and what runs a language model: an engine answers asks, each under its own constraint."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from selip_extract.extraction import Status, Usage

CONCURRENCY = 128
"""Requests in flight to servers, where the user names no other number."""


@dataclass(frozen=True)
class Constraint:
    """What an answer may be: the source of an EBNF grammar of xgrammar's kind, or of a JSON schema.

    JSON is written in the form of json.dumps(..., ensure_ascii=False, separators=(",", ":")).
    """

    kind: Literal["grammar", "json"]
    source: str


@dataclass(frozen=True)
class GenerationRequest:
    """One prompt; an answer has at most `longest` tokens, and is free text where there is no constraint."""

    prompt: str
    constraint: Constraint | None
    longest: int


@dataclass(frozen=True)
class Answer:
    """What a model wrote.

    Token i has the logarithm of its probability, among the tokens that the constraint admits, in
    `log_probabilities[i]`, and its characters end at `ends[i]` of `text`; the end token has none of its own. Where an
    engine cannot tell the tokens apart the whole text stands as one; where it knows no probabilities they are nan.
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
    """Why one ask has no answer, as a status and in words that quote nothing of the prompt."""

    status: Status
    note: str


class Engine(Protocol):
    """Runs a language model, greedily; safe to call from several threads.

    `batch_size` is how many reports should be in work at once to keep it busy.
    """

    batch_size: int

    def fingerprint(self) -> dict[str, str]:
        """What decides its answers: engine, model_hash, adapter_hash and settings."""
        ...

    def answers(self, asks: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        """One answer or failure an ask, in order; raises where the engine itself failed."""
        ...

    def close(self) -> None:
        """Give back what it holds: memory, threads, connections."""
        ...
