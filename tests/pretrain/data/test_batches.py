import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selip_contracts.statements import NORMAL_TEXT
from selip_pretrain.data.augment import mirrored
from selip_pretrain.data.batches import BATCH_RULES, Batch, BatchPlan, load_batches, sequential_batches
from selip_pretrain.data.pairs import Draw, Pair, PairDataset
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_pretrain.volumes.volume_cache import UnusableImage, VolumeCache
from selip_shared.errors import SelipError
from tests.pretrain.image_files import write_nifti

SITES = ["额叶", "顶叶", "颞叶", "枕叶", "岛叶", "丘脑"]
TEXTS = [f"在{side}{site}表现为高信号" for side in ("左侧", "右侧") for site in SITES]
CORPUS = st.lists(st.sampled_from([*TEXTS, NORMAL_TEXT, NORMAL_TEXT, NORMAL_TEXT]), min_size=1, max_size=60)


def seen(texts: list[str], draw: Draw) -> str:
    return mirrored(texts[draw.pair]) if draw.mirrored else texts[draw.pair]


@given(CORPUS, st.integers(1, 8), st.integers(0, 1000), st.booleans())
def test_no_two_texts_of_a_batch_are_equal(texts: list[str], size: int, seed: int, flips: bool) -> None:
    try:
        plan = BatchPlan(texts, size, seed, "distinct_texts", flips)
    except SelipError:
        assert len({min(text, mirrored(text)) if flips else text for text in texts}) < size
        return
    for epoch in range(2):
        drawn = [plan.batch(epoch * plan.batches_per_epoch + place) for place in range(plan.batches_per_epoch)]
        assert all(len({seen(texts, draw) for draw in batch}) == len(batch) == size for batch in drawn)
        pairs = [draw.pair for batch in drawn for draw in batch]
        assert len(set(pairs)) == len(pairs) == len(texts) - plan.left_over
        assert {draw.epoch for batch in drawn for draw in batch} == {epoch}


@given(CORPUS, st.integers(1, 8))
def test_an_epoch_has_as_many_distinct_batches_as_there_can_be(texts: list[str], size: int) -> None:
    counts = Counter(texts).values()
    possible = [n for n in range(len(texts) + 1) if sum(min(count, n) for count in counts) >= n * size]
    wanted = max(possible)
    if wanted:
        assert BatchPlan(texts, size, 0, "distinct_texts", mirror=False).batches_per_epoch == wanted
    else:
        with pytest.raises(SelipError, match="use a smaller batch"):
            BatchPlan(texts, size, 0, "distinct_texts", mirror=False)


def test_shuffled_batches_hold_every_pair_once_and_equal_texts_may_meet() -> None:
    texts = [NORMAL_TEXT] * 30 + TEXTS[:6]
    plan = BatchPlan(texts, 9, 0, "shuffled", mirror=True)
    drawn = [plan.batch(step) for step in range(4)]
    assert sorted(draw.pair for batch in drawn for draw in batch) == list(range(36))
    assert any(Counter(texts[draw.pair] for draw in batch)[NORMAL_TEXT] > 1 for batch in drawn)
    assert [draw.pair for draw in plan.batch(4)] != [draw.pair for draw in drawn[0]]


@pytest.mark.parametrize("rule", BATCH_RULES)
def test_training_that_goes_on_sees_what_it_would_have_seen(rule: str) -> None:
    texts = [*TEXTS, *TEXTS, NORMAL_TEXT]
    whole = list(BatchPlan(texts, 4, 3, rule, mirror=True).steps(0, 20))
    assert list(BatchPlan(texts, 4, 3, rule, mirror=True).steps(13, 20)) == whole[13:]
    assert list(BatchPlan(texts, 4, 4, rule, mirror=True).steps(0, 20)) != whole


@pytest.mark.parametrize("rule", BATCH_RULES)
def test_processes_share_each_batch(rule: str) -> None:
    plan = BatchPlan([*TEXTS, *TEXTS], 6, 0, rule, mirror=True)
    shares = [list(plan.steps(2, 7, rank, 3)) for rank in range(3)]
    assert [[*one, *two, *three] for one, two, three in zip(*shares, strict=True)] == list(plan.steps(2, 7))
    with pytest.raises(SelipError, match="A batch of 6 cannot be divided among 4 processes"):
        list(plan.steps(0, 1, 0, 4))


def test_about_half_of_the_pairs_are_mirrored_others_in_each_epoch() -> None:
    plan = BatchPlan(TEXTS * 20, 12, 0, "shuffled", mirror=True)
    epochs = [
        {draw.pair for step in range(first, first + 20) for draw in plan.batch(step) if draw.mirrored}
        for first in (0, 20)
    ]
    assert all(90 < len(flipped) < 150 for flipped in epochs)
    assert 30 < len(epochs[0] & epochs[1]) < 90
    unflipped = BatchPlan(TEXTS, 12, 0, "shuffled", mirror=False)
    assert not any(draw.mirrored for step in range(20) for draw in unflipped.batch(step))


def test_over_epochs_every_pair_is_drawn() -> None:
    texts = [NORMAL_TEXT] * 20 + TEXTS
    plan = BatchPlan(texts, 4, 0, "distinct_texts", mirror=True)
    assert plan.left_over > 10
    drawn = Counter(draw.pair for batch in plan.steps(0, 60 * plan.batches_per_epoch) for draw in batch)
    assert sorted(drawn) == list(range(len(texts)))


@pytest.mark.parametrize(
    ("texts", "rule", "sentence"),
    [
        (
            TEXTS[:3],
            "shuffled",
            "A batch of 4 cannot be formed from 3 pairs with 3 distinct texts: use a smaller batch (3 at most).",
        ),
        (
            [NORMAL_TEXT] * 9,
            "distinct_texts",
            "A batch of 4 cannot be formed from 9 pairs with 1 distinct texts:"
            " use a smaller batch, or shuffled batches.",
        ),
        (TEXTS, "sorted", "There is no batch rule sorted: choose one of distinct_texts, shuffled."),
    ],
)
def test_batches_that_cannot_be_formed_are_refused_at_once(texts: list[str], rule: str, sentence: str) -> None:
    with pytest.raises(SelipError) as error:
        BatchPlan(texts, 4, 0, rule, mirror=False)
    assert str(error.value) == sentence


def test_a_plan_for_many_pairs_is_laid_out_quickly_enough_to_be_used() -> None:
    texts = [TEXTS[number % 12] if number % 3 else f"{number}" for number in range(60_000)]
    plan = BatchPlan(texts, 64, 0, "distinct_texts", mirror=True)
    assert len(plan.batch(plan.batches_per_epoch - 1)) == 64


def test_in_order_every_pair_comes_once_unchanged() -> None:
    assert list(sequential_batches(5, 2)) == [[Draw(0, 0), Draw(0, 1)], [Draw(0, 2), Draw(0, 3)], [Draw(0, 4)]]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PairDataset:
    folder = tmp_path_factory.mktemp("pairs")
    pairs = []
    for number, text in enumerate(TEXTS):
        voxels = np.random.default_rng(number).integers(0, 1000, (9, 9, 6), dtype=np.int16)
        file = write_nifti(folder / f"{number}.nii.gz", voxels)
        pairs.append(Pair(file.name, "r", "p", "T1", text, False, "train", "nifti", (file,), content_hash([file])))
    return PairDataset(pairs, VolumeCache(folder / "cache", VolumeRecipe(shape=(4, 8, 8))), augment=True, seed=1)


def batches(dataset: PairDataset, workers: int, first: int = 0) -> list[Batch]:
    plan = BatchPlan([pair.text for pair in dataset.pairs], 4, 1, "distinct_texts", mirror=True)
    return list(load_batches(dataset, plan.steps(first, 7), workers))


def same(one: list[Batch], other: list[Batch]) -> bool:
    return all(
        torch.equal(a.images, b.images) and a.texts == b.texts and torch.equal(a.modalities, b.modalities)
        for a, b in zip(one, other, strict=True)
    )


def test_batches_are_the_same_whatever_processes_read_them(dataset: PairDataset) -> None:
    here = batches(dataset, 0)
    assert [batch.images.shape for batch in here] == [(4, 1, 4, 8, 8)] * 7
    assert {batch.images.dtype for batch in here} == {torch.float32}
    assert {batch.modalities.dtype for batch in here} == {torch.int64}
    assert same(here, batches(dataset, 1))
    assert same(here, batches(dataset, 2))
    assert same(here[3:], batches(dataset, 2, first=3))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_volume_that_cannot_be_read_ends_it_by_name(tmp_path: Path, dataset: PairDataset, workers: int) -> None:
    spoiled = PairDataset(dataset.pairs, VolumeCache(tmp_path, dataset.cache.recipe), augment=True, seed=1)
    file = dataset.pairs[5].files[0]
    content = file.read_bytes()
    file.write_bytes(content[:-40])
    try:
        with pytest.raises(UnusableImage) as error:
            list(load_batches(spoiled, sequential_batches(len(TEXTS), 4), workers))
    finally:
        file.write_bytes(content)
    assert error.value.problem[:2] == ("5.nii.gz", "changed")


def test_a_killed_process_is_a_clear_error(dataset: PairDataset) -> None:
    def kill_at_the_second() -> Iterator[list[Draw]]:
        for step, draws in enumerate(sequential_batches(1_000_000, 1)):
            if step == 20:
                os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
            yield [Draw(0, draw.pair % len(TEXTS)) for draw in draws]

    with pytest.raises(SelipError, match="A process that reads volumes was killed, possibly out of memory"):
        list(load_batches(dataset, kill_at_the_second(), 2))
