"""`selip-segment`: tumours of a BraTS cohort, outlined by U-Nets around pretrained encoders and a random one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selip_downstream.cli.options import (
    Checkpoints,
    Device,
    OwnSplits,
    Results,
    Rounds,
    modalities_of,
    results_database,
    shares_of,
    show_and_store,
)
from selip_shared.errors import SelipError, run_command
from selip_shared.messages.console import say
from selip_shared.messages.translation import translated

if TYPE_CHECKING:
    from selip_downstream.evaluation.comparison import ExperimentSetting

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
    splits: OwnSplits = None,
    rounds: Rounds = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples, and of how the patients are split.")] = 0,
    device: Device = "cpu",
) -> None:
    """Train a U-Net around each encoder and measure it on the patients that are held out.

    Every figure is added to the table results. The same command resumes an interrupted run.
    """
    wanted, wanted_shares = modalities_of(sequences), shares_of(shares)
    grid_shape, patch_shape = _voxels(shape), _voxels(patch)
    # Imported only now: --help should not wait for them.
    from selip_downstream.datasets.brats import read_brats
    from selip_downstream.datasets.csv_table import read_splits
    from selip_downstream.evaluation.compared_models import load_models
    from selip_downstream.evaluation.protocol import EvaluationProtocol
    from selip_downstream.segmentation.experiment import SegmentationSettings, run_segmentation

    database = results_database(db, results)
    models = load_models(checkpoints, device)
    protocol = EvaluationProtocol(wanted_shares, range(draws), rounds, seed)
    settings = SegmentationSettings(folder.name, grid_shape, patch_shape, steps, batch, rate)
    own = None if splits is None else read_splits(splits)
    measured = run_segmentation(models, read_brats(folder), wanted, protocol, settings, out, seed, own)
    show_and_store(measured, _title, database)
    say(f"The predictions are in {out}.")


def _voxels(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        depth, height, width = (int(size) for size in text.split(","))
    except ValueError:
        depth = height = width = 0
    if min(depth, height, width) < 1:
        raise SelipError(f"{text} is not depth, height and width in voxels, such as 24,256,256: correct it.")
    return depth, height, width


def _title(setting: "ExperimentSetting") -> str:
    about = setting.configuration
    return translated(f"{about['share']:.0%} of the patients ({about['train']:,} cases): tested on {setting.n:,} cases")


def main() -> None:
    """Entry point of `selip-segment`."""
    run_command(app)
