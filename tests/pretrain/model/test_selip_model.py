import json
import shutil
from pathlib import Path

import pytest
import torch

from selip_pretrain.model.selip_model import TEXT_BATCH_SIZE, SelipModel
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import small_configuration

CORPUS = ["在左侧额叶表现为高信号", "在右侧额叶表现为高信号", "在小脑表现为低信号"]
IMAGES, MODALITIES = torch.rand(2, 1, 8, 32, 32), torch.tensor([3, 0])


@pytest.fixture(scope="module")
def model() -> SelipModel:
    return SelipModel.build(small_configuration(), CORPUS).train(False)


@pytest.fixture
def saved(model: SelipModel, tmp_path: Path) -> Path:
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_saved_model_embeds_as_before(model: SelipModel, saved: Path) -> None:
    again = SelipModel.from_pretrained(saved)
    assert again.recipe == model.recipe
    with torch.no_grad():
        assert torch.equal(again.embed_images(IMAGES, MODALITIES), model.embed_images(IMAGES, MODALITIES))
        assert torch.equal(again.embed_texts(CORPUS), model.embed_texts(CORPUS))
        assert torch.equal(again.logit_scale, model.logit_scale)


def test_a_checkpoint_with_the_former_name_of_a_pooling_loads(model: SelipModel, saved: Path) -> None:
    assert model.configuration.pooling == "flatten"
    configuration = json.loads((saved / "configuration.json").read_text())
    (saved / "configuration.json").write_text(json.dumps(configuration | {"pooling": "places"}))
    again = SelipModel.from_pretrained(saved)
    with torch.no_grad():
        assert torch.equal(again.embed_images(IMAGES, MODALITIES), model.embed_images(IMAGES, MODALITIES))


def test_embeddings_have_length_1(model: SelipModel) -> None:
    with torch.no_grad():
        embeddings = torch.cat([model.embed_images(IMAGES, MODALITIES), model.embed_texts(CORPUS)])
    assert embeddings.shape == (5, 512)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(5))


def test_repeated_texts_stand_where_they_stood(model: SelipModel) -> None:
    texts = [CORPUS[0], CORPUS[2], CORPUS[0], CORPUS[1], CORPUS[2]]
    with torch.no_grad():
        one_by_one = torch.cat([model.embed_texts([text]) for text in texts])
        torch.testing.assert_close(model.embed_texts(texts), one_by_one, atol=1e-5, rtol=0)
        assert model.embed_texts([]).shape == (0, 512)


def test_many_texts_are_encoded_in_parts(model: SelipModel) -> None:
    texts = [f"第{number}" for number in range(TEXT_BATCH_SIZE + 1)]
    with torch.no_grad():
        assert model.embed_texts(texts).shape == (len(texts), 512)


def test_the_seed_decides_the_first_weights() -> None:
    first, same, other = (SelipModel.build(small_configuration(seed=seed), CORPUS).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["image_encoder.projection.weight"], other["image_encoder.projection.weight"])


def test_what_is_no_model_is_one_sentence(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="neither a folder nor a model in the local Hugging Face cache"):
        SelipModel.from_pretrained(tmp_path / "absent")
    with pytest.raises(SelipError, match=r"There is no configuration.json in"):
        SelipModel.from_pretrained(tmp_path)

    (tmp_path / "run").mkdir()
    shutil.copy(saved / "configuration.json", tmp_path / "run")
    with pytest.raises(SelipError, match=r"There are no weights in .*run: name a checkpoint .*, such as .*run/best\."):
        SelipModel.from_pretrained(tmp_path / "run")

    shutil.copytree(saved, tmp_path / "cut")
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(SelipError, match="missing, damaged, or of another configuration"):
        SelipModel.from_pretrained(tmp_path / "cut")

    configuration = json.loads((saved / "configuration.json").read_text())
    (saved / "configuration.json").write_text(json.dumps(configuration | {"encoder": "resnet18"}))
    with pytest.raises(SelipError, match="missing, damaged, or of another configuration"):
        SelipModel.from_pretrained(saved)
    (saved / "configuration.json").write_text(json.dumps(configuration | {"colour": "red"}))
    with pytest.raises(SelipError, match="was not written by this version of the program \\(colour"):
        SelipModel.from_pretrained(saved)


@pytest.mark.parametrize("device", ["cuda:64", "nowhere"])
def test_a_device_that_is_not_there_is_one_sentence(saved: Path, device: str) -> None:
    with pytest.raises(SelipError, match=f"The device {device} cannot be used here: name cpu, or cuda:N"):
        SelipModel.from_pretrained(saved, device)
