"""The options --version and --lang, which every command has."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def with_common_options(app: typer.Typer) -> Any:
    """The command of an app of one command, with --version and --lang among its options."""
    command = typer.main.get_command(app)
    command.params += _options()
    return command


def _options() -> list[Any]:
    app = typer.Typer(add_completion=False)
    app.command()(_shown)
    options = list(typer.main.get_command(app).params)
    for option in options:
        option.expose_value = False  # the commands do not take it as an argument
    return options


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{Path(sys.argv[0]).name} {version('selip')}")
        raise typer.Exit


def _shown(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
    lang: Annotated[
        Literal["en", "zh"] | None, typer.Option(help="Language of help and errors; by default that of the locale.")
    ] = None,
) -> None:
    """Only its options are used."""
