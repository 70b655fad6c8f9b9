"""One OpenAI-compatible server: a request and what its reply means, and the models that the server lists."""

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
"""The environment variable with the key that the servers ask for; it stands nowhere else."""

# What other statuses say is said of the server.
OF_THE_ASK = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
OF_THE_MOMENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
OF_THE_KEY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
OF_THIS_REPLY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.INTERNAL_SERVER_ERROR})
CONTEXT_EXCEEDED = ("context length", "context_length", "context size", "context_size", "context window")
Trouble = Literal["away", "busy", "broken", "nonsense", "locked"]
# uvicorn closes a connection that was idle for 5 s.
KEPT_ALIVE_SECONDS = 3.0


@dataclass(frozen=True)
class Patience:
    """How long, in seconds, and how often servers are waited for.

    connect: a connection. read: a reply, which for a long answer behind a queue takes minutes. listing: the list of
    models. unreachable: no server at all, after which the run ends. tries: requests for one ask that reached a server.
    pause, longest_pause: the bound of the first and of any random pause; it doubles in between.
    """

    connect: float = 5.0
    read: float = 600.0
    listing: float = 30.0
    unreachable: float = 300.0
    tries: int = 6
    pause: float = 0.5
    longest_pause: float = 30.0

    def pause_after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, with full jitter."""
        return random.uniform(0, min(self.longest_pause, self.pause * 2 ** min(failures, 20)))


class Unanswered(Exception):
    """A request without a usable reply, and why in words that quote nothing.

    away: the server is not there. busy: it wants to be left alone, for `rest` seconds where it says so. broken: it
    could not reply. nonsense: what came is no reply. locked: it wants a key. `tried` is false where the ask
    cannot have been the reason.
    """

    def __init__(self, note: str, kind: Trouble, tried: bool = True, rest: float | None = None) -> None:
        super().__init__(note)
        self.kind = kind
        self.tried = tried
        self.rest = rest


class Rejected(Exception):
    """The server answers other asks, but not this one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.note)
        self.failure = failure


class Server:
    """A server at a base URL, its requests in flight, and whether it is left to rest."""

    def __init__(self, url: str, concurrency: int, patience: Patience) -> None:
        self.url = url.rstrip("/")
        self.in_flight = 0
        self.sent = 0
        self.failures = 0
        self.resting = False
        self.trouble = ""
        self._listing = patience.listing
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(patience.read, connect=patience.connect, pool=None),
            limits=httpx2.Limits(max_keepalive_connections=concurrency, keepalive_expiry=KEPT_ALIVE_SECONDS),
            # No proxy of the environment: a report goes to the server that is named, or nowhere.
            trust_env=False,
            headers=_authorization(),
        )

    async def post(self, route: str, body: bytes) -> bytes:
        """The reply's body; raises Unanswered or Rejected."""
        self.in_flight += 1
        self.sent += 1
        try:
            response = await _received(
                self._client.post(f"{self.url}/{route}", content=body, headers={"Content-Type": "application/json"})
            )
        finally:
            self.in_flight -= 1
        if response.status_code in OF_THE_ASK:
            raise Rejected(_rejection(response))
        if response.status_code != HTTPStatus.OK:
            raise _unanswered(response)
        return response.content

    async def models(self) -> tuple[str, ...]:
        """The ids that it lists, each once; raises Unanswered."""
        response = await _received(self._client.get(f"{self.url}/models", timeout=self._listing))
        status = response.status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in OF_THE_MOMENT:
            raise _unanswered(response)
        if status in OF_THE_KEY:
            raise Unanswered(_status(response), "locked")
        try:
            listed = _Models.model_validate_json(response.content if status == HTTPStatus.OK else b"")
        except ValueError as failure:
            raise Unanswered(f"no list of models, {_status(response)}", "nonsense") from failure
        return tuple(dict.fromkeys(model.id for model in listed.data))

    async def close(self) -> None:
        """Give the connections back."""
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
        raise Unanswered("no connection", "away", tried=False) from failure
    except httpx2.TimeoutException as failure:
        raise Unanswered("no reply in time", "broken") from failure
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as failure:
        raise Unanswered("no URL like http://host:8000/v1", "nonsense") from failure
    except httpx2.HTTPError as failure:
        raise Unanswered("the connection was dropped", "away") from failure


def _unanswered(response: httpx2.Response) -> Unanswered:
    status, rest = response.status_code, _rest(response.headers.get("Retry-After"))
    if status == HTTPStatus.TOO_MANY_REQUESTS or rest is not None:
        return Unanswered(_status(response), "busy", tried=False, rest=rest)
    return Unanswered(_status(response), "broken" if status in OF_THIS_REPLY else "away")


def _rejection(response: httpx2.Response) -> Failure:
    """What the server says may quote the report: only the status is kept."""
    too_long = any(words in response.text.lower() for words in CONTEXT_EXCEEDED)
    return Failure("too_long" if too_long else "error", _status(response))


def _status(response: httpx2.Response) -> str:
    return f"HTTP {response.status_code} {response.reason_phrase}".strip()


def _rest(retry_after: str | None) -> float | None:
    """Seconds: the header holds a number of them or a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
