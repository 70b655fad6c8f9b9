"""The similarity of the texts of a batch and the soft targets of the contrastive loss, by small matrix products.

The registry TARGETS: `selip` is exactly the paper's (arXiv 2503.19801), each of the others changes one thing:

- hard: a text is similar only to itself, by its position in the batch: plain CLIP.
- multi-positive: equal texts have similarity 1, all others 0.
- syntax, syntax-words: the wording factor of `selip` alone, over characters or over jieba words.
- semantic: the factor of location and signal alone, with the contract's signal classes.
- hierarchy: semantic, with partial similarity of sites in the same region and of sides that may include each other.
- best-match: the similarity of two findings as in `selip`, but averaged over each finding's most similar one instead of
  over all pairs, in both directions. So a text of several findings has similarity 1 to itself, like a text of one.

Where all pairs of findings are averaged, as in the paper, the normal text has similarity 0 to every text, even to the
equal text of another study; in `best-match` and `multi-positive` two normal texts have similarity 1.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, Self

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from selip_pretrain.objective.finding_similarity import (
    HIERARCHY,
    PUBLISHED,
    SEMANTIC,
    SYNTAX,
    SYNTAX_WORDS,
    FindingSimilarity,
    RaggedIndex,
    TextTable,
)

_MAX_PAIRS_ON_CPU, _MAX_PAIRS_ON_GPU = 2**20, 2**27
"""Pairs of findings that are compared together: on a CPU as many as fit into its cache."""
_BLOCK_SIZE = 512
_REUSED = threading.local()


class Target(Protocol):
    """A similarity of two texts."""

    @property
    def of_findings(self) -> FindingSimilarity | None:
        """The similarity of two findings that it is based on; None where texts are compared as a whole."""
        ...

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Similarities (len(rows), len(columns)) in 0..1 of the texts with these rows, int64 on the table's device.

        Where `columns` is the same tensor object as `rows`, they are one batch, and the diagonal is 1.
        """
        ...


class Hard:
    """Each text is similar only to itself."""

    of_findings = None

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """The identity matrix for a batch, else zeros."""
        return _with_diagonal(torch.zeros(len(rows), len(columns), dtype=dtype, device=table.device), rows, columns)


class MultiPositive:
    """Equal texts are similar."""

    of_findings = None

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """1 where the texts are equal, else 0: equal texts have the same row."""
        return (rows[:, None] == columns).to(table.device, dtype)


@dataclass(frozen=True)
class MeanOverPairs:
    """The mean similarity s of the findings of two texts over all pairs."""

    of_findings: FindingSimilarity

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """S_ij = min(1, mean over a in i, mean over b in j of s(a, b)); 0 for a normal text; S_ii = 1 in a batch."""
        a, b = (_DistinctFindings.of(table, texts, self.of_findings) for texts in (rows, columns))
        over_b = _pooled_similarity(self.of_findings, table, a.distinct, b, _sum, dtype)
        over_both = _mean(over_b, a.findings).div_(b.findings.sizes.clamp(min=1)).clamp_(max=1)
        return _with_diagonal(over_both, rows, columns)


@dataclass(frozen=True)
class BestMatch:
    """The mean similarity s of each finding of two texts to the most similar finding of the other text."""

    of_findings: FindingSimilarity

    def similarity(self, table: TextTable, rows: Tensor, columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """S_ij = ½ (mean over a, max over b + mean over b, max over a) of s(a, b); 1 for two normal texts."""
        a, b = (_DistinctFindings.of(table, texts, self.of_findings) for texts in (rows, columns))
        there = _mean(_pooled_similarity(self.of_findings, table, a.distinct, b, _best, dtype), a.findings)
        if rows is columns:
            mean = _with_transposed(there).mul_(0.5).clamp_(max=1)
        else:
            back = _mean(_pooled_similarity(self.of_findings, table, b.distinct, a, _best, dtype), b.findings)
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
    """P = S^sharpness / rowsum(S^sharpness) of a batch's similarity S (N, N): a new tensor whose rows sum to 1.

    With the paper's sharpness of 1, many slightly similar texts together outweigh the few most similar ones.
    """
    sharpened = similarity**sharpness
    return sharpened / sharpened.sum(1, keepdim=True)


@dataclass(frozen=True)
class _DistinctFindings:
    """The findings (M,) of texts that a similarity distinguishes, and each text's findings as indices into them."""

    distinct: Tensor
    findings: RaggedIndex

    @classmethod
    def of(cls, table: TextTable, rows: Tensor, similarity: FindingSimilarity) -> Self:
        findings = table.findings.take(rows)
        keys, indices = torch.unique(similarity.keys(table, findings.members), return_inverse=True)
        distinct = torch.empty_like(keys).scatter_(0, indices, findings.members)
        return cls(distinct, RaggedIndex(findings.offsets, indices))


Pool = Callable[[Tensor, RaggedIndex], Tensor]
"""Reduces the rows of values (M, K) that each list names to one, zeros for an empty list: (number of lists, K)."""


def _pooled_similarity(
    similarity: FindingSimilarity, table: TextTable, a: Tensor, b: _DistinctFindings, pool: Pool, dtype: torch.dtype
) -> Tensor:
    """The similarities (A, N) of the findings `a` to the N texts of `b`, pooled over the findings of each text.

    A few findings at a time, so that the values stay in the processor's cache, and only those that may be similar.
    """
    between = similarity.between(table, b.distinct, a, dtype)
    pooled = _reused_memory(len(a), len(b.findings.sizes), dtype, table.device)
    max_pairs = _MAX_PAIRS_ON_CPU if table.device.type == "cpu" else _MAX_PAIRS_ON_GPU
    block_size = max(1, max_pairs // max(1, len(b.distinct)))
    for start in range(0, len(a), block_size):
        x = slice(start, start + block_size)
        y = similarity.candidates(table, a[x], b.distinct)
        pooled[x] = pool(between(y, x), b.findings.restricted(y, len(b.distinct))).T
    return pooled


def _pooled(values: Tensor, lists: RaggedIndex, mode: str) -> Tensor:
    if not len(values):
        return values.new_zeros(len(lists.sizes), values.shape[1])
    return F.embedding_bag(lists.members, values, lists.offsets, mode=mode, include_last_offset=True)


_mean, _sum = partial(_pooled, mode="mean"), partial(_pooled, mode="sum")


def _best(values: Tensor, lists: RaggedIndex) -> Tensor:
    """The maximum of non-negative values: over the first members of all lists, then the second members, and so on."""
    starts, sizes = lists.offsets[:-1], lists.sizes
    best = _sum(values, lists.first())
    for position in range(1, int(sizes.max()) if len(sizes) else 0):
        longer = (sizes > position).nonzero()[:, 0]
        best[longer] = values[lists.members[starts[longer] + position]].maximum(best[longer])
    return best


def _with_transposed(square: Tensor) -> Tensor:
    """Add its transpose to the matrix (N, N) in place, block by block."""
    blocks = [slice(start, start + _BLOCK_SIZE) for start in range(0, len(square), _BLOCK_SIZE)]
    for number, rows in enumerate(blocks):
        for columns in blocks[number:]:
            both = square[columns, rows].T.contiguous().add_(square[rows, columns])
            square[rows, columns] = both
            square[columns, rows] = both.T
    return square


def _reused_memory(rows: int, columns: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """An uninitialised tensor (rows, columns), on a CPU in memory that is reused from batch to batch.

    Allocating that much memory anew takes longer than filling it.
    """
    if device.type != "cpu":
        return torch.empty(rows, columns, dtype=dtype, device=device)
    size = rows * columns * dtype.itemsize
    memory: Tensor | None = getattr(_REUSED, "memory", None)
    if memory is None or len(memory) < size:
        memory = _REUSED.memory = torch.empty(size, dtype=torch.uint8)
    return memory[:size].view(dtype).view(rows, columns)


def _normal(texts: _DistinctFindings) -> Tensor:
    """The indices of the normal texts."""
    return (texts.findings.sizes == 0).nonzero()[:, 0]


def _with_diagonal(similarity: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return similarity.fill_diagonal_(1) if rows is columns else similarity
