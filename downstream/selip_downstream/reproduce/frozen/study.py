"""Retrieval on frozen features: by target and share of the training studies, and by errors in the findings."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import typer
from safetensors.torch import save
from torch import Tensor

from selip_contracts.database_file import open_store, read_store
from selip_contracts.vocabulary import MODALITIES
from selip_downstream.datasets.split_pairs import read_split
from selip_downstream.evaluation.compared_models import HASH_DIGITS
from selip_downstream.evaluation.results import MetricResult, write_results
from selip_downstream.reproduce.frozen.features import image_features, pooled_volumes, text_features
from selip_downstream.reproduce.frozen.targets import COMPARED, CONTROLS, ComparedTarget
from selip_downstream.reproduce.frozen.trainings import FrozenData, TrainingSettings, train_seeds
from selip_downstream.reproduce.plan import ERROR_TARGET, MODELS, TRUE_FINDINGS
from selip_downstream.retrieval.experiment import Embedded, distinct_texts, retrieve_texts
from selip_pretrain.data.pairs import Pair, read_pairs
from selip_pretrain.data.splits import check_leakage, hash_fraction
from selip_pretrain.model.configuration import resolve
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.volumes.volume_cache import VolumeCache, prepare_all, print_problems
from selip_shared.errors import SelipError, run_command
from selip_shared.execution.progress import progress
from selip_shared.execution.workers import open_workers
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


class Findings(NamedTuple):
    """The pairs whose texts come from one database: the training and the validation split."""

    train: Sequence[Pair]
    validation: Sequence[Pair]


@dataclass(frozen=True)
class FrozenCohort:
    """The features (N, F) of images, which are in the rows `row_of` by their id."""

    features: Tensor
    row_of: Mapping[str, int]
    components: int

    def usable(self, pairs: Sequence[Pair]) -> list[Pair]:
        """The pairs whose volume could be prepared."""
        return [pair for pair in pairs if pair.image_id in self.row_of]

    def data(self, train: Sequence[Pair], *others: Sequence[Pair]) -> tuple[TextTable, list[FrozenData]]:
        """The distinct texts of the training pairs, and the features of these and of other pairs."""
        everything = [train, *others]
        modality_of = {pair.text: pair.modality for pairs in everything for pair in pairs}
        known = {pair.text for pair in train}
        texts = sorted(modality_of)
        features = text_features(texts, [text in known for text in texts], self.components)
        row = {text: number for number, text in enumerate(texts)}
        parts = []
        for pairs in everything:
            own = distinct_texts(pairs)
            number = {text: position for position, text in enumerate(own)}
            parts.append(
                FrozenData(
                    self.features[[self.row_of[pair.image_id] for pair in pairs]],
                    features[[row[text] for text in own]],
                    torch.tensor([number[pair.text] for pair in pairs]),
                )
            )
        own = distinct_texts(train)
        return TextTable(own, [modality_of[text] for text in own]), parts


def read_frozen(pairs: Sequence[Pair], cache: VolumeCache, components: int) -> FrozenCohort:
    """The features of the distinct images of these pairs, fitted to those of the training split."""
    with open_workers() as workers:
        images, problems = prepare_all(list({pair.image_id: pair for pair in pairs}.values()), cache, workers)
    print_problems(problems)
    modalities = torch.tensor([MODALITIES.index(pair.modality) for pair in images])
    is_train = torch.tensor([pair.split == "train" for pair in images])
    features = image_features(pooled_volumes(images, cache), modalities, is_train, components)
    return FrozenCohort(features, {pair.image_id: row for row, pair in enumerate(images)}, components)


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
    of_seed = [
        torch.tensor([i for i, p in enumerate(findings.train) if hash_fraction(seed, f"share/{p.patient_id}") < share])
        for seed in range(seeds)
    ]
    embedded = {}
    for name, target in targets.items():
        similarity = target.similarity(table)
        say(f"{name}, {100 * share:g} % of the studies", sys.stderr)
        with progress("steps", settings.steps) as advance:
            trained = train_seeds(train, of_seed, validation, similarity, target.loss(), settings, advance)
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
    steps_of_share = _steps_of_share(steps)
    databases = {TRUE_FINDINGS: db, **{name: Path(path) for name, path in (one.split("=", 1) for one in wrong or [])}}
    volumes = VolumeCache(cache, resolve(preset, config, {}).recipe)
    of_database = {name: _findings(path) for name, path in databases.items()}
    tested = read_split(db, SPLIT)
    cohort = read_frozen([*chain(tested, *chain.from_iterable(of_database.values()))], volumes, components)
    of_database = {name: Findings(*map(cohort.usable, own)) for name, own in of_database.items()}
    tested = cohort.usable(tested)
    open_store(results).close()

    def measure(models: Mapping[str, Sequence[Embedded]], **about: Any) -> None:
        described = {"encoders": ENCODERS, "models": origins(models), **about}
        add_figures(results, str(about), retrieve_texts(tested, models, described, SPLIT, rounds=rounds, seed=seed))

    for share, count in steps_of_share.items():
        settings = TrainingSettings(count, batch)
        findings = of_database[TRUE_FINDINGS]
        models = train_models(cohort, findings, tested, COMPARED | CONTROLS, share, seeds, settings)
        measure(models, share=share)
    if wrong:
        error_target = MODELS[ERROR_TARGET]
        of_findings = {TRUE_FINDINGS: models[error_target]}
        for name in [*databases][1:]:
            target = {name: COMPARED[error_target]}
            of_findings |= train_models(cohort, of_database[name], tested, target, share, seeds, settings)
        measure(of_findings, share=share, findings="with errors")


def _steps_of_share(written: str) -> dict[float, int]:
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


def _findings(db: Path) -> Findings:
    with closing(read_store(db)) as connection:
        check_leakage(connection)
        found = Findings(read_pairs(connection, "train"), read_pairs(connection, "validation"))
    if not all(found):
        raise SelipError(f"{db} has no pairs in the training or in the validation split: scan more studies.")
    return found


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
