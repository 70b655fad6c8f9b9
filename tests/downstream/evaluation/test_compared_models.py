import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from selip_contracts.database_file import read_store
from selip_downstream.evaluation.compared_models import (
    EvaluatedModel,
    embed_images,
    embed_texts,
    load_models,
    origins_of,
    prepare_images,
    trainings_of,
)
from selip_pretrain.data.pairs import read_pairs
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.validation import embed_pairs
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import RECIPE, small_configuration, write_cohort

TEXT = "在左侧额叶表现为高信号"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(folder, 20)
    for name in ("clip/best", "soft/last", "plain"):
        SelipModel.build(small_configuration(seed=len(name)), [TEXT]).save_pretrained(folder / name)
    return folder


def test_a_training_gives_its_best_or_last_checkpoint_its_name(cohort: Path) -> None:
    checkpoints = [str(cohort / "clip/best"), str(cohort / "soft/last"), str(cohort / "plain"), f"mine={cohort}/plain"]
    found = load_models(checkpoints, "cpu")
    assert [evaluated.name for evaluated in found] == ["random", "clip", "soft", "plain", "mine"]
    assert found[0].checkpoint == "untrained, seed 9"
    assert found[-1].checkpoint == f"{cohort}/plain"


def test_trainings_of_one_name_belong_together_and_are_known_by_their_weights(cohort: Path) -> None:
    models = load_models([f"seeds={cohort}/clip/best", f"seeds={cohort}/plain"], "cpu")
    assert {name: len(own) for name, own in trainings_of(models).items()} == {"random": 1, "seeds": 2}
    origins = origins_of(models)
    assert [origin["checkpoint"] for origin in origins["seeds"]] == [f"{cohort}/clip/best", f"{cohort}/plain"]
    for origin in origins["seeds"]:
        weights = Path(origin["checkpoint"], "model.safetensors").read_bytes()
        assert hashlib.sha256(weights).hexdigest().startswith(origin["weights"])
    assert len({origin["weights"] for own in origins.values() for origin in own}) == 2  # The first began as random.


def test_what_two_folders_are_called_alike_by_chance_is_not_one_model(cohort: Path) -> None:
    with pytest.raises(SelipError, match="Two models are called clip"):
        load_models([f"clip={cohort}/plain", str(cohort / "clip/best")], "cpu")


def test_random_has_the_weights_that_the_first_training_began_with(cohort: Path) -> None:
    began, first, *_ = load_models([str(cohort / "clip/best"), str(cohort / "plain")], "cpu")
    assert all(
        torch.equal(a, b)
        for a, b in zip(began.model.state_dict().values(), first.model.state_dict().values(), strict=True)
    )


def test_volumes_are_embedded_as_in_the_training_whatever_the_recipe(cohort: Path) -> None:
    with read_store(cohort / "selip.duckdb") as connection:
        pairs = read_pairs(connection)
    pairs[3].files[0].unlink()
    coarse = SelipModel.build(small_configuration(recipe=VolumeRecipe(shape=(4, 32, 32))), [TEXT]).train(False)
    (_, fine) = load_models([str(cohort / "plain")], "cpu")
    models = [fine, EvaluatedModel("coarse", coarse, "here")]
    usable, problems = prepare_images(pairs, models, cohort / "cache")
    assert [problem.image_id for problem in problems] == [pairs[3].image_id]
    assert usable == [*pairs[:3], *pairs[4:]]
    for evaluated, recipe in zip(models, (RECIPE, VolumeRecipe(shape=(4, 32, 32))), strict=True):
        with torch.inference_mode():
            expected = embed_pairs(evaluated.model, usable, VolumeCache(cohort / "cache", recipe))
        found = embed_images(evaluated, usable, cohort / "cache")
        np.testing.assert_allclose(found, expected, atol=1e-5)
        np.testing.assert_allclose(found.norm(dim=1), 1, atol=1e-5)


def test_equal_texts_have_exactly_equal_embeddings(cohort: Path) -> None:
    (_, model) = load_models([str(cohort / "plain")], "cpu")
    first, second, other = embed_texts(model, [TEXT, TEXT, TEXT.replace("左", "右")])
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_without_the_text_encoder_it_began_with_a_checkpoint_is_measured_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = SelipModel.build(small_configuration(), [TEXT])
    model.configuration = model.configuration.model_copy(update={"text_encoder": str(tmp_path / "moved")})
    model.save_pretrained(tmp_path / "model")
    found = load_models([f"mine={tmp_path}/model"], "cpu")
    assert [one.name for one in found] == ["mine"]
    assert "The untrained weights are left out, since their text encoder is not there:" in capsys.readouterr().err
    assert embed_texts(found[0], [TEXT]).shape == (1, 512)


def test_truncated_texts_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    short = EvaluatedModel("short", SelipModel.build(small_configuration(max_tokens=8), [TEXT]), "")
    embed_texts(short, [TEXT, TEXT, "脑桥"])
    assert capsys.readouterr().err == "short: 1 of 2 distinct texts have more than 8 tokens and are truncated.\n"
