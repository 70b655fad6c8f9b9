"""`selip-classify`: what frozen encoders know of a label, with few examples or many, or without any."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selip_downstream.cli.options import (
    Cache,
    Checkpoints,
    Database,
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
from selip_downstream.evaluation.tasks import CLASSIFICATION_METRICS
from selip_shared.errors import SelipError, run_command

if TYPE_CHECKING:
    from selip_contracts.vocabulary import Modality
    from selip_downstream.datasets.labelled_cases import LabelledCohort
    from selip_downstream.evaluation.protocol import EvaluationProtocol
    from selip_downstream.evaluation.results import MetricResult

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
            help="Labels out of the database instead, e.g. \"SELECT report_id, bool_or(present AND site = '额叶') AS "
            'label FROM findings GROUP BY ALL".'
        ),
    ] = None,
    brats: Annotated[Path | None, typer.Option(help="Folder of a BraTS cohort instead: HGG or LGG.")] = None,
    sequences: Annotated[
        str, typer.Option(help="Sequences whose embeddings are put together, e.g. T1CE,FLAIR; not for zero-shot.")
    ] = "T1CE",
    shares: Annotated[str, typer.Option(help="Shares of the labels to learn from.")] = "0.01,0.05,0.1,1",
    draws: Annotated[int, typer.Option(min=1, help="How often a share of the labels is drawn.")] = 3,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Also finetune the whole encoder, which takes long without a GPU.")
    ] = False,
    finetune_rounds: Annotated[
        int, typer.Option(min=1, help="Rounds of 50 steps of finetuning; the best on the validation split is taken.")
    ] = 50,
    split: Annotated[str, typer.Option(help="For zero-shot: test, validation or train.")] = "test",
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
    wanted = modalities_of(sequences)
    # Imported only now: --help should not wait for them.
    from selip_downstream.evaluation.protocol import EvaluationProtocol

    trial = EvaluationProtocol(shares_of(shares), range(draws), rounds, seed)
    database = figures_database(db, results)
    folder = cache or db.parent / "selip-volumes"
    if labels is None and sql is None and brats is None:
        measured = _zero_shot(checkpoints, db, split, folder, device, trial)
    else:
        cohort, source = _cohort(db, labels, sql, brats, wanted, seed)
        about = {"labels": source, "sequences": wanted}
        rounds_of = finetune_rounds if finetune else 0
        measured = _classified(checkpoints, db, cohort, folder, device, trial, about, rounds_of)
    show_and_keep(measured, CLASSIFICATION_METRICS, _title, database)


def _cohort(
    db: Path, labels: Path | None, sql: str | None, brats: Path | None, wanted: Sequence["Modality"], seed: int
) -> tuple["LabelledCohort", str]:
    """The labelled cases, and where their labels come from."""
    from selip_contracts.tables import read_store
    from selip_downstream.datasets.brats import read_brats
    from selip_downstream.datasets.labelled_cases import grade_cases, label_images, query_labels, read_labels
    from selip_pretrain.data.splits import check_leakage

    if brats is not None:
        return grade_cases(read_brats(brats), wanted, seed), f"BraTS grades of {brats.name}"
    with closing(read_store(db)) as connection:
        check_leakage(connection)
        if labels is not None:
            table = read_labels(labels)
        else:
            assert sql is not None
            table = query_labels(connection, sql)
        return label_images(connection, table, wanted), table.source


def _classified(
    checkpoints: Sequence[str],
    db: Path,
    cohort: "LabelledCohort",
    folder: Path,
    device: str,
    trial: "EvaluationProtocol",
    about: dict[str, Any],
    finetune_rounds: int,
) -> Iterator[list["MetricResult"]]:
    import numpy as np

    from selip_downstream.classification.experiment import Learners, classify, frozen
    from selip_downstream.classification.finetune import Finetuning, Schedule
    from selip_downstream.datasets.brats import Exclusion
    from selip_downstream.datasets.labelled_cases import without
    from selip_downstream.evaluation.compared_models import (
        embed_images,
        load_models,
        origins_of,
        prepared,
        trainings_of,
    )
    from selip_pretrain.volumes.volume_cache import VolumeCache

    contenders = load_models(checkpoints, corpus_of(db), device)
    images = [image for case in cohort.cases for image in case.images]
    _, problems = prepared(images, contenders, folder)
    cohort = without(cohort, [Exclusion(p.image_id, f"{p.image_id}: {p.reason}, {p.detail}") for p in problems])
    print_exclusions(cohort.set_aside)
    images = [image for case in cohort.cases for image in case.images]
    models = trainings_of(contenders)
    features = {
        name: [np.asarray(embed_images(one, images, folder)).reshape(len(cohort.cases), -1) for one in own]
        for name, own in models.items()
    }
    learners: Learners = frozen(cohort.cases, features)
    if finetune_rounds:
        schedule = Schedule(rounds=finetune_rounds)
        finetuned = {
            name: [Finetuning(one, cohort.cases, VolumeCache(folder, one.model.recipe), schedule) for one in own]
            for name, own in models.items()
        }
        learners = {**learners, "full finetuning": finetuned}
    return classify(cohort.cases, learners, trial, {**about, "models": origins_of(contenders)})


def _zero_shot(
    checkpoints: Sequence[str], db: Path, split: str, folder: Path, device: str, trial: "EvaluationProtocol"
) -> Iterator[list["MetricResult"]]:
    import numpy as np

    from selip_contracts.tables import read_store
    from selip_downstream.classification.experiment import ZeroShotEmbeddings, asked_of, statements_of, zero_shot
    from selip_downstream.classification.zero_shot import LEAST_CASES
    from selip_downstream.datasets.split_pairs import split_pairs
    from selip_downstream.evaluation.compared_models import (
        embed_images,
        embed_texts,
        load_models,
        origins_of,
        prepared,
        trainings_of,
    )
    from selip_pretrain.volumes.volume_cache import print_problems

    with closing(read_store(db)) as connection:
        pairs = split_pairs(connection, db, split)
    contenders = load_models(checkpoints, corpus_of(db), device)
    usable, problems = prepared(pairs, contenders, folder)
    print_problems(problems)
    asked = asked_of(usable)
    if not asked:
        raise SelipError(
            f"Nothing can be asked of the {len(usable):,} images of the {split} split: a finding must be in at least "
            f"{LEAST_CASES} of a sequence's images and be absent from as many."
        )
    statements = statements_of(asked)
    understood = {
        name: [
            ZeroShotEmbeddings(
                np.asarray(embed_images(one, usable, folder)),
                dict(zip(statements, np.asarray(embed_texts(one, statements)), strict=True)),
            )
            for one in own
        ]
        for name, own in trainings_of(contenders).items()
    }
    return zero_shot(usable, asked, understood, trial, {"models": origins_of(contenders)}, split)


def _title(figure: "MetricResult") -> str:
    from selip_downstream.classification.experiment import ZERO_SHOT

    about = figure.configuration
    if figure.task == ZERO_SHOT:
        asked = ", ".join(f"{count:,} of {kind}" for kind, count in about["questions"].items())
        return f"Zero-shot, {about['sequence']}: {figure.n:,} images; questions: {asked}"
    classes = ", ".join(f"{count:,} {label}" for label, count in about["classes"].items())
    return f"{about['classifier']}, {about['share']:.0%} of the labels ({about['train']:,} cases): tested on {classes}"


def main() -> None:
    """Entry point of `selip-classify`."""
    run_command(app)
