"""Servers in balance: a bound on the requests in flight, retries, and servers that go away and come back."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from selip_extract.llm.engine import Failure
from selip_extract.llm.engines.server import API_KEY, Patience, Rejected, Server, Unanswered
from selip_shared.errors import SelipError

T = TypeVar("T")

# So many asks in a row, each without an answer, are no longer the fault of the asks.
HOPELESS = 32


class ServerPool:
    """Servers of one model; all of it runs in one event loop."""

    def __init__(self, urls: Sequence[str], concurrency: int, patience: Patience) -> None:
        self.servers = [Server(url, concurrency, patience) for url in dict.fromkeys(urls)]
        self.patience = patience
        self.model = ""
        self._slots = asyncio.Semaphore(concurrency)
        self._awake = asyncio.Event()
        self._awake.set()
        self._rests: set[asyncio.Task[None]] = set()
        self._silent_since: float | None = None
        self._failed_in_a_row = 0

    async def find_model(self, wanted: str | None) -> str:
        """The model that all servers serve: the wanted one, or the only one of the first server that is there.

        A server that is away is waited for later. Raises SelipError where none is there, or one is no such server or
        serves other models.
        """
        listed = await asyncio.gather(*(self._listed(server) for server in self.servers))
        there = {server: models for server, models in zip(self.servers, listed, strict=True) if models is not None}
        if not there:
            raise SelipError(f"No server answers ({self._troubles()}): start one, or correct --base-url.")
        self.model = wanted or _only(*next(iter(there.items())))
        for server, models in there.items():
            if self.model not in models:
                raise SelipError(
                    f"{server.url} does not serve {self.model} but {_named(models)}: name one that "
                    "all servers serve with --served-model."
                )
        for server in self.servers:
            if server not in there:
                self._let_rest(server, None)
        return self.model

    async def ask(self, route: str, body: bytes, read: Callable[[bytes], T]) -> T | Failure:
        """What `read` makes of a server's reply; its ValueError says that the reply is none.

        Raises SelipError where no server is there for too long, or none has an answer to many asks in a row.
        """
        tries, failures = 0, 0
        failed_on: set[Server] = set()
        while True:
            try:
                answer = await self._once(route, body, read, failed_on)
            except Rejected as rejected:
                if rejected.failure.status == "error":
                    self._count_failed(rejected.failure.note)
                return rejected.failure
            except Unanswered as trouble:
                failures += 1
                tries += trouble.tried
                if tries == self.patience.tries:
                    self._count_failed(str(trouble))
                    return Failure("error", f"{trouble}, {tries} times")
            else:
                self._failed_in_a_row = 0
                return answer
            await asyncio.sleep(self.patience.pause_after(failures))

    async def close(self) -> None:
        """Stop waiting for servers and give all connections back."""
        for task in self._rests:
            task.cancel()
        await asyncio.gather(*self._rests, return_exceptions=True)
        await asyncio.gather(*(server.close() for server in self.servers))

    async def _once(self, route: str, body: bytes, read: Callable[[bytes], T], failed_on: set[Server]) -> T:
        """One request, to a server on which it has not failed yet where there is one."""
        async with self._slots:
            server = await self._free(failed_on)
            try:
                answer = _read(read, await server.post(route, body))
            except Unanswered as trouble:
                self._note(server, trouble)
                failed_on.add(server)
                raise
            except Rejected:
                self._heard(server)
                raise
            self._heard(server)
            return answer

    async def _free(self, failed_on: set[Server]) -> Server:
        """The server with the fewest requests in flight of those that do not rest, waited for until patience ends."""
        silent = 0.0 if self._silent_since is None else time.monotonic() - self._silent_since
        left = self.patience.unreachable - silent
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                while all(server.resting for server in self.servers):
                    await self._awake.wait()
        awake = [server for server in self.servers if not server.resting]
        if left <= 0 or not awake:
            raise SelipError(
                f"No server has answered for {self.patience.unreachable:.0f} s ({self._troubles()}): what is written "
                "stays; start the server and run the same command again."
            )
        return min(awake, key=lambda server: (server in failed_on, server.in_flight, server.sent))

    def _heard(self, server: Server) -> None:
        server.failures = 0
        self._silent_since = None

    def _note(self, server: Server, trouble: Unanswered) -> None:
        """A server that is away or busy rests, and one with bad replies does where another one can do its work."""
        server.trouble = str(trouble)
        others = any(not s.resting for s in self.servers if s is not server)
        if server.resting or (trouble.kind in ("broken", "nonsense") and not others):
            return
        server.failures += 1
        pause = self.patience.pause_after(server.failures) if trouble.rest is None else trouble.rest
        self._let_rest(server, None if trouble.kind == "away" else pause)

    def _let_rest(self, server: Server, seconds: float | None) -> None:
        """No work for a server, for some seconds or until it lists the model again."""
        server.resting = True
        if all(s.resting for s in self.servers):
            self._awake.clear()
            self._silent_since = self._silent_since or time.monotonic()
        task = asyncio.get_running_loop().create_task(self._rest(server, seconds))
        self._rests.add(task)
        task.add_done_callback(self._rests.discard)

    async def _rest(self, server: Server, seconds: float | None) -> None:
        if seconds is None:
            await asyncio.sleep(self.patience.pause_after(server.failures))
            while not await self._is_back(server):
                server.failures += 1
                await asyncio.sleep(self.patience.pause_after(server.failures))
            self._silent_since = None
        else:
            await asyncio.sleep(seconds)
        server.resting = False
        self._awake.set()

    async def _is_back(self, server: Server) -> bool:
        try:
            models = await server.models()
        except Unanswered as trouble:
            server.trouble = str(trouble)
            return False
        server.trouble = f"it serves {_named(models)}"
        return self.model in models

    async def _listed(self, server: Server) -> tuple[str, ...] | None:
        """The models of a server, or None where it is away."""
        try:
            return await server.models()
        except Unanswered as trouble:
            if trouble.kind == "locked":
                raise SelipError(
                    f"{server.url} refuses access ({trouble}): put its key into the environment variable {API_KEY}."
                ) from trouble
            if trouble.kind == "nonsense":
                raise SelipError(
                    f"{server.url} is no OpenAI-compatible server ({trouble}): name the base URL of one, "
                    "which as a rule ends in /v1."
                ) from trouble
            server.trouble = str(trouble)
            return None

    def _count_failed(self, note: str) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= HOPELESS:
            raise SelipError(
                f"The last {HOPELESS} questions got no answer ({note}): what is written stays; look into the server's "
                "log, and run the same command again."
            )

    def _troubles(self) -> str:
        return "; ".join(f"{server.url}: {server.trouble}" for server in self.servers if server.trouble)


def _read(read: Callable[[bytes], T], content: bytes) -> T:
    try:
        return read(content)
    except ValueError as failure:
        raise Unanswered("a reply that is no answer", "nonsense") from failure


def _only(server: Server, models: Sequence[str]) -> str:
    if len(models) != 1:
        raise SelipError(f"{server.url} serves {_named(models)}: name one that it serves with --served-model.")
    return models[0]


def _named(models: Sequence[str]) -> str:
    return ", ".join(models) or "no model"
