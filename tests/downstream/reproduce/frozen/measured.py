"""A command on frozen features in a test: its arguments for a small cohort, and what it has measured."""

import json
from contextlib import closing
from pathlib import Path

from selip_contracts.database_file import open_store, read_store
from selip_downstream.evaluation.comparison import Comparison, comparisons_of
from selip_downstream.evaluation.results import read_results
from selip_pretrain.data.splits import Shares, assign_splits
from tests.pretrain.small_cohort import RECIPE

RESULTS = "results.duckdb"


def arguments(db: Path) -> tuple[object, ...]:
    """The arguments for this database, whose patients are assigned to splits; figures go to a file beside it."""
    with open_store(db) as connection:
        assign_splits(connection, 0, Shares(train=0.5, validation=0.2, test=0.3))
    config = db.with_name("settings.json")
    config.write_text(json.dumps({"recipe": RECIPE.model_dump(mode="json")}))
    files = ("--cache", db.with_name("volumes"), "--config", config, "--results", db.with_name(RESULTS))
    return (db, *files, "--preset", "small", "--batch", 6, "--components", 16, "--rounds", 100)


def measured(db: Path) -> list[Comparison]:
    """What was measured on this database."""
    with closing(read_store(db.with_name(RESULTS))) as connection:
        return comparisons_of(read_results(connection))
