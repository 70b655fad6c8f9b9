"""The page at the end of a reproduction: what its steps have measured, as HTML, as data and in Markdown."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from selip_contracts.tables import read_store
from selip_downstream.datasets.split_pairs import split_pairs
from selip_downstream.evaluation.tasks import RETRIEVAL_METRICS as RETRIEVAL_RETRIEVAL_METRICS
from selip_downstream.page.comparison_tables import CLEAR, Block
from selip_downstream.page.document import Document, Section, html
from selip_downstream.page.examples import example_sections
from selip_downstream.reproduce.page.conclusions import further, main_table, summary
from selip_downstream.reproduce.page.conditions import circumstances
from selip_downstream.reproduce.page.markdown import markdown
from selip_downstream.reproduce.page.sections import measured_sections
from selip_downstream.reproduce.page.step_results import Measured, TrainingResult, read_measured
from selip_downstream.reproduce.plan import MODELS
from selip_downstream.reproduce.runner.machine import machine, versions
from selip_downstream.retrieval.experiment import TASK as RETRIEVAL
from selip_shared.errors import SelipError, run_command
from selip_shared.files import write_text
from selip_shared.html_page import write_page

app = typer.Typer(add_completion=False)

NAME = "reproduction"
RETRIEVAL_METRICS = ("hard", "best-match")
"""The targets whose models stand beside each other in the examples."""
EXAMPLES = 3


@app.command()
def command(
    steps: Annotated[list[str], typer.Argument(metavar="NAME=FOLDER...", help="The finished steps.")],
    size: Annotated[str, typer.Option(help="What this reproduction is called: quick, standard or full.")],
    out: Annotated[Path, typer.Option(help="Folder for reproduction.html, .json and .md; made where there is none.")],
    examples: Annotated[int, typer.Option(min=0, help="How many images of the test split are shown.")] = EXAMPLES,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the images that are shown.")] = 0,
    device: Annotated[str, typer.Option(help="Where their models run: cpu, cuda, cuda:1 …")] = "cpu",
) -> None:
    """Write what the steps have measured on one page, as data beside it, and as Markdown."""
    measured = read_measured(_folders(steps))
    said, more = summary(measured), further(measured)
    ran_on, with_versions = machine(), versions()
    sections = [
        Section("In short", said, [main_table(measured)] if said else []),
        *([Section("Beyond the main comparison", more)] if more else []),
        *measured_sections(measured, _examples(measured, examples, seed, device)),
        circumstances(measured, ran_on, with_versions),
    ]
    title = f"SeLIP: reproduction, size {size}"
    subtitle = (
        "Each figure with its 95 % interval, over patients and trainings; a model's figure is the mean over its "
        f"trainings. Behind a difference {CLEAR} says that its interval does not hold 0."
    )
    out.mkdir(parents=True, exist_ok=True)
    write_page(out / f"{NAME}.html", html(Document(title, subtitle, sections)))
    content = {
        "size": size,
        "summary": [*said, *more],
        "machine": ran_on,
        "versions": with_versions,
        **_data(measured, sections),
    }
    write_text(out / f"{NAME}.json", json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    write_text(out / f"{NAME}.md", markdown(title, subtitle, sections))
    print(f"The page is {out / f'{NAME}.html'}.")


def _folders(steps: Sequence[str]) -> dict[str, Path]:
    folders = {}
    for step in steps:
        name, equals, folder = step.partition("=")
        if not (name and equals and folder):
            raise SelipError(f"{step} names no step and its folder: write NAME=FOLDER.")
        folders[name] = Path(folder)
    return folders


def _examples(measured: Measured, count: int, seed: int, device: str) -> list[Section]:
    """Images of the test split, beside each other as the best trainings of both models with most studies see them."""
    from selip_downstream.evaluation.compared_models import EvaluatedModel
    from selip_pretrain.model.selip_model import SelipModel

    database = measured.database()
    best = {MODELS[target]: training for target in RETRIEVAL_METRICS if (training := _best(measured.trainings, target))}
    if database is None or not best or not count:
        return []
    with closing(read_store(database)) as connection:
        pairs = split_pairs(connection, database, "test")
    contenders = [
        EvaluatedModel(name, SelipModel.from_pretrained(str(training.checkpoint), device), training.step)
        for name, training in best.items()
    ]
    return example_sections(contenders, pairs, database.parent / "volumes", count, seed)


def _best(trainings: Sequence[TrainingResult], target: str) -> TrainingResult | None:
    """Of the trainings on true findings with the largest share the one that the validation split tells best."""
    own = [one for one in trainings if one.configuration.target == target and one.step.startswith(f"train-{target}-")]
    return max(own, key=lambda one: (one.configuration.share, one.validation["mean_reciprocal_rank"]), default=None)


def _data(measured: Measured, sections: Sequence[Section]) -> dict[str, Any]:
    """All that stands on the page, and what it comes from."""
    return {
        "sections": list(map(_section, sections)),
        "comparisons": [
            _comparison(step, block)
            for step, blocks in measured.comparisons.items()
            for block in blocks
            if _is_shown(block)
        ],
        "scores": [{"reader": it.reader, "gold": it.gold, **it.figures} for it in measured.scores],
        "trainings": [
            {"step": it.step, "configuration": it.configuration.model_dump(mode="json"), "validation": it.validation}
            for it in measured.trainings
        ],
        "seconds": dict(measured.seconds),
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "paragraphs": list(section.paragraphs),
        "tables": [{"caption": it.caption, "columns": it.columns, "rows": it.rows} for it in section.tables],
        "pictures": [it.caption for it in section.pictures],
        "sections": list(map(_section, section.sections)),
    }


def _is_shown(block: Block) -> bool:
    """Galleries with repeated texts stay in the databases of their steps."""
    return block[0].task != RETRIEVAL or block[0].configuration["texts"] == "distinct"


def _comparison(step: str, block: Block) -> dict[str, Any]:
    """What was compared, and by metric and model value, low and high."""
    figures: dict[str, dict[str, list[float | None]]] = {}
    for figure in block:
        if figure.task != RETRIEVAL or figure.metric in RETRIEVAL_RETRIEVAL_METRICS:
            estimate = figure.estimate
            figures.setdefault(figure.metric, {})[figure.model] = [estimate.value, estimate.low, estimate.high]
    first = block[0]
    about = {"task": first.task, "split": first.split, "n": first.n, "configuration": first.configuration}
    return {"step": step, **about, "figures": figures}


def main() -> None:
    """Entry point of `python -m selip_downstream.reproduce.page.report`."""
    run_command(app)


if __name__ == "__main__":
    main()
