"""`selip-pointing`: whether maps of support lie where the lesions are, beside chance and untrained weights."""

import random
from contextlib import closing
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
    corpus_of,
    figures_database,
    show_and_keep,
)
from selip_shared.errors import SelipError, run_command

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

    Beside the models stands as chance what a blind guess would hit.
    """
    # Imported only now: --help should not wait for them.
    from selip_contracts.tables import read_store
    from selip_downstream.datasets.split_pairs import split_pairs
    from selip_downstream.evaluation.compared_models import load_models, origins_of, prepared
    from selip_downstream.explanation.pointing import TOLERANCE_MM, findings_of, point, pointing_figures, read_places
    from selip_pretrain.volumes.volume_cache import print_problems

    places = read_places(phantom)
    with closing(read_store(db)) as connection:
        pairs = split_pairs(connection, db, split)
    pairs = [pair for pair in pairs if findings_of([pair], places)]
    if not pairs:
        raise SelipError(
            f"No image of the {split} split has a finding with a mask in {phantom}: name the phantom that {db} was "
            "scanned from."
        )
    pairs = random.Random(seed).sample(pairs, min(most, len(pairs)))
    database = figures_database(db, results)
    contenders = load_models(checkpoints, corpus_of(db), device)
    folder = cache or db.parent / "selip-volumes"
    usable, problems = prepared(pairs, contenders, folder)
    print_problems(problems)
    findings = findings_of(usable, places)
    pointed = point(findings, contenders, phantom, folder)
    if not pointed:
        raise SelipError(f"None of the {len(findings):,} lesions is large enough for the grids of these checkpoints.")
    about = {
        "models": origins_of(contenders),
        "images": len(usable),
        "lost_on_grid": len(findings) - len(pointed),
        "draw_seed": seed,
    }
    print(f"A hit is at most {TOLERANCE_MM:g} mm from the lesion; {about['lost_on_grid']:,} are lost on the grid.")
    show_and_keep(
        pointing_figures(pointed, split, about, rounds=rounds, seed=seed),
        {"pointing": "hits"},
        lambda figure: f"{figure.configuration['site']}: {figure.n:,} findings",
        database,
    )


def main() -> None:
    """Entry point of `selip-pointing`."""
    run_command(app)
