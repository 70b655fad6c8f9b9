"""A pool of servers: balances the load, limits the requests in flight, retries, and waits for servers that are away."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from selip_extract.llm.engine import Failure
from selip_extract.llm.engines.server import API_KEY, NoUsableReply, RequestRejected, RetryPolicy, Server
from selip_shared.errors import SelipError

T = TypeVar("T")

# After this number of requests in a row without an answer the fault is not in the requests.
MAX_FAILURES_IN_A_ROW = 32


class ServerPool:
    """Servers of one model; all methods run in one event loop."""

    def __init__(self, urls: Sequence[str], concurrency: int, retry_policy: RetryPolicy) -> None:
        self.servers = [Server(url, concurrency, retry_policy) for url in dict.fromkeys(urls)]
        self.retry_policy = retry_policy
        self.model = ""
        self._slots = asyncio.Semaphore(concurrency)
        self._server_free = asyncio.Event()
        self._server_free.set()
        self._pauses: set[asyncio.Task[None]] = set()
        self._all_paused_since: float | None = None
        self._failures_in_a_row = 0

    async def find_model(self, wanted: str | None) -> str:
        """The model that all servers serve: the wanted one, else the only one of the first server that answers.

        A server that does not answer yet joins later. Raises SelipError where none answers, or one is no
        OpenAI-compatible server or serves other models.
        """
        listed = await asyncio.gather(*(self._listed(server) for server in self.servers))
        reached = {server: models for server, models in zip(self.servers, listed, strict=True) if models is not None}
        if not reached:
            raise SelipError(f"No server answers ({self._problems()}): start one, or correct --base-url.")
        self.model = wanted or _only(*next(iter(reached.items())))
        for server, models in reached.items():
            if self.model not in models:
                raise SelipError(
                    f"{server.url} does not serve {self.model} but {_named(models)}: name one that "
                    "all servers serve with --served-model."
                )
        for server in self.servers:
            if server not in reached:
                self._pause(server, None)
        return self.model

    async def request(self, route: str, body: bytes, read: Callable[[bytes], T]) -> T | Failure:
        """What `read` makes of a server's reply; its ValueError marks the reply as invalid.

        Raises SelipError where no server is reachable for too long, or many requests in a row have no answer.
        """
        tries, failures = 0, 0
        failed_on: set[Server] = set()
        while True:
            try:
                answer = await self._try(route, body, read, failed_on)
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
            else:
                self._failures_in_a_row = 0
                return answer
            await asyncio.sleep(self.retry_policy.pause_after(failures))

    async def close(self) -> None:
        """Stop waiting for servers and close all connections."""
        for task in self._pauses:
            task.cancel()
        await asyncio.gather(*self._pauses, return_exceptions=True)
        await asyncio.gather(*(server.close() for server in self.servers))

    async def _try(self, route: str, body: bytes, read: Callable[[bytes], T], failed_on: set[Server]) -> T:
        """One request, if possible to a server on which it has not failed yet."""
        async with self._slots:
            server = await self._free_server(failed_on)
            try:
                answer = _read(read, await server.post(route, body))
            except NoUsableReply as no_reply:
                self._note_problem(server, no_reply)
                failed_on.add(server)
                raise
            except RequestRejected:
                self._note_reply(server)
                raise
            self._note_reply(server)
            return answer

    async def _free_server(self, failed_on: set[Server]) -> Server:
        """The server with the fewest requests in flight that is not paused; SelipError after the time to wait."""
        paused = 0.0 if self._all_paused_since is None else time.monotonic() - self._all_paused_since
        left = self.retry_policy.unreachable - paused
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                while all(server.paused for server in self.servers):
                    await self._server_free.wait()
        free = [server for server in self.servers if not server.paused]
        if left <= 0 or not free:
            raise SelipError(
                f"No server has answered for {self.retry_policy.unreachable:.0f} s ({self._problems()}): what is "
                "written stays; start the server and run the same command again."
            )
        return min(free, key=lambda server: (server in failed_on, server.in_flight, server.sent))

    def _note_reply(self, server: Server) -> None:
        server.failures = 0
        self._all_paused_since = None

    def _note_problem(self, server: Server, no_reply: NoUsableReply) -> None:
        """Pause a server that is unreachable or busy; one with bad replies only if another can take its work."""
        server.problem = str(no_reply)
        others = any(not s.paused for s in self.servers if s is not server)
        if server.paused or (no_reply.problem in ("no_reply", "invalid_reply") and not others):
            return
        server.failures += 1
        if no_reply.problem == "unreachable":
            self._pause(server, None)
        elif no_reply.retry_after is not None:
            self._pause(server, no_reply.retry_after)
        else:
            self._pause(server, self.retry_policy.pause_after(server.failures))

    def _pause(self, server: Server, seconds: float | None) -> None:
        """Send a server no requests for some seconds; None: until it lists the model again."""
        server.paused = True
        if all(s.paused for s in self.servers):
            self._server_free.clear()
            self._all_paused_since = self._all_paused_since or time.monotonic()
        task = asyncio.get_running_loop().create_task(self._end_pause(server, seconds))
        self._pauses.add(task)
        task.add_done_callback(self._pauses.discard)

    async def _end_pause(self, server: Server, seconds: float | None) -> None:
        if seconds is None:
            await asyncio.sleep(self.retry_policy.pause_after(server.failures))
            while not await self._serves_again(server):
                server.failures += 1
                await asyncio.sleep(self.retry_policy.pause_after(server.failures))
            self._all_paused_since = None
        else:
            await asyncio.sleep(seconds)
        server.paused = False
        self._server_free.set()

    async def _serves_again(self, server: Server) -> bool:
        try:
            models = await server.models()
        except NoUsableReply as no_reply:
            server.problem = str(no_reply)
            return False
        server.problem = f"it serves {_named(models)}"
        return self.model in models

    async def _listed(self, server: Server) -> tuple[str, ...] | None:
        """The models of a server, or None where it does not answer."""
        try:
            return await server.models()
        except NoUsableReply as no_reply:
            if no_reply.problem == "unauthorized":
                raise SelipError(
                    f"{server.url} refuses access ({no_reply}): put its key into the environment variable {API_KEY}."
                ) from no_reply
            if no_reply.problem == "invalid_reply":
                raise SelipError(
                    f"{server.url} is no OpenAI-compatible server ({no_reply}): name the base URL of one, "
                    "which usually ends in /v1."
                ) from no_reply
            server.problem = str(no_reply)
            return None

    def _count_failure(self, note: str) -> None:
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            raise SelipError(
                f"The last {MAX_FAILURES_IN_A_ROW} requests got no answer ({note}): what is written stays; look into "
                "the log of the server, and run the same command again."
            )

    def _problems(self) -> str:
        return "; ".join(f"{server.url}: {server.problem}" for server in self.servers if server.problem)


def _read(read: Callable[[bytes], T], content: bytes) -> T:
    try:
        return read(content)
    except ValueError as failure:
        raise NoUsableReply("a reply that is no answer", "invalid_reply") from failure


def _only(server: Server, models: Sequence[str]) -> str:
    if len(models) != 1:
        raise SelipError(f"{server.url} serves {_named(models)}: name one that it serves with --served-model.")
    return models[0]


def _named(models: Sequence[str]) -> str:
    return ", ".join(models) or "no model"
