"""One OpenAI-compatible server: requests, the meaning of its replies, and the models that it lists."""

import os
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal

import httpx2
from pydantic import BaseModel

from selip_extract.llm.engine import Failure
from selip_shared.errors import SelipError

API_KEY = "SELIP_API_KEY"
"""The environment variable that holds the API key of the servers; the key is stored nowhere."""

# Statuses that refuse this one request; all others say something about the server.
REQUEST_REFUSED = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
TEMPORARY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
ACCESS_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
NO_REPLY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.INTERNAL_SERVER_ERROR})
CONTEXT_EXCEEDED = ("context length", "context_length", "context size", "context_size", "context window")
Problem = Literal["unreachable", "busy", "no_reply", "invalid_reply", "unauthorized"]
# Below the 5 s after which uvicorn closes an idle connection.
KEEPALIVE_SECONDS = 3.0


@dataclass(frozen=True)
class RetryPolicy:
    """Timeouts and pauses in seconds, and the number of tries.

    connect: timeout of a connection. read: timeout of a reply; a long answer behind a queue takes minutes. listing:
    timeout of the list of models. unreachable: the run ends after this time without any server. tries: requests for
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
    """A server at a base URL, its requests in flight, and whether it is paused."""

    def __init__(self, url: str, concurrency: int, retry_policy: RetryPolicy) -> None:
        self.url = url.rstrip("/")
        self.in_flight = 0
        self.sent = 0
        self.failures = 0
        self.paused = False
        self.problem = ""
        self._listing_timeout = retry_policy.listing
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(retry_policy.read, connect=retry_policy.connect, pool=None),
            limits=httpx2.Limits(max_keepalive_connections=concurrency, keepalive_expiry=KEEPALIVE_SECONDS),
            # No proxy of the environment: a report goes to the named server or nowhere.
            trust_env=False,
            headers=_authorization(),
        )

    async def post(self, route: str, body: bytes) -> bytes:
        """The body of the reply; raises NoUsableReply or RequestRejected."""
        self.in_flight += 1
        self.sent += 1
        try:
            response = await _received(
                self._client.post(f"{self.url}/{route}", content=body, headers={"Content-Type": "application/json"})
            )
        finally:
            self.in_flight -= 1
        if response.status_code in REQUEST_REFUSED:
            raise RequestRejected(_rejection(response))
        if response.status_code != HTTPStatus.OK:
            raise _no_usable_reply(response)
        return response.content

    async def models(self) -> tuple[str, ...]:
        """The ids of the models that it lists, without duplicates; raises NoUsableReply."""
        response = await _received(self._client.get(f"{self.url}/models", timeout=self._listing_timeout))
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

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


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
