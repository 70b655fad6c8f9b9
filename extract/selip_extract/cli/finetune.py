"""`selip-finetune`: adapt a language model to a hospital's reports, as a LoRA adapter or merged into its weights."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from selip_shared.errors import SelipError, run_command
from selip_shared.privacy import allow_downloads

app = typer.Typer(add_completion=False)


@app.command()
def command(
    out: Annotated[Path, typer.Option(help="Folder of the adapter; made where there is none.")],
    base: Annotated[
        str | None, typer.Option(help="Folder or Hugging Face id of a causal language model; else the one that ships.")
    ] = None,
    annotated: Annotated[
        list[Path] | None, typer.Option(help="Annotated reports, one JSON object a line; may be given several times.")
    ] = None,
    pseudo: Annotated[
        int, typer.Option(min=0, help="Pseudo-reports to learn from, so that nothing is forgotten.")
    ] = 1000,
    merge: Annotated[
        Path | None, typer.Option(help="Also write a whole model with the adapter in its weights to this folder.")
    ] = None,
    rank: Annotated[int, typer.Option(help="Rank of the adapter: 1, 8, 16, 32, 64, 128, 256, 320 or 512.")] = 32,
    epochs: Annotated[int, typer.Option(min=1, help="How often all is gone through.")] = 1,
    learning_rate: Annotated[float, typer.Option(min=0, help="The highest step width.")] = 5e-4,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples a step.")] = 16,
    at_once: Annotated[
        int | None, typer.Option(min=1, help="Of these, examples on the device together: fewer take less memory.")
    ] = None,
    four_bit: Annotated[bool, typer.Option("--four-bit", help="Hold the base in 4 bits, on an NVIDIA GPU.")] = False,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the base where it is not on this machine.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same adapter on the same machine.")] = 0,
) -> None:
    """Adapt a language model with LoRA; run again after an interruption, it goes on, and ends with the same weights."""
    if download:
        allow_downloads()
    # Imported only now: the libraries look at the environment when they are imported, and --help should not wait.
    from selip_extract.llm.adapters import merge_adapter
    from selip_extract.llm.model_files import MODEL_FOLDER
    from selip_extract.training.adapter_training import Options
    from selip_extract.training.finetune import finetune, writing
    from selip_shared.hugging_face import model_folder

    folder = MODEL_FOLDER if base is None else model_folder(base, download)
    if merge is not None and merge.exists() and (merge.is_file() or any(merge.iterdir())):
        raise SelipError(f"{merge} holds something else: name a new folder with --merge.")
    options = Options(rank, epochs, learning_rate, batch_size, at_once, four_bit, seed)
    manifest = finetune(base or "the model that ships", folder, out, pseudo, annotated or [], options)
    _print(manifest)
    print(f"Adapter, as it was best after step {manifest['best_step']:,}: {out}")
    if merge is not None:
        with writing(merge):
            merge_adapter(folder, out, merge)
        print(f"Model with the adapter in its weights: {merge}")


def _print(manifest: dict[str, object]) -> None:
    """What was learnt from, and the curve on what was held out."""
    counts = manifest["data"]
    assert isinstance(counts, dict)
    print(
        f"Learnt from {counts['annotated_reports']:,} annotated reports and {counts['pseudo_reports']:,} pseudo-reports"
        f" ({counts['annotated_questions_left_out']:,} annotated questions left out, whose truth their words do not"
        " support)."
    )
    curve = manifest["curve"]
    assert isinstance(curve, list)
    sets = [name for name in ("annotated", "pseudo") if f"{name}_exact" in curve[0]]
    table = Table(title="Held out: loss, and share of answers exactly right")
    for heading in ("Step", *(f"{name} {figure}" for name in sets for figure in ("loss", "exact"))):
        table.add_column(heading, justify="right")
    for point in curve:
        figures = (f"{point[f'{name}_{figure}']:.3f}" for name in sets for figure in ("loss", "exact"))
        table.add_row(f"{point['step']:,}", *figures)
    Console().print(table)


def main() -> None:
    """Entry point of `selip-finetune`."""
    run_command(app)
