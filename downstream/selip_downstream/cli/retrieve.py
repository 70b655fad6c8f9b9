"""`selip-retrieve`: how well images find their texts, and texts their images, against untrained weights and CLIP."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from selip_downstream.evaluation.tasks import RETRIEVAL_METRICS
from selip_shared.errors import SelipError, run_command

if TYPE_CHECKING:
    from selip_downstream.evaluation.results import MetricResult

app = typer.Typer(add_completion=False)


@app.command()
def command(
    checkpoints: Checkpoints,
    db: Database = Path("selip.duckdb"),
    results: Results = None,
    split: MeasuredSplit = "test",
    relevance: Annotated[
        str, typer.Option(help="How hits are graded for nDCG: a target of selip-pretrain.")
    ] = "best-match",
    rounds: Rounds = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    cache: Cache = None,
    device: Device = "cpu",
) -> None:
    """Measure retrieval by sequence and together, show it, and add every figure to the table results."""
    # Imported only now: --help should not wait for them.
    from selip_contracts.tables import read_store
    from selip_downstream.datasets.split_pairs import split_pairs
    from selip_downstream.evaluation.compared_models import (
        embed_images,
        embed_texts,
        load_models,
        origins_of,
        prepared,
        trainings_of,
    )
    from selip_downstream.retrieval.experiment import Embedded, distinct_texts, retrieve
    from selip_pretrain.objective.targets import TARGETS
    from selip_pretrain.volumes.volume_cache import print_problems

    if relevance not in TARGETS:
        raise SelipError(f"There is no target {relevance}: name one of {', '.join(TARGETS)}.")
    with closing(read_store(db)) as connection:
        pairs = split_pairs(connection, db, split)
    database = figures_database(db, results)
    contenders = load_models(checkpoints, corpus_of(db), device)
    folder = cache or db.parent / "selip-volumes"
    usable, problems = prepared(pairs, contenders, folder)
    print_problems(problems)
    if not usable:
        raise SelipError(f"None of the {len(pairs):,} volumes of the {split} split can be used: put their files right.")
    texts = distinct_texts(usable)
    embedded = {
        name: [Embedded(embed_images(one, usable, folder), embed_texts(one, texts)) for one in own]
        for name, own in trainings_of(contenders).items()
    }
    about = {"models": origins_of(contenders)}
    measured = retrieve(usable, embedded, about, split, relevance, rounds=rounds, seed=seed)
    show_and_keep(measured, RETRIEVAL_METRICS, _title, database)


def _title(figure: "MetricResult") -> str | None:
    """Of one gallery and direction; of the galleries with repeated texts none is shown."""
    about = figure.configuration
    if about["texts"] != "distinct":
        return None
    return (
        f"{about['sequence']}, {about['direction']}: {figure.n:,} queries, "
        f"gallery of {about['gallery']:,}; {about['distinct_texts']:,} distinct texts, "
        f"{about['repeated_texts']:,} repeated"
    )


def main() -> None:
    """Entry point of `selip-retrieve`."""
    run_command(app)
