import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from selip_extract.llm.model_files import load_model, load_tokenizer, word_numbers
from selip_extract.llm.sentence_task import END, PAD, TASK_VERSION, VOCABULARY
from selip_extract.training import train_default_model
from selip_extract.training.pseudo_examples import Lesson, lesson_stream
from selip_extract.training.train_default_model import IGNORED, batches, new_model, rate, train
from selip_shared.errors import SelipError

STEPS, SEED = 7, 1
TINY = {
    "HIDDEN": 16, "LAYERS": 1, "HEADS": 2, "FEED_FORWARD": 32, "TOKENS_PER_BATCH": 256, "LESSONS_PER_CHUNK": 16,
    "WARM_UP": 3, "SAVE_EVERY": 2, "VALIDATION_LESSONS": 8,
}  # fmt: skip


def _in_this_process(function: Callable[..., None], arguments: tuple[Any, ...], nprocs: int) -> None:
    """In place of new processes, which would not know of the tiny settings."""
    for rank in range(nprocs):
        function(rank, *arguments)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    for name, value in TINY.items():
        monkeypatch.setattr(train_default_model, name, value)
    monkeypatch.setattr(train_default_model, "spawn", _in_this_process)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    out = tmp_path / "trained"
    train(out, STEPS, SEED, 1)
    return out


def _interrupted(seed: int) -> Iterator[Lesson]:
    """The lessons, until someone presses Ctrl-C in the middle of the training."""
    if seed != SEED:
        yield from lesson_stream(seed)
    yield from islice(lesson_stream(seed), 20)
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
    assert {"torch", "transformers"} <= set(recipe["versions"])


def test_no_pickle_is_written(trained: Path) -> None:
    files = [path for path in trained.rglob("*") if path.is_file() and path.name != "meeting"]
    assert {path.suffix for path in files} == {".safetensors", ".json"}
    assert [path.name for path in trained.glob("*.safetensors")] == [f"training-{STEPS}.safetensors"]


def test_training_changes_the_weights(trained: Path) -> None:
    fresh = dict(new_model(SEED).named_parameters())
    state = load_file(trained / f"training-{STEPS}.safetensors")
    assert all(not torch.equal(parameter, state[f"model.{name}"]) for name, parameter in fresh.items())


def test_an_interrupted_run_continues_to_the_same_weights(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "interrupted"
    with monkeypatch.context() as patch:
        patch.setattr(train_default_model, "lesson_stream", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(out, STEPS, SEED, 1)
    torch.distributed.destroy_process_group()
    assert 0 < json.loads((out / "progress.json").read_text())["step"] < STEPS
    train(out, STEPS, SEED, 1)
    whole, continued = (load_file(folder / f"training-{STEPS}.safetensors") for folder in (trained, out))
    assert whole.keys() == continued.keys()
    assert all(torch.equal(whole[name], continued[name]) for name in whole)
    weights = [(folder / "model" / "model.safetensors").read_bytes() for folder in (trained, out)]
    assert weights[0] == weights[1]


def test_a_batch_holds_prompts_and_answers_and_learns_the_answers() -> None:
    lessons = list(islice(lesson_stream(2), 60))
    numbers = word_numbers()
    taught = []
    for ids, labels in batches(iter(lessons)):
        assert ids.shape == labels.shape
        assert ids.numel() <= TINY["TOKENS_PER_BATCH"] or len(ids) == 1
        for row, wanted in zip(ids.tolist(), labels.tolist(), strict=True):
            answer = [n for n in wanted if n != IGNORED]
            begin = wanted.index(answer[0])
            assert row[begin : begin + len(answer)] == answer
            assert set(row[begin + len(answer) :]) <= {numbers[PAD]}
            taught.append((row[:begin], answer))
    expected = [([numbers[w] for w in x.prompt], [numbers[w] for w in (*x.answer, END)]) for x in lessons]
    assert sorted(taught) == sorted(expected)


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    rates = [rate(step, 100) for step in range(101)]
    assert rates[:4] == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1, 1]
    assert rates[60] == 1
    assert rates[70:] == sorted(rates[70:], reverse=True)
    assert rates[100] == 0


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="no causal language model"):
        load_model(tmp_path)
