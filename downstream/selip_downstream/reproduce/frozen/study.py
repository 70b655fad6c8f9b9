"""Retrieval on frozen features: by target and share of the training studies, and by errors in the findings."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from safetensors.torch import save

from selip_contracts.database_file import open_store
from selip_downstream.datasets.split_pairs import read_split
from selip_downstream.evaluation.compared_models import HASH_DIGITS
from selip_downstream.evaluation.results import MetricResult, write_results
from selip_downstream.reproduce.frozen.cohort import (
    Findings,
    FrozenCohort,
    patients_of_share,
    read_findings,
    read_frozen,
    studies_of_seeds,
)
from selip_downstream.reproduce.frozen.targets import ComparedTarget, compared_with
from selip_downstream.reproduce.frozen.trainings import TrainingSettings, train_seeds
from selip_downstream.reproduce.plan import ERROR_TARGET, MODELS, TRUE_FINDINGS
from selip_downstream.retrieval.experiment import Embedded, retrieve_texts
from selip_pretrain.data.pairs import Pair
from selip_pretrain.model.configuration import resolve
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError, run_command
from selip_shared.execution.progress import progress
from selip_shared.messages.console import say

SPLIT = "test"
ENCODERS = "frozen features"
"""The value of `encoders` in the configuration of these results."""

app = typer.Typer(add_completion=False)

Database = Annotated[Path, typer.Argument(help="Database with findings, scanned images and splits.")]
Cache = Annotated[Path, typer.Option(help="Folder of prepared volumes.")]
Preset = Annotated[str, typer.Option(help="As of selip-pretrain, for the prepared volumes.")]
Config = Annotated[Path, typer.Option(help="As of selip-pretrain, for the prepared volumes.")]
Results = Annotated[Path, typer.Option(help="Database for the figures.")]
Rounds = Annotated[int, typer.Option(min=100, help="Resamples of the patients for the intervals.")]
Components = Annotated[int, typer.Option(min=1, help="Principal components of a volume and of a text.")]


def train_models(
    cohort: FrozenCohort,
    findings: Findings,
    tested: Sequence[Pair],
    targets: Mapping[str, ComparedTarget],
    share: float,
    seeds: int,
    settings: TrainingSettings,
) -> dict[str, list[Embedded]]:
    """By name the embeddings of the tested pairs and texts by the trainings with each target."""
    table, (train, validation, test) = cohort.data(findings.train, findings.validation, tested)
    of_seed = studies_of_seeds(findings.train, share, seeds)
    embedded = {}
    for name, target in targets.items():
        similarity = target.similarity(table)
        own = replace(settings, rate=target.rate, weight_decay=target.weight_decay)
        say(f"{name}, {100 * share:g} % of the studies", sys.stderr)
        with progress("steps", settings.steps) as advance:
            trained = train_seeds(train, of_seed, validation, similarity, target.loss(), own, advance)
        images, texts = trained.embed(test.images, test.texts)
        embedded[name] = [Embedded(*one) for one in zip(images, texts, strict=True)]
    return embedded


@app.command()
def command(
    db: Database,
    cache: Cache,
    preset: Preset,
    config: Config,
    results: Results,
    steps: Annotated[str, typer.Option(metavar="SHARE=STEPS,...", help="Shares of the training studies, and steps.")],
    seeds: Annotated[int, typer.Option(min=2, help="Trainings of each target with each share.")],
    wrong: Annotated[
        list[str] | None, typer.Option(metavar="NAME=DATABASE", help="The same images with other findings.")
    ] = None,
    rounds: Rounds = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    batch: Annotated[int, typer.Option(min=2, help="Pairs of a batch.")] = 64,
    components: Components = 256,
) -> None:
    """Train small networks on frozen features with each target, and measure how well images find their texts."""
    step_counts = steps_of_share(steps)
    databases = {TRUE_FINDINGS: db, **{name: Path(path) for name, path in (one.split("=", 1) for one in wrong or [])}}
    volumes = VolumeCache(cache, resolve(preset, config, {}).recipe)
    of_database = {name: read_findings(path) for name, path in databases.items()}
    tested = read_split(db, SPLIT)
    cohort = read_frozen([*chain(tested, *chain.from_iterable(of_database.values()))], volumes, components)
    of_database = {name: cohort.usable_findings(own) for name, own in of_database.items()}
    tested = cohort.usable(tested)
    open_store(results).close()

    def measure(models: Mapping[str, Sequence[Embedded]], **about: Any) -> None:
        described = {"encoders": ENCODERS, "models": origins(models), **about}
        add_figures(results, str(about), retrieve_texts(tested, models, described, SPLIT, rounds=rounds, seed=seed))

    for share, count in step_counts.items():
        settings = TrainingSettings(count, batch)
        findings = of_database[TRUE_FINDINGS]
        targets = compared_with(patients_of_share(findings.train, share))
        models = train_models(cohort, findings, tested, targets, share, seeds, settings)
        measure(models, share=share)
    if wrong:
        error_target = MODELS[ERROR_TARGET]
        of_findings = {TRUE_FINDINGS: models[error_target]}
        for name in [*databases][1:]:
            target = {name: targets[error_target]}
            of_findings |= train_models(cohort, of_database[name], tested, target, share, seeds, settings)
        measure(of_findings, share=share, findings="with errors")


def steps_of_share(written: str) -> dict[float, int]:
    """By share, the smallest first, the steps, as an option writes them; SelipError where it is another text."""
    try:
        pairs = (one.split("=") for one in written.split(","))
        return dict(sorted((float(share), int(steps)) for share, steps in pairs))
    except ValueError as error:
        raise SelipError(f"--steps {written} is no list of SHARE=STEPS: write e.g. 0.1=300,1=900.") from error


def add_figures(results: Path, about: str, found: Sequence[MetricResult]) -> None:
    """Add figures to a database, and print how many, and what they are about."""
    with closing(open_store(results)) as connection:
        count = write_results(connection, results, found)
    say(f"{about}: {count:,} figures are added to the table results of {results}.")


def origins(models: Mapping[str, Sequence[Embedded]]) -> dict[str, list[dict[str, str]]]:
    """The provenance of each training: its seed, and the short hash of its embeddings."""
    return {
        name: [{"checkpoint": f"{ENCODERS}, seed {seed}", "weights": _hash(one)} for seed, one in enumerate(own)]
        for name, own in models.items()
    }


def _hash(embedded: Embedded) -> str:
    tensors = {"images": embedded.images.contiguous(), "texts": embedded.texts.contiguous()}
    return sha256(save(tensors)).hexdigest()[:HASH_DIGITS]


if __name__ == "__main__":
    run_command(app)
