import json
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from selip_pretrain.cli.pretrain import main
from selip_pretrain.data.cohort import Cohort
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.distributed import Distributed
from selip_pretrain.training.train import Resources, TrainingOutcome, only_training_in, pretrain
from selip_pretrain.training.validation import embed_pairs
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from tests.commands import command as run_here
from tests.pretrain.small_cohort import small_configuration
from tests.pretrain.training.training_runs import (
    ENVIRONMENT,
    GOLDEN,
    STEPS,
    SignallingCache,
    arguments,
    assert_same_training,
    command,
    table,
)


def test_a_stopped_training_ends_as_if_it_had_not_been_stopped(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache, whole: Path
) -> None:
    def run(cache: VolumeCache) -> TrainingOutcome:
        return pretrain(small_configuration(), cohort, cache, tmp_path, Resources(distributed))

    for volumes, number, step in ((3 * 12, signal.SIGTERM, 3), (7 * 12, signal.SIGINT, None)):
        outcome = run(SignallingCache(cache, volumes, number))
        assert outcome.stopped_by == number
        assert step in (None, outcome.progress.step)
        assert 3 <= outcome.progress.step < STEPS
    assert run(cache).progress.step == STEPS
    assert_same_training(tmp_path, whole)


def test_a_complete_training_is_left_alone(
    distributed: Distributed, cohort: Cohort, cache: VolumeCache, whole: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.glob("last/*")}
    assert pretrain(small_configuration(), cohort, cache, whole, Resources(distributed)).progress.step == STEPS
    assert {path: path.stat().st_mtime_ns for path in whole.glob("last/*")} == before


def test_a_finished_training_can_be_lengthened(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache, capsys: pytest.CaptureFixture[str]
) -> None:
    for steps in (4, 6):
        outcome = pretrain(small_configuration(steps=steps), cohort, cache, tmp_path, Resources(distributed))
        assert outcome.progress.step == steps
    said = capsys.readouterr().err
    assert "had 4 steps and is lengthened to 6: it continues after step 4, at 0.44" in said
    rows, validations = table(tmp_path, "training"), table(tmp_path, "validation")
    assert [row["step"] for row in rows] == list(range(1, 7))
    shown = f"Step 6: loss {rows[-1]['loss']:.3f}, validation: {validations[-1]['top_5']:.1%} in the top 5, "
    assert shown in said
    with pytest.raises(SelipError, match="holds a training with steps 6 instead of 5"):
        pretrain(small_configuration(steps=5), cohort, cache, tmp_path, Resources(distributed))


def test_truncated_texts_are_counted_and_a_start_is_said(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache, whole: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    changes = {"max_tokens": 11, "steps": 1, "init_image": str(whole / "best")}
    pretrain(small_configuration(**changes), cohort, cache, tmp_path, Resources(distributed))
    said = capsys.readouterr().err
    assert "distinct texts have more than 11 tokens and are truncated: the longest has " in said
    assert f"tensors of the image_encoder are from {whole / 'best'}." in said
    assert SelipModel.from_pretrained(tmp_path / "best").text_encoder.max_tokens == 11


def test_processes_that_read_volumes_change_nothing(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache, whole: Path
) -> None:
    pretrain(small_configuration(), cohort, cache, tmp_path, Resources(distributed, workers=2))
    assert_same_training(tmp_path, whole)


SIGNALLED = """
import signal, sys
from selip_pretrain.volumes import volume_cache
from tests.pretrain.training.training_runs import SignallingCache
volumes, number = int(sys.argv.pop(1)), signal.Signals(int(sys.argv.pop(1)))
whole_cache = volume_cache.VolumeCache
volume_cache.VolumeCache = lambda folder, recipe: SignallingCache(whole_cache(folder, recipe), volumes, number)
from selip_pretrain.cli.pretrain import main
main()
"""


@pytest.mark.slow
def test_kill_9_and_sigterm_leave_no_trace(tmp_path: Path, db: Path, config: Path, whole: Path) -> None:
    out = tmp_path / "out"
    for volumes, number in ((3 * 12, signal.SIGTERM), (6 * 12, signal.SIGKILL), (13 * 12, signal.SIGKILL)):
        signalled = [sys.executable, "-c", SIGNALLED, str(volumes), str(int(number)), *arguments(db, out, config)]
        stopped = subprocess.run(signalled, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        if number == signal.SIGTERM:
            assert stopped.returncode == 128 + number, stopped.stderr
            assert "which is saved: run the same command to continue." in stopped.stderr
        else:
            assert stopped.returncode == -number, stopped.stderr
    ended = subprocess.run(command(db, out, config), env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert "Best checkpoint" in ended.stdout
    assert_same_training(out, whole)


def test_it_learns(tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache) -> None:
    configuration = small_configuration(steps=40, validate_every=40)
    pretrain(configuration, cohort, cache, tmp_path, Resources(distributed))
    (figures,) = table(tmp_path, "validation")
    chance = sum(1 / rank for rank in range(1, figures["texts"] + 1)) / figures["texts"]
    assert figures["mean_reciprocal_rank"] > 2 * chance


def test_losses_are_those_that_were_written_down(whole: Path) -> None:
    losses = [row["loss"] for row in table(whole, "training")[:10]]
    assert losses == pytest.approx(json.loads(GOLDEN.read_text()), rel=1e-3)


def test_the_best_checkpoint_is_the_one_that_retrieved_best(whole: Path, cohort: Cohort, cache: VolumeCache) -> None:
    best = max(table(whole, "validation"), key=lambda row: float(row["mean_reciprocal_rank"]))
    assert json.loads((whole / "best" / "validation.json").read_text()) == best
    model = SelipModel.from_pretrained(whole / "best")
    texts = list(dict.fromkeys(pair.text for pair in cohort.validation))
    with torch.no_grad():
        near = embed_pairs(model, cohort.validation, cache) @ model.embed_texts(texts).T
    first = [texts[number] for number in near.argmax(1).tolist()]
    right = sum(text == pair.text for text, pair in zip(first, cohort.validation, strict=True))
    assert right / len(first) == best["top_1"]


def test_figures_are_tables_for_duckdb_and_curves_for_tensorboard(whole: Path) -> None:
    query = f"SELECT count(*), max(step) FROM '{whole}/training.jsonl'"
    with duckdb.connect() as connection:
        assert connection.execute(query).fetchall() == [(STEPS, STEPS)]
    events = EventAccumulator(str(whole / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("validation/top_5")] == [5, 10, 15, 20]
    assert len(events.Scalars("training/loss")) == STEPS


def test_another_configuration_or_other_pairs_are_refused(
    whole: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache
) -> None:
    with pytest.raises(SelipError, match="holds a training with seed 0 instead of 1: name a new folder"):
        pretrain(small_configuration(seed=1), cohort, cache, whole, Resources(distributed))
    fewer = Cohort(cohort.train[1:], cohort.validation)
    with pytest.raises(SelipError, match=r"have changed since the training in .* began"):
        pretrain(small_configuration(), fewer, cache, whole, Resources(distributed))


@pytest.mark.parametrize("changes", [{"batch": 400}, {"batch": 40}])
def test_a_batch_that_the_pairs_cannot_fill_is_refused(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache, changes: dict[str, object]
) -> None:
    with pytest.raises(SelipError, match=r"A batch of .* cannot be formed from"):
        pretrain(small_configuration(**changes), cohort, cache, tmp_path, Resources(distributed))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--text-encoder", "nowhere/bert"), "nowhere/bert"),
        (("--init-image", "nowhere/best"), "nowhere/best"),
        (("--batch", "400"), "A batch of 400 cannot be formed"),
    ],
)
def test_what_stops_a_training_is_found_before_volumes_are_prepared(
    tmp_path: Path,
    db: Path,
    config: Path,
    options: tuple[str, str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    volumes = tmp_path / "volumes"
    words = (*arguments(db, tmp_path / "out", config, *options), "--cache", volumes)
    code, _, said = run_here(main, monkeypatch, capsys)(*words)
    assert code == 1
    assert complaint in said
    assert not list(volumes.glob("*/*/*.safetensors"))


def test_a_second_training_in_a_folder_stops(tmp_path: Path, db: Path, config: Path) -> None:
    with only_training_in(tmp_path):
        second = subprocess.run(command(db, tmp_path, config), env=ENVIRONMENT, capture_output=True, text=True)
    assert second.returncode == 1
    assert second.stderr == (
        f"Another training is running in {tmp_path}: wait for its end, or name another folder with --out.\n"
    )


def test_others_may_read_a_checkpoint(whole: Path) -> None:
    usual = whole / "usual"
    usual.touch()
    modes = {path.stat().st_mode for path in whole.glob("best/**/*") if path.is_file()}
    assert modes == {usual.stat().st_mode}
