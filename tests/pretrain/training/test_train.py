import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from selip_contracts.tables import open_store, read_store
from selip_pretrain.data.batches import Batch
from selip_pretrain.data.cohort import Cohort, read_cohort
from selip_pretrain.model.configuration import Configuration, Precision
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.training.checkpoint import State, TrainingProgress, load_last, save_last, saved_state
from selip_pretrain.training.distributed import Ranks, joined_ranks
from selip_pretrain.training.train import Resources, TrainingOutcome, pretrain
from selip_pretrain.training.training_step import TrainingStep
from selip_pretrain.training.validation import embed_pairs
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from tests.pretrain.small_cohort import RECIPE, small_configuration, write_cohort

STUDIES = 200
STEPS = 20
GOLDEN = Path(__file__).parent / "golden" / "loss_curve.json"
"""Made by `python -m tests.pretrain.training.golden_loss_curve`."""


@pytest.fixture(scope="module")
def ranks() -> Iterator[Ranks]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with joined_ranks() as joined:
        yield joined
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"), STUDIES)


@pytest.fixture(scope="module")
def cache(db: Path) -> VolumeCache:
    return VolumeCache(db.parent / "selip-volumes", RECIPE)


@pytest.fixture(scope="module")
def cohort(db: Path, cache: VolumeCache) -> Cohort:
    return read_cohort(db, cache, seed=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, ranks: Ranks, cohort: Cohort, cache: VolumeCache) -> Path:
    """The folder of a training without interruption."""
    out = tmp_path_factory.mktemp("whole")
    assert pretrain(small_configuration(), cohort, cache, out, Resources(ranks)).position.step == STEPS
    return out


def table(out: Path, name: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "volumes_per_second"} for row in rows]


def assert_same_training(out: Path, whole: Path) -> None:
    """Equal to the last bit: figures of every step, weights, optimizer."""
    for name in ("training", "validation"):
        assert table(out, name) == table(whole, name)
    for file in ("last/model.safetensors", "last/optimizer.safetensors", "best/model.safetensors"):
        found, expected = load_file(out / file), load_file(whole / file)
        assert found.keys() == expected.keys()
        assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
    assert (out / "last/state.json").read_text() == (whole / "last/state.json").read_text()


def signalled_after(out: Path, steps: int, number: int) -> threading.Thread:
    """Send this process the signal when the table has so many steps."""

    def wait() -> None:
        path = out / "training.jsonl"
        while not path.exists() or len(path.read_text().splitlines()) < steps:
            time.sleep(0.005)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_training_that_is_stopped_ends_as_if_it_had_not_been(
    tmp_path: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache, whole: Path
) -> None:
    def go_on() -> TrainingOutcome:
        return pretrain(small_configuration(), cohort, cache, tmp_path, Resources(ranks))

    for steps, number in ((3, signal.SIGTERM), (11, signal.SIGINT)):
        waiting = signalled_after(tmp_path, steps, number)
        outcome = go_on()
        waiting.join()
        assert outcome.stopped_by == number
        assert steps <= outcome.position.step < STEPS
    assert go_on().position.step == STEPS
    assert_same_training(tmp_path, whole)


def test_a_complete_training_is_left_alone(ranks: Ranks, cohort: Cohort, cache: VolumeCache, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.glob("last/*")}
    assert pretrain(small_configuration(), cohort, cache, whole, Resources(ranks)).position.step == STEPS
    assert {path: path.stat().st_mtime_ns for path in whole.glob("last/*")} == before


def test_processes_that_read_volumes_change_nothing(
    tmp_path: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache, whole: Path
) -> None:
    pretrain(small_configuration(), cohort, cache, tmp_path, Resources(ranks, workers=2))
    assert_same_training(tmp_path, whole)


def command(db: Path, out: Path, config: Path, *options: str) -> list[str]:
    module = [sys.executable, "-W", "error", "-m", "selip_pretrain.cli.pretrain"]
    return [*module, "--db", str(db), "--out", str(out), "--config", str(config), *options]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(small_configuration().json_text(), encoding="utf-8")
    return path


ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_kill_9_and_sigterm_leave_no_trace(tmp_path: Path, db: Path, config: Path, whole: Path) -> None:
    out = tmp_path / "out"
    for steps, number in ((3, signal.SIGTERM), (8, signal.SIGKILL), (16, signal.SIGKILL)):
        process = subprocess.Popen(command(db, out, config), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and (
            not (out / "training.jsonl").exists() or len((out / "training.jsonl").read_text().splitlines()) < steps
        ):
            time.sleep(0.005)
        process.send_signal(number)
        _, said = process.communicate()
        if number == signal.SIGTERM:
            assert process.returncode == 128 + number
            assert "which is kept: the same command goes on." in said
        else:
            assert process.returncode == -number, said
    ended = subprocess.run(command(db, out, config), env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert "Best checkpoint" in ended.stdout
    assert_same_training(out, whole)


def test_it_learns(tmp_path: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache) -> None:
    configuration = small_configuration(steps=40, validate_every=40)
    pretrain(configuration, cohort, cache, tmp_path, Resources(ranks))
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


def test_the_test_split_is_not_touched(tmp_path: Path) -> None:
    db = write_cohort(tmp_path, STUDIES)
    cache = VolumeCache(tmp_path / "volumes", RECIPE)
    cohort = read_cohort(db, cache, seed=0)
    with read_store(db) as connection:
        query = "SELECT image_id FROM images JOIN splits USING (patient_id) WHERE split = 'test'"
        test = {name for (name,) in connection.execute(query).fetchall()}
    assert test
    for name in test:
        (tmp_path / "images" / name).unlink()
    assert test.isdisjoint(pair.image_id for pair in (*cohort.train, *cohort.validation))
    assert len(list(cache.folder.glob("*/*.safetensors"))) == len(cohort.train) + len(cohort.validation)
    again = read_cohort(db, cache, seed=1)
    assert again == cohort


def test_a_smaller_share_of_the_patients_is_part_of_a_larger_one(db: Path, cache: VolumeCache, cohort: Cohort) -> None:
    patients = [
        {pair.patient_id for pair in read_cohort(db, cache, seed=3, share=share).train} for share in (0.3, 0.6, 1.0)
    ]
    assert patients[0] < patients[1] < patients[2] == {pair.patient_id for pair in cohort.train}
    assert len(patients[0]) / len(patients[2]) == pytest.approx(0.3, abs=0.2)
    other_seed = read_cohort(db, cache, seed=4, share=0.3)
    assert {pair.patient_id for pair in other_seed.train} != patients[0]
    assert other_seed.validation == cohort.validation


@pytest.mark.parametrize("chunk", [5, 1])
def test_chunks_have_the_gradients_of_the_whole_batch(
    tmp_path: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache, chunk: int
) -> None:
    configuration = small_configuration(steps=1)
    for name, size in (("whole", None), ("chunks", chunk)):
        pretrain(configuration, cohort, cache, tmp_path / name, Resources(ranks, size))
    assert_same_gradients(tmp_path / "chunks", tmp_path / "whole")


def test_two_processes_have_the_gradients_of_one(
    tmp_path: Path, db: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache, config: Path
) -> None:
    pretrain(small_configuration(steps=1), cohort, cache, tmp_path / "one", Resources(ranks))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    two = command(db, tmp_path / "two", config, "--steps", "1", "--chunk", "4")
    done = subprocess.run([*torchrun, *two[3:]], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same_gradients(tmp_path / "two", tmp_path / "one")
    assert table(tmp_path / "two", "validation") == [
        pytest.approx(row, rel=1e-6) for row in table(tmp_path / "one", "validation")
    ]


@pytest.mark.slow
def test_weights_that_are_never_used_do_not_stop_several_processes(tmp_path: Path, db: Path, config: Path) -> None:
    """MONAI's vision transformer has such."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    two = command(db, tmp_path / "two", config, "--steps", "2", "--encoder", "vit")
    done = subprocess.run([*torchrun, *two[3:]], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(table(tmp_path / "two", "training")) == 2


def assert_same_gradients(out: Path, expected: Path) -> None:
    """After its first step Adam's first moment is a tenth of the gradient."""
    one, other = (load_file(folder / "last" / "optimizer.safetensors") for folder in (expected, out))
    moments = [name for name in one if name.endswith("exp_avg")]
    assert "logit_scale.exp_avg" in moments
    for name in moments:
        assert 10 * (one[name] - other[name]).abs().max() <= 1e-6, name
    assert max(10 * one[name].abs().max() for name in moments) > 0.01


def test_another_configuration_or_other_pairs_are_refused(
    whole: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache
) -> None:
    with pytest.raises(SelipError, match="holds a training with seed 0 instead of 1: name a new folder"):
        pretrain(small_configuration(seed=1), cohort, cache, whole, Resources(ranks))
    fewer = Cohort(cohort.train[1:], cohort.validation)
    with pytest.raises(SelipError, match=r"no longer those that the training in .* has begun with"):
        pretrain(small_configuration(), fewer, cache, whole, Resources(ranks))


@pytest.fixture
def begun(tmp_path: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache) -> tuple[Path, Configuration]:
    """A training that has stopped in the midst."""
    out, configuration = tmp_path / "begun", small_configuration()
    waiting = signalled_after(out, 11, signal.SIGTERM)
    assert pretrain(configuration, cohort, cache, out, Resources(ranks)).stopped_by
    waiting.join()
    return out, configuration


def test_a_damaged_checkpoint_is_named(
    begun: tuple[Path, Configuration], ranks: Ranks, cohort: Cohort, cache: VolumeCache
) -> None:
    out, configuration = begun
    for file in ("model.safetensors", "optimizer.safetensors", "state.json"):
        content = (out / "last" / file).read_bytes()
        (out / "last" / file).write_bytes(content[: len(content) // 2])
        with pytest.raises(SelipError, match="last is damaged: remove its folder"):
            pretrain(configuration, cohort, cache, out, Resources(ranks))
        (out / "last" / file).write_bytes(content)


def test_a_full_disk_leaves_the_checkpoint_before(
    begun: tuple[Path, Configuration], ranks: Ranks, cohort: Cohort, cache: VolumeCache
) -> None:
    out, configuration = begun
    before = {path: path.read_bytes() for path in (out / "last").rglob("*") if path.is_file()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(SelipError, match=r"The checkpoint of step 15 cannot be written to .* is complete\."):
            pretrain(configuration, cohort, cache, out, Resources(ranks))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path: path.read_bytes() for path in (out / "last").rglob("*") if path.is_file()} == before
    assert not list(out.glob(".*"))


def test_a_kill_between_two_names_is_mended(
    begun: tuple[Path, Configuration], ranks: Ranks, cohort: Cohort, cache: VolumeCache, whole: Path
) -> None:
    out, configuration = begun
    shutil.copytree(out / "last", out / ".last.partial")
    (out / "last").rename(out / ".last.earlier")
    assert pretrain(configuration, cohort, cache, out, Resources(ranks)).position.step == STEPS
    assert_same_training(out, whole)
    assert not list(out.glob(".*"))


def test_a_loss_that_is_no_number_names_the_step_and_the_images(
    tmp_path: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache
) -> None:
    configuration = small_configuration(image_rate=1e30, validate_every=1)
    with pytest.raises(SelipError, match=r"The loss of step 2 is nan; 12 images are suspect: S\d{4}/DWI.nii.gz, "):
        pretrain(configuration, cohort, cache, tmp_path, Resources(ranks))
    assert json.loads((tmp_path / "last" / "state.json").read_text())["position"]["step"] == 1


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precisions_go_on_where_they_stopped(tmp_path: Path, ranks: Ranks, precision: Precision) -> None:
    configuration = small_configuration(precision=precision, batch=3)
    texts = [f"在{side}额叶表现为高信号" for side in ("左侧", "右侧", "双侧")]
    images = torch.rand(3, 1, *RECIPE.shape, generator=torch.Generator().manual_seed(6))
    batch = Batch(images, texts, torch.tensor([3, 3, 3]))

    def step() -> TrainingStep:
        model = SelipModel.build(configuration, texts)
        return TrainingStep(model, TextTable(texts, ["DWI"] * 3), ranks, chunk=None)

    first = step()
    losses = [first.run(number, batch, texts)["loss"] for number in range(2)]
    state = State(position=TrainingProgress(step=2), data="", scaler=first.training.scaler.state_dict(), versions={})
    save_last(tmp_path, first.training, state)
    losses.append(first.run(2, batch, texts)["loss"])
    assert losses[2] < losses[0]

    second, found = step(), saved_state(tmp_path, configuration, "")
    assert found == state
    load_last(tmp_path, second.training, found)
    assert second.run(2, batch, texts)["loss"] == losses[2]
    assert second.training.scaler.state_dict() == first.training.scaler.state_dict()


def test_batch_norm_is_refused_where_it_would_see_part_of_the_batch(
    tmp_path: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache
) -> None:
    with pytest.raises(SelipError, match="Batch norm needs all volumes of a process at once"):
        pretrain(small_configuration(norm="batch"), cohort, cache, tmp_path, Resources(ranks, chunk=5))


def test_images_that_cannot_be_used_are_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = write_cohort(tmp_path, 60)
    cut = tmp_path / "images" / "S0000" / "DWI.nii.gz"
    cut.write_bytes(cut.read_bytes()[:500])
    cohort = read_cohort(db, VolumeCache(tmp_path / "volumes", RECIPE), seed=0)
    said = capsys.readouterr().err
    assert "60 of 60 images have a text, 6 of them the normal one; 25 texts are distinct." in said
    assert "1 images are left out:\n  S0000/DWI.nii.gz: changed, " in said
    assert "S0000/DWI.nii.gz" not in {pair.image_id for pair in (*cohort.train, *cohort.validation)}


def test_without_images_reports_or_validation_there_is_a_sentence(tmp_path: Path) -> None:
    db, cache = write_cohort(tmp_path, 20), VolumeCache(tmp_path / "volumes", RECIPE)
    with open_store(db) as connection:
        connection.execute("INSERT INTO splits SELECT patient_id, 'train', now()::TIMESTAMP FROM images")
    with pytest.raises(SelipError, match="There are no pairs in the validation split"):
        read_cohort(db, cache, seed=0)
    with open_store(db) as connection:
        connection.execute("UPDATE images SET report_id = NULL")
    with pytest.raises(SelipError, match=r"None of the 20 images in .* has a text: 20 have no report"):
        read_cohort(db, cache, seed=0)
    with open_store(db) as connection:
        connection.execute("DELETE FROM images")
    with pytest.raises(SelipError, match=r"There are no images in .*: scan their folder with selip-scan"):
        read_cohort(db, cache, seed=0)
    with pytest.raises(SelipError, match="There is no database"):
        read_cohort(tmp_path / "absent.duckdb", cache, seed=0)


@pytest.mark.parametrize("changes", [{"batch": 400}, {"batch": 40}])
def test_a_batch_that_the_pairs_cannot_fill_is_refused(
    tmp_path: Path, ranks: Ranks, cohort: Cohort, cache: VolumeCache, changes: dict[str, object]
) -> None:
    with pytest.raises(SelipError, match=r"A batch of .* cannot be made of"):
        pretrain(small_configuration(**changes), cohort, cache, tmp_path, Resources(ranks))
