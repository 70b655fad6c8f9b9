"""The search for the settings of each target on frozen features, the same for all, on a cohort that is not measured."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import typer
from torch import Tensor

from selip_downstream.reproduce.frozen.cohort import patients_of_share, read_findings, read_frozen, studies_of_seeds
from selip_downstream.reproduce.frozen.study import Cache, Components, Config, Database, Preset, steps_of_share
from selip_downstream.reproduce.frozen.targets import COMPARED, ComparedTarget
from selip_downstream.reproduce.frozen.trainings import FrozenData, TrainingSettings, train_seeds
from selip_pretrain.model.configuration import resolve
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import run_command
from selip_shared.files import write_text
from selip_shared.messages.console import say

RATES = (3e-3, 1e-2)
WEIGHT_DECAYS = (0.1, 0.3, 1.0)
SHARPNESSES = (2.0, 3.0, 5.0)
"""Of targets that are sharpened; that of the paper is not, and CLIP has no similarities."""
HEAD = """# Settings by target and number of training patients, on frozen features. Written by search.py: those
# with the highest mean reciprocal rank on the validation split of a cohort with another seed.
"""

app = typer.Typer(add_completion=False)


class Tried(NamedTuple):
    """A target with some settings, and the mean reciprocal rank of its trainings, each at its best step."""

    target: ComparedTarget
    rank: float


@dataclass(frozen=True)
class Search:
    """The search at one share of the training studies: what is trained, and the pairs that each seed learns from."""

    train: FrozenData
    validation: FrozenData
    table: TextTable
    of_seed: Sequence[Tensor]
    steps: int
    batch: int

    def best(self, target: ComparedTarget) -> Tried:
        """The best sharpness of a target with its first settings, then the best pair of rate and weight decay."""
        similarity = target.similarity(self.table)
        sharpnesses = (target.sharpness,) if target.sharpness == 1 else SHARPNESSES
        tried = [self._tried(target._replace(sharpness=one), similarity) for one in sharpnesses]
        sharpest = max(tried, key=lambda one: one.rank).target
        pairs = (sharpest._replace(rate=rate, weight_decay=decay) for rate, decay in product(RATES, WEIGHT_DECAYS))
        tried += [self._tried(one, similarity) for one in pairs if one != sharpest]
        return max(tried, key=lambda one: one.rank)

    def _tried(self, target: ComparedTarget, similarity: Tensor) -> Tried:
        settings = TrainingSettings(self.steps, self.batch, rate=target.rate, weight_decay=target.weight_decay)
        trained = train_seeds(self.train, self.of_seed, self.validation, similarity, target.loss(), settings)
        rank = float(torch.tensor(trained.mean_reciprocal_rank).mean())
        say(
            f"rate {target.rate:g}, weight decay {target.weight_decay:g}, sharpness {target.sharpness:g}: mean"
            f" reciprocal rank {rank:.4f}, best steps {trained.steps}",
            sys.stderr,
        )
        return Tried(target, rank)


@app.command()
def command(
    db: Database,
    cache: Cache,
    preset: Preset,
    config: Config,
    out: Annotated[Path, typer.Option(help="TOML file for the chosen settings.")],
    steps: Annotated[str, typer.Option(metavar="SHARE=STEPS,...", help="Shares of the training studies, and steps.")],
    seeds: Annotated[int, typer.Option(min=2, help="Trainings of each combination.")] = 4,
    batch: Annotated[int, typer.Option(min=2, help="Pairs of a batch.")] = 64,
    components: Components = 256,
) -> None:
    """Search for the settings of every target, and write those with the best validation.

    The number of steps is chosen with them: each training is validated as it proceeds, and its best step counts.
    """
    found = read_findings(db)
    cohort = read_frozen(
        [*found.train, *found.validation], VolumeCache(cache, resolve(preset, config, {}).recipe), components
    )
    found = cohort.usable_findings(found)
    table, (train, validation) = cohort.data(found.train, found.validation)
    lines = [HEAD]
    for share, count in steps_of_share(steps).items():
        own = Search(train, validation, table, studies_of_seeds(found.train, share, seeds), count, batch)
        for name, target in COMPARED.items():
            say(f"{name}, {100 * share:g} % of the studies", sys.stderr)
            patients = round(patients_of_share(found.train, share))
            lines.append(_entry(name, patients, own.best(target)))
            write_text(out, "\n".join(lines))


def _entry(name: str, patients: int, best: Tried) -> str:
    target = best.target
    return (
        f'[["{name}"]]\npatients = {patients}\nrate = {target.rate}\nweight_decay = {target.weight_decay}\n'
        f"sharpness = {target.sharpness}\nmean_reciprocal_rank = {best.rank:.4f}\n"
    )


if __name__ == "__main__":
    run_command(app)
