import json
from pathlib import Path

import pytest

from selip_pretrain.data.cohort import Cohort
from selip_pretrain.model.selip_model import SelipModel
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
