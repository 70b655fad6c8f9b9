"""A training with a findings head; several processes and chunks are in test_distributed and test_study_training."""

import json
import signal
from pathlib import Path

import pytest
import torch

from selip_contracts.statements import parse_sequence_text
from selip_pretrain.cli.pretrain import main
from selip_pretrain.data.cohort import Cohort
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.distributed import Distributed
from selip_pretrain.training.publish import write_model_folder
from selip_pretrain.training.train import Resources, TrainingOutcome, pretrain
from selip_pretrain.training.validation import embed_pairs
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from tests.commands import command as run_here
from tests.pretrain.small_cohort import small_configuration, write_cohort
from tests.pretrain.training.training_runs import (
    SignallingCache,
    arguments,
    assert_same_training,
    table,
)

WEIGHT = 0.1
CONFIGURATION = small_configuration(findings_weight=WEIGHT, steps=60, validate_every=30, augment=False)


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, distributed: Distributed, cohort: Cohort, cache: VolumeCache
) -> Path:
    out = tmp_path_factory.mktemp("trained")
    pretrain(CONFIGURATION, cohort, cache, out, Resources(distributed))
    return out


def test_findings_are_learnt_and_the_checkpoint_names_them(trained: Path, cohort: Cohort, cache: VolumeCache) -> None:
    rows = table(trained, "training")
    for row in rows:
        assert row["loss"] == pytest.approx(row["hard"] + row["soft"] + WEIGHT * row["findings"], rel=1e-5)
    first, last = table(trained, "validation")
    assert last["findings"] < first["findings"]
    assert last["auc_findings"] > max(first["auc_findings"], 0.9)
    model = SelipModel.from_pretrained(trained / "last")
    assert model.findings_head is not None
    labels = model.findings_head.labels
    predicted = model.predict_findings(embed_pairs(model, cohort.validation, cache)).detach()
    stated = [parse_sequence_text(pair.text, pair.modality) for pair in cohort.validation]
    answers = torch.tensor([[label.answer(findings) for label in labels] for findings in stated])
    said = torch.where(answers == 1, predicted, 1 - predicted)[~answers.isnan()]
    assert -said.log().sum().item() / len(answers) == pytest.approx(last["findings"], rel=1e-4)
    stored = json.loads((trained / "last" / "findings.json").read_text())
    assert [{**row, "share": None} for row in stored] == [{**vars(label), "share": None} for label in labels]


def test_a_stopped_training_ends_as_if_it_had_not_been_stopped(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache
) -> None:
    configuration = CONFIGURATION.model_copy(update={"steps": 4, "validate_every": 2})

    def run(out: Path, cache: VolumeCache) -> TrainingOutcome:
        return pretrain(configuration, cohort, cache, out, Resources(distributed))

    assert run(tmp_path / "stopped", SignallingCache(cache, 30, signal.SIGTERM)).stopped_by == signal.SIGTERM
    for name in ("stopped", "whole"):
        assert run(tmp_path / name, cache).progress.step == 4
    assert_same_training(tmp_path / "stopped", tmp_path / "whole")


def test_a_published_model_keeps_its_head_and_another_training_starts_from_its_encoder(
    tmp_path: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache, trained: Path
) -> None:
    write_model_folder(trained / "best", tmp_path / "published", "head-mri", None)
    volumes = torch.nn.functional.normalize(torch.rand(3, 512), dim=1)
    before, after = (SelipModel.from_pretrained(folder) for folder in (trained / "best", tmp_path / "published"))
    assert torch.equal(before.predict_findings(volumes), after.predict_findings(volumes))
    configuration = small_configuration(init_image=str(tmp_path / "published"), steps=1)
    assert pretrain(configuration, cohort, cache, tmp_path / "next", Resources(distributed)).progress.step == 1
    with pytest.raises(SelipError, match="predicts no findings"):
        SelipModel.from_pretrained(tmp_path / "next" / "best").predict_findings(volumes)
    (tmp_path / "published" / "findings.json").write_text("[{}]")
    with pytest.raises(SelipError, match=r"findings\.json, which names the findings"):
        SelipModel.from_pretrained(tmp_path / "published")


def test_too_few_volumes_for_any_finding_are_said_before_volumes_are_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    db = write_cohort(tmp_path, 30)
    config = tmp_path / "config.json"
    config.write_text(small_configuration(findings_weight=WEIGHT, batch=2).json_text())
    code, _, said = run_here(main, monkeypatch, capsys)(*arguments(db, tmp_path / "out", config))
    assert code == 1
    assert "There is nothing for findings_weight to learn" in said
