"""The options that downstream commands share, what they mean, and what these commands say and keep alike."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selip_downstream.evaluation.tasks import HEADING
from selip_shared.errors import SelipError

if TYPE_CHECKING:
    from selip_contracts.vocabulary import Modality
    from selip_downstream.datasets.brats import Exclusion
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
Rounds = Annotated[int, typer.Option("--rounds", min=100, help="Resamples of the patients for the intervals.")]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Folder of prepared volumes; else selip-volumes beside the database.")
]
Device = Annotated[str, typer.Option("--device", help="Where models run: cpu, cuda, cuda:1 …")]

SHOWN_ASIDE = 10


def modalities_of(sequences: str) -> list["Modality"]:
    """The sequences that are named, parted by commas, in the order of MODALITIES. SelipError where one is unknown."""
    from selip_contracts.vocabulary import MODALITIES

    names = [name.strip() for name in sequences.split(",")]
    unknown = [name for name in names if name not in MODALITIES]
    if unknown:
        raise SelipError(f"There is no sequence {unknown[0]}: name some of {', '.join(MODALITIES)}.")
    return [modality for modality in MODALITIES if modality in names]


def shares_of(shares: str) -> list[float]:
    """The shares that are named, parted by commas, the smallest first. SelipError where one is none."""
    try:
        found = sorted({float(share) for share in shares.split(",")})
    except ValueError:
        found = []
    if not found or not 0 < found[0] <= found[-1] <= 1:
        raise SelipError(f"The shares {shares} are not numbers above 0 and at most 1, parted by commas: correct them.")
    return found


def corpus_of(db: Path) -> list[str]:
    """The texts of the training, where the database has any."""
    from selip_contracts.tables import read_store
    from selip_pretrain.data.pairs import read_pairs

    if not db.exists():
        return []
    with closing(read_store(db)) as connection:
        return [pair.text for pair in read_pairs(connection, "train")]


def figures_database(db: Path, results: Path | None) -> Path:
    """Where the figures go; one of their own is made at once, since a wrong name should not cost what is measured."""
    from selip_contracts.tables import open_store

    if results is not None:
        open_store(results).close()
    return results or db


def show_and_keep(
    measured: Iterable[Sequence["MetricResult"]],
    metrics: Mapping[str, str],
    title: Callable[["MetricResult"], str | None],
    database: Path,
) -> None:
    """Show each comparison once it is measured, and add all figures to the table results.

    `metrics` are those that are shown, with what they are called; a comparison without a title is not shown.
    """
    from rich.console import Console

    from selip_contracts.tables import open_store
    from selip_downstream.evaluation.figure_table import figure_table
    from selip_downstream.evaluation.results import write_figures

    console = Console(markup=False, highlight=False)
    console.print(f"{HEADING}.")
    figures: list[MetricResult] = []
    for found in measured:
        heading = title(found[0])
        if heading is not None:
            console.print(figure_table(heading, found, metrics))
        figures += found
    with closing(open_store(database)) as connection:
        count = write_figures(connection, database, figures)
    print(f"{count:,} figures are added to the table results of {database}.")


def print_exclusions(set_aside: Sequence["Exclusion"]) -> None:
    """On stderr, which cases are not used and why."""
    if set_aside:
        print(f"{len(set_aside):,} cases are left out:", file=sys.stderr)
    for name, reason in set_aside[:SHOWN_ASIDE]:
        print(f"  {name}: {reason}", file=sys.stderr)
    if len(set_aside) > SHOWN_ASIDE:
        print(f"  and {len(set_aside) - SHOWN_ASIDE:,} more", file=sys.stderr)
