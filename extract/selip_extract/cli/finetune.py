"""`selip-finetune`: adapt a language model to a hospital's reports, as a LoRA adapter or merged into its weights."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from selip_contracts.annotated import read_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.cli.options import DownloadOption, VocabularyOption
from selip_extract.language.vocabulary_file import use_vocabulary
from selip_shared.errors import SelipError, run_command
from selip_shared.messages.console import Console, say
from selip_shared.privacy import allow_downloads

app = typer.Typer(add_completion=False)


@app.command()
def command(
    out: Annotated[Path, typer.Option(help="Folder of the adapter; created if missing.")],
    base: Annotated[
        str | None,
        typer.Option(help="Folder or Hugging Face id of a causal language model; else the decoder that ships."),
    ] = None,
    annotated: Annotated[
        list[Path] | None, typer.Option(help="Annotated reports, one JSON object per line; may be given several times.")
    ] = None,
    pseudo: Annotated[
        int, typer.Option(min=0, help="Number of pseudo-reports to train on, against forgetting.")
    ] = 1000,
    merge: Annotated[
        Path | None, typer.Option(help="Also write the model with the adapter merged into its weights to this folder.")
    ] = None,
    rank: Annotated[int, typer.Option(help="Rank of the adapter: 1, 8, 16, 32, 64, 128, 256, 320 or 512.")] = 32,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training data.")] = 1,
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="Maximum learning rate; by default that for the size of the base.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples per step.")] = 16,
    at_once: Annotated[
        int | None, typer.Option(min=1, help="Examples on the device at the same time: fewer take less memory.")
    ] = None,
    four_bit: Annotated[bool, typer.Option("--four-bit", help="Load the base in 4 bits, on an NVIDIA GPU.")] = False,
    held_out_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of the annotated reports that is held out.")
    ] = 0.1,
    held_out_pseudo: Annotated[int, typer.Option(min=1, help="Number of pseudo-reports that are held out.")] = 100,
    evaluations: Annotated[
        int, typer.Option(min=1, help="Evaluations in the training; the best of them is kept as the adapter.")
    ] = 8,
    patience: Annotated[
        int, typer.Option(min=1, help="Evaluations that are no better, after which the training ends.")
    ] = 3,
    download: DownloadOption = False,
    vocabulary: VocabularyOption = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same adapter on the same machine.")] = 0,
) -> None:
    """Adapt a language model with LoRA; after an interruption the same command continues, with the same weights."""
    if download:
        allow_downloads()
    if vocabulary is not None:
        use_vocabulary(vocabulary)
    # Imported only now: the libraries read the environment when they are imported, and --help should be quick.
    from accelerate import PartialState

    from selip_extract.extractors.combination import FILE_NAME
    from selip_extract.llm.adapters import merge_adapter
    from selip_extract.llm.model_files import MODEL_FOLDER
    from selip_extract.training.adapter_training import Options
    from selip_extract.training.examples import split
    from selip_extract.training.finetune import finetune, writing
    from selip_shared.hugging_face import model_folder

    folder = MODEL_FOLDER if base is None else model_folder(base, download)
    if merge is not None and merge.exists() and (merge.is_file() or any(merge.iterdir())):
        raise SelipError(f"{merge} is not empty: name a new folder with --merge.")
    options = Options(
        rank,
        epochs,
        learning_rate,
        batch_size,
        at_once,
        four_bit,
        seed,
        held_out_share,
        held_out_pseudo,
        evaluations,
        patience,
    )
    manifest = finetune(base or "the decoder that ships", folder, out, pseudo, annotated or [], options)
    if not PartialState().is_main_process:
        return
    _print(manifest)
    say(f"Adapter of the best step, {manifest['best_step']:,}: {out}")
    if not (out / FILE_NAME).exists():
        reports = [report for path in annotated or [] for report in read_annotated(path)]
        _fit_combination(folder, out, split(reports, held_out_share)[1])
    if merge is not None:
        with writing(merge):
            merge_adapter(folder, out, merge)
        if (out / FILE_NAME).exists():
            shutil.copy(out / FILE_NAME, merge / FILE_NAME)
        say(f"Model with the merged adapter: {merge}")


def _fit_combination(folder: Path, adapter: Path, held_out: Sequence[AnnotatedReport]) -> None:
    """Learn how far to trust rules and model on the held-out reports, and write the weights beside the adapter."""
    from selip_extract.extractors.combination import FILE_NAME
    from selip_extract.extractors.registry import ModelChoice, local_extractor
    from selip_extract.training.combination.fitting import MIN_REPORTS, fit_combination

    if len(held_out) < MIN_REPORTS:
        say(f"{len(held_out)} reports are held out: too few to learn how far to trust the model; use selip-score.")
        return
    with closing(local_extractor(ModelChoice(str(folder), adapter))) as reader:
        try:
            fit = fit_combination(reader, held_out)
        except SelipError as failure:
            say(str(failure))
            return
    fit.combination.save(adapter / FILE_NAME)
    say(
        f"Finding F1 on the {len(held_out)} held-out reports: rules {fit.rules_f1:.3f}, model {fit.reader_f1:.3f},"
        f" both {fit.combined_f1:.3f} (cross-validated)."
    )


def _print(manifest: dict[str, object]) -> None:
    """Print the size of the training data, and the curve on held-out examples."""
    counts = manifest["data"]
    assert isinstance(counts, dict)
    say(
        f"Trained on {counts['annotated_reports']:,} annotated reports and {counts['pseudo_reports']:,} pseudo-reports"
        f" ({counts['annotated_questions_left_out']:,} annotated questions left out, since their words do not support"
        " the annotation)."
    )
    curve = manifest["curve"]
    assert isinstance(curve, list)
    names = [f"{of}_{figure}" for of in ("annotated", "pseudo") for figure in ("loss", "exact", "f1")]
    shown = [name for name in names if name in curve[0]]
    table = Table(title="Held out: loss, share of exact answers, and F1 of the findings")
    for heading in ("Step", *(name.replace("_", " ") for name in shown)):
        table.add_column(heading, justify="right")
    for point in curve:
        table.add_row(f"{point['step']:,}", *(f"{point[name]:.3f}" for name in shown))
    Console().print(table)


def main() -> None:
    """Entry point of `selip-finetune`."""
    run_command(app)
