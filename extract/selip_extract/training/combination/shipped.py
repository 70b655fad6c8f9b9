"""Learn how the shipped tagger and the rules are combined, on what both read in annotated sets at first sight."""

from pathlib import Path
from typing import Annotated

import typer

from selip_extract.extractors.combination import FILE_NAME
from selip_extract.tagger.model_files import TAGGER_FOLDER
from selip_extract.training.combination.first_readings import first_readings
from selip_extract.training.combination.fitting import Example, fit_examples


def learn_combination(folder: Path) -> None:
    """Write the combination of the tagger in the folder beside it."""
    # the ordinary and the hard reports of a set are by one author and are held out together
    examples = [
        Example(read.report, read.rules, read.reader, read.set.removesuffix("_hard")) for read in first_readings()
    ]
    sets = sorted({example.group for example in examples})
    source = (
        f"{', '.join(sets)}, ordinary and hard, as the rules and the taggers of that time read them before anyone had"
        " seen their errors"
    )
    fit = fit_examples(examples, source)
    fit.combination.save(folder / FILE_NAME)
    typer.echo(f"finding F1: rules {fit.rules_f1}, tagger {fit.reader_f1}, both {fit.combined_f1} (sets held out)")


def main(
    folder: Annotated[Path, typer.Option(help="Folder of the tagger.")] = TAGGER_FOLDER,
) -> None:
    """Learn the combination of rules and tagger, and write it beside the tagger."""
    learn_combination(folder)


if __name__ == "__main__":
    typer.run(main)
