"""Retrieval between images and texts: exact, a chunk of queries at a time, in memory linear in the gallery.

A gallery is ordered by falling score; items with equal scores keep the order of the gallery. Every figure uses this
order. Equal texts have one embedding and so exactly equal scores.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

DEPTH = 10
_CHUNK_SCORES = 1 << 23

Direction = Literal["image to text", "text to image"]
Texts = Literal["distinct", "all"]
DIRECTIONS: tuple[Direction, ...] = ("image to text", "text to image")
TEXTS: tuple[Texts, ...] = ("distinct", "all")


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
    for chunk in chunks(len(queries), len(gallery)) if len(gallery) else ():
        scores = queries.embeddings[queries.rows[chunk]] @ gallery.embeddings.T
        if copied:  # every embedding is multiplied once: the same product may round otherwise in another column
            scores = scores.index_select(1, gallery.rows)
        if exact is not None and wanted.own is not None:
            exact[chunk] = _ranks(scores, wanted.own[chunk])
        equal[chunk] = _first_equal(scores, queries.labels[chunk], gallery.labels)
        hits[chunk] = _first(scores, hits.shape[1])
    return Found(exact, equal, hits)


def chunks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of the rows, each small enough that its scores with all columns fit into memory."""
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
