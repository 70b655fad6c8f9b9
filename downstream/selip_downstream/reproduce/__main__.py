"""The whole reproduction, on one page: python -m selip_downstream.reproduce quick|standard|full."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from selip_downstream.reproduce.plan import NO_REAL_DATA, PAGE, RealData, plan
from selip_downstream.reproduce.runner.progress_display import display
from selip_downstream.reproduce.runner.steps import run_steps
from selip_downstream.reproduce.sizes import SIZES, STANDARD, Size
from selip_shared.errors import SelipError, run_command
from selip_shared.files import write_text
from selip_shared.threads import granted_cpus

MAX_WORKERS = 8
MAX_GPU_WORKERS = 2
ROOT = Path("out") / "reproduction"
DOCUMENT_HEAD = """<!-- Written by `just reproduce`: the newest run of each size. -->

`just reproduce` runs the paper's experiments on phantoms and writes one page, in about an hour of one core. `just
reproduce quick` takes minutes, and is too small to distinguish models; `just reproduce full` needs a GPU. The newest
run of each follows; its last section has a table of how the sizes differ.

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
    """Run the remaining steps of a reproduction and write its page; after an interruption, run it again to continue."""
    if size not in SIZES:
        raise SelipError(f"There is no size {size}: name one of {', '.join(SIZES)}.")
    real = RealData(reports, images, brats)
    root = out or ROOT / (size if real == NO_REAL_DATA else f"{size}-real-data")
    check_disk(SIZES[size], real, root)
    device, workers, threads = _machine()
    # SIGTERM also ends the commands, like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    steps = plan(SIZES[size], real, device)
    with display(steps, workers) as watcher:
        folders = run_steps(steps, root.absolute(), workers, threads, watcher)
    if document is not None and real == NO_REAL_DATA:
        put_part(document, size, (folders[PAGE] / "reproduction.md").read_text(encoding="utf-8"))
    print(folders[PAGE] / "reproduction.html")


def check_disk(size: Size, real: RealData, root: Path) -> None:
    """SelipError where the disk has no room for what a reproduction in `root` has yet to write.

    The volumes of real data are left to selip-prepare, which counts them first.
    """
    root.mkdir(parents=True, exist_ok=True)
    whole = size.disk_gb if real.reports else size.disk_gb + size.studies.disk_gb
    needed, free = whole - _bytes_below(root) / 1e9, shutil.disk_usage(root).free / 1e9
    if needed > free:
        raise SelipError(
            f"The size {size.name} needs about {needed:,.1f} GB more, and {root} has {free:,.1f} GB: free some space,"
            " name a folder on another disk with --out, or name a smaller size."
        )


def _bytes_below(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            # Another reproduction may be running here, which the steps notice.
            with suppress(FileNotFoundError):
                total += Path(parent, name).lstat().st_size
    return total


def put_part(document: Path, name: str, text: str) -> None:
    """Write a named part into a Markdown file: replace the part of that name, or append it."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    held = document.read_text(encoding="utf-8") if document.exists() else DOCUMENT_HEAD
    before, _, rest = held.partition(begin)
    write_text(document, before + begin + text + end + rest.partition(end)[2])


def _machine() -> tuple[str, int, int]:
    """Where models run, how many steps at once, and with how many threads each."""
    import torch

    cores = granted_cpus()
    if torch.cuda.is_available():
        return "cuda", MAX_GPU_WORKERS, max(1, cores // MAX_GPU_WORKERS)
    workers = min(cores, MAX_WORKERS)
    return "cpu", workers, cores // workers


def main() -> None:
    """Entry point of `python -m selip_downstream.reproduce`."""
    run_command(app)


if __name__ == "__main__":
    main()
