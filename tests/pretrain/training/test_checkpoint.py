import resource
import shutil
import signal
from pathlib import Path

import pytest
import torch

from selip_pretrain.data.batches import Batch
from selip_pretrain.data.cohort import Cohort
from selip_pretrain.model.configuration import Configuration, Precision
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.training.checkpoint import (
    SavedState,
    TrainingProgress,
    check_space,
    load_last,
    save_last,
    saved_state,
)
from selip_pretrain.training.distributed import Distributed
from selip_pretrain.training.train import Resources, pretrain
from selip_pretrain.training.training_step import TrainingStep
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import RECIPE, small_configuration
from tests.pretrain.training.training_runs import STEPS, SignallingCache, assert_same_training


@pytest.fixture
def begun(tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache) -> tuple[Path, Configuration]:
    """A training that was stopped between two validations."""
    out, configuration = tmp_path / "begun", small_configuration()
    signalling = SignallingCache(cache, 11 * 12 + 2 * len(cohort.validation), signal.SIGTERM)
    outcome = pretrain(configuration, cohort, signalling, out, Resources(distributed))
    assert outcome.stopped_by
    assert outcome.progress.step == 11
    return out, configuration


def test_a_damaged_checkpoint_is_named(
    begun: tuple[Path, Configuration], distributed: Distributed, cohort: Cohort, cache: VolumeCache
) -> None:
    out, configuration = begun
    for file in ("model.safetensors", "optimizer.safetensors", "state.json"):
        content = (out / "last" / file).read_bytes()
        (out / "last" / file).write_bytes(content[: len(content) // 2])
        with pytest.raises(SelipError, match="last is damaged: remove its folder"):
            pretrain(configuration, cohort, cache, out, Resources(distributed))
        (out / "last" / file).write_bytes(content)


def test_a_full_disk_leaves_the_checkpoint_before(
    begun: tuple[Path, Configuration], distributed: Distributed, cohort: Cohort, cache: VolumeCache
) -> None:
    out, configuration = begun
    before = {path: path.read_bytes() for path in (out / "last").rglob("*") if path.is_file()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(SelipError, match=r"The checkpoint of step 15 cannot be written to .* is complete\."):
            pretrain(configuration, cohort, cache, out, Resources(distributed))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path: path.read_bytes() for path in (out / "last").rglob("*") if path.is_file()} == before
    assert not list(out.glob(".*"))


def test_a_disk_without_room_for_checkpoints_is_noticed_before(begun: tuple[Path, Configuration]) -> None:
    out, _ = begun
    weights, free = (out / "best" / "model.safetensors").stat().st_size, shutil.disk_usage(out).free
    check_space(out, weights)
    with pytest.raises(SelipError, match=r"The checkpoints need about .* GB, and .*begun has .* GB: free some space"):
        check_space(out, weights + free // 6)


def test_a_kill_between_two_names_is_mended(
    begun: tuple[Path, Configuration], distributed: Distributed, cohort: Cohort, cache: VolumeCache, whole: Path
) -> None:
    out, configuration = begun
    shutil.copytree(out / "last", out / ".last.partial")
    (out / "last").rename(out / ".last.earlier")
    assert pretrain(configuration, cohort, cache, out, Resources(distributed)).progress.step == STEPS
    assert_same_training(out, whole)
    assert not list(out.glob(".*"))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precisions_go_on_where_they_stopped(
    tmp_path: Path, distributed: Distributed, precision: Precision
) -> None:
    configuration = small_configuration(precision=precision, batch=3)
    single = small_configuration(precision="fp32", batch=3)
    texts = [f"在{side}额叶表现为高信号" for side in ("左侧", "右侧", "双侧")]
    images = torch.rand(3, 1, *RECIPE.shape, generator=torch.Generator().manual_seed(6))
    batch = Batch(images, texts, torch.tensor([3, 3, 3]))

    def step(configuration: Configuration = configuration) -> TrainingStep:
        model = SelipModel.build(configuration, texts)
        return TrainingStep(model, TextTable(texts, ["DWI"] * 3), distributed, chunk_size=None)

    first = step()
    losses = [first.run(number, batch, texts)["loss"] for number in range(2)]
    state = SavedState(
        progress=TrainingProgress(step=2), data="", scaler=first.training.scaler.state_dict(), versions={}
    )
    save_last(tmp_path, first.training, state)
    losses.append(first.run(2, batch, texts)["loss"])
    in_single = step(single)
    assert losses == pytest.approx([in_single.run(number, batch, texts)["loss"] for number in range(3)], rel=0.03)

    second, found = step(), saved_state(tmp_path, configuration, "")
    assert found == state
    load_last(tmp_path, second.training, found)
    assert second.run(2, batch, texts)["loss"] == losses[2]
    assert second.training.scaler.state_dict() == first.training.scaler.state_dict()


def test_a_state_of_an_earlier_version_is_read() -> None:
    earlier = '{"position": {"step": 7, "best_step": 5, "best_score": 0.5}, "data": "d", "scaler": {}, "versions": {}}'
    state = SavedState.model_validate_json(earlier)
    assert state.progress == TrainingProgress(step=7, best_step=5, best_score=0.5)
    assert SavedState.model_validate_json(state.model_dump_json()) == state
