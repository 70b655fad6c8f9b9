"""Prepares a scanned database for several parallel trainings: splits are assigned, volumes prepared."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from selip_shared.errors import run_command

app = typer.Typer(add_completion=False)


@app.command()
def command(
    db: Annotated[Path, typer.Argument(help="Database with findings and scanned images.")],
    cache: Annotated[Path, typer.Option(help="Folder of prepared volumes, which several databases may share.")],
    preset: Annotated[str, typer.Option(help="As of selip-pretrain.")],
    config: Annotated[Path, typer.Option(help="As of selip-pretrain.")],
    seed: Annotated[int, typer.Option(min=0, help="Decides which patients are tested on.")] = 0,
) -> None:
    """Assign every patient to a split and prepare the volume of every pair, so that trainings only read them."""
    # Imported only now: --help should not wait for them.
    from selip_contracts.database_file import open_store
    from selip_pretrain.data.pairs import read_pairs
    from selip_pretrain.data.splits import Shares, assign_splits, check_leakage
    from selip_pretrain.model.configuration import resolve
    from selip_pretrain.volumes.volume_cache import VolumeCache, prepare_all, print_problems
    from selip_shared.execution.workers import open_workers

    recipe = resolve(preset, config, {}).recipe
    with closing(open_store(db)) as connection:
        counts = assign_splits(connection, seed, Shares())
        check_leakage(connection)
        pairs = read_pairs(connection)
    with open_workers() as workers:
        _, problems = prepare_all(pairs, VolumeCache(cache, recipe), workers)
    print_problems(problems)
    patients = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    print(f"{len(pairs):,} pairs, patients: {patients}")


if __name__ == "__main__":
    run_command(app)
