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
    expected = [row.tolist().index(own) + 1 for row, own in zip(order, truth.tolist(), strict=True)]
    assert text_ranks(a, b, truth).tolist() == expected


def test_a_model_that_makes_all_alike_gains_nothing() -> None:
    ranks = text_ranks(torch.ones(4, 3), torch.ones(5, 3), torch.arange(4))
    assert ranks.tolist() == [5, 5, 5, 5]


def test_metrics_of_known_ranks() -> None:
    metrics = retrieval_metrics(torch.tensor([1, 2, 6, 11]), texts=20)
    assert metrics == {
        "top_1": 0.25, "top_5": 0.5, "top_10": 0.75, "mean_rank": 5.0,
        "mean_reciprocal_rank": (1 + 1 / 2 + 1 / 6 + 1 / 11) / 4, "images": 4, "texts": 20,
    }  # fmt: skip
