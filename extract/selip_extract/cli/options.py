"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from selip_contracts.annotated import read_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.extractors.registry import Reads
from selip_shared.errors import SelipError

DatabaseArgument = Annotated[Path, typer.Argument(metavar="DB", help="Database that selip-extract has written.")]
RunOption = Annotated[int | None, typer.Option(help="Run to use instead of the newest complete one.")]
ModelOption = Annotated[
    str | None, typer.Option(help="Folder or Hugging Face id of a language model to use instead of the one that ships.")
]
AdapterOption = Annotated[
    Path | None, typer.Option(help="Folder of an adapter to the model, as selip-finetune writes it.")
]
ServedModelOption = Annotated[
    str | None, typer.Option(help="Name of the model on the server, if the server has several.")
]
BaseUrlOption = Annotated[
    str | None, typer.Option(help="OpenAI-compatible server that runs the model, http://host:8000/v1.")
]
ReadOption = Annotated[
    Reads, typer.Option(help="Who reads: rules and language model together, or one of them; for vllm and endpoint.")
]
CombinationOption = Annotated[
    Path | None,
    typer.Option(help="Weights of rules and model, from selip-score --fit-combination; else those beside the model."),
]
StrictVocabularyOption = Annotated[
    bool,
    typer.Option(
        "--strict-vocabulary", help="A large model names no place that the vocabulary lacks, whatever the report says."
    ),
]
ExamplesOption = Annotated[
    Path | None,
    typer.Option(help="Annotated reports; each prompt to a large model shows the three most similar ones as examples."),
]
ThinkingOption = Annotated[
    bool,
    typer.Option(
        "--thinking",
        help="The model on a server thinks before it answers: slower; the server needs its reasoning parser.",
    ),
]
DownloadOption = Annotated[bool, typer.Option("--download", help="Download the model if it is not on this machine.")]
VocabularyOption = Annotated[
    Path | None, typer.Option(help="TOML file with further sites and forms of sites, which the database keeps.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def annotated_reports(path: Path) -> list[AnnotatedReport]:
    """The reports of an annotated file; SelipError where there are none."""
    annotated = list(read_annotated(path))
    if not annotated:
        raise SelipError(f"{path} holds no report; name a file of annotated reports.")
    return annotated
