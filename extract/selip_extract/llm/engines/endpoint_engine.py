"""OpenAI-compatible servers as the engine: how one outgrows a machine."""

import asyncio
import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from annotated_types import MinLen
from pydantic import BaseModel

from selip_extract.extraction import Usage
from selip_extract.llm.engine import CONCURRENCY, Answer, Failure, GenerationRequest
from selip_extract.llm.engines.loop_thread import LoopThread
from selip_extract.llm.engines.server import Patience
from selip_extract.llm.engines.server_pool import ServerPool
from selip_shared.errors import SelipError


class EndpointEngine:
    """The model that servers at the base URLs (http://host:8000/v1) serve; requests go to these and nowhere else.

    Proxies that the environment names are not used: no report leaves the building by way of one. At most `concurrency`
    requests are in flight. `rendered` prompts are the complete text that the model reads; others are a chat's one
    message, which the server renders. Raises SelipError where no server is there, or the model cannot be told.
    """

    def __init__(
        self,
        base_urls: Sequence[str],
        served_model: str | None,
        rendered: bool,
        concurrency: int = CONCURRENCY,
        patience: Patience | None = None,
    ) -> None:
        if not base_urls:
            raise SelipError("No server is named: name one or more with --base-url http://host:8000/v1.")
        self.rendered = rendered
        # A report asks once or more: so many keep all requests in flight while the slowest answers end.
        self.batch_size = 4 * concurrency
        self._pool = ServerPool(base_urls, concurrency, patience or Patience())
        self._loop = LoopThread("endpoint")
        try:
            self.model = self._loop.run(self._pool.find_model(served_model))
        except BaseException:
            self.close()
            raise

    def fingerprint(self) -> dict[str, str]:
        """The engine, the model by the name it is served under, and who renders the prompts."""
        return {
            "engine": "endpoint",
            "model_hash": f"served:{self.model}",
            "prompts": "rendered" if self.rendered else "chat",
        }

    def answers(self, asks: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        """The servers' answers, in the order of the asks; SelipError where servers stay away."""
        return self._loop.run(self._all(asks))

    def close(self) -> None:
        """Drop what is in flight and give the connections back."""
        self._loop.run(self._pool.close())
        self._loop.close()

    async def _all(self, asks: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answer(ask)) for ask in asks]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _answer(self, ask: GenerationRequest) -> Answer | Failure:
        asked = {"model": self.model, "temperature": 0, "max_tokens": ask.longest, **_constrained(ask)}
        if self.rendered:
            return await self._pool.ask("completions", _body(asked, prompt=ask.prompt, logprobs=1), completed)
        message = {"role": "user", "content": ask.prompt}
        return await self._pool.ask("chat/completions", _body(asked, messages=[message], logprobs=True), replied)


def _body(asked: dict[str, Any], **more: Any) -> bytes:
    return json.dumps(asked | more, ensure_ascii=False, separators=(",", ":")).encode()


def _constrained(ask: GenerationRequest) -> dict[str, Any]:
    """A schema in the form that all such servers know, a grammar in that of vLLM."""
    if ask.constraint is None:
        return {}
    if ask.constraint.kind == "grammar":
        return {"structured_outputs": {"grammar": ask.constraint.source}}
    schema = {"name": "findings", "schema": json.loads(ask.constraint.source), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


class _PromptTokens(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptTokens | None = None

    def counted(self) -> Usage:
        cached = self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens
        return Usage(self.prompt_tokens, cached or 0, self.completion_tokens)


class _Choice(BaseModel):
    finish_reason: Literal["stop", "length"]


class _Tokens(BaseModel):
    tokens: tuple[str, ...]
    token_logprobs: tuple[float | None, ...]


class _Completed(_Choice):
    text: str
    logprobs: _Tokens | None = None


class _Completion(BaseModel):
    choices: Annotated[tuple[_Completed, ...], MinLen(1)]
    usage: _Usage = _Usage()


class _Token(BaseModel):
    token: str
    logprob: float


class _ChatTokens(BaseModel):
    content: tuple[_Token, ...] | None = None


class _Message(BaseModel):
    content: str


class _Replied(_Choice):
    message: _Message
    logprobs: _ChatTokens | None = None


class _Chat(BaseModel):
    choices: Annotated[tuple[_Replied, ...], MinLen(1)]
    usage: _Usage = _Usage()


def completed(reply: bytes) -> Answer:
    """The answer in a reply to /completions; ValueError where there is none."""
    completion = _Completion.model_validate_json(reply)
    choice = completion.choices[0]
    given = choice.logprobs or _Tokens(tokens=(), token_logprobs=())
    values = [math.nan if value is None else value for value in given.token_logprobs]
    ends, log_probabilities = placed(choice.text, list(zip(given.tokens, values, strict=True)))
    return Answer(choice.text, ends, log_probabilities, choice.finish_reason == "stop", completion.usage.counted())


def replied(reply: bytes) -> Answer:
    """The answer in a reply to /chat/completions; ValueError where there is none."""
    chat = _Chat.model_validate_json(reply)
    choice = chat.choices[0]
    given = (choice.logprobs and choice.logprobs.content) or ()
    ends, log_probabilities = placed(choice.message.content, [(t.token, t.logprob) for t in given])
    text, ended = choice.message.content, choice.finish_reason == "stop"
    return Answer(text, ends, log_probabilities, ended, chat.usage.counted())


def placed(text: str, tokens: Sequence[tuple[str, float]]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Where each token ends in the text, and its log-probability.

    A token that the text does not show by itself (a special one, part of a character) counts with the next that it
    does. Where they do not lead through the text it is one piece with the sum of all, nan where there is none.
    """
    ends: list[int] = []
    values: list[float] = []
    position, held = 0, 0.0
    for token, value in tokens:
        held += value
        start = _after_blanks(text, position) if token[:1].strip() else position
        if text.startswith(token, start) and (token or start == len(text)):
            position = start + len(token)
        elif position < len(text):
            continue
        ends.append(position)
        values.append(held)
        held = 0.0
    if position == len(text) and ends:
        return tuple(ends), tuple(values)
    return (len(text),), (sum(value for _, value in tokens) if tokens else math.nan,)


def _after_blanks(text: str, position: int) -> int:
    """Some servers write a token without the blank that stands before it."""
    while text[position : position + 1].isspace():
        position += 1
    return position
