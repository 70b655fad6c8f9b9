"""The pairs of each training step, drawn anew in every epoch, and their loading.

A batch depends only on the seed and the number of its step, so that a resumed training sees the same batches.
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
from selip_pretrain.data.studies import StudyDataset, StudyItem
from selip_shared.errors import SelipError

Numbers = npt.NDArray[np.int64]
Item = PairItem | StudyItem


class StudiesOfBatch(NamedTuple):
    """The texts of a batch's S studies, and the study of each volume, int64 (N,), 0 to S - 1."""

    texts: list[str]
    of_volume: Tensor


class Batch(NamedTuple):
    """`images` float32 (N, 1, D, H, W), N texts, and the indices of their sequences in MODALITIES, int64 (N,).

    In a batch of studies a text is empty where the report says nothing on the sequence. `written` are what the text
    encoder reads, where that is not the texts.
    """

    images: Tensor
    texts: list[str]
    modalities: Tensor
    studies: StudiesOfBatch | None = None
    written: Sequence[str] = ()


class BatchRule(NamedTuple):
    """A way to form batches; a new one is two functions and a line in BATCH_RULES.

    `max_batches(texts, size)` is how many full batches an epoch can have; `texts`, int64 (N,), numbers the text of each
    pair. `arrange(texts, batches, size, random)` gives the indices of the pairs in these batches, (batches, size).
    """

    max_batches: Callable[[Numbers, int], int]
    arrange: Callable[[Numbers, int, int, np.random.Generator], Numbers]


def _max_distinct(texts: Numbers, size: int) -> int:
    """The largest number of batches that the texts can fill with each text at most once in a batch."""
    _, counts = np.unique(texts, return_counts=True)
    low, high = 0, len(texts) // size
    while low < high:
        middle = (low + high + 1) // 2
        enough = np.minimum(counts, middle).sum() >= middle * size
        low, high = (middle, high) if enough else (low, middle - 1)
    return low


def _arrange_distinct(texts: Numbers, batches: int, size: int, random: np.random.Generator) -> Numbers:
    """Sort the pairs by text in random order and deal them out like cards, so that no two of a text share a batch."""
    order = random.permutation(len(texts))
    rank_of_text = random.permutation(texts.max() + 1)
    order = order[np.argsort(rank_of_text[texts[order]], kind="stable")]
    _, first, counts = np.unique(rank_of_text[texts[order]], return_index=True, return_counts=True)
    nth_of_its_text = np.arange(len(order)) - np.repeat(first, counts)
    dealt: Numbers = order[nth_of_its_text < batches][: batches * size]
    return dealt.reshape(size, batches).T


def _max_shuffled(texts: Numbers, size: int) -> int:
    return len(texts) // size


def _arrange_shuffled(texts: Numbers, batches: int, size: int, random: np.random.Generator) -> Numbers:
    return random.permutation(len(texts))[: batches * size].reshape(batches, size)


BATCH_RULES = {
    "distinct_texts": BatchRule(_max_distinct, _arrange_distinct),
    "shuffled": BatchRule(_max_shuffled, _arrange_shuffled),
}
"""`distinct_texts`, as in the paper: no two equal texts in a batch, so at most one normal study;
`shuffled`: every pair once per epoch, and a batch may hold equal texts."""


class BatchPlan:
    """The batches of all steps, of `size` pairs, or studies, each; SelipError where they cannot fill one.

    `texts` are those of the pairs, or studies. With `mirror`, one is mirrored with `flip_probability`, drawn anew in
    each epoch. Pairs that are left over in an epoch are as likely as others to be in the next.
    """

    def __init__(
        self, texts: Sequence[str], size: int, seed: int, rule: str, mirror: bool, flip_probability: float = 0.5
    ) -> None:
        if rule not in BATCH_RULES:
            raise SelipError(f"There is no batch rule {rule}: choose one of {', '.join(BATCH_RULES)}.")
        self.size = size
        self.seed = seed
        self.rule = BATCH_RULES[rule]
        self.mirror = mirror
        self.flip_probability = flip_probability
        _, numbers = np.unique([*texts, *(mirrored(text) if mirror else text for text in texts)], return_inverse=True)
        self._numbers = numbers.reshape(2, len(texts))
        # A text and its mirrored form count as one, so that every epoch has the same number of batches.
        either = self._numbers.min(axis=0)
        self.batches_per_epoch = self.rule.max_batches(either, size)
        if not self.batches_per_epoch:
            distinct = len(np.unique(either))
            possible = [smaller for smaller in range(size - 1, 1, -1) if self.rule.max_batches(either, smaller)]
            raise SelipError(
                f"A batch of {size} cannot be formed from {len(texts)} pairs with {distinct} distinct texts"
                f"{', mirrored ones not counted' if mirror else ''}: use a smaller batch"
                f"{''.join(f' ({smaller} at most)' for smaller in possible[:1])}"
                f"{', or shuffled batches' if len(texts) >= size else ''}."
            )
        self.left_over = len(texts) - self.batches_per_epoch * size
        self._epoch = lru_cache(maxsize=2)(self._arrange)

    def batch(self, step: int) -> list[Draw]:
        """The pairs of a step, counted from 0."""
        epoch, batch = divmod(step, self.batches_per_epoch)
        mirrored_pairs, pairs = self._epoch(epoch)
        return [Draw(epoch, index, bool(mirrored_pairs[index])) for index in pairs[batch].tolist()]

    def steps(self, first: int, last: int, rank: int = 0, world_size: int = 1) -> Iterator[list[Draw]]:
        """The batches of the steps `first` to `last` - 1; of each the share of one of `world_size` processes."""
        if self.size % world_size:
            raise SelipError(
                f"A batch of {self.size} cannot be divided among {world_size} processes:"
                f" use a multiple of {world_size}."
            )
        share = self.size // world_size
        for step in range(first, last):
            yield self.batch(step)[rank * share : (rank + 1) * share]

    def _arrange(self, epoch: int) -> tuple[npt.NDArray[np.bool_], Numbers]:
        """Whether each pair is mirrored, (N,), and the indices of the pairs, (batches, size), in an epoch."""
        random = np.random.default_rng((self.seed, epoch))
        is_mirrored = random.random(self._numbers.shape[1]) < self.flip_probability * self.mirror
        texts = np.where(is_mirrored, self._numbers[1], self._numbers[0])
        return is_mirrored, self.rule.arrange(texts, self.batches_per_epoch, self.size, random)


def sequential_batches(pairs: int, size: int) -> Iterator[list[Draw]]:
    """Every pair once, not mirrored, in order; the last batch may be smaller."""
    for first in range(0, pairs, size):
        yield [Draw(0, index) for index in range(first, min(first + size, pairs))]


def load_batches(
    dataset: PairDataset | StudyDataset, draws: Iterable[list[Draw]], workers: int, pin_memory: bool = False
) -> Iterator[Batch]:
    """The batches of these draws, read and augmented ahead of their use by `workers` processes (0: by this one).

    Raises UnusableImage or OSError where a volume cannot be read: it is never replaced by another.
    """
    loader = DataLoader(
        _ErrorsAsItems(dataset), batch_sampler=draws, num_workers=workers, collate_fn=_collate, pin_memory=pin_memory
    )
    for batch in _iterate(loader):
        if not isinstance(batch, Batch):
            raise batch
        yield batch


def _iterate(loader: "DataLoader[Item | Exception]") -> Iterator[Batch | Exception]:
    handler = signal.getsignal(signal.SIGCHLD)
    try:
        batches = iter(loader)
        if threading.current_thread() is threading.main_thread():
            # The loader's handler would raise anywhere in a step; without it, it raises here at the next batch.
            signal.signal(signal.SIGCHLD, handler)
        yield from batches
    except (RuntimeError, EOFError, ConnectionError, FileNotFoundError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker (pid" not in str(error):
            raise
        raise SelipError(
            "A process that reads volumes was killed, possibly out of memory or of shared memory (/dev/shm): "
            "use fewer --workers or a smaller batch."
        ) from error


class _ErrorsAsItems(Dataset[Item | Exception]):
    """Returns errors as items; raised in a process of the loader, they would lose their type."""

    def __init__(self, dataset: PairDataset | StudyDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, draw: Draw) -> Item | Exception:
        try:
            return self.dataset[draw]
        except (SelipError, OSError) as error:
            return error


def _collate(items: list[Item | Exception]) -> Batch | Exception:
    """The batch, or the first error."""
    error = next((item for item in items if isinstance(item, Exception)), None)
    if error is not None:
        return error
    studies = [item for item in items if isinstance(item, StudyItem)]
    volumes = [item for item in items if isinstance(item, PairItem)]
    volumes += [volume for study in studies for volume in study.volumes]
    batch = Batch(
        torch.stack([volume.image for volume in volumes]),
        [volume.text for volume in volumes],
        torch.tensor([volume.modality for volume in volumes]),
        written=[volume.written for volume in volumes],
    )
    if not studies:
        return batch
    counts = torch.tensor([len(study.volumes) for study in studies])
    of_volume = torch.arange(len(studies)).repeat_interleave(counts)
    return batch._replace(studies=StudiesOfBatch([study.text for study in studies], of_volume))
