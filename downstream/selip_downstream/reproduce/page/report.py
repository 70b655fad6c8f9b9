"""The page at the end of a reproduction, as HTML, as JSON and in Markdown, from the results of its steps."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from selip_downstream.evaluation.comparison import Comparison
from selip_downstream.evaluation.tasks import METRICS, Task
from selip_downstream.page.comparison_tables import SIGNIFICANT
from selip_downstream.page.document import Document, Section, html
from selip_downstream.reproduce.page.conclusions import draw_conclusions
from selip_downstream.reproduce.page.conditions import conditions
from selip_downstream.reproduce.page.figures import Figures, compute_examples, compute_figures
from selip_downstream.reproduce.page.frozen_claim import frozen_summary
from selip_downstream.reproduce.page.frozen_studies import study_summary
from selip_downstream.reproduce.page.markdown import markdown
from selip_downstream.reproduce.page.sections import measured_sections
from selip_downstream.reproduce.page.step_results import read_step_results
from selip_downstream.reproduce.page.summary import claim_table, further_results, summary
from selip_downstream.reproduce.runner.machine import machine, versions
from selip_shared.errors import SelipError, run_command
from selip_shared.files import write_text
from selip_shared.html_page import write_page
from selip_shared.messages.console import say

app = typer.Typer(add_completion=False)

NAME = "reproduction"
EXAMPLES = 3
SUBTITLE = (
    "Each figure with its 95 % interval, over patients and trainings; a model's figure is the mean over its trainings. "
    f"{SIGNIFICANT} marks a difference whose interval excludes 0."
)


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
    results = read_step_results(_folders(steps))
    figures = compute_figures(results, compute_examples(results, examples, seed, device), machine(), versions())
    conclusions = draw_conclusions(figures)
    frozen = [*frozen_summary(figures, conclusions.frozen), *study_summary(figures)]
    trained, further = summary(figures, conclusions), further_results(figures, conclusions)
    main = [*frozen, *trained]
    sections = [
        Section("In short", main, [claim_table(figures, conclusions)] if trained else []),
        *([Section("Beyond the main comparison", further)] if further else []),
        *_numbered([*measured_sections(figures), conditions(figures, conclusions)]),
    ]
    document = Document(f"SeLIP: reproduction, size {size}", SUBTITLE, sections)
    out.mkdir(parents=True, exist_ok=True)
    write_page(out / f"{NAME}.html", html(document))
    content = {"size": size, "summary": [*main, *further], **_data(figures, document)}
    write_text(out / f"{NAME}.json", json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    write_text(out / f"{NAME}.md", markdown(document))
    say(f"The page is {out / f'{NAME}.html'}.")


def _numbered(sections: Sequence[Section]) -> list[Section]:
    return [replace(one, title=f"{number}. {one.title}") for number, one in enumerate(sections, start=1)]


def _folders(steps: Sequence[str]) -> dict[str, Path]:
    folders = {}
    for step in steps:
        name, equals, folder = step.partition("=")
        if not (name and equals and folder):
            raise SelipError(f"{step} names no step and its folder: write NAME=FOLDER.")
        folders[name] = Path(folder)
    return folders


def _data(figures: Figures, document: Document) -> dict[str, Any]:
    """The figures, and the document that shows them."""
    results = figures.results
    return {
        "machine": figures.machine,
        "versions": figures.versions,
        "sections": list(map(_section, document.sections)),
        "comparisons": [_comparison(step, comparison) for step, comparison in figures.shown_comparisons],
        "scores": [{"extractor": it.extractor, "gold": it.gold, **it.figures} for it in results.scores],
        "trainings": [
            {"step": it.step, "configuration": it.configuration.model_dump(mode="json"), "validation": it.validation}
            for it in results.trainings
        ],
        "seconds": dict(results.seconds),
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "paragraphs": list(section.paragraphs),
        "tables": [{"caption": it.caption, "columns": it.columns, "rows": it.rows} for it in section.tables],
        "pictures": [it.caption for it in section.pictures],
        "sections": list(map(_section, section.sections)),
    }


def _comparison(step: str, comparison: Comparison) -> dict[str, Any]:
    """What was compared, and by metric and model value, low and high."""
    setting = comparison.setting
    figures: dict[str, dict[str, list[float | None]]] = {}
    for (model, metric), estimate in comparison.estimates.items():
        if setting.task != Task.RETRIEVAL or metric in METRICS[Task.RETRIEVAL]:
            figures.setdefault(metric, {})[model] = [estimate.value, estimate.low, estimate.high]
    about = {"task": setting.task, "split": setting.split, "n": setting.n, "configuration": setting.configuration}
    return {"step": step, **about, "figures": figures}


def main() -> None:
    """Entry point of `python -m selip_downstream.reproduce.page.report`."""
    run_command(app)


if __name__ == "__main__":
    main()
