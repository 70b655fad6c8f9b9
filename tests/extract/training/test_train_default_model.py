import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from selip_extract.extractors.combination import FILE_NAME, load_combination
from selip_extract.tagger.characters import PADDING
from selip_extract.tagger.model_files import load_tagger
from selip_extract.tagger.statements import STATED, TAGGER_VERSION
from selip_extract.training import from_scratch, tagger_batches, train_default_model
from selip_extract.training.resumable_training import last_checkpoint
from selip_extract.training.style_dropout import StyleDropout
from selip_extract.training.tagged_report import TaggedReport
from selip_extract.training.tagger_batches import batches, reports
from selip_extract.training.train_default_model import new_model, train

STEPS, SEED = 7, 1
TINY = {"width": 16, "layers": 1, "heads": 2, "feed_forward": 32, "span_width": 8}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_scratch, "STEPS_BETWEEN_EVALUATIONS", 2)
    monkeypatch.setattr(from_scratch, "WARM_UP_STEPS", 3)
    monkeypatch.setattr(train_default_model, "HELD_OUT_BATCHES", 1)
    monkeypatch.setattr(tagger_batches, "CHARACTERS_PER_BATCH", 512)
    monkeypatch.setattr(tagger_batches, "WINDOWS_PER_CHUNK", 8)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    out = tmp_path / "trained"
    train(out, STEPS, SEED, None, **TINY)
    return out


def _weights(out: Path) -> dict[str, torch.Tensor]:
    last = last_checkpoint(out / "checkpoints")
    assert last is not None
    assert last.name == f"checkpoint-{STEPS}"
    return load_file(last / "model.safetensors")


def test_the_folder_holds_a_tagger_and_its_recipe(trained: Path) -> None:
    network = load_tagger(trained / "model")
    encoded = network.encode(torch.tensor([[2, 3, PADDING]]))
    assert encoded.shape == (1, 3, TINY["width"])
    assert encoded.dtype == torch.float32
    recipe = json.loads((trained / "model" / "recipe.json").read_text(encoding="utf-8"))
    assert (recipe["steps"], recipe["seed"], recipe["tagger"]) == (STEPS, SEED, TAGGER_VERSION)
    assert [point["step"] for point in recipe["curve"]] == [2, 4, 6, 7]
    figures = {f"{name}_{figure}" for name in ("pseudo", "styles", "annotated") for figure in ("loss", "exact")}
    assert all(figures <= set(point) for point in recipe["curve"])
    annotated = recipe["annotated"]
    assert annotated["reports"] > 9 * annotated["left_out"] > 0
    assert annotated["held_out_sets"] == ["styles_o", "styles_p", "styles_q"]
    assert load_combination(trained / "model" / FILE_NAME).reports == 720
    assert {path.suffix for path in trained.rglob("*") if path.is_file()} == {".safetensors", ".json"}


def test_training_changes_the_weights(trained: Path) -> None:
    weights = _weights(trained)
    fresh = dict(new_model(SEED, **TINY).named_parameters())
    assert all(not torch.equal(parameter, weights[name]) for name, parameter in fresh.items())


def test_a_training_may_start_from_trained_weights_and_its_recipe_says_so(trained: Path, tmp_path: Path) -> None:
    train(tmp_path / "further", 2, SEED + 1, trained / "model")
    before, further = (
        json.loads((out / "model" / "recipe.json").read_text(encoding="utf-8"))
        for out in (trained, tmp_path / "further")
    )
    assert before["further_from"] is None
    assert further["further_from"] == before
    first, second = load_tagger(trained / "model"), load_tagger(tmp_path / "further" / "model")
    assert second.config.characters == first.config.characters
    distance = (first.tags.weight - second.tags.weight).abs().max()
    assert 0 < distance < (first.tags.weight - new_model(SEED + 1, **TINY).tags.weight).abs().max()


def test_an_interrupted_run_continues_to_the_same_weights(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(
        seed: str, dropout: StyleDropout, plain_share: float, annotated: Sequence[TaggedReport] = ()
    ) -> Iterator[TaggedReport]:
        stream = reports(seed, dropout, plain_share, annotated)
        if seed == str(SEED):
            yield from islice(stream, 8)
            raise KeyboardInterrupt
        yield from stream

    out = tmp_path / "interrupted"
    with monkeypatch.context() as patch:
        patch.setattr(train_default_model, "reports", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(out, STEPS, SEED, None, **TINY)
    last = last_checkpoint(out / "checkpoints")
    assert last is not None
    assert last.name in ("checkpoint-2", "checkpoint-4", "checkpoint-6")
    train(out, STEPS, SEED, None, **TINY)
    whole, continued = _weights(trained), _weights(out)
    assert whole.keys() == continued.keys()
    assert all(torch.equal(whole[name], continued[name]) for name in whole)


def test_a_batch_holds_the_spans_statements_and_links_of_its_windows() -> None:
    characters = new_model(SEED, **TINY).config.characters
    stream = list(islice(reports("2", StyleDropout(), 0.5), 16))
    found = list(batches(iter(stream), characters))
    for batch in found:
        windows, length = batch["numbers"].shape
        assert batch["labels"].shape[:2] == (windows, length)
        assert len(batch["stated"]) == len(batch["value_spans"])
        assert batch["stated"].shape[1] == len(STATED) + 1
        assert len(batch["links"]) == len(batch["site_value_pairs"])
        for spans in (batch["site_spans"], batch["value_spans"]):
            assert bool((spans[:, 0] < windows).all())
            assert bool((spans[:, 2] < length).all())
    assert sum(int((batch["links"] > 0).sum()) for batch in found) == sum(len(r.links) for r in stream)
    assert sum(len(batch["value_spans"]) for batch in found) == sum(len(r.stated) for r in stream)
