"""The option --version, which every command has."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer


def with_version(app: typer.Typer) -> Any:
    """The command of an app of one command, with --version among its options."""
    command = typer.main.get_command(app)
    command.params.append(_option())
    return command


def _option() -> Any:
    app = typer.Typer(add_completion=False)
    app.command()(_shown)
    (option,) = typer.main.get_command(app).params
    option.expose_value = False  # the commands do not take it as an argument
    return option


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{Path(sys.argv[0]).name} {version('selip')}")
        raise typer.Exit


def _shown(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Only its option is used."""
