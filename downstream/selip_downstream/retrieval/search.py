"""Retrieval between images and texts: exact, a chunk of queries at a time, in memory linear in the gallery.

A gallery is ordered by falling score; items with equal scores keep the order of the gallery. Every figure uses this
order. Equal texts have one embedding and so exactly equal scores.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DEPTH = 10
_CHUNK_SCORES = 1 << 23

Direction = Literal["image to text", "text to image"]
Texts = Literal["distinct", "all"]
DIRECTIONS: tuple[Direction, ...] = ("image to text", "text to image")
TEXTS: tuple[Texts, ...] = ("distinct", "all")

Similarity = Callable[[Tensor, Tensor], Tensor]
"""Relevance (rows, columns) in 0..1 of distinct texts by their numbers, rows (rows,) and columns (columns,)."""


@dataclass(frozen=True)
class Items:
    """Queries, or a gallery: item i has embeddings[rows[i]] and the text of number labels[i].

    embeddings (embedded, E) float, rows and labels (items,) int64, all on one device.
    """

    embeddings: Tensor
    rows: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Found:
    """What the queries found. Ranks count from 1; 0 where the gallery has nothing that is sought.

    exact (queries,): rank of the query's own counterpart, None where queries have none of their own.
    equal (queries,): rank of the first item with the query's text.
    hits (queries, at most DEPTH): the first items of the gallery, best first.
    """

    exact: Tensor | None
    equal: Tensor
    hits: Tensor


@dataclass(frozen=True)
class RetrievalTask:
    """Queries, the gallery they search, and the item of the gallery that is each query's own counterpart (or None)."""

    queries: Items
    gallery: Items
    own: Tensor | None


def task(images: Tensor, texts: Tensor, text_of: Tensor, direction: Direction, use: Texts) -> RetrievalTask:
    """One direction of retrieval between images (N, E) and distinct texts (T, E), where image i has text text_of[i].

    `distinct` takes every distinct text once, as gallery or as query; `all` takes the text of every image, so that
    equal texts are repeated and each image has one text of its own.
    """
    pairs = torch.arange(len(images), device=images.device)
    once = torch.arange(len(texts), device=images.device)
    image_items = Items(images, pairs, text_of)
    text_items = Items(texts, text_of, text_of) if use == "all" else Items(texts, once, once)
    own = pairs if use == "all" else None
    if direction == "image to text":
        return RetrievalTask(image_items, text_items, own)
    return RetrievalTask(text_items, image_items, own)


@torch.inference_mode()
def search(wanted: RetrievalTask, depth: int = DEPTH) -> Found:
    """Every query against the whole gallery. ValueError where an embedding is not finite."""
    queries, gallery = wanted.queries, wanted.gallery
    if not (torch.isfinite(queries.embeddings).all() and torch.isfinite(gallery.embeddings).all()):
        raise ValueError("an embedding is not finite")
    device = queries.rows.device
    copied = not torch.equal(gallery.rows, torch.arange(len(gallery.embeddings), device=device))
    exact = None if wanted.own is None else torch.zeros(len(queries), dtype=torch.int64, device=device)
    equal = torch.zeros(len(queries), dtype=torch.int64, device=device)
    hits = torch.zeros(len(queries), min(depth, len(gallery)), dtype=torch.int64, device=device)
    for chunk in _chunks(len(queries), len(gallery)) if len(gallery) else ():
        scores = queries.embeddings[queries.rows[chunk]] @ gallery.embeddings.T
        if copied:  # every embedding is multiplied once: the same product may round otherwise in another column
            scores = scores.index_select(1, gallery.rows)
        if exact is not None and wanted.own is not None:
            exact[chunk] = _ranks(scores, wanted.own[chunk])
        equal[chunk] = _first_equal(scores, queries.labels[chunk], gallery.labels)
        hits[chunk] = _first(scores, hits.shape[1])
    return Found(exact, equal, hits)


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
    for chunk in _chunks(texts, texts):
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


def _chunks(rows: int, columns: int) -> Iterator[slice]:
    size = max(1, _CHUNK_SCORES // max(1, columns))
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def _ranks(scores: Tensor, items: Tensor) -> Tensor:
    """Rank (queries,) of one item of the gallery for each query."""
    own = scores.gather(1, items[:, None])
    rank = 1 + _count(scores > own)
    (tied,) = torch.nonzero(_count(scores >= own) > rank, as_tuple=True)
    if len(tied):
        before = torch.arange(scores.shape[1], device=scores.device) < items[tied, None]
        rank[tied] += _count((scores[tied] == own[tied]) & before)
    return rank


def _count(true: Tensor) -> Tensor:
    """How many are true in each row; exact below 2**24 columns, and ten times as fast as a sum of integers."""
    return true.sum(1, dtype=torch.float32).to(torch.int64)


def _first_equal(scores: Tensor, asked: Tensor, labels: Tensor) -> Tensor:
    """Rank (queries,) of the first item that has the text asked for, 0 where none has it."""
    sought = asked[:, None] == labels
    best = torch.where(sought, scores, -torch.inf).argmax(1)
    return _ranks(scores, best) * sought.gather(1, best[:, None])[:, 0]


def _first(scores: Tensor, depth: int) -> Tensor:
    """The items (queries, depth) of the greatest scores in order; topk alone may take any of equal ones."""
    least = scores.topk(depth).values[:, -1:]
    rows, items = torch.nonzero(scores >= least, as_tuple=True)
    by_score = torch.argsort(scores[rows, items], descending=True, stable=True)
    by_row = by_score[torch.argsort(rows[by_score], stable=True)]
    candidates = torch.bincount(rows, minlength=len(scores))
    starts = candidates.cumsum(0) - candidates
    return items[by_row][starts[:, None] + torch.arange(depth, device=scores.device)]


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
