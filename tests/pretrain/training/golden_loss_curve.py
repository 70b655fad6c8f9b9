"""Write the losses of the first steps of the tests' training: python -m tests.pretrain.training.golden_loss_curve."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from selip_pretrain.data.cohort import prepare_cohort, read_cohort
from selip_pretrain.training.distributed import joined_processes
from selip_pretrain.training.train import Resources, pretrain
from selip_pretrain.volumes.volume_cache import VolumeCache
from tests.pretrain.small_cohort import RECIPE, STUDIES, small_configuration, write_cohort
from tests.pretrain.training.training_runs import GOLDEN, table

if __name__ == "__main__":
    torch.set_num_threads(1)  # as in the test: more threads add up in another order
    with TemporaryDirectory() as folder, joined_processes() as distributed:
        cache = VolumeCache(Path(folder) / "volumes", RECIPE)
        cohort = prepare_cohort(read_cohort(write_cohort(Path(folder), STUDIES), seed=0), cache)
        pretrain(small_configuration(), cohort, cache, Path(folder) / "out", Resources(distributed))
        losses = [row["loss"] for row in table(Path(folder) / "out", "training")[:10]]
    GOLDEN.write_text(json.dumps(losses, indent=1) + "\n")
