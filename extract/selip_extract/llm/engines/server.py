"""An OpenAI-compatible server: requests, what its replies mean, retries, and waiting while it is away."""

import asyncio
import math
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal, TypeVar

import httpx2
from pydantic import BaseModel

from selip_extract.llm.engine import Failure
from selip_shared.errors import SelipError

T = TypeVar("T")

API_KEY = "SELIP_API_KEY"
"""The environment variable that holds the API key of the server; the key is stored nowhere."""

# Statuses that refuse this one request; all others say something about the server.
REQUEST_REFUSED = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
TEMPORARY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
ACCESS_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
NO_REPLY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.INTERNAL_SERVER_ERROR})
CONTEXT_EXCEEDED = ("context length", "context_length", "context size", "context_size", "context window")
Problem = Literal["unreachable", "busy", "no_reply", "invalid_reply", "unauthorized"]
# Why a server cannot be used at the start.
_REMEDIES: dict[Problem, str] = {
    "unauthorized": "{url} refuses access ({reason}): put its key into the environment variable " + API_KEY + ".",
    "invalid_reply": "{url} is no OpenAI-compatible server ({reason}): name the base URL of one, which usually ends in "
    "/v1.",
    **dict.fromkeys(
        ("unreachable", "busy", "no_reply"), "No server answers at {url} ({reason}): start it, or correct the URL."
    ),
}
# After this number of requests in a row without an answer the fault is not in the requests.
MAX_FAILURES_IN_A_ROW = 32
# Below the 5 s after which uvicorn closes an idle connection.
KEEPALIVE_SECONDS = 3.0


@dataclass(frozen=True)
class RetryPolicy:
    """Timeouts and pauses in seconds, and the number of tries.

    connect: timeout of a connection. read: timeout of a reply; a long answer behind a queue takes minutes. listing:
    timeout of the list of models. unreachable: the run ends after this time without a reply. tries: requests for
    one answer that may reach a server. pause, max_pause: upper bounds of the first and of any random pause; the bound
    doubles from one pause to the next.
    """

    connect: float = 5.0
    read: float = 600.0
    listing: float = 30.0
    unreachable: float = 300.0
    tries: int = 6
    pause: float = 0.5
    max_pause: float = 30.0

    def pause_after(self, failures: int) -> float:
        """Seconds to wait after this number of failures in a row: exponential backoff with full jitter."""
        return random.uniform(0, min(self.max_pause, self.pause * 2 ** min(failures, 20)))


class NoUsableReply(Exception):
    """A request without a usable reply; the note says why and quotes nothing.

    unreachable: the server cannot be reached. busy: it wants no requests, for `retry_after` seconds where it says so.
    no_reply: it failed to reply. invalid_reply: the reply cannot be read. unauthorized: it wants a key. `reached` is
    false where the request cannot be the reason.
    """

    def __init__(self, note: str, problem: Problem, reached: bool = True, retry_after: float | None = None) -> None:
        super().__init__(note)
        self.problem = problem
        self.reached = reached
        self.retry_after = retry_after


class RequestRejected(Exception):
    """The server answers other requests, but not this one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.note)
        self.failure = failure


class Server:
    """The server at a base URL, which serves one model; all methods run in one event loop.

    Several machines behind one URL are balanced there: by vLLM's own load balancer, or by a proxy.
    """

    def __init__(self, url: str, concurrency: int, retry_policy: RetryPolicy) -> None:
        self.url = url.rstrip("/")
        self.model = ""
        self.retry_policy = retry_policy
        self._slots = asyncio.Semaphore(concurrency)
        self._last_reply = -math.inf
        self._failures_in_a_row = 0
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(retry_policy.read, connect=retry_policy.connect, pool=None),
            limits=httpx2.Limits(max_keepalive_connections=concurrency, keepalive_expiry=KEEPALIVE_SECONDS),
            # No proxy of the environment: a report goes to the named server or nowhere.
            trust_env=False,
            headers=_authorization(),
        )

    async def find_model(self, wanted: str | None) -> str:
        """The wanted model, else the only one that the server lists; SelipError where it cannot be used."""
        try:
            models = await self._models()
        except NoUsableReply as no_reply:
            raise SelipError(_REMEDIES[no_reply.problem].format(url=self.url, reason=no_reply)) from no_reply
        if wanted is None and len(models) != 1:
            raise SelipError(f"{self.url} serves {_named(models)}: name one that it serves with --served-model.")
        self.model = wanted or models[0]
        if self.model not in models:
            raise SelipError(
                f"{self.url} does not serve {self.model} but {_named(models)}: name one that it serves with "
                "--served-model."
            )
        return self.model

    async def request(self, route: str, body: bytes, read: Callable[[bytes], T]) -> T | Failure:
        """What `read` makes of the reply; its ValueError marks the reply as invalid.

        Raises SelipError where the server stays away for too long, or many requests in a row have no answer.
        """
        started = time.monotonic()
        tries = failures = 0
        while True:
            try:
                if failures:
                    await self._check_model()
                answer = await self._answer(route, body, read)
            except RequestRejected as rejected:
                if rejected.failure.status == "error":
                    self._count_failure(rejected.failure.note)
                return rejected.failure
            except NoUsableReply as no_reply:
                failures += 1
                tries += no_reply.reached
                if tries == self.retry_policy.tries:
                    self._count_failure(str(no_reply))
                    return Failure("error", f"{no_reply}, {tries} times")
                self._check_patience(started, no_reply)
                await asyncio.sleep(no_reply.retry_after or self.retry_policy.pause_after(failures))
            else:
                self._failures_in_a_row = 0
                return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _answer(self, route: str, body: bytes, read: Callable[[bytes], T]) -> T:
        """The answer to one request; raises NoUsableReply or RequestRejected."""
        async with self._slots:
            content = await self._post(route, body)
        try:
            answer = read(content)
        except ValueError as failure:
            raise NoUsableReply("a reply that is no answer", "invalid_reply") from failure
        self._last_reply = time.monotonic()
        return answer

    async def _post(self, route: str, body: bytes) -> bytes:
        response = await _received(
            self._client.post(f"{self.url}/{route}", content=body, headers={"Content-Type": "application/json"})
        )
        if response.status_code in REQUEST_REFUSED:
            self._last_reply = time.monotonic()
            raise RequestRejected(_rejection(response))
        if response.status_code != HTTPStatus.OK:
            raise _no_usable_reply(response)
        return response.content

    async def _check_model(self) -> None:
        """NoUsableReply where the server is away, or came back with another model."""
        models = await self._models()
        if self.model not in models:
            raise NoUsableReply(f"it serves {_named(models)}", "unreachable", reached=False)

    async def _models(self) -> tuple[str, ...]:
        """The ids of the models that it lists, without duplicates; raises NoUsableReply."""
        response = await _received(self._client.get(f"{self.url}/models", timeout=self.retry_policy.listing))
        status = response.status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in TEMPORARY:
            raise _no_usable_reply(response)
        if status in ACCESS_REFUSED:
            raise NoUsableReply(_status(response), "unauthorized")
        try:
            listed = _Models.model_validate_json(response.content if status == HTTPStatus.OK else b"")
        except ValueError as failure:
            raise NoUsableReply(f"no list of models, {_status(response)}", "invalid_reply") from failure
        return tuple(dict.fromkeys(model.id for model in listed.data))

    def _check_patience(self, started: float, no_reply: NoUsableReply) -> None:
        """SelipError where there has been no reply for too long, neither to this request nor to others."""
        if time.monotonic() - max(started, self._last_reply) > self.retry_policy.unreachable:
            raise SelipError(
                f"{self.url} has not answered for {self.retry_policy.unreachable:.0f} s ({no_reply}): what is written "
                "stays; start the server and run the same command again."
            )

    def _count_failure(self, note: str) -> None:
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            raise SelipError(
                f"The last {MAX_FAILURES_IN_A_ROW} requests got no answer ({note}): what is written stays; look into "
                "the log of the server, and run the same command again."
            )


def _authorization() -> dict[str, str]:
    key = os.environ.get(API_KEY, "").strip()
    if not all("!" <= character <= "~" for character in key):
        raise SelipError(f"{API_KEY} holds more than a key: set it to the key alone, without blanks.")
    return {"Authorization": f"Bearer {key}"} if key else {}


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: tuple[_Model, ...]


async def _received(request: Awaitable[httpx2.Response]) -> httpx2.Response:
    try:
        return await request
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as failure:
        raise NoUsableReply("no connection", "unreachable", reached=False) from failure
    except httpx2.TimeoutException as failure:
        raise NoUsableReply("no reply in time", "no_reply") from failure
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as failure:
        raise NoUsableReply("not a URL like http://host:8000/v1", "invalid_reply") from failure
    except httpx2.HTTPError as failure:
        raise NoUsableReply("the connection was dropped", "unreachable") from failure


def _no_usable_reply(response: httpx2.Response) -> NoUsableReply:
    status, retry_after = response.status_code, _seconds(response.headers.get("Retry-After"))
    if status == HTTPStatus.TOO_MANY_REQUESTS or retry_after is not None:
        return NoUsableReply(_status(response), "busy", reached=False, retry_after=retry_after)
    return NoUsableReply(_status(response), "no_reply" if status in NO_REPLY else "unreachable")


def _rejection(response: httpx2.Response) -> Failure:
    """The failure with the status alone: the server's own words may quote the report."""
    too_long = any(words in response.text.lower() for words in CONTEXT_EXCEEDED)
    return Failure("too_long" if too_long else "error", _status(response))


def _status(response: httpx2.Response) -> str:
    return f"HTTP {response.status_code} {response.reason_phrase}".strip()


def _seconds(retry_after: str | None) -> float | None:
    """The seconds of a Retry-After header, which holds a number or a date; None where it holds neither."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _named(models: Sequence[str]) -> str:
    return ", ".join(models) or "no model"
