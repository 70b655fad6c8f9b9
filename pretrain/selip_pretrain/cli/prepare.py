"""`selip-prepare`: assign splits and prepare the volumes of all pairs, apart from the machine that trains."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from selip_shared.errors import SelipError, run_command
from selip_shared.execution.workers import RayOption, WorkersOption
from selip_shared.messages.console import say

app = typer.Typer(add_completion=False)


@app.command()
def command(
    db: Annotated[Path, typer.Option(help="Database with findings and scanned images.")] = Path("selip.duckdb"),
    preset: Annotated[str, typer.Option(help="As of selip-pretrain: paper, or small.")] = "paper",
    config: Annotated[Path | None, typer.Option(help="As of selip-pretrain: JSON or TOML file of settings.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="As of selip-pretrain: decides which patients are tested on.")] = 0,
    shares: Annotated[
        str, typer.Option(metavar="TRAIN,VALIDATION,TEST", help="Shares of the patients without a split yet.")
    ] = "0.8,0.1,0.1",
    cache: Annotated[
        Path | None, typer.Option(help="Folder of prepared volumes; by default selip-volumes beside the database.")
    ] = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
) -> None:
    """Assign every patient to a split and prepare the volume of every pair, on processors alone.

    For a study encoder also the volumes of whose sequence the report says nothing.

    selip-pretrain with the same preset and configuration then only reads the volumes. What is prepared is kept: run it
    again after an interruption.
    """
    # Imported only now: --help should not wait for them.
    from selip_contracts.database_file import open_store, read_store
    from selip_pretrain.data.pairs import read_pairs
    from selip_pretrain.data.splits import assign_splits, check_leakage, read_shares
    from selip_pretrain.model.configuration import resolve
    from selip_pretrain.volumes.volume_cache import VolumeCache, prepare_all, print_problems
    from selip_shared.execution.workers import open_workers

    configuration, of_splits = resolve(preset, config, {}), read_shares(shares)
    # Unlike open_store this makes no new database.
    read_store(db).close()
    with closing(open_store(db)) as connection:
        counts = assign_splits(connection, seed, of_splits)
        check_leakage(connection)
        pairs = read_pairs(connection, by_study=configuration.study_encoder)
    if not pairs:
        raise SelipError(f"No image in {db} has a text: extract the reports and scan the images first.")
    volumes = VolumeCache(cache or db.parent / "selip-volumes", configuration.recipe)
    with open_workers(workers, ray) as opened:
        usable, problems = prepare_all(pairs, volumes, opened)
    print_problems(problems)
    patients = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    say(f"{len(usable):,} of {len(pairs):,} volumes are prepared in {volumes.folder}; patients: {patients}")
    if not usable:
        sys.exit(1)


def main() -> None:
    """Entry point of `selip-prepare`."""
    run_command(app)


if __name__ == "__main__":
    main()
