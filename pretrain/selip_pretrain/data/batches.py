"""Which pairs a step of training sees, drawn anew in every epoch, and how they come to it.

A batch hangs on the seed and the number of its step alone, so that training which goes on sees what it would have seen.
"""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from selip_pretrain.data.augment import mirrored
from selip_pretrain.data.pairs import Draw, PairDataset, PairItem
from selip_shared.errors import SelipError

Numbers = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """`images` float32 (N, 1, D, H, W), N texts, and the places of their sequences in MODALITIES, int64 (N,)."""

    images: Tensor
    texts: list[str]
    modalities: Tensor


class BatchRule(NamedTuple):
    """One way to put pairs together; a new one is two functions and one line in BATCH_RULES.

    `most_batches(texts, size)` is how many full batches an epoch can have, where `texts` numbers the text of each pair;
    `lay_out(texts, batches, size, random)` are the pairs of these batches, int64 (batches, size).
    """

    most_batches: Callable[[Numbers, int], int]
    lay_out: Callable[[Numbers, int, int, np.random.Generator], Numbers]


def _most_distinct(texts: Numbers, size: int) -> int:
    """The most batches for which there are texts enough, where a text is in a batch at most once."""
    _, counts = np.unique(texts, return_counts=True)
    low, high = 0, len(texts) // size
    while low < high:
        middle = (low + high + 1) // 2
        enough = np.minimum(counts, middle).sum() >= middle * size
        low, high = (middle, high) if enough else (low, middle - 1)
    return low


def _lay_out_distinct(texts: Numbers, batches: int, size: int, random: np.random.Generator) -> Numbers:
    """Pairs of one text stand one behind the other and are dealt out like cards, so that no two meet in a batch."""
    order = random.permutation(len(texts))
    place_of_text = random.permutation(texts.max() + 1)
    order = order[np.argsort(place_of_text[texts[order]], kind="stable")]
    _, first, counts = np.unique(place_of_text[texts[order]], return_index=True, return_counts=True)
    nth_of_its_text = np.arange(len(order)) - np.repeat(first, counts)
    dealt: Numbers = order[nth_of_its_text < batches][: batches * size]
    return dealt.reshape(size, batches).T


def _most_shuffled(texts: Numbers, size: int) -> int:
    return len(texts) // size


def _lay_out_shuffled(texts: Numbers, batches: int, size: int, random: np.random.Generator) -> Numbers:
    return random.permutation(len(texts))[: batches * size].reshape(batches, size)


BATCH_RULES = {
    "distinct_texts": BatchRule(_most_distinct, _lay_out_distinct),
    "shuffled": BatchRule(_most_shuffled, _lay_out_shuffled),
}
"""`distinct_texts`, as in the paper: no two equal texts in a batch, so at most one normal study;
`shuffled`: every pair once an epoch, and equal texts may meet."""


class BatchPlan:
    """The batches of all steps.

    `texts` are those of the pairs. With `flips` half of the pairs, others in each epoch, are seen in a mirror. Every
    batch has `size` pairs: SelipError where there are not enough for one. Pairs that are left over in an epoch are as
    likely as others to be in the next.
    """

    def __init__(self, texts: Sequence[str], size: int, seed: int, rule: str, flips: bool) -> None:
        if rule not in BATCH_RULES:
            raise SelipError(f"There is no way {rule} to make batches: name one of {', '.join(BATCH_RULES)}.")
        self.size = size
        self.seed = seed
        self.rule = BATCH_RULES[rule]
        self.flips = flips
        _, numbers = np.unique([*texts, *(mirrored(text) if flips else text for text in texts)], return_inverse=True)
        self._numbers = numbers.reshape(2, len(texts))
        # Which of the two a text is changes from epoch to epoch; counted as one, as many batches fit into every epoch.
        either = self._numbers.min(axis=0)
        self.batches_per_epoch = self.rule.most_batches(either, size)
        if not self.batches_per_epoch:
            distinct = len(np.unique(either))
            raise SelipError(
                f"A batch of {size} cannot be made of {len(texts)} pairs with {distinct} distinct texts"
                f"{', mirrored ones not counted' if flips else ''}: take a smaller batch"
                f"{', or shuffled batches' if len(texts) >= size else ''}."
            )
        self.left_over = len(texts) - self.batches_per_epoch * size
        self._epoch = lru_cache(maxsize=2)(self._lay_out)

    def batch(self, step: int) -> list[Draw]:
        """What the step sees, counted from 0."""
        epoch, place = divmod(step, self.batches_per_epoch)
        flipped, pairs = self._epoch(epoch)
        return [Draw(epoch, index, bool(flipped[index])) for index in pairs[place].tolist()]

    def steps(self, first: int, last: int, rank: int = 0, ranks: int = 1) -> Iterator[list[Draw]]:
        """The batches of the steps from `first` to before `last`; of each the part that one of the `ranks` sees."""
        if self.size % ranks:
            raise SelipError(
                f"A batch of {self.size} cannot be shared by {ranks} processes: take a multiple of {ranks}."
            )
        share = self.size // ranks
        for step in range(first, last):
            yield self.batch(step)[rank * share : (rank + 1) * share]

    def _lay_out(self, epoch: int) -> tuple[npt.NDArray[np.bool_], Numbers]:
        random = np.random.default_rng((self.seed, epoch))
        flipped = random.random(self._numbers.shape[1]) < 0.5 * self.flips
        texts = np.where(flipped, self._numbers[1], self._numbers[0])
        return flipped, self.rule.lay_out(texts, self.batches_per_epoch, self.size, random)


def in_order(pairs: int, size: int) -> Iterator[list[Draw]]:
    """Every pair once, unchanged, in its order; the last batch may be smaller."""
    for first in range(0, pairs, size):
        yield [Draw(0, index) for index in range(first, min(first + size, pairs))]


def feed(dataset: PairDataset, draws: Iterable[list[Draw]], workers: int, pin_memory: bool = False) -> Iterator[Batch]:
    """The batches of these draws, read and changed by so many processes ahead of their use (0: here).

    UnusableImage or OSError, as raised where the volume was read, end it: no volume is made up for one that is missing.
    """
    loader = DataLoader(
        _Readings(dataset), batch_sampler=draws, num_workers=workers, collate_fn=_together, pin_memory=pin_memory
    )
    for batch in _reading(loader):
        if not isinstance(batch, Batch):
            raise batch
        yield batch


def _reading(loader: "DataLoader[PairItem | Exception]") -> Iterator[Batch | Exception]:
    handler = signal.getsignal(signal.SIGCHLD)
    try:
        batches = iter(loader)
        if threading.current_thread() is threading.main_thread():
            # The loader would raise from a handler, anywhere in a step; it also finds out here, at the next batch.
            signal.signal(signal.SIGCHLD, handler)
        yield from batches
    except (RuntimeError, EOFError, ConnectionError, FileNotFoundError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker (pid" not in str(error):
            raise
        raise SelipError(
            "A process that reads volumes was ended from outside, perhaps for lack of memory or of shared memory "
            "(/dev/shm): take fewer of them or a smaller batch."
        ) from error


class _Readings(Dataset[PairItem | Exception]):
    """Errors come back as they are; raised in a process of the loader they would turn into its traceback."""

    def __init__(self, dataset: PairDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, draw: Draw) -> PairItem | Exception:
        try:
            return self.dataset[draw]
        except (SelipError, OSError) as error:
            return error


def _together(items: list[PairItem | Exception]) -> Batch | Exception:
    read = [item for item in items if isinstance(item, PairItem)]
    if len(read) < len(items):
        return next(item for item in items if isinstance(item, Exception))
    return Batch(
        torch.stack([item.image for item in read]),
        [item.text for item in read],
        torch.tensor([item.modality for item in read]),
    )
