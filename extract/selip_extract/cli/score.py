"""`selip-score`: extracted findings against annotated reports, as a table with intervals."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from selip_contracts.database_file import read_store
from selip_contracts.findings import AnnotatedReport
from selip_extract.cli.options import (
    AdapterOption,
    BaseUrlOption,
    CombinationOption,
    ExamplesOption,
    JsonOption,
    ModelOption,
    ReadOption,
    RunOption,
    ServedModelOption,
    StrictVocabularyOption,
    ThinkingOption,
    VocabularyOption,
    annotated_reports,
)
from selip_extract.database.runs import chosen_run
from selip_extract.evaluation.attributes import score_attributes
from selip_extract.evaluation.calibration import Calibration, calibration, draw
from selip_extract.evaluation.reliability import reliability
from selip_extract.evaluation.run_studies import RunStudies, run_studies
from selip_extract.evaluation.score import Figure, Share, flattened, score
from selip_extract.extractors.base import Extractor
from selip_extract.extractors.registry import EXTRACTORS, ModelChoice, automatic, extractor_maker
from selip_extract.language.vocabulary_file import use_vocabulary
from selip_extract.pipeline import extract_annotated
from selip_shared.bootstrap import Estimate
from selip_shared.errors import SelipError, run_command
from selip_shared.messages.console import Console, say

app = typer.Typer(add_completion=False)

FIGURES = {
    "finding_f1": "Finding F1: sequence, side, site and signal",
    "precision": "Precision",
    "recall": "Recall",
    "class_f1": "F1 with the class of the signal",
    "where_f1": "F1 without the signal",
    "site_f1": "F1 of side and site",
    "general_f1": "F1 of general findings",
    "exact_match": "Reports with an exact match",
    "positive_exact_match": "Reports with findings and an exact match",
    "negation_errors": "Negation errors",
    "ungrounded": "Ungrounded findings",
    "missing_reports": "Reports with findings, none of them found",
    "wrong_agreed": "Wrong among the agreed findings",
    "wrong_unreviewed": "Wrong findings outside review",
    "in_review": "Reports in review",
    "wrong_normal": "Abnormal reports read as normal",
    "lost_normal": "Normal reports not read as normal",
    "confidence_auc": "AUC of confidence",
    "morphology_exact": "Morphology exactly right",
    "count_exact": "Count exactly right",
    "number_exact": "Number exactly right",
    "size_mm_exact": "Size exactly right",
    "margin_exact": "Margin exactly right",
    "lesion_exact": "Lesion exactly right",
    "certainty_exact": "Certainty exactly right",
}


@app.command()
def command(
    gold: Annotated[Path, typer.Argument(metavar="GOLD", help="Annotated reports, one JSON object per line.")],
    db: Annotated[Path | None, typer.Option(help="Database in which selip-extract has read these reports.")] = None,
    run: RunOption = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            help=f"Read the reports now with this extractor: {', '.join(EXTRACTORS)}; by default the best here."
        ),
    ] = None,
    model: ModelOption = None,
    adapter: AdapterOption = None,
    read: ReadOption = "both",
    combination: CombinationOption = None,
    strict_vocabulary: StrictVocabularyOption = False,
    examples: ExamplesOption = None,
    thinking: ThinkingOption = False,
    base_url: BaseUrlOption = None,
    served_model: ServedModelOption = None,
    fit: Annotated[
        Path | None,
        typer.Option(
            "--fit-combination",
            metavar="FILE",
            help="Learn on GOLD how far to trust rules and model, and write the weights to this file, best"
            " combination.json in the folder of model or adapter, where they are found; scores nothing else.",
        ),
    ] = None,
    unconstrained: Annotated[
        bool,
        typer.Option(
            "--unconstrained",
            help="Let the model answer in free text, without grammar; invalid answers count as no findings.",
        ),
    ] = False,
    vocabulary: VocabularyOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            metavar="FILE",
            help="Also show the precision of the most confident findings, and plot it to this file (.svg, .png, .pdf).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score extracted findings against annotated reports: F1, attributes, agreement, review, `normal`, confidence."""
    if db is not None and extractor is not None:
        raise SelipError("Give either --db, a database to score, or --extractor, to read the reports now.")
    choice = ModelChoice(
        model,
        adapter,
        base_url,
        served_model,
        constrained=not unconstrained,
        read=read,
        combination=combination,
        strict_vocabulary=strict_vocabulary,
        examples=examples,
        thinking=thinking,
    )
    if db is not None and (fit is not None or choice != ModelChoice()):
        raise SelipError("--model, --read and their like are options of --extractor: leave them out with --db.")
    if vocabulary is not None:
        use_vocabulary(vocabulary)
    if db is not None:
        read_store(db).close()  # its vocabulary may hold more sites than the program's
    annotated = annotated_reports(gold)
    if db is None and extractor is None:
        extractor, _ = automatic(choice)
    if fit is not None:
        assert extractor is not None
        _fit(extractor_maker(extractor, choice), annotated, fit)
        return
    if db is not None:
        studies, reviews, speed = _stored_studies(db, run, annotated)
    else:
        assert extractor is not None
        studies, reviews, speed = extract_annotated(gold, extractor_maker(extractor, choice), annotated)
    figures: dict[str, Figure] = {
        **vars(score(annotated, studies)),
        **vars(reliability(annotated, studies, reviews)),
        **vars(score_attributes(annotated, studies)),
    }
    found = None if plot is None else calibration(annotated, studies)
    if plot is not None and found is not None:
        draw(found, plot)
    if as_json:
        more = {} if found is None else {"calibration": asdict(found)}
        about = {"gold": str(gold), "reports_per_second": speed, "not_extracted": len(annotated) - len(studies)}
        print(json.dumps({**about, **flattened(figures), **more}, ensure_ascii=False))
        return
    _print(figures, len(annotated), len(annotated) - len(studies))
    if found is not None:
        _print_calibration(found)


def _fit(make: Callable[[], Extractor], annotated: Sequence[AnnotatedReport], path: Path) -> None:
    """Write the weights learnt on the annotated reports, and print what they gain."""
    # Imported only now: scikit-learn takes a second.
    from selip_extract.extractors.both import DoubleExtractor
    from selip_extract.training.combination.fitting import fit_combination

    with closing(make()) as extractor:
        if not isinstance(extractor, DoubleExtractor):
            raise SelipError("--fit-combination needs rules and a model: use --extractor both, vllm or endpoint.")
        fit = fit_combination(extractor.reader, annotated)
    fit.combination.save(path)
    table = Table(title=f"Finding F1 on {len(annotated):,} annotated reports")
    for heading in ("Rules", "Model", "Both, cross-validated"):
        table.add_column(heading, justify="right")
    table.add_row(*(f"{f1:.4f}" for f1 in (fit.rules_f1, fit.reader_f1, fit.combined_f1)))
    Console().print(table)
    say(f"Weights: {path}")


def _stored_studies(db: Path, run: int | None, annotated: Sequence[AnnotatedReport]) -> RunStudies:
    with read_store(db) as connection:
        read = run_studies(connection, chosen_run(connection, db, run), annotated)
    if not read.studies:
        raise SelipError(f"{db} has read none of these reports; read them with selip-extract GOLD.jsonl --db {db}.")
    return read


def _print(figures: Mapping[str, Figure], reports: int, not_extracted: int) -> None:
    table = Table(title=f"{reports:,} annotated reports, {not_extracted:,} of them not extracted")
    table.add_column("Figure")
    table.add_column("Value", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("Of", justify="right")
    for name, label in FIGURES.items():
        figure = figures[name]
        table.add_row(label, *_cells(figure), f"{figure.of:,}" if isinstance(figure, Share) else "")
    Console().print(table)


def _print_calibration(found: Calibration) -> None:
    table = Table(title=f"Precision of the most confident of {found.findings:,} findings")
    for heading in ("Kept", "Lowest confidence", "Mean confidence", "Precision", "95 % interval"):
        table.add_column(heading, justify="right")
    for kept in found.kept:
        table.add_row(f"{kept.share:.0%}", f"{kept.least:.4f}", f"{kept.mean:.4f}", *_cells(kept.right))
    Console().print(table)


def _cells(figure: Figure) -> tuple[str, str]:
    """The cells of a figure and its interval."""
    match figure:
        case None | Share(value=None):
            return "–", ""
        case Share():
            return f"{figure.value:.4f}", ""
        case Estimate():
            return f"{figure.value:.4f}", f"{figure.low:.4f} – {figure.high:.4f}"
        case float():
            return f"{figure:.4f}", ""
        case int():
            return f"{figure:,}", ""


def main() -> None:
    """Entry point of `selip-score`."""
    run_command(app)
