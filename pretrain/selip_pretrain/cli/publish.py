"""`selip-publish`: a checkpoint as a folder for others, with a model card, and on request on the Hugging Face Hub."""

from pathlib import Path
from typing import Annotated

import typer

from selip_shared.errors import run_command
from selip_shared.messages.console import say
from selip_shared.privacy import allow_downloads

app = typer.Typer(add_completion=False)


@app.command()
def command(
    checkpoint: Annotated[Path, typer.Argument(help="Folder best of a training.")],
    out: Annotated[Path, typer.Option(help="Folder for the model and its card.")],
    repository: Annotated[
        str | None, typer.Option("--upload", metavar="OWNER/NAME", help="Also upload it to the Hugging Face Hub.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Upload for everyone to see; otherwise private.")] = False,
    license_id: Annotated[
        str | None, typer.Option("--license", help="The model's licence as the Hub names it, e.g. apache-2.0.")
    ] = None,
) -> None:
    """Copy a model in safetensors with a model card filled from its training; without --upload no network is used.

    Read the card before you upload: validation figures and settings are in it.
    """
    if repository is not None:
        allow_downloads()
    # Imported only now: the libraries read the environment when they are imported.
    from selip_pretrain.training.publish import CARD_FILE, upload, write_model_folder

    write_model_folder(checkpoint, out, repository or out.name, license_id)
    say(f"The model is in {out}, its card is {out / CARD_FILE}.")
    if repository is not None:
        say(f"Uploaded: {upload(out, repository, public)}")


def main() -> None:
    """Entry point of `selip-publish`."""
    run_command(app)
