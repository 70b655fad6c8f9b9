"""`selip-pretrain`: train an image encoder whose similarities follow the findings of the reports."""

import json
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from selip_shared.errors import run_command
from selip_shared.messages.console import Console, say
from selip_shared.privacy import allow_downloads

app = typer.Typer(add_completion=False)


@app.command()
def command(
    out: Annotated[Path, typer.Option(help="Folder of the checkpoints; an interrupted training in it is continued.")],
    db: Annotated[Path, typer.Option(help="Database with findings and scanned images.")] = Path("selip.duckdb"),
    preset: Annotated[str, typer.Option(help="paper, or small for a training on a CPU.")] = "paper",
    config: Annotated[
        Path | None,
        typer.Option(help="JSON or TOML file with any settings, e.g. another training's configuration.json."),
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="resnet50, resnet18, resnet10-narrow or vit.")] = None,
    text_encoder: Annotated[
        str | None, typer.Option(help="characters, or the folder or Hugging Face id of a pretrained one.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="Tokens of a text that are read; longer texts are counted. Default: 256.")
    ] = None,
    init_image: Annotated[
        str | None, typer.Option(help="Checkpoint whose image encoder the training starts from, where shapes fit.")
    ] = None,
    init_text: Annotated[
        str | None, typer.Option(help="Checkpoint whose text encoder the training starts from, where shapes fit.")
    ] = None,
    texts: Annotated[
        Literal["canonical", "sentences", "both"] | None,
        typer.Option(help="Read canonical statements (default), the report's own sentences, or both in turn."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="Similarity of texts: best-match, selip (the paper's), hard (CLIP) and others."),
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Batch size: volumes per step, over all processes.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps in all, warm-up included; more than before lengthen a training.")
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(help="Share of the training patients to use; a smaller share is a subset of a larger one."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same weights on the same CPU.")] = None,
    chunk: Annotated[
        int | None, typer.Option(min=1, help="Volumes that a process encodes together: fewer need less memory.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read volumes, per training process.")] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of prepared volumes; by default selip-volumes beside the database.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|auto",
            help="Prepare the volumes on a Ray cluster whose nodes share the folders of images and cache.",
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Download the text encoder if it is not on this machine.")
    ] = False,
) -> None:
    """Train on the pairs of volumes and texts; run again after an interruption, it continues to the same weights.

    On several GPUs: torchrun --nproc-per-node 8 -m selip_pretrain.cli.pretrain --out …
    """
    if download:
        allow_downloads()
    # The libraries read the environment when they are imported, and --help must not wait for them.
    from selip_pretrain.data.cohort import prepare_cohort, read_cohort
    from selip_pretrain.model.configuration import resolve
    from selip_pretrain.training.distributed import joined_processes
    from selip_pretrain.training.train import Resources, check_training, only_training_in, pretrain
    from selip_pretrain.training.training_step import default_precision
    from selip_pretrain.volumes.volume_cache import VolumeCache

    options: dict[str, Any] = {
        "encoder": encoder,
        "text_encoder": text_encoder,
        "max_tokens": max_tokens,
        "init_image": init_image,
        "init_text": init_text,
        "texts": texts,
        "target": target,
        "batch": batch,
        "steps": steps,
        "share": share,
        "seed": seed,
    }
    configuration = resolve(preset, config, options)
    with joined_processes() as distributed:
        if configuration.precision is None:
            configuration = configuration.model_copy(update={"precision": default_precision(distributed.device)})
        volumes = VolumeCache(cache or db.parent / "selip-volumes", configuration.recipe)
        with only_training_in(out) if distributed.is_main else nullcontext():
            cohort = None
            if distributed.is_main:
                pairs = read_cohort(
                    db,
                    configuration.seed,
                    configuration.share,
                    by_study=configuration.study_encoder,
                    sentences=configuration.texts != "canonical",
                )
                check_training(configuration, pairs, out, download)
                cohort = prepare_cohort(pairs, volumes, ray)
            cohort = distributed.broadcast(cohort)
            assert cohort is not None, "the main process read it"
            outcome = pretrain(configuration, cohort, volumes, out, Resources(distributed, chunk, workers, download))
    if outcome.stopped_by:
        name = signal.Signals(outcome.stopped_by).name
        say(
            f"Stopped by {name} after step {outcome.progress.step:,}, which is saved:"
            " run the same command to continue.",
            sys.stderr,
        )
        sys.exit(128 + outcome.stopped_by)
    if distributed.is_main:
        _print_best(out)


def _print_best(out: Path) -> None:
    """Print the retrieval metrics of the best checkpoint."""
    from selip_pretrain.training.checkpoint import BEST, VALIDATION_FILE

    metrics = json.loads((out / BEST / VALIDATION_FILE).read_text(encoding="utf-8"))
    table = Table(title=f"Best checkpoint, of step {metrics['step']:,}: each image's text among the distinct texts")
    for heading in ("images", "texts", "top 1", "top 5", "top 10", "mean rank"):
        table.add_column(heading, justify="right")
    tops = (f"{metrics[f'top_{top}']:.1%}" for top in (1, 5, 10))
    row = [f"{metrics['images']:,}", f"{metrics['texts']:,}", *tops, f"{metrics['mean_rank']:.1f}"]
    if "auc_findings" in metrics:
        table.add_column("AUC of findings", justify="right")
        row.append(f"{metrics['auc_findings']:.3f}")
    table.add_row(*row)
    Console().print(table)
    say(f"Model: {out / BEST}")


def main() -> None:
    """Entry point of `selip-pretrain`."""
    run_command(app)


if __name__ == "__main__":
    main()
