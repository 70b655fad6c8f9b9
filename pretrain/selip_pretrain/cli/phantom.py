"""`selip-phantom`: render the studies of an annotated file as head MRI volumes with lesion masks."""

import re
from pathlib import Path
from typing import Annotated

import typer

from selip_contracts.annotated import read_annotated
from selip_contracts.findings import AnnotatedReport
from selip_shared.errors import SelipError, run_command
from selip_shared.execution.progress import progress
from selip_shared.messages.console import say
from selip_shared.threads import granted_cpus

app = typer.Typer(add_completion=False)


@app.command()
def command(
    out: Annotated[Path, typer.Option(help="Folder for the volumes; studies in it are kept.")],
    annotated: Annotated[
        Path | None,
        typer.Option("--from", metavar="TRUTH", help="Annotated file, e.g. truth.jsonl of selip-pseudo."),
    ] = None,
    brats: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Render N gliomas in the layout of BraTS 2019 instead, half of them LGG."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same volumes.")] = 0,
    shape: Annotated[str, typer.Option(metavar="DxHxW", help="Slices, rows and columns.")] = "24x128x128",
    missing: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of sequences that were not acquired; not for --brats.")
    ] = 0.0,
    lesion_size: Annotated[
        float,
        typer.Option(min=0.1, max=5, help="Factor on the size of lesions without a stated size; not for --brats."),
    ] = 1.0,
    lesion_contrast: Annotated[
        float, typer.Option(min=0, max=5, help="Factor on the contrast of lesions; 0 shows none.")
    ] = 1.0,
    noise: Annotated[
        float, typer.Option(min=0, max=1, help="Standard deviation of the noise, where the brightest tissue is 1.")
    ] = 0.03,
    processes: Annotated[int, typer.Option(min=0, help="Number of processes; 0: one per core.")] = 0,
) -> None:
    """Render studies as head MRI volumes on the MNI152 anatomy, with a lesion for each finding, and their masks."""
    if (annotated is None) == (brats == 0):
        raise SelipError("Name either an annotated file with --from, or a number of gliomas with --brats.")
    if out.exists() and not out.is_dir():
        raise SelipError(f"{out} is a file: name a folder for the volumes.")
    size = _shape(shape)
    reports = [] if annotated is None else _reports(annotated)
    from selip_pretrain.phantom.brats_layout import write_brats
    from selip_pretrain.phantom.contact_sheet import write_contact_sheet
    from selip_pretrain.phantom.phantom_cohort import write_cohort
    from selip_pretrain.phantom.render import PhantomRecipe

    recipe = PhantomRecipe(
        seed=seed, shape=size, lesion_size=lesion_size, lesion_contrast=lesion_contrast, noise=noise, missing=missing
    )
    processes = processes or granted_cpus()
    if reports:
        with progress("studies", len(reports)) as advance:
            rendered = write_cohort(reports, out, recipe, processes, advance)
        sheet = write_contact_sheet(out, [report.report_id for report in reports])
        say(f"{rendered:,} of {len(reports):,} studies rendered, the others existed: {out}; overview: {sheet}")
    else:
        with progress("gliomas", brats) as advance:
            rendered = write_brats(out, brats, recipe, processes, advance)
        say(f"{rendered:,} of {brats:,} gliomas rendered, the others existed: {out}")


def _reports(annotated: Path) -> list[AnnotatedReport]:
    """The reports of the file, without those of a place that the head lacks, which are counted."""
    from selip_pretrain.phantom.lesion import has_region

    written = list(read_annotated(annotated))
    reports = [report for report in written if has_region(report.study)]
    if not reports:
        raise SelipError(f"{annotated} holds no report that can be drawn: name a file that selip-pseudo wrote.")
    if left_out := len(written) - len(reports):
        say(f"{left_out:,} reports left out: they name a place that the vocabulary lacks (未列部位)")
    return reports


def _shape(text: str) -> tuple[int, int, int]:
    match = re.fullmatch(r"(\d{1,3})x(\d{1,3})x(\d{1,3})", text)
    if match is None or not all(8 <= int(length) <= 512 for length in match.groups()):
        raise SelipError(f"--shape {text} is not a size: give slices, rows and columns from 8 to 512, e.g. 24x128x128.")
    depth, rows, columns = (int(length) for length in match.groups())
    return depth, rows, columns


def main() -> None:
    """The entry point `selip-phantom`."""
    run_command(app)
