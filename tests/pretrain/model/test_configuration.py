import json
from pathlib import Path

import pytest

from selip_pretrain.model.configuration import Configuration, differences, resolve
from selip_shared.errors import SelipError


def test_the_defaults_are_the_papers() -> None:
    paper = resolve("paper", None, {})
    assert (paper.adam_eps, paper.clip, paper.decay_every) == (1e-3, 0, 250)
    augmentation = paper.augmentation
    assert (augmentation.probability, augmentation.elastic_probability) == (0.2, 0.1)
    assert (augmentation.zoom_in_depth, paper.flip_probability) == (False, 0)
    assert (paper.batch, paper.image_rate, paper.text_rate, paper.steps) == (64, 1e-4, 5e-5, 5_000 + 100 * 250)
    assert paper.recipe.shape == (24, 256, 256)


def test_learning_rates_rise_over_5000_steps_and_fall_as_a_polynomial() -> None:
    paper = Configuration()
    assert paper.learning_rate(0) == pytest.approx(1 / 5000)
    assert paper.learning_rate(4999) == 1
    for step in (5000, 12_345, 29_999):
        t = (step - 5000) / 25_000
        assert paper.learning_rate(step) == pytest.approx((1 - t) ** 0.9)


def test_the_papers_rate_falls_once_in_an_epoch_of_250_steps() -> None:
    paper = resolve("paper", None, {})
    assert paper.learning_rate(4999) == paper.learning_rate(5000) == paper.learning_rate(5249) == 1
    assert paper.learning_rate(5250) == paper.learning_rate(5499) == pytest.approx(0.99**0.9)
    assert paper.learning_rate(29_999) == pytest.approx(0.01**0.9)


def test_without_augmentation_nothing_is_mirrored() -> None:
    assert Configuration().flip_probability == 0.5
    assert Configuration(augment=False).flip_probability == 0


def test_options_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("batch = 8\nsteps = 5\nrecipe = {shape = [4, 16, 16]}\n")
    found = resolve("small", tmp_path / "c.toml", {"steps": 7, "seed": None})
    assert (found.encoder, found.batch, found.steps, found.recipe.shape) == ("resnet10-narrow", 8, 7, (4, 16, 16))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    before = resolve("small", None, {"seed": 5, "target": "selip"})
    (tmp_path / "configuration.json").write_text(before.json_text(), encoding="utf-8")
    assert resolve("paper", tmp_path / "configuration.json", {}) == before


def test_pooling_has_its_former_name_too(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('pooling = "places"\n')
    found = resolve("paper", tmp_path / "c.toml", {})
    assert found == resolve("paper", None, {"pooling": "flatten"})
    assert json.loads(found.json_text())["pooling"] == "flatten"


def test_differences_are_named() -> None:
    assert differences(Configuration(seed=1), Configuration(batch=32)) == "batch 64 instead of 32, seed 1 instead of 0"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"encoder": "resnet"}, "resnet is not one of resnet10-narrow, resnet18"),
        ({"target": "best"}, "best is not one of hard"),
        ({"batches": "all"}, "all is not one of distinct_texts, shuffled"),
        ({"loss": "reference", "soft_weight": 2}, "the reference loss requires a hard_weight, a soft_weight and a sh"),
        ({"loss": "reference", "hard_weight": 0}, "the reference loss requires a hard_weight, a soft_weight and a sh"),
        ({"hard_weight": 0, "target": "hard"}, "a hard_weight of 0 needs a target other than hard"),
        ({"batch": 1}, "batch: Input should be greater than or equal to 2"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"image_rate": "fast"}, "image_rate: "),
        ({"recipe": {"shape": [1, 2]}}, "recipe.shape"),
    ],
)
def test_an_invalid_configuration_is_one_sentence(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    (tmp_path / "c.json").write_text(json.dumps(settings))
    with pytest.raises(SelipError, match="The configuration is not valid: ") as caught:
        resolve("paper", tmp_path / "c.json", {})
    assert said in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_file_that_is_no_configuration(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(SelipError, match=r"c\.json"):
        resolve("paper", tmp_path / "c.json", {})
    with pytest.raises(SelipError, match="cannot be read"):
        resolve("paper", tmp_path / "absent.json", {})
    with pytest.raises(SelipError, match="There is no preset large"):
        resolve("large", None, {})
