import subprocess
from pathlib import Path

import pytest

from selip_pretrain.data.cohort import Cohort
from selip_pretrain.training.distributed import Distributed
from selip_pretrain.training.train import Resources, pretrain
from selip_pretrain.volumes.volume_cache import VolumeCache
from tests.pretrain.small_cohort import small_configuration
from tests.pretrain.training.training_runs import ENVIRONMENT, assert_same_gradients, table, torchrun


def test_two_processes_have_the_gradients_of_one(
    tmp_path: Path, db: Path, distributed: Distributed, cohort: Cohort, cache: VolumeCache
) -> None:
    configuration = small_configuration(steps=1, findings_weight=0.1)
    pretrain(configuration, cohort, cache, tmp_path / "one", Resources(distributed))
    config = tmp_path / "config.json"
    config.write_text(configuration.json_text(), encoding="utf-8")
    two = torchrun(db, tmp_path / "two", config, "--chunk", "4")
    done = subprocess.run(two, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same_gradients(tmp_path / "two", tmp_path / "one")
    assert table(tmp_path / "two", "validation") == [
        pytest.approx(row, rel=1e-6) for row in table(tmp_path / "one", "validation")
    ]


@pytest.mark.slow
def test_weights_that_are_never_used_do_not_stop_several_processes(tmp_path: Path, db: Path, config: Path) -> None:
    """MONAI's vision transformer has such."""
    two = torchrun(db, tmp_path / "two", config, "--steps", "2", "--encoder", "vit")
    done = subprocess.run(two, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(table(tmp_path / "two", "training")) == 2
