from pathlib import Path

import pytest
import torch

from selip_pretrain.model.initial_weights import initialise
from selip_pretrain.model.selip_model import SelipModel
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import small_configuration

TEXTS = ["在左侧额叶表现为高信号"]
OTHER_TEXTS = ["在右侧枕叶表现为低信号"]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    SelipModel.build(small_configuration(seed=1), TEXTS).save_pretrained(tmp_path)
    return tmp_path


def test_the_same_encoders_are_loaded_whole(checkpoint: Path) -> None:
    source = SelipModel.from_pretrained(checkpoint).state_dict()
    model = SelipModel.build(small_configuration(init_image=str(checkpoint), init_text=str(checkpoint)), TEXTS)
    notes = initialise(model)
    assert [note.split(" are from")[0].split(" tensors ")[1] for note in notes] == ["of the image_encoder", "of the text_encoder"]  # fmt: skip # noqa: E501
    assert not any("not loaded" in note for note in notes)
    changed = [name for name, one in model.state_dict().items() if not torch.equal(one, source[name])]
    assert changed == []


def test_layers_of_another_shape_are_named_and_keep_their_random_weights(checkpoint: Path) -> None:
    configuration = small_configuration(init_image=str(checkpoint), recipe={"shape": (8, 64, 64)})
    model = SelipModel.build(configuration, TEXTS)
    before = {name: one.clone() for name, one in model.image_encoder.state_dict().items()}
    (note,) = initialise(model)
    assert "not loaded: projection.weight (512×128 instead of 512×512)." in note
    source = SelipModel.from_pretrained(checkpoint).image_encoder.state_dict()
    for name, one in model.image_encoder.state_dict().items():
        fits = name in source and source[name].shape == one.shape
        assert torch.equal(one, source[name] if fits else before[name])
        assert fits or f"{name} (" in note


def test_a_locked_encoder_is_loaded_whole_or_refused(checkpoint: Path) -> None:
    locked = {"init_image": str(checkpoint), "image_rate": 0}
    model = SelipModel.build(small_configuration(**locked, recipe={"shape": (8, 64, 64)}), TEXTS)
    with pytest.raises(
        SelipError, match=r"^1 tensors of the locked image_encoder do not fit .*: projection\.weight\. Use"
    ):
        initialise(model)
    (note,) = initialise(SelipModel.build(small_configuration(**locked), TEXTS))
    assert "not loaded" not in note


def test_token_embeddings_follow_the_token(checkpoint: Path) -> None:
    source = SelipModel.from_pretrained(checkpoint).text_encoder
    model = SelipModel.build(small_configuration(init_text=str(checkpoint)), [*TEXTS, *OTHER_TEXTS])
    old, new = source.tokenizer.get_vocab(), model.text_encoder.tokenizer.get_vocab()
    assert len(new) > len(old)
    before = model.text_encoder.backbone.get_input_embeddings().weight.detach().clone()
    initialise(model)
    after = model.text_encoder.backbone.get_input_embeddings().weight
    earlier = source.backbone.get_input_embeddings().weight
    for token, row in new.items():
        assert torch.equal(after[row], earlier[old[token]] if token in old else before[row])
    with torch.no_grad():
        torch.testing.assert_close(model.embed_texts(TEXTS), SelipModel.from_pretrained(checkpoint).embed_texts(TEXTS))


def test_a_folder_without_weights_or_of_another_encoder_is_a_sentence(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="name a checkpoint of selip-pretrain"):
        initialise(SelipModel.build(small_configuration(init_image=str(tmp_path / "..")), TEXTS))
    vit = SelipModel.build(small_configuration(init_image=str(checkpoint), encoder="vit"), TEXTS)
    with pytest.raises(SelipError, match="No layer of the image_encoder in"):
        initialise(vit)
