"""Retrieval metrics: recall among the first k, rank, nDCG and the agreement of what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selip_downstream.retrieval.search import DEPTH, chunks

Similarity = Callable[[Tensor, Tensor], Tensor]
"""Relevance (rows, columns) in 0..1 of distinct texts by their numbers, rows (rows,) and columns (columns,)."""


def ranking_values(ranks: Tensor, depth: int = DEPTH) -> dict[str, NDArray[np.float64]]:
    """Of each query whether it is found among the first 1 … depth (`top-1` …), and its rank; NaN without a rank."""
    known = ranks.cpu().numpy().astype(np.float64)
    known[known == 0] = np.nan
    within = {f"top-{k}": np.where(np.isnan(known), np.nan, known <= k) for k in range(1, depth + 1)}
    return {**within, "mean rank": known}


@dataclass(frozen=True)
class Answered:
    """What queries got: hits (queries, depth) in a gallery whose items have the texts `labels` (items,).

    `asked` (queries,) are the texts of the queries.
    """

    hits: Tensor
    asked: Tensor
    labels: Tensor

    @cached_property
    def _by_text(self) -> Tensor:
        return torch.argsort(self.asked, stable=True)

    def gains(self, relevance: Tensor, asked: slice) -> tuple[Tensor, Tensor]:
        """The queries that ask one of these texts, and their nDCG; `relevance` (texts asked, texts)."""
        bounds = torch.tensor([asked.start, asked.stop], device=self.asked.device)
        start, stop = torch.searchsorted(self.asked[self._by_text], bounds).tolist()
        queries = self._by_text[start:stop]
        rows = self.asked[queries] - asked.start
        depth = self.hits.shape[1]
        discount = 1 / torch.log2(torch.arange(depth, dtype=torch.float64, device=rows.device) + 2)
        copies = torch.bincount(self.labels, minlength=relevance.shape[1])
        ideal = _greatest_with_copies(relevance, copies, depth).double() @ discount
        found = relevance[rows[:, None], self.labels[self.hits[queries]]].double() @ discount
        return queries, torch.where(ideal[rows] > 0, found / ideal[rows], torch.nan)


@torch.inference_mode()
def ndcg(answered: Sequence[Answered], texts: int, similarity: Similarity) -> list[NDArray[np.float64]]:
    """Normalised discounted cumulative gain of each query, for several galleries of the same texts at once.

    The gain of a hit is its similarity to the query's text, the discount of rank r is 1 / log2(r + 1), and the ideal
    order is that of the whole gallery (Järvelin and Kekäläinen 2002); NaN where nothing in the gallery is relevant. The
    similarities of all texts to all are computed once, a chunk at a time.
    """
    found = [torch.full((len(own.hits),), torch.nan, dtype=torch.float64, device=own.hits.device) for own in answered]
    columns = torch.arange(texts, device=answered[0].hits.device)
    for chunk in chunks(texts, texts):
        relevance = similarity(columns[chunk], columns)
        for own, gains in zip(answered, found, strict=True):
            queries, of_chunk = own.gains(relevance, chunk)
            gains[queries] = of_chunk
    return [gains.cpu().numpy() for gains in found]


def agreement(first: Sequence[frozenset[object]], asked: Sequence[frozenset[object]]) -> NDArray[np.float64]:
    """Dice of what the first hit says and what is asked, 2 |A ∩ B| / (|A| + |B|); 1 where neither says anything."""
    return np.array(
        [2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0 for a, b in zip(first, asked, strict=True)],
        dtype=np.float64,
    )


def dice_of_sets(sets: Sequence[frozenset[object]]) -> Similarity:
    """`agreement` of any two of these sets, by their numbers: no target's own similarity, so none is favoured."""
    column_of = {member: column for column, member in enumerate(dict.fromkeys(m for one in sets for m in one))}
    incidence = torch.zeros(len(sets), len(column_of))
    for row, one in enumerate(sets):
        incidence[row, [column_of[member] for member in one]] = 1
    sizes = incidence.sum(1)

    def dice(rows: Tensor, columns: Tensor) -> Tensor:
        both = sizes[rows][:, None] + sizes[columns]
        return torch.where(both > 0, 2 * (incidence[rows] @ incidence[columns].T) / both, 1.0)

    return dice


def _greatest_with_copies(relevance: Tensor, copies: Tensor, depth: int) -> Tensor:
    """The greatest `depth` relevances (rows, depth) in a gallery that holds text t copies[t] times, padded with 0."""
    greatest, texts = relevance.masked_fill(copies == 0, -1).topk(min(depth, relevance.shape[1]), dim=1)
    times = copies[texts]
    ends = times.cumsum(1)
    ranks = torch.arange(depth, device=relevance.device).expand(len(relevance), depth).contiguous()
    column = torch.searchsorted(ends, ranks, right=True)
    inside = column < greatest.shape[1]
    taken = greatest.gather(1, column.clamp(max=greatest.shape[1] - 1))
    return torch.where(inside, taken, 0.0).clamp(min=0.0)
