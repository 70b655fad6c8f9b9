from pathlib import Path

import pytest
import torch

from selip_downstream.reproduce.frozen.studies import app, only_best
from selip_downstream.reproduce.plan import ALL_SEQUENCES, BEST_SEQUENCE, MEAN_OF_SEQUENCES
from selip_pretrain.training.study_batch import some_hidden
from selip_shared.errors import run_command
from tests.commands import command
from tests.downstream.reproduce.frozen.measured import arguments, measured
from tests.pretrain.small_cohort import write_studies

MODALITIES = torch.tensor([[0, 1, 2, -1], [3, 1, -1, -1], [0, -1, -1, -1]])


def test_the_best_sequence_of_a_study_is_the_first_of_the_order_that_it_has() -> None:
    expected = [[-1, -1, 2, -1], [-1, 1, -1, -1], [0, -1, -1, -1]]
    assert only_best(MODALITIES, [2, 1, 3, 0]).tolist() == expected


def test_volumes_are_hidden_with_the_share_and_one_of_each_study_stays() -> None:
    many = MODALITIES.repeat(500, 1)
    assert torch.equal(some_hidden(many, 0, 0.0), many)
    assert ((some_hidden(many, 0, 1.0) >= 0).sum(1) == 1).all()
    some = some_hidden(many, 0, 0.5)
    assert torch.equal(some, some_hidden(many, 0, 0.5))
    assert not torch.equal(some, some_hidden(many, 1, 0.5))
    assert set(some[some != many].tolist()) == {-1}
    assert (some >= 0).any(1).all()
    assert 0.5 < (some[::3] >= 0).sum() / (many[::3] >= 0).sum() < 0.6  # of three volumes, one of which stays


def test_studies_are_measured_with_volumes_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    db = write_studies(tmp_path, 40)
    run = command(lambda: run_command(app), monkeypatch, capsys)
    code, _, complaint = run(*arguments(db), "--steps", 6, "--seeds", 2)
    assert code == 0, complaint
    comparisons = measured(db)
    assert [one.configuration["missing"] for one in comparisons] == [0.0, 0.2, 0.4, 0.6]
    for one in comparisons:
        assert one.models == [BEST_SEQUENCE, MEAN_OF_SEQUENCES, ALL_SEQUENCES]
        assert one.configuration["sequence"] == "studies"
        assert len(one.configuration["models"][ALL_SEQUENCES]) == 2
