"""Figures of benchmarks: printed as they are measured, and stored in results.json."""

import json
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).with_name("results.json")


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    value: float
    unit: str
    wanted: str = ""


def machine() -> str:
    """Processor, cores, Python and torch."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )


def show(title: str, measured: Iterable[Figure]) -> list[Figure]:
    """Print each figure as it is measured, and all of them as a table."""
    table = Table("measured", "", "", "wanted", title=title, title_justify="left")
    table.columns[1].justify = "right"
    figures = []
    for figure in measured:
        figures.append(figure)
        print(f"{figure.name}: {figure.value:,.2f} {figure.unit}", file=sys.stderr)
        table.add_row(figure.name, f"{figure.value:,.2f}", figure.unit, figure.wanted)
    Console().print(table)
    return figures


def keep(name: str, figures: Iterable[Figure]) -> None:
    """Store the figures in results.json under this name, with the machine."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    found[name] = {"machine": machine(), "figures": [figure._asdict() for figure in figures]}
    RESULTS.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
