from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selip_pretrain.training.validation import retrieval_metrics, text_ranks


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 99))
def test_ranks_are_those_of_sorting(images: int, texts: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    a, b = torch.rand(images, 4, generator=random), torch.rand(texts, 4, generator=random)
    truth = torch.randint(texts, (images,), generator=random)
    order = (a @ b.T).argsort(1, descending=True)
    expected = [row.tolist().index(own) for row, own in zip(order, truth.tolist(), strict=True)]
    better, tied = text_ranks(a, b, truth)
    assert better.tolist() == expected
    assert tied.tolist() == [1] * images


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
def test_ties_count_as_the_mean_over_all_orders(images: int, texts: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    a, b = (torch.randint(2, (count, 2), generator=random).float() for count in (images, texts))
    truth = torch.randint(texts, (images,), generator=random)
    ranks = []
    for order in permutations(range(texts)):
        sorted_texts = (a.double() @ b.double()[list(order)].T).argsort(stable=True, dim=1, descending=True)
        ranks.append(
            [row.tolist().index(order.index(own)) + 1 for row, own in zip(sorted_texts, truth.tolist(), strict=True)]
        )
    expected = torch.tensor(ranks).double()
    metrics = retrieval_metrics(*text_ranks(a, b, truth), texts)
    assert metrics["mean_rank"] == pytest.approx(expected.mean().item())
    assert metrics["mean_reciprocal_rank"] == pytest.approx(expected.reciprocal().mean().item())
    for k in (1, 5, 10):
        assert metrics[f"top_{k}"] == pytest.approx((expected <= k).double().mean().item())


def test_ranks_do_not_lose_digits_under_autocast() -> None:
    """Where all embeddings share a large part, bfloat16 rounds every similarity to the same number."""
    random = torch.Generator().manual_seed(0)
    shared = torch.ones(64)
    images = torch.nn.functional.normalize(shared + 0.05 * torch.randn(20, 64, generator=random), dim=1)
    exact = retrieval_metrics(*text_ranks(images.double(), images.double(), torch.arange(20)), 20)
    with torch.autocast("cpu", torch.bfloat16):
        assert retrieval_metrics(*text_ranks(images, images, torch.arange(20)), 20) == exact
        rounded = (images @ images.T).float()
    assert (rounded == rounded.diagonal()[:, None]).sum(1).double().mean() > 2
    assert exact["top_1"] == 1


def test_a_model_that_makes_all_alike_is_at_chance() -> None:
    better, tied = text_ranks(torch.ones(4, 3), torch.ones(5, 3), torch.arange(4))
    assert (better.tolist(), tied.tolist()) == ([0] * 4, [5] * 4)
    metrics = retrieval_metrics(better, tied, 5)
    assert metrics["top_1"] == pytest.approx(1 / 5)
    assert metrics["mean_rank"] == 3
    assert metrics["mean_reciprocal_rank"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5)


def test_metrics_of_known_ranks() -> None:
    metrics = retrieval_metrics(torch.tensor([0, 1, 5, 10]), torch.ones(4, dtype=torch.int64), texts=20)
    assert metrics == {
        "top_1": 0.25, "top_5": 0.5, "top_10": 0.75, "mean_rank": 5.0,
        "mean_reciprocal_rank": (1 + 1 / 2 + 1 / 6 + 1 / 11) / 4, "images": 4, "texts": 20,
    }  # fmt: skip
