"""`selip-retrieve`: how well images find their texts, and texts their images, against untrained weights and CLIP."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selip_downstream.cli.options import (
    By,
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
from selip_shared.errors import run_command
from selip_shared.messages.translation import translated

if TYPE_CHECKING:
    from selip_downstream.evaluation.comparison import ExperimentSetting

app = typer.Typer(add_completion=False)


@app.command()
def command(
    checkpoints: Checkpoints,
    db: Database = Path("selip.duckdb"),
    results: Results = None,
    split: MeasuredSplit = "test",
    by: By = "sequence",
    embeddings: Annotated[
        Path | None, typer.Option(help="Parquet file for the embeddings of volumes or studies, and of their texts.")
    ] = None,
    rounds: Rounds = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    cache: Cache = None,
    device: Device = "cpu",
) -> None:
    """Measure retrieval by sequence and together, or by study, show it, and add every figure to the table results."""
    # Imported only now: --help should not wait for them.
    from selip_downstream.datasets.split_pairs import read_split
    from selip_downstream.evaluation.compared_models import load_models
    from selip_downstream.retrieval.experiment import run_retrieval

    pairs = read_split(db, split, by_study=by == "study")
    database = results_database(db, results)
    models = load_models(checkpoints, device)
    folder = cache or db.parent / "selip-volumes"
    measured = run_retrieval(models, pairs, folder, split, embeddings, by_study=by == "study", rounds=rounds, seed=seed)
    show_and_store(measured, _title, database)


def _title(setting: "ExperimentSetting") -> str | None:
    """The gallery and direction; None for galleries with repeated texts, which are not shown."""
    about = setting.configuration
    if about["texts"] != "distinct":
        return None
    return translated(
        f"{translated(about['sequence'])}, {translated(about['direction'])}: {setting.n:,} queries, "
        f"gallery of {about['gallery']:,}; {about['distinct_texts']:,} distinct texts, "
        f"{about['repeated_texts']:,} repeated"
    )


def main() -> None:
    """Entry point of `selip-retrieve`."""
    run_command(app)
