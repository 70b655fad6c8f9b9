"""The seam between work and who does it: a new kind of workers is one module here and one line in `workers`."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers(ABC):
    """A context manager for `count` workers, each of which does tasks one after the other, in one thread.

    A worker lives until the end: what a function keeps in its module is made once a worker.
    """

    count: int

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task], chunk_size: int = 1) -> Iterator[Result]:
        """The results in the order of the tasks, of which `chunk_size` are sent to a worker together.

        Function, tasks and results are pickled. Tasks are taken as earlier ones end: of a long stream only a few are in
        memory. Raises what `function` raises, and SelipError where a worker itself fails.
        """

        def submit(chunk: list[Task]) -> "Future[list[Result]]":
            return self._submit(function, chunk)

        for results in in_order(submit, _chunks(tasks, chunk_size), self._ahead):
            yield from results

    @property
    def _ahead(self) -> int:
        """The number of chunks in work: a worker that is done finds the next one waiting."""
        return 2 * self.count

    @abstractmethod
    def _submit(self, function: Callable[[Task], Result], chunk: list[Task]) -> "Future[list[Result]]":
        """Give a worker the tasks of a chunk."""

    @abstractmethod
    def close(self) -> None:
        """End the workers; what they have not begun is dropped."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def in_order(submit: Callable[[Task], "Future[Result]"], tasks: Iterable[Task], ahead: int) -> Iterator[Result]:
    """The results in the order of the tasks; at most `ahead` tasks are submitted and not yet yielded."""
    waiting: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            waiting.append(submit(task))
            if len(waiting) == ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def do_chunk(function: Callable[[Task], Result], chunk: list[Task]) -> list[Result]:
    """What a worker does with a chunk."""
    return [function(task) for task in chunk]


def _chunks(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    remaining = iter(tasks)
    while chunk := list(islice(remaining, size)):
        yield chunk
