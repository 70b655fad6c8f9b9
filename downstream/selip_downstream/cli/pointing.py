"""`selip-pointing`: whether maps of support point at the lesions, compared with chance and untrained weights."""

from pathlib import Path
from typing import Annotated

import typer

from selip_downstream.cli.options import (
    Cache,
    Checkpoints,
    Database,
    Device,
    MeasuredSplit,
    Results,
    Rounds,
    results_database,
    show_and_store,
)
from selip_shared.errors import SelipError, run_command
from selip_shared.messages.translation import translated

app = typer.Typer(add_completion=False)


@app.command()
def command(
    checkpoints: Checkpoints,
    phantom: Annotated[Path, typer.Option(help="Folder that selip-phantom has written, for its masks.")],
    db: Database = Path("selip.duckdb"),
    results: Results = None,
    split: MeasuredSplit = "test",
    most: Annotated[
        int, typer.Option(min=1, help="Explain at most so many volumes with findings, drawn by the seed.")
    ] = 100,
    rounds: Rounds = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw and of the resamples.")] = 0,
    cache: Cache = None,
    device: Device = "cpu",
) -> None:
    """Play the pointing game, show it by site, and add every figure to the table results.

    The model called chance is what a blind guess would hit.
    """
    # Imported only now: --help should not wait for them.
    from selip_downstream.datasets.split_pairs import read_split
    from selip_downstream.evaluation.compared_models import load_models
    from selip_downstream.explanation.pointing import draw_pairs, run_pointing

    pairs = draw_pairs(read_split(db, split), phantom, most, seed)
    if not pairs:
        raise SelipError(
            f"No image of the {split} split has a finding with a mask in {phantom}: name the phantom that {db} was "
            "scanned from."
        )
    database = results_database(db, results)
    models = load_models(checkpoints, device)
    folder = cache or db.parent / "selip-volumes"
    measured = run_pointing(models, pairs, phantom, folder, split, rounds=rounds, seed=seed)
    show_and_store(
        measured, lambda setting: translated(f"{setting.configuration['site']}: {setting.n:,} findings"), database
    )


def main() -> None:
    """Entry point of `selip-pointing`."""
    run_command(app)
