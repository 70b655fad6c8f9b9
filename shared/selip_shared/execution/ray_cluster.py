"""Workers on a Ray cluster: one actor for each processor, or for each GPU.

Ray places the actors and moves what they take and return. Its actors and not its datasets: the tasks come out of a file
that only this process may open, and a dataset ends with an error when one of its actors dies.
"""

import logging
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count as counting
from threading import Condition, Thread
from typing import Any

from selip_shared.errors import SelipError
from selip_shared.execution.base import Result, Task, Workers, do_chunk
from selip_shared.privacy import stay_offline
from selip_shared.provenance import code_hash
from selip_shared.threads import limit_threads

PACKAGES = ("selip_shared", "selip_contracts", "selip_extract", "selip_pretrain", "selip_downstream")
MAX_LOSSES = 4
"""A chunk with which so many workers were lost is likely the reason; so many that do not start will never start."""

CONNECTION_SECONDS = 10.0
PATIENCE_SECONDS = 300.0
"""The work ends after this time without any worker."""

POLL_SECONDS = 1.0


def connect(address: str) -> Any:
    """The module `ray`, connected to the cluster at host:port, or at the one that Ray finds itself (`auto`).

    Raises SelipError where Ray is not installed, or there is no cluster that this process can join.
    """
    try:
        import ray
    except ImportError as error:
        raise SelipError("Ray is not installed: install selip[cluster], or leave out --ray.") from error
    try:
        if address != "auto":
            _check_reachable(address)
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        # Ray's further sentences are advice for its own programs.
        reason = " ".join(str(error).split()).split(". ")[0]
        raise SelipError(
            f"The Ray cluster {address} cannot be joined ({reason}): start it with ray start on each node and this "
            "command on one of them, with the same versions of Python and Ray."
        ) from error
    return ray


def cluster_gpus(address: str) -> int:
    """The number of GPUs of a cluster; raises as `connect`."""
    return int(connect(address).cluster_resources().get("GPU", 0))


class RayWorkers(Workers):
    """Actors on a Ray cluster; `count` is by default the number of its processors or, with `gpu`, of its GPUs.

    What an actor had in work when it was lost goes to another, and a new actor takes its place as soon as the cluster
    has room for it.
    """

    def __init__(
        self, address: str, count: int | None = None, gpu: bool = False, patience: float = PATIENCE_SECONDS
    ) -> None:
        """Raises as `connect`, and SelipError where the cluster has no processor or GPU."""
        self._ray = connect(address)
        resource = "GPU" if gpu else "CPU"
        self.count = count or int(self._ray.cluster_resources().get(resource, 0))
        if not self.count:
            self._ray.shutdown()
            raise SelipError(f"The Ray cluster {address} has no {resource}: start a node that has one.")
        self._actor_class = self._ray.remote(num_cpus=int(not gpu), num_gpus=int(gpu))(_Worker)
        self._lost = (self._ray.exceptions.RayActorError, self._ray.exceptions.ObjectLostError)
        self._patience = patience
        self._numbers = counting()
        self._jobs: list[_Job] = []
        self._alive = 0
        self._not_started = 0
        self._code = code_hash(PACKAGES)
        self._end: Exception | None = None
        self._changed = Condition()
        # A thread for each actor waits for it.
        self._threads = [Thread(target=self._serve, daemon=True) for _ in range(self.count)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the actors and leave the cluster."""
        self._end_with(SelipError("The work was stopped."))
        for thread in self._threads:
            thread.join()
        self._ray.shutdown()

    def _submit(self, function: Callable[[Task], Result], chunk: list[Task]) -> "Future[list[Result]]":
        job = _Job(next(self._numbers), function, chunk)
        self._put(job)
        return job.future

    def _put(self, job: "_Job") -> None:
        with self._changed:
            if self._end is not None:
                job.future.set_exception(self._end)
            else:
                heappush(self._jobs, job)
                self._changed.notify()

    def _take(self) -> "_Job | None":
        """The job that came first, as soon as there is one; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._end)
            return heappop(self._jobs) if self._end is None else None

    def _end_with(self, error: Exception) -> None:
        """Fail what waits and what comes; threads end with the jobs that they have in work."""
        with self._changed:
            self._end = self._end or error
            for job in self._jobs:
                job.future.set_exception(self._end)
            self._jobs.clear()
            self._changed.notify_all()

    def _serve(self) -> None:
        """Do jobs with one actor after the other, until the end."""
        try:
            while self._end is None:
                actor = self._actor_class.remote()
                if self._is_ready(actor):
                    with self._changed:
                        self._alive += 1
                    self._work_with(actor)
                    with self._changed:
                        self._alive -= 1
                with suppress(ValueError):  # it is of a session of Ray that has ended
                    self._ray.kill(actor)
        except Exception as error:
            self._end_with(_for_user(error))

    def _is_ready(self, actor: Any) -> bool:
        """Wait for the actor; False at the end. SelipError where it cannot start, or no actor finds room."""
        ready = actor.description.remote()
        waiting_since = time.monotonic()
        while self._end is None:
            if self._ray.wait([ready], timeout=POLL_SECONDS)[0]:
                return self._fits(ready)
            if self._alive:
                waiting_since = time.monotonic()
            elif time.monotonic() - waiting_since > self._patience:
                raise SelipError(
                    f"The cluster has had no room for a worker for {self._patience:.0f} s: add a node, and run the "
                    "same command again; what is finished is kept."
                )
        return False

    def _fits(self, ready: Any) -> bool:
        """Whether an actor came up; SelipError where it runs another SeLIP, or the last ones did not come up."""
        try:
            node, code = self._ray.get(ready)
        except self._lost as error:
            self._not_started += 1
            if self._not_started >= MAX_LOSSES:
                reason = str(error).strip().splitlines()[-1].strip()
                raise SelipError(
                    f"The cluster starts no worker ({reason}): install this version of selip on every node."
                ) from error
            return False
        self._not_started = 0
        if code != self._code:
            raise SelipError(f"The node {node} has another version of SeLIP: install the same one on every node.")
        return True

    def _work_with(self, actor: Any) -> None:
        """Do jobs until the actor is lost, or until the end."""
        while (job := self._take()) is not None:
            try:
                result = self._ray.get(actor.run.remote(job.function, job.chunk))
            except self._lost:
                job.losses += 1
                if job.losses < MAX_LOSSES:
                    self._put(job)
                else:
                    job.future.set_exception(
                        SelipError(
                            f"The same work has ended {MAX_LOSSES} workers, possibly for lack of memory: start nodes "
                            "with more memory for each processor; what is finished is kept."
                        )
                    )
                return
            except Exception as error:
                job.future.set_exception(_for_user(error))
            else:
                job.future.set_result(result)


@dataclass(order=True)
class _Job:
    """A chunk; those that came first are done first, also after the loss of a worker."""

    number: int
    function: Callable[[Any], Any] = field(compare=False)
    chunk: list[Any] = field(compare=False)
    future: "Future[list[Any]]" = field(compare=False, default_factory=Future)
    losses: int = field(compare=False, default=0)


class _Worker:
    """The actor."""

    def __init__(self) -> None:
        stay_offline()
        limit_threads(1)

    def description(self) -> tuple[str, str]:
        """The name of the node and the hash of SeLIP's code there."""
        return socket.gethostname(), code_hash(PACKAGES)

    def run(self, function: Callable[[Task], Result], chunk: list[Task]) -> list[Result]:
        """Do the tasks of a chunk; SelipError names the node, which may lack what the others have."""
        try:
            return do_chunk(function, chunk)
        except SelipError as error:
            raise SelipError(f"On the node {socket.gethostname()}: {error}") from error


def _check_reachable(address: str) -> None:
    """OSError or ValueError where nothing answers at host:port: Ray itself would try for two minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), CONNECTION_SECONDS).close()


def _for_user(error: Exception) -> Exception:
    """The exception that a task raised, or a SelipError where the cluster lacks room for what tasks take and return."""
    from ray.exceptions import ObjectStoreFullError, OutOfDiskError, RayTaskError

    cause = error.cause if isinstance(error, RayTaskError) and isinstance(error.cause, Exception) else error
    if isinstance(cause, ObjectStoreFullError | OutOfDiskError):
        return SelipError(
            "The object store of the cluster is full: end other programs on it or start it with a larger "
            "--object-store-memory, and run the same command again; what is finished is kept."
        )
    return cause
