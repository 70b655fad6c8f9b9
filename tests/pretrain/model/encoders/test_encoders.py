import json
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from selip_contracts.vocabulary import MODALITIES
from selip_pretrain.model.encoders.image_encoder import Pooling
from selip_pretrain.model.encoders.registry import IMAGE_ENCODERS, make_text_encoder
from selip_pretrain.model.encoders.resnet import ResNet, SlicewiseMaxPool
from selip_pretrain.model.encoders.text_encoder import MAX_TOKENS, TextEncoder
from selip_shared.errors import SelipError

SHAPE = (8, 64, 64)
CORPUS = ["在左侧额叶表现为高信号", "在双侧放射冠表现为斑片状稍高信号"]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", ["resnet10-narrow", "resnet18", "vit"])
def test_an_encoder_gives_512_numbers_and_the_maps_that_it_names(name: str) -> None:
    encoder = IMAGE_ENCODERS[name](SHAPE, "group", "mean")
    images, modalities = torch.rand(2, 1, *SHAPE), torch.tensor([0, 3])
    with torch.no_grad():
        maps = encoder.feature_maps(images, modalities)
        assert encoder(images, modalities).shape == (2, 512)
    assert [part.shape[1] for part in maps] == list(encoder.channels)
    sizes = [part.shape[2:].numel() for part in maps]
    assert sizes == sorted(sizes, reverse=True)


def test_the_stem_is_the_papers_and_not_monais() -> None:
    encoder = IMAGE_ENCODERS["resnet50"]((24, 256, 256), "batch", "mean")
    assert isinstance(encoder, ResNet)
    stem, pool = encoder.net.conv1, encoder.net.maxpool
    assert isinstance(stem, nn.Conv3d)
    assert (stem.kernel_size, stem.stride) == ((7, 7, 7), (1, 2, 2))
    assert isinstance(pool, nn.MaxPool3d)
    assert (pool.kernel_size, pool.stride) == ((1, 3, 3), (1, 2, 2))
    assert encoder.channels == (64, 256, 512, 1024, 2048)
    assert [module.num_features for module in encoder.modules() if isinstance(module, nn.BatchNorm3d)][:1] == [64]


@pytest.mark.parametrize("sizes", [(12, 24, 24), (3, 7, 10)])
def test_each_slice_is_pooled_as_by_the_papers_layer(sizes: tuple[int, int, int]) -> None:
    maps = torch.randn(2, 5, *sizes)
    weights, results = None, []
    for pool in (SlicewiseMaxPool(), nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))):
        given = maps.clone().requires_grad_()
        pooled = pool(given)
        weights = torch.randn_like(pooled) if weights is None else weights
        (gradient,) = torch.autograd.grad(pooled, given, weights)
        results.append((pooled, gradient))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-6)


def test_slices_are_halved_only_from_the_second_stage_on() -> None:
    encoder = IMAGE_ENCODERS["resnet10-narrow"]((8, 64, 64), "group", "mean")
    maps = encoder.feature_maps(torch.rand(1, 1, 8, 64, 64), torch.tensor([0]))
    assert [tuple(part.shape[2:]) for part in maps] == [(8, 32, 32), (8, 16, 16), (4, 8, 8), (2, 4, 4), (1, 2, 2)]


@pytest.mark.parametrize("name", ["resnet10-narrow", "vit"])
def test_the_sequence_counts_and_is_learnt(name: str) -> None:
    encoder = IMAGE_ENCODERS[name](SHAPE, "group", "mean")
    image = torch.rand(1, 1, *SHAPE).expand(len(MODALITIES), -1, -1, -1, -1)
    embeddings = encoder(image, torch.arange(len(MODALITIES)))
    nearest = torch.cdist(embeddings, embeddings).fill_diagonal_(torch.inf).min()
    assert nearest > 0
    embeddings[3].sum().backward()
    gradient = encoder.modality.weight.grad
    assert gradient is not None
    assert gradient.any(1).tolist() == [number == 3 for number in range(len(MODALITIES))]


@pytest.mark.parametrize(("name", "norm", "alone"), [("resnet10-narrow", "group", True), ("resnet10-narrow", "batch", False), ("vit", "group", True)])  # fmt: skip # noqa: E501
def test_only_under_batch_norm_an_embedding_hangs_on_its_neighbours(name: str, norm: str, alone: bool) -> None:
    encoder = IMAGE_ENCODERS[name](SHAPE, "batch" if norm == "batch" else "group", "mean").train()
    images, modalities = torch.rand(3, 1, *SHAPE), torch.tensor([0, 1, 2])
    with torch.no_grad():
        difference = (encoder(images, modalities)[:2] - encoder(images[:2], modalities[:2])).abs().max()
    assert (difference < 1e-5) == alone


@pytest.mark.parametrize(("depth", "stage"), [(4, "conv1"), (4, "layer2"), (8, "layer3"), (12, "layer4")])
def test_gradients_in_bfloat16_are_those_of_single_precision(depth: int, stage: str) -> None:
    """The stem has fewer slices than its kernel, or the stage has two."""
    encoder = IMAGE_ENCODERS["resnet10-narrow"]((depth, 64, 64), "group", "flatten")
    assert isinstance(encoder, ResNet)
    images, modalities = torch.rand(2, 1, depth, 64, 64), torch.tensor([0, 1])
    directions = torch.randn(2, encoder.channels[-1], 1, 1, 1)
    gradients = []
    for bfloat16 in (False, True):
        encoder.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            maps = encoder.feature_maps(images, modalities)
        (maps[0].float().mean() + (maps[-1].float() * directions).sum()).backward()  # type: ignore[no-untyped-call]
        own = encoder.net.get_submodule(stage).named_parameters()
        gradients.append({name: weights.grad.clone() for name, weights in own if weights.grad is not None})
    for name, exact in gradients[0].items():
        assert (gradients[1][name] - exact).norm() < 0.4 * exact.norm(), name


def test_a_vision_transformer_says_which_shapes_it_takes() -> None:
    with pytest.raises(SelipError, match="a multiple of 4×16×16 voxels, not 10×64×64"):
        IMAGE_ENCODERS["vit"]((10, 64, 64), "group", "mean")


def test_characters_of_the_corpus_are_told_apart_and_others_are_unknown() -> None:
    encoder = make_text_encoder("characters", CORPUS, download=False)
    assert len(encoder.tokenizer) == 4 + len(set("".join(CORPUS)))
    with torch.no_grad():
        left, known, unknown, other = encoder(["在左侧额叶", "在双侧额叶", "在甲侧额叶", "在乙侧额叶"])
    assert not torch.equal(left, known)
    torch.testing.assert_close(unknown, other)


def test_texts_of_different_length_keep_their_order() -> None:
    encoder = make_text_encoder("characters", CORPUS, download=False)
    texts = [CORPUS[0][: 1 + number % 11] + CORPUS[1] * (number % 3) for number in range(30)]
    with torch.no_grad():
        together, alone = encoder(texts), torch.cat([encoder([text]) for text in texts])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_a_text_has_one_embedding_in_training_too_and_whatever_is_beside_it() -> None:
    encoder = make_text_encoder("characters", CORPUS, download=False)
    with torch.no_grad():
        training = encoder.train()(CORPUS)
        alone = torch.cat([encoder.train(False)([text]) for text in CORPUS])
    torch.testing.assert_close(training, alone, atol=1e-5, rtol=0)


def test_a_text_is_cut_after_256_tokens() -> None:
    encoder = make_text_encoder("characters", CORPUS, download=False)
    with torch.no_grad():
        long, longer = encoder(["高" * (MAX_TOKENS - 2), "高" * 1000])
    torch.testing.assert_close(long, longer)


def test_more_tokens_are_read_where_the_limit_is_higher() -> None:
    encoder = make_text_encoder("characters", CORPUS, download=False, max_tokens=400)
    assert encoder.token_counts(["高" * 300, "高"]) == [302, 3]
    with torch.no_grad():
        some, more, beyond = encoder(["高" * 300, "高" * 398, "高" * 1000])
    assert not torch.allclose(some, more)
    torch.testing.assert_close(more, beyond)


def test_a_pretrained_encoder_has_its_own_limit(pretrained: Path) -> None:
    assert make_text_encoder(str(pretrained), [], download=False, max_tokens=512).max_tokens == 512
    with pytest.raises(SelipError, match="reads at most 512 tokens, not 513: use --max-tokens 512"):
        make_text_encoder(str(pretrained), [], download=False, max_tokens=513)


def test_a_text_encoder_comes_back_with_its_weights(tmp_path: Path) -> None:
    encoder = make_text_encoder("characters", CORPUS, download=False)
    encoder.save(tmp_path)
    again = TextEncoder.load(tmp_path)
    again.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        assert torch.equal(again(CORPUS), encoder(CORPUS))


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """A folder as a model of Hugging Face has it."""
    tokenizer = make_text_encoder("characters", CORPUS, download=False).tokenizer
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)  # fmt: skip # noqa: E501
    BertModel(config).save_pretrained(tmp_path)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_a_pretrained_encoder_is_taken_with_its_weights(pretrained: Path) -> None:
    encoder = make_text_encoder(str(pretrained), [], download=False)
    backbone = BertModel.from_pretrained(pretrained)
    tokens = encoder.tokenizer(CORPUS[:1], return_tensors="pt")
    with torch.no_grad():
        expected = encoder.projection(backbone.train(False)(**tokens).last_hidden_state[:, 0])
        torch.testing.assert_close(encoder(CORPUS[:1]), expected)


def test_pickled_weights_are_never_loaded(pretrained: Path) -> None:
    (pretrained / "model.safetensors").rename(pretrained / "pytorch_model.bin")
    with pytest.raises(SelipError, match="has no weights in safetensors"):
        make_text_encoder(str(pretrained), [], download=False)


def test_a_models_own_code_is_never_run(pretrained: Path) -> None:
    config = json.loads((pretrained / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    (pretrained / "config.json").write_text(json.dumps(config))
    (pretrained / "mine.py").write_text("raise SystemExit('it has run')")
    with pytest.raises(SelipError, match="transformers cannot load a text encoder from"):
        make_text_encoder(str(pretrained), [], download=False)


def test_a_model_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SelipError, match="hfl/chinese-bert-wwm is neither a folder nor a model in the local"):
        make_text_encoder("hfl/chinese-bert-wwm", [], download=False)


@pytest.mark.parametrize(("name", "grid"), [("resnet50", (1, 2, 2)), ("vit", (2, 4, 4))])
def test_only_with_flatten_pooling_an_embedding_shows_the_location(name: str, grid: tuple[int, int, int]) -> None:
    knows = {}
    for pooling in get_args(Pooling):
        encoder = IMAGE_ENCODERS[name](SHAPE, "group", pooling)
        features = torch.rand(1, encoder.channels[-1], *grid)
        knows[pooling] = not torch.allclose(encoder.pool(features), encoder.pool(features.flip(4)), atol=1e-5)
    assert knows == {"mean": False, "flatten": True}
