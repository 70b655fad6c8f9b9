"""`selip-segment`: tumours of a BraTS cohort, outlined by U-Nets around pretrained encoders and a random one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from selip_downstream.cli.options import (
    Checkpoints,
    Device,
    Results,
    Rounds,
    corpus_of,
    figures_database,
    modalities_of,
    print_exclusions,
    shares_of,
    show_and_keep,
)
from selip_downstream.evaluation.tasks import SEGMENTATION_METRICS
from selip_shared.errors import SelipError, run_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selip_contracts.vocabulary import Modality
    from selip_downstream.evaluation.compared_models import EvaluatedModel
    from selip_downstream.evaluation.results import MetricResult
    from selip_downstream.segmentation.cases import SegmentationCohort
    from selip_downstream.segmentation.experiment import ModelWithCases

app = typer.Typer(add_completion=False)


@app.command()
def command(
    folder: Annotated[Path, typer.Argument(help="Folder of a BraTS cohort, of 2018 to 2023.")],
    checkpoints: Checkpoints,
    out: Annotated[
        Path, typer.Option(help="Folder for networks, predictions and scores; what is in it is not computed again.")
    ],
    db: Annotated[Path, typer.Option(help="Database of the pretraining.")] = Path("selip.duckdb"),
    results: Results = None,
    sequences: Annotated[str, typer.Option(help="Sequences that are shown to the network.")] = "T1,T1CE,T2,FLAIR",
    shares: Annotated[str, typer.Option(help="Shares of the patients to learn from.")] = "0.01,0.05,0.1,1",
    draws: Annotated[int, typer.Option(min=1, help="How often each share is drawn and learnt from.")] = 3,
    shape: Annotated[
        str | None, typer.Option(help="Voxels of the grid around the head, D,H,W; else the encoder's own.")
    ] = None,
    patch: Annotated[
        str | None, typer.Option(help="Voxels that are learnt from at once, D,H,W; else the whole grid.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each training.")] = 3000,
    batch: Annotated[int, typer.Option(min=1, help="Patches a step.")] = 2,
    rate: Annotated[float, typer.Option(min=1e-6, max=1, help="Highest learning rate.")] = 1e-3,
    rounds: Rounds = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples, and of how the patients are split.")] = 0,
    device: Device = "cpu",
) -> None:
    """Train a U-Net around each encoder and measure it on the patients that are held out.

    Every figure is added to the table results. A killed run goes on by the same command.
    """
    wanted, few = modalities_of(sequences), shares_of(shares)
    voxels = Voxels(_voxels(shape), _voxels(patch))
    # Imported only now: --help should not wait for them.
    from selip_downstream.evaluation.compared_models import load_models, origins_of
    from selip_downstream.evaluation.protocol import EvaluationProtocol
    from selip_downstream.segmentation.experiment import segment
    from selip_downstream.segmentation.training import Plan

    database = figures_database(db, results)
    contenders = load_models(checkpoints, corpus_of(db), device)
    voxels = voxels.completed(contenders)
    assert voxels.shape is not None
    assert voxels.patch is not None
    entrants, cohort = _entrants(folder, contenders, wanted, voxels.shape, out, seed)
    about = {
        "cohort": folder.name,
        "sequences": wanted,
        "shape": list(voxels.shape),
        "split_seed": seed,
        "models": origins_of(contenders),
    }
    plan = Plan(voxels.patch, steps, batch, seed, rate)
    measured = segment(cohort, entrants, EvaluationProtocol(few, range(draws), rounds, seed), plan, out, about)
    show_and_keep(measured, SEGMENTATION_METRICS, _title, database)
    print(f"The predictions are in {out}.")


class Voxels(NamedTuple):
    """Numbers of voxels (D, H, W) of the grid and of a patch."""

    shape: tuple[int, int, int] | None
    patch: tuple[int, int, int] | None

    def completed(self, contenders: "Sequence[EvaluatedModel]") -> "Voxels":
        """With the first encoder's own grid, and a patch that the network takes."""
        from selip_downstream.segmentation.unet import patch_for

        shape = self.shape or contenders[0].model.recipe.shape
        return Voxels(shape, patch_for(self.patch or shape))


def _voxels(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        depth, height, width = (int(size) for size in text.split(","))
    except ValueError:
        depth = height = width = 0
    if min(depth, height, width) < 1:
        raise SelipError(f"{text} is no number of voxels in depth, height and width, as 24,256,256 is: correct it.")
    return depth, height, width


def _entrants(
    folder: Path,
    contenders: "Sequence[EvaluatedModel]",
    wanted: "Sequence[Modality]",
    shape: tuple[int, int, int],
    out: Path,
    seed: int,
) -> "tuple[dict[str, list[ModelWithCases]], SegmentationCohort]":
    """The trainings of each model with their prepared cases, and the cases that all can use; others go to stderr."""
    from selip_downstream.datasets.brats import read_brats
    from selip_downstream.evaluation.compared_models import trainings_of
    from selip_downstream.segmentation.cases import CaseCache, usable_cases
    from selip_downstream.segmentation.experiment import ModelWithCases

    cohort = read_brats(folder)
    entrants = {
        name: [
            ModelWithCases(one, CaseCache(out / "cases", one.model.recipe.model_copy(update={"shape": shape}), wanted))
            for one in own
        ]
        for name, own in trainings_of(contenders).items()
    }
    caches = {one.cache.recipe: one.cache for own in entrants.values() for one in own}
    found = usable_cases(cohort, caches.values(), seed)
    print_exclusions(found.set_aside)
    return entrants, found


def _title(figure: "MetricResult") -> str:
    about = figure.configuration
    return f"{about['share']:.0%} of the patients ({about['train']:,} cases): tested on {figure.n:,} cases"


def main() -> None:
    """Entry point of `selip-segment`."""
    run_command(app)
