import math
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from selip_downstream.retrieval import search as retrieval
from selip_downstream.retrieval.metrics import Answered, agreement, dice_of_sets, ndcg, ranking_values
from selip_downstream.retrieval.search import DIRECTIONS, TEXTS, Direction, Items, RetrievalTask, Texts, search, task

Matrix = NDArray[np.float64]


def embeddings_with_ties(seed: int, count: int) -> Tensor:
    """Few values and few dimensions: many scores are equal, and every one is exact in float32."""
    return torch.randint(-1, 2, (count, 3), generator=torch.Generator().manual_seed(seed)).float()


def relevance(seed: int, texts: int) -> Matrix:
    some = np.random.default_rng(seed).choice([0.0, 0.25, 0.5], (texts, texts))
    graded: Matrix = (some + some.T) / 2
    np.fill_diagonal(graded, 1.0)
    return graded


def by_brute_force(
    images: Tensor, texts: Tensor, text_of: Tensor, direction: Direction, use: Texts, graded: Matrix
) -> tuple[list[int] | None, list[int], list[list[int]], list[float]]:
    """Ranks of own and of the first equal, first hits and nDCG, by sorting lists of Python numbers."""
    pairs = list(range(len(images)))
    asked_texts = [(t, t) for t in range(len(texts))] if use == "distinct" else [(int(text_of[i]), i) for i in pairs]
    image_items = [(images[i].double().tolist(), int(text_of[i])) for i in pairs]
    text_items = [(texts[t].double().tolist(), t) for t, _ in asked_texts]
    queries, gallery = (image_items, text_items) if direction == "image to text" else (text_items, image_items)
    own: list[int] | None = [] if use == "all" else None
    equal, hits, gains = [], [], []
    for number, (query, label) in enumerate(queries):
        scores = [math.fsum(a * b for a, b in zip(query, item, strict=True)) for item, _ in gallery]
        order = sorted(range(len(gallery)), key=lambda j: (-scores[j], j))
        if own is not None:
            own.append(order.index(number) + 1)
        equal.append(next((r for r, j in enumerate(order, 1) if gallery[j][1] == label), 0))
        hits.append(order[:10])
        found = [graded[label][gallery[j][1]] for j in order[:10]]
        ideal = sorted((graded[label][item_label] for _, item_label in gallery), reverse=True)[:10]
        best = sum(gain / math.log2(r + 1) for r, gain in enumerate(ideal, 1))
        gains.append(sum(gain / math.log2(r + 1) for r, gain in enumerate(found, 1)) / best if best else math.nan)
    return own, equal, hits, gains


@pytest.mark.parametrize(("direction", "use", "seed"), list(product(DIRECTIONS, TEXTS, range(6))))
def test_ranks_hits_and_gains_are_those_of_a_sort_whatever_the_chunks(
    direction: Direction, use: Texts, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(seed)
    pair_count, text_count = int(draw.integers(1, 40)), int(draw.integers(1, 25))
    images, texts = embeddings_with_ties(seed, pair_count), embeddings_with_ties(seed + 1, text_count)
    text_of = torch.from_numpy(draw.integers(0, text_count, pair_count))
    graded = relevance(seed, text_count)
    monkeypatch.setattr(retrieval, "_CHUNK_SCORES", 64)

    wanted = task(images, texts, text_of, direction, use)
    found = search(wanted)
    answered = Answered(found.hits, wanted.queries.labels, wanted.gallery.labels)
    similarity = torch.from_numpy(graded).float()
    gains, again = ndcg([answered] * 2, text_count, lambda rows, columns: similarity[rows][:, columns])

    own, equal, hits, expected_gains = by_brute_force(images, texts, text_of, direction, use, graded)
    assert (None if found.exact is None else found.exact.tolist()) == own
    assert found.equal.tolist() == equal
    assert found.hits.tolist() == hits
    np.testing.assert_allclose(gains, expected_gains, rtol=1e-6)
    np.testing.assert_array_equal(again, gains)


def test_on_embeddings_without_ties_float32_ranks_as_float64() -> None:
    generator = torch.Generator().manual_seed(0)
    images, texts = torch.randn(300, 64, generator=generator), torch.randn(200, 64, generator=generator)
    text_of = torch.randint(200, (300,), generator=generator)
    for direction, use in product(DIRECTIONS, TEXTS):
        single = search(task(images, texts, text_of, direction, use))
        double = search(task(images.double(), texts.double(), text_of, direction, use))
        assert torch.equal(single.equal, double.equal)
        assert torch.equal(single.hits, double.hits)


def test_a_model_that_gives_everything_one_embedding_is_at_chance() -> None:
    one = torch.ones(50, 4)
    found = search(task(one, one, torch.arange(50).flip(0), "image to text", "all"))
    assert found.exact is not None
    values = ranking_values(found.exact)
    assert values["top-1"].mean() == 1 / 50
    assert values["mean rank"].mean() == (50 + 1) / 2


def test_copies_of_a_text_tie_exactly_and_stand_in_the_order_of_the_gallery() -> None:
    images = torch.nn.functional.normalize(torch.randn(40, 512, generator=torch.Generator().manual_seed(1)), dim=1)
    text_of = torch.zeros(40, dtype=torch.int64)
    found = search(task(images, images[:1], text_of, "image to text", "all"))
    assert found.exact is not None
    assert found.exact.tolist() == list(range(1, 41))
    assert found.equal.tolist() == [1] * 40


def test_what_the_gallery_lacks_has_no_rank_and_no_value() -> None:
    queries = Items(torch.eye(2), torch.arange(2), torch.tensor([0, 7]))
    gallery = Items(torch.eye(2), torch.arange(2), torch.arange(2))
    found = search(RetrievalTask(queries, gallery, None))
    assert found.equal.tolist() == [1, 0]
    values = ranking_values(found.equal)
    assert values["top-1"][0] == 1
    assert all(np.isnan(of_query[1]) for of_query in values.values())


def test_without_queries_or_without_a_gallery_there_are_no_figures() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    nothing = search(task(torch.zeros(0, 4), torch.zeros(0, 4), none, "image to text", "all"))
    assert nothing.equal.shape == (0,)
    some = Items(torch.eye(3), torch.arange(3), torch.arange(3))
    missed = search(RetrievalTask(some, Items(torch.zeros(0, 3), none, none), None))
    assert missed.equal.tolist() == [0, 0, 0]
    assert missed.hits.shape == (3, 0)


def test_embeddings_that_are_no_numbers_are_refused() -> None:
    images = torch.tensor([[1.0, torch.nan]])
    with pytest.raises(ValueError, match="not finite"):
        search(task(images, torch.ones(1, 2), torch.zeros(1, dtype=torch.int64), "image to text", "all"))


def test_agreement_is_dice_and_two_normal_texts_agree() -> None:
    left, right = ("左侧", "额叶"), ("右侧", "额叶")
    first = [frozenset({left}), frozenset({left, right}), frozenset[object](), frozenset({left}), frozenset({right})]
    asked = [frozenset({left}), frozenset({left}), frozenset[object](), frozenset[object](), frozenset({left})]
    assert agreement(first, asked).tolist() == [1.0, pytest.approx(2 / 3), 1.0, 0.0, 0.0]
    of_any_two = dice_of_sets(first + asked)(torch.arange(5), torch.arange(5, 10))
    assert of_any_two.diagonal().tolist() == pytest.approx(agreement(first, asked).tolist())
