"""The pairs of one split to measure on, and a clear sentence where there are none."""

import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

from selip_pretrain.pairs import Pair, read_pairs
from selip_pretrain.splits import SPLITS, check_leakage
from selip_pretrain.volume_cache import Problem
from selip_shared.errors import SelipError

SHOWN = 10


def split_pairs(connection: duckdb.DuckDBPyConnection, db: Path, split: str) -> list[Pair]:
    """The pairs of a split. SelipError where it is none, has none, or shares patients with another."""
    if split not in SPLITS:
        raise SelipError(f"There is no split {split}: name one of {', '.join(SPLITS)}.")
    check_leakage(connection)
    pairs = read_pairs(connection, split)
    if not pairs:
        raise SelipError(
            f"{db} has no image with a text in the {split} split: selip-scan takes images in, selip-pretrain assigns "
            "patients to splits."
        )
    return pairs


def say_problems(problems: Sequence[Problem]) -> None:
    """On stderr, which images are left out and why."""
    if not problems:
        return
    print(f"{len(problems):,} images are left out:", file=sys.stderr)
    for name, reason, detail in problems[:SHOWN]:
        print(f"  {name}: {reason}, {detail}", file=sys.stderr)
    if len(problems) > SHOWN:
        print(f"  and {len(problems) - SHOWN:,} more", file=sys.stderr)
