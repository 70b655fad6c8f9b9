"""A training with a study encoder, on studies of which each sequence shows a part."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from selip_pretrain.data.cohort import Cohort, prepare_cohort, read_cohort
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.distributed import Distributed
from selip_pretrain.training.train import Resources, TrainingOutcome, pretrain
from selip_pretrain.volumes.volume_cache import VolumeCache
from tests.pretrain.small_cohort import RECIPE, small_configuration, write_studies
from tests.pretrain.training.training_runs import (
    ENVIRONMENT,
    SignallingCache,
    assert_same_gradients,
    assert_same_training,
    table,
    torchrun,
)

CONFIGURATION = small_configuration(study_encoder=True, batch=6, steps=4, validate_every=2)


@pytest.fixture(scope="module")
def studies_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_studies(tmp_path_factory.mktemp("studies"), 60)


@pytest.fixture(scope="module")
def studies_cache(studies_db: Path) -> VolumeCache:
    return VolumeCache(studies_db.parent / "selip-volumes", RECIPE)


@pytest.fixture(scope="module")
def studies(studies_db: Path, studies_cache: VolumeCache) -> Cohort:
    return prepare_cohort(read_cohort(studies_db, seed=0, by_study=True), studies_cache)


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, distributed: Distributed, studies: Cohort, studies_cache: VolumeCache
) -> Path:
    out = tmp_path_factory.mktemp("trained")
    pretrain(CONFIGURATION, studies, studies_cache, out, Resources(distributed))
    return out


def test_volumes_and_studies_are_learnt_and_validated(trained: Path) -> None:
    for row in table(trained, "training"):
        parts = sum(row[name] for name in ("hard", "soft", "study_hard", "study_soft"))
        assert row["loss"] == pytest.approx(parts, rel=1e-5)
    validations = table(trained, "validation")
    assert validations[0]["study_images"] < validations[0]["images"]
    best = max(validations, key=lambda row: float(row["mean_reciprocal_rank"] + row["study_mean_reciprocal_rank"]))
    assert json.loads((trained / "best" / "validation.json").read_text()) == best
    model = SelipModel.from_pretrained(trained / "best")
    assert model.study_encoder is not None
    assert model.study_encoder.projection.weight.abs().max() > 0


def test_a_stopped_training_ends_as_if_it_had_not_been_stopped(
    tmp_path: Path, distributed: Distributed, studies: Cohort, studies_cache: VolumeCache, trained: Path
) -> None:
    def run(cache: VolumeCache) -> TrainingOutcome:
        return pretrain(CONFIGURATION, studies, cache, tmp_path, Resources(distributed))

    assert run(SignallingCache(studies_cache, 40, signal.SIGTERM)).stopped_by == signal.SIGTERM
    assert run(studies_cache).progress.step == 4
    assert_same_training(tmp_path, trained)


def test_two_processes_and_chunks_have_the_gradients_of_one(
    tmp_path: Path, studies_db: Path, distributed: Distributed, studies: Cohort, studies_cache: VolumeCache
) -> None:
    configuration = CONFIGURATION.model_copy(update={"steps": 1, "findings_weight": 0.1})
    pretrain(configuration, studies, studies_cache, tmp_path / "one", Resources(distributed))
    config = tmp_path / "configuration.json"
    config.write_text(configuration.json_text())
    two = torchrun(studies_db, tmp_path / "two", config, "--chunk", "4")
    done = subprocess.run(two, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same_gradients(tmp_path / "two", tmp_path / "one")
    assert table(tmp_path / "two", "validation") == [
        pytest.approx(row, rel=1e-5) for row in table(tmp_path / "one", "validation")
    ]
