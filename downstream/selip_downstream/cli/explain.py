"""`selip-explain`: the statements nearest to an image, and where in the head it supports them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from selip_downstream.cli.options import Device, modalities_of
from selip_shared.errors import SelipError, run_command
from selip_shared.messages.console import Console, say

if TYPE_CHECKING:
    from selip_contracts.vocabulary import Modality
    from selip_downstream.explanation.occlusion import Likeness
    from selip_pretrain.volumes.read_volume import Volume

app = typer.Typer(add_completion=False)

MAX_SITES = 10


@app.command()
def command(
    image: Annotated[
        Path, typer.Argument(help="NIfTI file, folder of one DICOM series, or one DICOM file of several frames.")
    ],
    statements: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STATEMENT]...",
            help="Like 在左侧基底节区表现为高信号. Without any: the ten lateralised sites that the image is "
            "nearest to, each with its best signal, and the normal text.",
        ),
    ] = None,
    *,
    checkpoint: Annotated[str, typer.Option(help="Folder of a checkpoint.")],
    modality: Annotated[str, typer.Option(help="The image's sequence: T1, T2, FLAIR, DWI, ADC, T1CE or SWI.")],
    out: Annotated[Path, typer.Option(help="Folder for drawings and maps; made where there is none.")],
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="SEQUENCE=PATH",
            help="Another image of the study, e.g. T2=DIR/T2.nii.gz, for a checkpoint with a study encoder: the image "
            "is then explained as a part of the study.",
        ),
    ] = None,
    device: Device = "cpu",
) -> None:
    """Compare an image with statements; draw the cosines, and map where it supports each.

    Writes cosines.png, and for the statement of each number N in the table N.png, its strongest slices, and N.nii.gz,
    the support of every voxel of the image.
    """
    # Imported only now: --help should not wait for them.
    from selip_contracts.statements import NORMAL_TEXT
    from selip_downstream.datasets.nifti_file import write_nifti
    from selip_downstream.evaluation.compared_models import check_study_encoder
    from selip_downstream.explanation.head_drawings import draw_cosines, draw_support
    from selip_downstream.explanation.occlusion import (
        check_statements,
        head_of,
        likenesses,
        nearest_statements,
        support,
        windows,
    )
    from selip_downstream.explanation.statement_labels import statement_labels
    from selip_downstream.explanation.study_view import Embedder, StudyView
    from selip_downstream.page.document import picture
    from selip_pretrain.model.selip_model import SelipModel
    from selip_pretrain.volumes.preprocess import grid_of, prepare, put_back
    from selip_shared.execution.progress import progress
    from selip_shared.files import write_bytes

    sequence, *more = modalities_of(modality)
    if more:
        raise SelipError("An image is of one sequence: name one with --modality.")
    check_statements(statements or [], sequence)
    model = SelipModel.from_pretrained(checkpoint, device)
    volume = _read(image)
    prepared = prepare(volume, model.recipe)
    view: Embedder = model
    if others:
        check_study_encoder(model, checkpoint, "--with")
        images = [(prepare(_read(path), model.recipe), other) for other, path in map(_named, others)]
        view = StudyView(model, sequence, images)
    texts = list(dict.fromkeys(statements or nearest_statements(view, prepared, sequence, MAX_SITES)))
    found = likenesses(view, prepared, sequence, texts)
    _print(found)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SelipError(f"{out} cannot be made ({error.strerror}): name another folder with --out.") from error
    mapped = [text for text, _ in found if text != NORMAL_TEXT]
    with progress("windows of the head", len(windows(head_of(prepared)))) as advance:
        maps = support(view, prepared, sequence, mapped, advance)
    in_file = put_back(maps, grid_of(volume, model.recipe), volume).numpy()
    numbers = {text: number for number, (text, _) in enumerate(found, start=1)}
    with statement_labels() as label_of:
        write_bytes(out / "cosines.png", picture(draw_cosines(found, sequence, label_of), "").png)
        for text, on_grid, values in zip(mapped, maps, in_file, strict=True):
            drawing = draw_support(prepared, on_grid, f"{sequence}: {label_of(text, sequence)}")
            write_bytes(out / f"{numbers[text]}.png", picture(drawing, "").png)
            write_nifti(out / f"{numbers[text]}.nii.gz", values, volume.affine)
    say(f"Drawings and maps are in {out}.")


def _named(other: str) -> "tuple[Modality, Path]":
    """The sequence and the path of another image of the study."""
    name, equals, path = other.partition("=")
    if not equals:
        raise SelipError(f"--with {other} names no sequence: write it as in T2=DIR/T2.nii.gz.")
    return modalities_of(name)[0], Path(path)


def _read(image: Path) -> "Volume":
    """The volume; SelipError in a sentence where it cannot be read."""
    from selip_pretrain.volumes.read_volume import VolumeError, read_volume

    if not image.exists():
        raise SelipError(f"There is no {image}: name a NIfTI file or the folder of a DICOM series.")
    try:
        if image.is_dir():
            files = sorted(file for file in image.iterdir() if file.is_file() and not file.name.startswith("."))
            if not files:
                raise SelipError(f"There is no file in {image}: name the folder of one DICOM series.")
            return read_volume(files, "dicom")
        return read_volume([image], "nifti" if image.name.endswith((".nii", ".nii.gz")) else "dicom")
    except VolumeError as error:
        raise SelipError(f"{image} cannot be used: {error.detail}; name another file.") from error


def _print(found: "list[Likeness]") -> None:
    table = Table(box=SIMPLE_HEAD)
    for heading, justify in (("", "right"), ("statement", "left"), ("cosine", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for number, (text, cosine) in enumerate(found, start=1):
        table.add_row(str(number), text, f"{cosine:.3f}")
    Console(markup=False, highlight=False).print(table)


def main() -> None:
    """Entry point of `selip-explain`."""
    run_command(app)
