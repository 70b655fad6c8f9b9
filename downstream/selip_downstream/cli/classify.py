"""`selip-classify`: what encoders know of a label, from few examples or many, or without any."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selip_downstream.cli.options import (
    By,
    Cache,
    Checkpoints,
    Database,
    Device,
    OwnSplits,
    Results,
    Rounds,
    modalities_of,
    results_database,
    shares_of,
    show_and_store,
)
from selip_downstream.evaluation.tasks import Task
from selip_shared.errors import SelipError, run_command
from selip_shared.messages.translation import translated

if TYPE_CHECKING:
    from selip_downstream.evaluation.comparison import ExperimentSetting

app = typer.Typer(add_completion=False)


@app.command()
def command(
    checkpoints: Checkpoints,
    db: Database = Path("selip.duckdb"),
    results: Results = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV with a column label and a column report_id, study or patient_id.")
    ] = None,
    sql: Annotated[
        str | None,
        typer.Option(
            help='Labels out of the database instead, e.g. "SELECT report_id, report_id IN (SELECT report_id FROM '
            "findings WHERE present AND site = '额叶') AS label FROM studies WHERE status = 'ok'\"."
        ),
    ] = None,
    brats: Annotated[Path | None, typer.Option(help="Folder of a BraTS cohort instead: HGG or LGG.")] = None,
    sequences: Annotated[
        str,
        typer.Option(
            help="Sequences whose embeddings are put together, e.g. T1CE,FLAIR; not for zero-shot. With --by study a "
            "study needs one of them."
        ),
    ] = "T1CE",
    shares: Annotated[str, typer.Option(help="Shares of the labels to learn from.")] = "0.01,0.05,0.1,1",
    draws: Annotated[int, typer.Option(min=1, help="How often a share of the labels is drawn.")] = 3,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Also finetune the whole encoder, which takes long without a GPU.")
    ] = False,
    finetune_rounds: Annotated[
        int, typer.Option(min=1, help="Rounds of 50 steps of finetuning; the best on the validation split is taken.")
    ] = 50,
    splits: OwnSplits = None,
    split: Annotated[str, typer.Option(help="For zero-shot: test, validation or train.")] = "test",
    by: By = "sequence",
    predictions: Annotated[
        Path | None, typer.Option(help="Parquet file for the scores of every case, by model and question or class.")
    ] = None,
    rounds: Rounds = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples, and of how BraTS is split.")] = 0,
    cache: Cache = None,
    device: Device = "cpu",
) -> None:
    """Tell labels apart by nearest neighbours and a linear probe; without labels, ask the statements themselves.

    Every figure is added to the table results.
    """
    if sum(source is not None for source in (labels, sql, brats)) > 1:
        raise SelipError("Give one of --labels, --sql and --brats.")
    if splits is not None and labels is None and sql is None and brats is None:
        raise SelipError("--splits is for labelled cases: give --labels, --sql or --brats with it.")
    by_study = by == "study"
    if by_study and finetune:
        raise SelipError("--finetune is for --by sequence: leave it out.")
    wanted = modalities_of(sequences)
    # Imported only now: --help should not wait for them.
    from selip_downstream.classification.experiment import run_classification
    from selip_downstream.classification.zero_shot_experiment import run_zero_shot
    from selip_downstream.datasets.csv_table import read_splits
    from selip_downstream.datasets.labelled_cases import brats_cohort, labelled_cohort
    from selip_downstream.datasets.split_pairs import read_split
    from selip_downstream.evaluation.compared_models import load_models
    from selip_downstream.evaluation.protocol import EvaluationProtocol

    protocol = EvaluationProtocol(shares_of(shares), range(draws), rounds, seed)
    database = results_database(db, results)
    folder = cache or db.parent / "selip-volumes"
    if labels is None and sql is None and brats is None:
        pairs = read_split(db, split, by_study)
        models = load_models(checkpoints, device)
        measured = run_zero_shot(models, pairs, folder, protocol, split, predictions, by_study)
    else:
        own = None if splits is None else read_splits(splits)
        cohort, source = (
            brats_cohort(brats, wanted, seed, own) if brats else labelled_cohort(db, labels, sql, wanted, own, by_study)
        )
        models = load_models(checkpoints, device)
        about = {"labels": source, "sequences": wanted, **({} if splits is None else {"splits": splits.name})}
        finetuning_rounds = finetune_rounds if finetune else 0
        measured = run_classification(models, cohort, folder, protocol, about, finetuning_rounds, predictions, by_study)
    show_and_store(measured, _title, database)


def _title(setting: "ExperimentSetting") -> str:
    about = setting.configuration
    if setting.task is Task.ZERO_SHOT:
        questions = ", ".join(f"{translated(kind)} {count:,}" for kind, count in about["questions"].items())
        return translated(f"Zero-shot, {translated(about['sequence'])}: {setting.n:,} images; questions: {questions}")
    classes = ", ".join(f"{count:,} {label}" for label, count in about["classes"].items())
    return translated(
        f"{about['classifier']}, {about['share']:.0%} of the labels ({about['train']:,} cases): tested on {classes}"
    )


def main() -> None:
    """Entry point of `selip-classify`."""
    run_command(app)
