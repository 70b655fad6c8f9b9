"""The paper's argument from nothing, on one page: python -m selip_downstream.reproduce quick|standard|full."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from selip_downstream.reproduce.plan import NO_REAL_DATA, PAGE, RealData, plan
from selip_downstream.reproduce.runner.progress_display import display
from selip_downstream.reproduce.runner.steps import run_steps
from selip_downstream.reproduce.sizes import SIZES, STANDARD
from selip_shared.errors import SelipError, run_command
from selip_shared.files import write_text

MAX_WORKERS = 8
WORKERS_OF_A_GPU = 2
ROOT = Path("out") / "reproduction"
DOCUMENT_HEAD = """<!-- Written by `just reproduce`: the newest run of each size. -->

`just reproduce` carries the paper's argument from nothing to one page, on two cores in less than an hour. `just
reproduce quick` does the same in minutes, too small to tell models apart; `just reproduce full` needs a GPU. What
follows is the newest run of each.

"""

app = typer.Typer(add_completion=False)


@app.command()
def command(
    size: Annotated[str, typer.Argument(metavar="SIZE", help=f"How much is done: {', '.join(SIZES)}.")] = STANDARD.name,
    reports: Annotated[Path | None, typer.Option(help="Table of your reports, instead of pseudo-reports.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of their images, instead of phantoms.")] = None,
    brats: Annotated[Path | None, typer.Option(help="Folder of a BraTS cohort, instead of rendered gliomas.")] = None,
    out: Annotated[
        Path | None, typer.Option(help=f"Folder of the steps; else {ROOT}/SIZE, or {ROOT}/SIZE-real-data.")
    ] = None,
    document: Annotated[
        Path | None, typer.Option(help="Markdown file that holds the newest run of each size; not for real data.")
    ] = None,
) -> None:
    """Do what is not done yet of a reproduction and write its page; run again after an interruption, it goes on."""
    if size not in SIZES:
        raise SelipError(f"There is no size {size}: name one of {', '.join(SIZES)}.")
    real = RealData(reports, images, brats)
    root = out or ROOT / (size if real == NO_REAL_DATA else f"{size}-real-data")
    device, workers, threads = _machine()
    # Told to end it ends its commands too, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    steps = plan(SIZES[size], real, device)
    with display(steps, workers) as watcher:
        folders = run_steps(steps, root.absolute(), workers, threads, watcher)
    if document is not None and real == NO_REAL_DATA:
        put_part(document, size, (folders[PAGE] / "reproduction.md").read_text(encoding="utf-8"))
    print(folders[PAGE] / "reproduction.html")


def put_part(document: Path, name: str, text: str) -> None:
    """Put a part of that name into a Markdown file, at its end or in the place of the part that it holds already."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    held = document.read_text(encoding="utf-8") if document.exists() else DOCUMENT_HEAD
    before, _, rest = held.partition(begin)
    write_text(document, before + begin + text + end + rest.partition(end)[2])


def _machine() -> tuple[str, int, int]:
    """Where models run, how many steps at once, and with how many threads each."""
    import torch

    cores = os.cpu_count() or 1
    if torch.cuda.is_available():
        return "cuda", WORKERS_OF_A_GPU, max(1, cores // WORKERS_OF_A_GPU)
    workers = min(cores, MAX_WORKERS)
    return "cpu", workers, cores // workers


def main() -> None:
    """Entry point of `python -m selip_downstream.reproduce`."""
    run_command(app)


if __name__ == "__main__":
    main()
