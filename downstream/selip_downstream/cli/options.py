"""Options that downstream commands share, and how these commands show and store results."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from selip_downstream.evaluation.tasks import interval_note
from selip_shared.errors import SelipError
from selip_shared.messages.console import say

if TYPE_CHECKING:
    from selip_contracts.vocabulary import Modality
    from selip_downstream.evaluation.comparison import ExperimentSetting
    from selip_downstream.evaluation.results import MetricResult

Checkpoints = Annotated[
    list[str],
    typer.Argument(
        metavar="CHECKPOINT...",
        help="Folders of checkpoints, or NAME=FOLDER, e.g. CLIP=clip/best, a training with --target hard. One NAME for "
        "several folders: trainings of several seeds, of which the mean counts. The first one's weights before "
        "training are measured beside them as random.",
    ),
]
Database = Annotated[Path, typer.Option("--db", help="Database with findings and scanned images.")]
Results = Annotated[Path | None, typer.Option("--results", help="Database for the figures; else --db.")]
MeasuredSplit = Annotated[str, typer.Option("--split", help="Part of the patients: test, validation or train.")]
By = Annotated[
    Literal["sequence", "study"],
    typer.Option(
        "--by", help="Embed each volume, or each study with all its sequences, for checkpoints with a study encoder."
    ),
]
Rounds = Annotated[int, typer.Option("--rounds", min=100, help="Resamples of the patients for the intervals.")]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Folder of prepared volumes; else selip-volumes beside the database.")
]
Device = Annotated[str, typer.Option("--device", help="Where models run: cpu, cuda, cuda:1 …")]


OwnSplits = Annotated[
    Path | None,
    typer.Option(
        "--splits",
        metavar="FILE",
        help="CSV with the columns patient_id and split (train, validation or test) instead of the assigned splits, "
        "e.g. by date or by hospital; patients that it lacks are left out.",
    ),
]


def modalities_of(sequences: str) -> list["Modality"]:
    """The comma-separated sequences, in the order of MODALITIES. SelipError for an unknown one."""
    from selip_contracts.vocabulary import MODALITIES

    names = [name.strip() for name in sequences.split(",")]
    unknown = [name for name in names if name not in MODALITIES]
    if unknown:
        raise SelipError(f"There is no sequence {unknown[0]}: name some of {', '.join(MODALITIES)}.")
    return [modality for modality in MODALITIES if modality in names]


def shares_of(shares: str) -> list[float]:
    """The comma-separated shares, the smallest first. SelipError for what is not a share."""
    try:
        found = sorted({float(share) for share in shares.split(",")})
    except ValueError:
        found = []
    if not found or not 0 < found[0] <= found[-1] <= 1:
        raise SelipError(f"The shares {shares} are not numbers above 0 and at most 1, comma-separated: correct them.")
    return found


def results_database(db: Path, results: Path | None) -> Path:
    """The database for the results. It is created now, so that a wrong path fails before anything is measured."""
    from selip_contracts.database_file import open_store

    if results is not None:
        open_store(results).close()
    return results or db


def show_and_store(
    measured: Iterable[Sequence["MetricResult"]], title: Callable[["ExperimentSetting"], str | None], database: Path
) -> None:
    """Print each comparison as soon as it is measured, then add all results to the table results.

    A comparison without a title is not printed.
    """
    from selip_contracts.database_file import open_store
    from selip_downstream.evaluation.comparison import comparisons_of
    from selip_downstream.evaluation.result_table import result_tables
    from selip_downstream.evaluation.results import training_counts, write_results
    from selip_shared.messages.console import Console

    console = Console(markup=False, highlight=False)
    results: list[MetricResult] = []
    for found in measured:
        (comparison,) = comparisons_of(found)
        heading = title(comparison.setting)
        if not results:
            console.print(interval_note(training_counts([comparison.configuration])))
        if heading is not None:
            console.print(heading, soft_wrap=True)
            console.print(*result_tables(comparison, console.width), sep="\n")
        results += found
    with closing(open_store(database)) as connection:
        count = write_results(connection, database, results)
    say(f"{count:,} figures are added to the table results of {database}.")
