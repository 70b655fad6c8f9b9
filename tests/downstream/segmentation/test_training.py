import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from selip_downstream.datasets.brats import read_brats
from selip_downstream.segmentation.cases import CaseCache, PreparedCase
from selip_downstream.segmentation.training import STATE, WEIGHTS, TrainingPlan, draw_patch, loss_of, predict, train
from selip_downstream.segmentation.unet import SegmentationNetwork
from selip_pretrain.model.encoders.registry import IMAGE_ENCODERS
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_shared.errors import SelipError
from tests.downstream.datasets.small_brats import write_brats

PATCH = (8, 32, 32)
RECIPE = VolumeRecipe(shape=PATCH)
PLAN = TrainingPlan(PATCH, steps=20, batch=1, seed=0, rate=1e-3)


def network() -> SegmentationNetwork:
    torch.manual_seed(0)
    return SegmentationNetwork(IMAGE_ENCODERS["resnet10-narrow"](PATCH, "group", "mean"), ["T1CE", "FLAIR"])


def learn(folder: Path, out: Path) -> SegmentationNetwork:
    """Train on two cases of the cohort in the folder, chosen by a third one."""
    out.mkdir(exist_ok=True)
    cases = read_brats(folder / "brats").cases
    learnt = network()
    train(learnt, cases[:2], cases[2:3], CaseCache(folder / "cache", RECIPE, ["T1CE", "FLAIR"]), PLAN, out)
    return learnt


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """More threads add up in another order than the one of the process that is killed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segmentation")
    write_brats(folder / "brats", 3)
    return folder


def case(shape: tuple[int, int, int] = (12, 40, 36)) -> PreparedCase:
    """Brightness says the label, and the second sequence the half of the head."""
    labels = torch.zeros(shape, dtype=torch.uint8)
    labels[3:5, 10:14, 20:24] = 3
    half = torch.zeros(shape)
    half[..., shape[2] // 2 :] = 1
    return PreparedCase(torch.stack([labels / 4, half]).half(), labels, torch.eye(4, dtype=torch.float64))


def test_a_patch_keeps_labels_on_what_they_mark_and_is_seen_in_mirrors() -> None:
    tumours, mirrored = 0, 0
    for seed in range(60):
        images, labels = draw_patch(case(), (4, 16, 16), np.random.default_rng(seed))
        assert images.shape == (2, 4, 16, 16)
        assert labels.shape == (1, 4, 16, 16)
        assert torch.equal(images[0] > 0.3, labels[0] == 3)
        tumours += bool(labels.any())
        mirrored += bool(images[1, 0, 0, 0] > images[1, 0, 0, -1])
    assert 30 <= tumours < 60
    assert mirrored > 5


def test_a_patch_that_is_larger_than_the_case_holds_all_of_it() -> None:
    images, labels = draw_patch(case(), (16, 64, 64), np.random.default_rng(0))
    assert labels.shape == (1, 16, 64, 64)
    assert labels.count_nonzero() == case().labels.count_nonzero()
    assert images[:, 12:].max() == 0


def test_a_draw_hangs_on_the_seed_alone() -> None:
    draws = [draw_patch(case(), (4, 16, 16), np.random.default_rng(seed))[0] for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_the_loss_is_dice_and_cross_entropy_of_the_regions() -> None:
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, 6, generator=draw)
    labels = torch.randint(0, 4, (2, 1, 4, 5, 6), generator=draw).to(torch.uint8)
    y = labels[:, 0].numpy()
    truth = np.stack([y > 0, (y == 1) | (y == 3), y == 3], axis=1).astype(np.float64)
    p = 1 / (1 + np.exp(-logits.numpy().astype(np.float64)))
    dice = [1 - 2 * (p[:, r] * truth[:, r]).sum() / (p[:, r].sum() + truth[:, r].sum()) for r in range(3)]
    entropy = -(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean()
    assert float(loss_of(logits, labels)) == pytest.approx(np.mean(dice) + entropy, abs=1e-5)


def test_one_window_is_the_network_itself_and_several_cover_a_larger_case() -> None:
    asked, images = network(), torch.rand(2, *PATCH, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        alone = asked.train(False)(images[None])[0].sigmoid()
    torch.testing.assert_close(predict(asked, images, PATCH), alone)
    larger = predict(asked, torch.rand(2, 12, 40, 70), PATCH)
    assert larger.shape == (3, 12, 40, 70)
    assert bool(((larger > 0) & (larger < 1)).all())


def weights(path: Path) -> dict[str, Tensor]:
    return load_file(path / WEIGHTS)


def test_a_training_that_is_killed_goes_on_to_the_same_weights(cohort: Path, tmp_path: Path) -> None:
    whole = learn(cohort, tmp_path / "whole")
    program = f"""
import torch; torch.set_num_threads(1)
from pathlib import Path
from tests.downstream.segmentation.test_training import learn
learn(Path({str(cohort)!r}), Path({str(tmp_path / "killed")!r}))"""
    running = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    while not (tmp_path / "killed" / STATE).exists():
        assert running.poll() is None
        time.sleep(0.01)
    running.kill()
    running.wait()
    assert not (tmp_path / "killed" / WEIGHTS).exists()
    learn(cohort, tmp_path / "killed")
    again = weights(tmp_path / "killed")
    assert all(torch.equal(tensor, again[name]) for name, tensor in weights(tmp_path / "whole").items())
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.state_dict().items())
    assert not (tmp_path / "killed" / STATE).exists()


def test_a_finished_training_is_read(cohort: Path, tmp_path: Path) -> None:
    learn(cohort, tmp_path)
    before = (tmp_path / WEIGHTS).stat().st_mtime_ns
    again = learn(cohort, tmp_path)
    assert (tmp_path / WEIGHTS).stat().st_mtime_ns == before
    assert torch.equal(again.out.conv.conv.weight, weights(tmp_path)["out.conv.conv.weight"])


def test_a_loss_that_is_no_number_names_the_cases(cohort: Path, tmp_path: Path) -> None:
    cases = read_brats(cohort / "brats").cases
    broken = network()
    torch.nn.init.constant_(broken.encoder.projection.weight, 0)
    torch.nn.init.constant_(broken.mix[0].weight, float("nan"))  # type: ignore[arg-type]
    with pytest.raises(SelipError, match=r"The loss of step 1 is not finite .* on BraTS19_000"):
        train(broken, cases[:1], cases[2:3], CaseCache(cohort / "cache", RECIPE, ["T1CE", "FLAIR"]), PLAN, tmp_path)
