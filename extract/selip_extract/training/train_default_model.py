"""Train the model that ships: a tagger over characters, on pseudo-reports and on annotated reports that ship.

It is the same for the same seed.

It is trained from nothing, or further from the weights of a tagger that was; its recipe says which.
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch.utils.data import IterableDataset

from selip_extract.language.lexicon import lexicon
from selip_extract.tagger.characters import vocabulary_of
from selip_extract.tagger.model_files import RECIPE, load_tagger, save_tagger
from selip_extract.tagger.network import TaggerConfig, TaggerNetwork
from selip_extract.tagger.statements import TAGGER_VERSION
from selip_extract.training.annotated.labelling import labelled_sets
from selip_extract.training.combination.shipped import learn_combination
from selip_extract.training.from_scratch import BatchTrainer, from_scratch_arguments
from selip_extract.training.resumable_training import curve, share_exact, train_to_end
from selip_extract.training.style_dropout import StyleDropout
from selip_extract.training.tagger_batches import (
    ANNOTATED_SHARE,
    Batch,
    batches,
    reports,
    with_unknown_characters,
)
from selip_shared.provenance import environment

DECAY_SHARE = 0.4
FURTHER_DECAY_SHARE, FURTHER_LEARNING_RATE = 0.95, 1e-3
"""Of a training that continues from trained weights: the rate falls all the time."""
PLAIN_SHARE = 0.15
"""The share of reports that are learnt as the generator writes them."""
HELD_OUT_SETS = ("styles_o", "styles_p", "styles_q")
"""Annotated sets that are kept out of training, ordinary and hard."""
HELD_OUT_SEED = "held-out"
HELD_OUT_BATCHES = 16


def new_model(seed: int, **sizes: int) -> TaggerNetwork:
    """The untrained tagger, which knows the characters of the lexicon and of common texts."""
    torch.manual_seed(seed)
    characters = vocabulary_of([*lexicon().words, *lexicon().names])
    return TaggerNetwork(TaggerConfig(characters=characters, **sizes))


class ReportBatches(IterableDataset[Batch]):
    """The first `steps` batches of the reports of a seed."""

    def __init__(self, seed: int, steps: int, characters: str) -> None:
        self.seed = seed
        self.steps = steps
        self.characters = characters

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(self.seed)
        annotated = labelled_sets(HELD_OUT_SETS).reports
        stream = batches(reports(str(self.seed), StyleDropout(), PLAIN_SHARE, annotated), self.characters)
        for batch in islice(stream, self.steps):
            yield batch | {"numbers": with_unknown_characters(batch["numbers"], generator)}


def held_out(characters: str) -> dict[str, list[Batch]]:
    """Batches of reports as the generator writes them, and of styles and annotated sets kept out of training."""
    plain = batches(reports(HELD_OUT_SEED, StyleDropout(), 1.0), characters)
    other = batches(reports(HELD_OUT_SEED, StyleDropout(held_out=True), 0.0), characters)
    annotated = batches(iter(labelled_sets(only=HELD_OUT_SETS).reports), characters)
    found = {"pseudo": plain, "styles": other, "annotated": annotated}
    return {name: list(islice(stream, HELD_OUT_BATCHES)) for name, stream in found.items()}


def train(out: Path, steps: int, seed: int, start: Path | None, **sizes: int) -> None:
    """Train for `steps` steps, from the tagger in `start` or from nothing, and write the model to `out`/model.

    It continues after a kill.
    """
    if start is None:
        arguments = from_scratch_arguments(out / "checkpoints", steps, DECAY_SHARE, seed)
        model, before = new_model(seed, **sizes), None
    else:
        arguments = from_scratch_arguments(out / "checkpoints", steps, FURTHER_DECAY_SHARE, seed, FURTHER_LEARNING_RATE)
        model, before = load_tagger(start), json.loads((start / RECIPE).read_text(encoding="utf-8"))
    characters = model.config.characters
    trainer = BatchTrainer(
        model=model,
        args=arguments,
        train_dataset=ReportBatches(seed, steps, characters),
        eval_dataset=held_out(characters),
        compute_metrics=share_exact,
    )
    state = train_to_end(trainer, steps)
    recipe = {
        "steps": steps,
        "seed": seed,
        "tagger": TAGGER_VERSION,
        "annotated": _annotated(),
        "curve": curve(state),
        "versions": environment(["torch", "transformers"]),
        "further_from": before,
    }
    save_tagger(model, out / "model", json.dumps(recipe, ensure_ascii=False, indent=1) + "\n")
    learn_combination(out / "model")


def _annotated() -> dict[str, object]:
    learnt = labelled_sets(HELD_OUT_SETS)
    return {
        "share": ANNOTATED_SHARE,
        "reports": len(learnt.reports),
        "left_out": sum(learnt.left_out.values()),
        "held_out_sets": HELD_OUT_SETS,
    }


def main(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the model.")] = Path("out/default-model"),
    steps: Annotated[int, typer.Option(help="Steps of one batch of about 2,048 characters.")] = 8_500,
    seed: Annotated[int, typer.Option(help="Seed of the weights and the reports.")] = 1,
    start: Annotated[Path | None, typer.Option(help="Folder of a tagger to train further; by default none.")] = None,
) -> None:
    """Train the shipped model on pseudo-reports and annotated ones; repeat it to continue after an interruption."""
    train(out, steps, seed, start)


if __name__ == "__main__":
    typer.run(main)
