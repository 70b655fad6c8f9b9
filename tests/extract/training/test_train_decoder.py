import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from selip_extract.llm.model_files import load_model, load_tokenizer
from selip_extract.llm.sentence_task import END, PAD, TASK_VERSION, VOCABULARY, word_numbers
from selip_extract.training import from_scratch, train_decoder
from selip_extract.training.pseudo_examples import PseudoExample, example_stream
from selip_extract.training.resumable_training import IGNORED, last_checkpoint
from selip_extract.training.train_decoder import batches, new_model, train
from selip_shared.errors import SelipError
from tests.extract.training import tiny_decoder
from tests.extract.training.tiny_decoder import SHORT, TINY

STEPS, SEED = 7, 1


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TINY.items():
        monkeypatch.setattr(train_decoder, name, value)
    for name, value in SHORT.items():
        monkeypatch.setattr(from_scratch, name, value)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    out = tmp_path / "trained"
    train(out, STEPS, SEED)
    return out


def _interrupted(seed: int) -> Iterator[PseudoExample]:
    """The examples, until someone presses Ctrl-C in the middle of the training."""
    if seed != SEED:
        yield from example_stream(seed)
    yield from islice(example_stream(seed), 20)
    raise KeyboardInterrupt


def test_the_folder_holds_a_model_that_speaks_the_words_of_the_task(trained: Path) -> None:
    model, words = load_model(trained / "model"), load_tokenizer(trained / "model")
    assert words.get_vocab() == word_numbers()
    ids = torch.tensor([words.convert_tokens_to_ids(["左侧", "s00"])])
    logits = model(input_ids=ids).logits
    assert logits.shape == (1, 2, len(VOCABULARY))
    assert logits.dtype == torch.float32
    recipe = json.loads((trained / "model" / "recipe.json").read_text(encoding="utf-8"))
    assert (recipe["steps"], recipe["seed"], recipe["processes"], recipe["task"]) == (STEPS, SEED, 1, TASK_VERSION)
    assert [point["step"] for point in recipe["curve"]] == [2, 4, 6, 7]
    assert all({"pseudo_loss", "pseudo_exact"} <= set(point) for point in recipe["curve"])
    assert {"torch", "transformers"} <= set(recipe["versions"])


def test_no_pickle_is_written(trained: Path) -> None:
    files = [path for path in trained.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".safetensors", ".json"}
    assert {path.name for path in (trained / "checkpoints").iterdir()} == {"checkpoint-6", f"checkpoint-{STEPS}"}


def _weights(out: Path) -> dict[str, torch.Tensor]:
    last = last_checkpoint(out / "checkpoints")
    assert last is not None
    assert last.name == f"checkpoint-{STEPS}"
    return load_file(last / "model.safetensors")


def test_training_changes_the_weights(trained: Path) -> None:
    weights = _weights(trained)
    fresh = dict(new_model(SEED).named_parameters())
    assert all(not torch.equal(parameter, weights[name]) for name, parameter in fresh.items())


def test_an_interrupted_run_continues_to_the_same_weights(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "interrupted"
    with monkeypatch.context() as patch:
        patch.setattr(train_decoder, "example_stream", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(out, STEPS, SEED)
    last = last_checkpoint(out / "checkpoints")
    assert last is not None
    assert last.name in ("checkpoint-2", "checkpoint-4", "checkpoint-6")
    train(out, STEPS, SEED)
    whole, continued = _weights(trained), _weights(out)
    assert whole.keys() == continued.keys()
    assert all(torch.equal(whole[name], continued[name]) for name in whole)
    models = [(folder / "model" / "model.safetensors").read_bytes() for folder in (trained, out)]
    assert models[0] == models[1]


def test_a_finished_training_gives_the_same_model_again(trained: Path) -> None:
    model = (trained / "model" / "model.safetensors").read_bytes()
    train(trained, STEPS, SEED)
    assert (trained / "model" / "model.safetensors").read_bytes() == model


@pytest.mark.slow
def test_two_processes_train_one_model_on_pseudo_reports_of_their_own(trained: Path, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    out = tmp_path / "two"
    subprocess.run([*launch, tiny_decoder.__file__, str(out), str(STEPS)], check=True)
    assert json.loads((out / "model" / "recipe.json").read_text(encoding="utf-8"))["processes"] == 2
    one, two = _weights(trained), _weights(out)
    assert any(not torch.equal(one[name], two[name]) for name in one)


def test_a_batch_holds_prompts_and_answers_and_learns_the_answers() -> None:
    examples = list(islice(example_stream(2), 60))
    numbers = word_numbers()
    found = []
    for batch in batches(iter(examples)):
        ids, labels = batch["input_ids"], batch["labels"]
        assert ids.shape == labels.shape
        assert ids.numel() <= TINY["TOKENS_PER_BATCH"] or len(ids) == 1
        for row, wanted in zip(ids.tolist(), labels.tolist(), strict=True):
            answer = [n for n in wanted if n != IGNORED]
            begin = wanted.index(answer[0])
            assert row[begin : begin + len(answer)] == answer
            assert set(row[begin + len(answer) :]) <= {numbers[PAD]}
            found.append((row[:begin], answer))
    expected = [([numbers[w] for w in x.prompt], [numbers[w] for w in (*x.answer, END)]) for x in examples]
    assert sorted(found) == sorted(expected)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="no causal language model"):
        load_model(tmp_path)
