"""An OpenAI-compatible server as the engine, on this machine or on another."""

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
from selip_extract.llm.engines.server import RetryPolicy, Server

MAX_THINKING_TOKENS = 8_192
END_OF_THINKING = "</think>"


class EndpointEngine:
    """The model that the server at a base URL (http://host:8000/v1) serves; requests go to this URL only.

    Proxies of the environment are not used, so that no report leaves the network through one. At most `concurrency`
    requests are in flight. Prompts that are `rendered` are the complete text that the model reads; others are the only
    message of a chat, which the server renders; there the model may be `thinking` before it answers. Raises SelipError
    where no server answers or the model is ambiguous.
    """

    def __init__(
        self,
        base_url: str,
        served_model: str | None,
        rendered: bool,
        concurrency: int = CONCURRENCY,
        retry_policy: RetryPolicy | None = None,
        *,
        thinking: bool = False,
    ) -> None:
        self.rendered = rendered
        self.thinking = thinking
        # Each report takes one request or more; four times as many reports keep all slots busy until the slowest end.
        self.batch_size = 4 * concurrency
        self._server = Server(base_url, concurrency, retry_policy or RetryPolicy())
        self._loop = LoopThread("endpoint")
        try:
            self.model = self._loop.run(self._server.find_model(served_model))
        except BaseException:
            self.close()
            raise

    def fingerprint(self) -> dict[str, str]:
        """The engine, the served name of the model, and who renders the prompts."""
        return {
            "engine": "endpoint",
            "model_hash": f"served:{self.model}",
            "prompts": "rendered" if self.rendered else "chat, thinking" if self.thinking else "chat",
        }

    def answers(self, requests: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        """The server's answers, in the order of the requests; SelipError where it stays away."""
        return self._loop.run(self._answers(requests))

    def close(self) -> None:
        """Cancel the requests in flight and close the connections."""
        self._loop.run(self._server.close())
        self._loop.close()

    async def _answers(self, requests: Sequence[GenerationRequest]) -> list[Answer | Failure]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answer(request)) for request in requests]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _answer(self, request: GenerationRequest) -> Answer | Failure:
        common = {
            "model": self.model,
            "temperature": 0,
            # A server may take other values from the model's files.
            "repetition_penalty": 1,
            "presence_penalty": 0,
            "frequency_penalty": 0,
            "max_tokens": request.max_tokens,
            **_constraint_fields(request),
        }
        if self.rendered:
            body = _body(common, prompt=request.prompt, logprobs=1)
            return await self._server.request("completions", body, read_completion)
        chat = {
            "messages": [{"role": "user", "content": request.prompt}],
            "logprobs": True,
            "max_tokens": request.max_tokens + MAX_THINKING_TOKENS * self.thinking,
            # Templates of models that can think know this switch; others ignore it.
            "chat_template_kwargs": {"enable_thinking": self.thinking},
        }
        body = _body(common | chat)
        return await self._server.request("chat/completions", body, read_chat_completion)


def _body(common: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps(common | fields, ensure_ascii=False, separators=(",", ":")).encode()


def _constraint_fields(request: GenerationRequest) -> dict[str, Any]:
    """A JSON schema as OpenAI's protocol states it, a grammar as vLLM does."""
    if request.constraint is None:
        return {}
    if request.constraint.kind == "grammar":
        return {"structured_outputs": {"grammar": request.constraint.source}}
    schema = {"name": "findings", "schema": json.loads(request.constraint.source), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


class _PromptTokens(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptTokens | None = None

    def as_usage(self) -> Usage:
        cached = self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens
        return Usage(self.prompt_tokens, cached or 0, self.completion_tokens)


class _Choice(BaseModel):
    finish_reason: Literal["stop", "length"]


class _CompletionTokens(BaseModel):
    tokens: tuple[str, ...]
    token_logprobs: tuple[float | None, ...]


class _CompletionChoice(_Choice):
    text: str
    logprobs: _CompletionTokens | None = None


class _Completion(BaseModel):
    choices: Annotated[tuple[_CompletionChoice, ...], MinLen(1)]
    usage: _Usage = _Usage()


class _ChatToken(BaseModel):
    token: str
    logprob: float


class _ChatTokens(BaseModel):
    content: tuple[_ChatToken, ...] | None = None


class _Message(BaseModel):
    content: str


class _ChatChoice(_Choice):
    message: _Message
    logprobs: _ChatTokens | None = None


class _ChatCompletion(BaseModel):
    choices: Annotated[tuple[_ChatChoice, ...], MinLen(1)]
    usage: _Usage = _Usage()


def read_completion(reply: bytes) -> Answer:
    """The answer in a reply to /completions; ValueError where there is none."""
    completion = _Completion.model_validate_json(reply)
    choice = completion.choices[0]
    logprobs = choice.logprobs or _CompletionTokens(tokens=(), token_logprobs=())
    values = [math.nan if value is None else value for value in logprobs.token_logprobs]
    ends, log_probabilities = token_ends(choice.text, list(zip(logprobs.tokens, values, strict=True)))
    return Answer(choice.text, ends, log_probabilities, choice.finish_reason == "stop", completion.usage.as_usage())


def read_chat_completion(reply: bytes) -> Answer:
    """The answer in a reply to /chat/completions; ValueError where there is none."""
    completion = _ChatCompletion.model_validate_json(reply)
    choice = completion.choices[0]
    tokens = _answer_tokens((choice.logprobs and choice.logprobs.content) or ())
    ends, log_probabilities = token_ends(choice.message.content, [(t.token, t.logprob) for t in tokens])
    text, ended = choice.message.content, choice.finish_reason == "stop"
    return Answer(text, ends, log_probabilities, ended, completion.usage.as_usage())


def _answer_tokens(tokens: Sequence[_ChatToken]) -> Sequence[_ChatToken]:
    """The tokens after the thinking, which a server leaves out of the message."""
    ended = [i for i, token in enumerate(tokens, start=1) if token.token.strip() == END_OF_THINKING]
    return tokens[ended[-1] :] if ended else tokens


def token_ends(text: str, tokens: Sequence[tuple[str, float]]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The offset in the text at which each token ends, and its log-probability.

    A token that does not appear in the text (a special token, part of a character) is merged with the next one that
    does. If the tokens do not spell the text, the whole text is one token with the sum of the log-probabilities, or
    nan without tokens.
    """
    ends: list[int] = []
    values: list[float] = []
    offset, merged = 0, 0.0
    for token, value in tokens:
        merged += value
        start = _skip_blanks(text, offset) if token[:1].strip() else offset
        if text.startswith(token, start) and (token or start == len(text)):
            offset = start + len(token)
        elif offset < len(text):
            continue
        ends.append(offset)
        values.append(merged)
        merged = 0.0
    if offset == len(text) and ends:
        return tuple(ends), tuple(values)
    return (len(text),), (sum(value for _, value in tokens) if tokens else math.nan,)


def _skip_blanks(text: str, offset: int) -> int:
    """Some servers leave out the blank before a token."""
    while text[offset : offset + 1].isspace():
        offset += 1
    return offset
