import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from selip_pretrain.data.cohort import Cohort
from selip_pretrain.model.selip_model import WEIGHTS, SelipModel
from selip_pretrain.training.distributed import Distributed
from selip_pretrain.training.train import Resources, pretrain
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import small_configuration
from tests.pretrain.training.training_runs import (
    assert_same_gradients,
)


@pytest.mark.parametrize("chunk", [5, 1])
def test_chunks_have_the_gradients_of_the_whole_batch(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache, chunk: int
) -> None:
    configuration = small_configuration(steps=1)
    for name, size in (("whole", None), ("chunks", chunk)):
        pretrain(configuration, cohort, cache, tmp_path / name, Resources(distributed, size))
    assert_same_gradients(tmp_path / "chunks", tmp_path / "whole")


def test_a_loss_that_is_no_number_names_the_step_and_the_images(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache
) -> None:
    configuration = small_configuration(image_rate=1e30, validate_every=1)
    with pytest.raises(
        SelipError, match=r"The loss of step 2 is nan; 12 images are suspect: S\d{4}/DWI.nii.gz, "
    ) as caught:
        pretrain(configuration, cohort, cache, tmp_path, Resources(distributed))
    assert "(loss logits, logit scale " in str(caught.value)
    assert json.loads((tmp_path / "last" / "state.json").read_text())["progress"]["step"] == 1


def test_a_gradient_that_is_not_finite_names_the_layer_and_no_image(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = small_configuration(steps=1)
    model = SelipModel.build(configuration, [pair.text for pair in cohort.train])
    model.image_encoder.projection.weight.register_hook(  # type: ignore[no-untyped-call]
        lambda gradient: gradient / 0
    )
    monkeypatch.setattr(SelipModel, "build", lambda *_: model)
    with pytest.raises(
        SelipError, match=r"the gradient is not finite for image_encoder\.projection\.weight "
    ) as caught:
        pretrain(configuration, cohort, cache, tmp_path, Resources(distributed))
    assert "DWI.nii.gz" not in str(caught.value)


@pytest.mark.parametrize(("locked", "learning"), [("image", "text"), ("text", "image")])
def test_a_locked_encoder_keeps_its_weights_and_the_training_resumes(
    tmp_path: Path,
    distributed: Distributed,
    cohort: Cohort,
    cache: VolumeCache,
    whole: Path,
    locked: str,
    learning: str,
) -> None:
    changes: dict[str, object] = {f"init_{locked}": str(whole / "best"), f"{locked}_rate": 0, "validate_every": 2}
    for steps in (2, 4):
        pretrain(small_configuration(**changes, steps=steps), cohort, cache, tmp_path, Resources(distributed, 5))
    earlier, later = load_file(whole / "best" / WEIGHTS), load_file(tmp_path / "last" / WEIGHTS)
    unchanged = {name for name, weights in later.items() if torch.equal(weights, earlier[name])}
    assert unchanged >= {name for name in later if name.startswith(f"{locked}_encoder.")}
    assert not {name for name in unchanged if name.startswith(f"{learning}_encoder.projection.")}
    assert "logit_scale" not in unchanged


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"image_rate": 0}, "an image_rate of 0 needs an init_image"),
        ({"image_rate": 0, "text_rate": 0, "init_image": "best", "init_text": "best"}, "a text_rate above 0"),
        ({"image_rate": 0, "init_image": "best", "norm": "batch"}, "a group norm"),
        ({"text_rate": 0}, "a text_rate of 0 needs an init_text"),
    ],
)
def test_a_lock_that_leaves_nothing_to_learn_or_random_weights_is_refused(
    changes: dict[str, object], needed: str
) -> None:
    with pytest.raises(ValidationError, match=needed):
        small_configuration(**changes)


def test_a_vision_transformer_takes_a_step(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache
) -> None:
    configuration = small_configuration(encoder="vit", steps=1)
    assert pretrain(configuration, cohort, cache, tmp_path, Resources(distributed)).progress.step == 1
    assert SelipModel.from_pretrained(tmp_path / "last").configuration.encoder == "vit"


def test_batch_norm_is_refused_where_it_would_see_part_of_the_batch(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache
) -> None:
    with pytest.raises(SelipError, match="Batch norm needs all volumes of a process at once"):
        pretrain(small_configuration(norm="batch"), cohort, cache, tmp_path, Resources(distributed, chunk_size=5))
