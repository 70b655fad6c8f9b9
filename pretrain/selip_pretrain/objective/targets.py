"""What a batch's texts are to each other: the soft targets of the contrastive loss, by small matrix products.

The registry TARGETS; `selip` is the paper's, exact, each of the others changes one thing of it:

- hard: a text is like itself alone, by position: plain CLIP.
- multi-positive: equal texts are like each other, all others not.
- syntax, syntax-words: the second factor of `selip` alone, over characters or over jieba's words.
- semantic: the first factor alone, with the contract's signal classes.
- hierarchy: semantic, with a partial score for sites that lie in one region and for sides that may hold one another.
- best-match: the score of two findings as in `selip`, but each finding counts with the one most like it instead of with
  all, averaged over both directions: a text of several findings is then as like itself as a text of one.

In those that average over all pairs of findings, as in the paper, the normal text is like no other text, not even
another study's equal one; in `best-match` and `multi-positive` two normal texts are alike.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from selip_pretrain.objective.finding_similarity import (
    HIERARCHY,
    PUBLISHED,
    SEMANTIC,
    SYNTAX,
    SYNTAX_WORDS,
    RaggedIndex,
    Score,
    TextTable,
)

_PAIRS_ON_CPU, _PAIRS_ON_GPU = 2**20, 2**27
"""So many scores of two findings at once: on a CPU what its cache holds."""
_BLOCK = 512
_KEPT = threading.local()


class Target(Protocol):
    """One way to say how alike two texts are, by a score of two findings or, where that is None, without one."""

    @property
    def score(self) -> Score | None:
        """How alike two findings are."""
        ...

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """(len(rows), len(columns)) in 0..1 between the texts with these row numbers, int64 on the table's device.

        Where `columns` is the very tensor `rows`, they are one batch: its diagonal is 1.
        """
        ...


class Hard:
    """Each text is like itself alone."""

    score = None

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """The identity for a batch, else zeros."""
        return _with_diagonal(torch.zeros(len(rows), len(columns), dtype=dtype, device=table.device), rows, columns)


class MultiPositive:
    """Equal texts are alike."""

    score = None

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """1 where the texts are equal, else 0; a table gives equal texts one row, whatever its device."""
        return (rows[:, None] == columns).to(table.device, dtype)


@dataclass(frozen=True)
class MeanOverPairs:
    """The mean of `score` over all pairs of a finding of the one text and a finding of the other."""

    score: Score

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """S_ij = min(1, mean over a, mean over b of score(a, b)); S_ij = 0 with a normal text; S_ii = 1 in a batch."""
        a, b = (_Batch.of(table, texts, self.score) for texts in (rows, columns))
        over_b = _over_texts(self.score, table, a.distinct, b, _sum, dtype)
        over_both = _mean(over_b, a.findings).div_(b.findings.sizes.clamp(min=1)).clamp_(max=1)
        return _with_diagonal(over_both, rows, columns)


@dataclass(frozen=True)
class BestMatch:
    """The mean of `score` over the findings of each text with the finding of the other that is most like it."""

    score: Score

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """S_ij = ½ (mean over a, max over b + mean over b, max over a) of score(a, b); 1 for two normal texts."""
        a, b = (_Batch.of(table, texts, self.score) for texts in (rows, columns))
        there = _mean(_over_texts(self.score, table, a.distinct, b, _best, dtype), a.findings)
        if rows is columns:
            mean = _with_transposed(there).mul_(0.5).clamp_(max=1)
        else:
            back = _mean(_over_texts(self.score, table, b.distinct, a, _best, dtype), b.findings)
            mean = there.add_(back.T).mul_(0.5).clamp_(max=1)
        mean[_normal(a)[:, None], _normal(b)] = 1
        return _with_diagonal(mean, rows, columns)


TARGETS: dict[str, Target] = {
    "hard": Hard(),
    "syntax": MeanOverPairs(SYNTAX),
    "syntax-words": MeanOverPairs(SYNTAX_WORDS),
    "semantic": MeanOverPairs(SEMANTIC),
    "hierarchy": MeanOverPairs(HIERARCHY),
    "selip": MeanOverPairs(PUBLISHED),
    "best-match": BestMatch(PUBLISHED),
    "multi-positive": MultiPositive(),
}


def soft_targets(similarity: Tensor, sharpness: float = 1.0) -> Tensor:
    """P = S^sharpness / rowsum(S^sharpness) of a batch's similarity (N, N); a new tensor of which each row sums to 1.

    At 1, as in the paper, what many slightly similar texts share outweighs what a text shares with its nearest ones.
    """
    sharpened = similarity**sharpness
    return sharpened / sharpened.sum(1, keepdim=True)


@dataclass(frozen=True)
class _Batch:
    """The findings of a batch that a score tells apart, and each text's findings as places among them."""

    distinct: Tensor
    findings: RaggedIndex

    @classmethod
    def of(cls, table: TextTable, rows: Tensor, score: Score) -> "_Batch":
        taken = table.findings.take(rows)
        keys, places = torch.unique(score.keys(table, taken.members), return_inverse=True)
        distinct = torch.empty_like(keys).scatter_(0, places, taken.members)
        return cls(distinct, RaggedIndex(taken.bounds, places))


Pool = Callable[[Tensor, RaggedIndex], Tensor]
"""The rows of values (M, K) that each list names made one row, zeros for an empty list: (number of lists, K)."""


def _over_texts(score: Score, table: TextTable, a: Tensor, b: _Batch, pool: Pool, dtype: torch.dtype) -> Tensor:
    """The scores (A, N) of the findings `a` with those of each text of `b`, pooled over them.

    A few findings at a time, so that their scores stay in the processor's cache, and those alone that may be alike.
    """
    between = score.between(table, b.distinct, a, dtype)
    pooled = _kept_memory(len(a), len(b.findings.sizes), dtype, table.device)
    pairs = _PAIRS_ON_CPU if table.device.type == "cpu" else _PAIRS_ON_GPU
    together = max(1, pairs // max(1, len(b.distinct)))
    for start in range(0, len(a), together):
        x = slice(start, start + together)
        y = score.may_be_alike(table, a[x], b.distinct)
        pooled[x] = pool(between(y, x), b.findings.among(y, len(b.distinct))).T
    return pooled


def _pooled(values: Tensor, lists: RaggedIndex, mode: str) -> Tensor:
    if not len(values):
        return values.new_zeros(len(lists.sizes), values.shape[1])
    return F.embedding_bag(lists.members, values, lists.bounds, mode=mode, include_last_offset=True)


_mean, _sum = partial(_pooled, mode="mean"), partial(_pooled, mode="sum")


def _best(values: Tensor, lists: RaggedIndex) -> Tensor:
    """The greatest of values that are not negative; of all lists the first ones at once, then the second ones ..."""
    starts, sizes = lists.bounds[:-1], lists.sizes
    best = _sum(values, lists.first())
    for rank in range(1, int(sizes.max()) if len(sizes) else 0):
        longer = (sizes > rank).nonzero()[:, 0]
        best[longer] = values[lists.members[starts[longer] + rank]].maximum(best[longer])
    return best


def _with_transposed(square: Tensor) -> Tensor:
    """The matrix plus its own transpose, in place, block by block."""
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(square), _BLOCK)]
    for number, rows in enumerate(blocks):
        for columns in blocks[number:]:
            both = square[columns, rows].T.contiguous().add_(square[rows, columns])
            square[rows, columns] = both
            square[columns, rows] = both.T
    return square


def _kept_memory(rows: int, columns: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(rows, columns) of anything, on a CPU in memory that is kept from batch to batch.

    To get so much anew from the system takes longer than to fill it.
    """
    if device.type != "cpu":
        return torch.empty(rows, columns, dtype=dtype, device=device)
    size = rows * columns * dtype.itemsize
    held: Tensor | None = getattr(_KEPT, "memory", None)
    if held is None or len(held) < size:
        held = _KEPT.memory = torch.empty(size, dtype=torch.uint8)
    return held[:size].view(dtype).view(rows, columns)


def _normal(batch: _Batch) -> Tensor:
    return (batch.findings.sizes == 0).nonzero()[:, 0]


def _with_diagonal(similarity: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return similarity.fill_diagonal_(1) if rows is columns else similarity
