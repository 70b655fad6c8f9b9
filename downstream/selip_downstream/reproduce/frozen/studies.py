"""The study encoder on frozen features: studies that find their texts, against their best sequence alone."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Annotated

import torch
import typer
from torch import Tensor, nn
from torch.nn.functional import normalize

from selip_contracts.database_file import open_store, read_store
from selip_contracts.vocabulary import MODALITIES
from selip_downstream.evaluation.tasks import STUDIES
from selip_downstream.reproduce.frozen.cohort import FrozenCohort, read_frozen
from selip_downstream.reproduce.frozen.features import text_features
from selip_downstream.reproduce.frozen.study import (
    ENCODERS,
    SPLIT,
    Cache,
    Components,
    Config,
    Database,
    Preset,
    Results,
    Rounds,
    add_figures,
    origins,
)
from selip_downstream.reproduce.frozen.targets import COMPARED, similarity_of
from selip_downstream.reproduce.frozen.trainings import MAX_LOGIT_SCALE, TrainingSettings, TwoEncoders
from selip_downstream.reproduce.plan import ALL_SEQUENCES, BEST_SEQUENCE, MEAN_OF_SEQUENCES
from selip_downstream.retrieval.experiment import Embedded, distinct_texts, retrieve_texts, studies_as_pairs
from selip_pretrain.data.batches import BatchPlan
from selip_pretrain.data.pairs import Pair, read_pairs
from selip_pretrain.data.splits import SPLITS, check_leakage
from selip_pretrain.data.studies import studies_of, study_numbers
from selip_pretrain.model.configuration import resolve
from selip_pretrain.model.study_encoder import StudyEncoder, by_study
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.training.study_batch import HIDDEN, StudyBatch, some_hidden
from selip_pretrain.training.validation import retrieval_metrics, text_ranks
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import run_command
from selip_shared.execution.progress import Advance, progress

TARGET = "best-match"
MISSING = (0.0, 0.2, 0.4, 0.6)
"""Shares of the volumes that are missing when studies are searched with."""
ONE_VOLUME = 1.0
"""With so large a share missing one volume of each study is left."""

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class FrozenStudies:
    """Studies: features (S, K, F) of their volumes, with K = len(MODALITIES) places, and of texts (T, V).

    `modalities` int64 (S, K) are the sequences, -1 where there is no volume; `text_of` int64 (S, K) are the texts of
    the sequences, -1 where there is none, and `study_text_of` int64 (S,) those of the studies.
    """

    volumes: Tensor
    modalities: Tensor
    texts: Tensor
    text_of: Tensor
    study_text_of: Tensor

    def take(self, studies: Tensor) -> "FrozenStudies":
        """Some of the studies."""
        chosen = (one[studies] for one in (self.volumes, self.modalities, self.text_of, self.study_text_of))
        volumes, modalities, text_of, study_text_of = chosen
        return FrozenStudies(volumes, modalities, self.texts, text_of, study_text_of)


class StudyModel(nn.Module):
    """The two small networks of volumes and texts, and a study encoder."""

    def __init__(self, data: FrozenStudies, settings: TrainingSettings) -> None:
        super().__init__()
        self.encoders = TwoEncoders(data.volumes.shape[2], data.texts.shape[1], settings.hidden, settings.width)
        self.study_encoder = StudyEncoder(settings.width)

    def forward(self, data: FrozenStudies) -> tuple[Tensor, Tensor]:
        """Embeddings of length 1 of volumes (S, K, width) and of texts (T, width)."""
        embedded: tuple[Tensor, Tensor] = self.encoders(data.volumes, data.texts)
        return embedded

    @torch.inference_mode()
    def embed(self, data: FrozenStudies, modalities: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings of the studies (S, width), of the volumes with these sequences (S, K), and of texts (T, width)."""
        volumes, texts = self(data)
        return normalize(self.study_encoder(volumes, modalities), dim=1), texts


def read_studies(cohort: FrozenCohort, pairs: Sequence[Pair]) -> tuple[FrozenStudies, list[str]]:
    """The features of the studies of pairs that were read by study, and their distinct texts."""
    modality_of = {text: pair.modality for pair in pairs for text in pair.texts}
    texts = list(modality_of)
    known = {text for pair in pairs if pair.split == "train" for text in pair.texts}
    features = text_features(texts, [text in known for text in texts], cohort.components)
    number = {text: row for row, text in enumerate(texts)}
    study_of = torch.tensor(study_numbers(pairs))
    studies = studies_of(pairs)

    def placed(values: Tensor, missing: float) -> Tensor:
        return by_study(values, study_of, len(studies), len(MODALITIES), missing)

    return FrozenStudies(
        placed(cohort.features[[cohort.row_of[pair.image_id] for pair in pairs]], 0),
        placed(torch.tensor([MODALITIES.index(pair.modality) for pair in pairs]), -1),
        features,
        placed(torch.tensor([number[pair.text] if pair.text else -1 for pair in pairs]), -1),
        torch.tensor([number[study.text] for study in studies]),
    ), texts


def train(
    data: FrozenStudies,
    validation: FrozenStudies,
    names: Sequence[str],
    similarity: Tensor,
    seed: int,
    hidden: float,
    settings: TrainingSettings,
    advance: Advance,
) -> StudyModel:
    """Train with a seed, the share `hidden` of the volumes hidden in a step; the averaged weights that validate best.

    `names` are the texts, `similarity` (T, T) is theirs.
    """
    torch.manual_seed(seed)
    model, loss = StudyModel(data, settings), COMPARED[TARGET].loss()
    average = StudyModel(data, settings).requires_grad_(False)
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), settings.rate, weight_decay=settings.weight_decay, eps=1e-6)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / settings.warmup, total_iters=settings.warmup)
    plan = BatchPlan([names[i] for i in data.study_text_of], settings.batch, seed, "distinct_texts", mirror=False)
    best, best_rank = model, -1.0
    for step in range(settings.steps):
        batch = data.take(torch.tensor([draw.pair for draw in plan.batch(step)]))
        volumes, texts = model(batch)
        whole = StudyBatch(volumes, batch.modalities, texts[batch.text_of], batch.text_of, texts[batch.study_text_of],
                           batch.study_text_of)  # fmt: skip
        places = tuple(whole.stated().T)
        scale = model.encoders.logit_scale
        rows, study_rows = whole.rows[places], whole.study_rows
        of_volumes = loss(whole.volumes[places], whole.texts[places], scale, similarity[rows][:, rows])
        studies = whole.embedded(model.study_encoder, hash((seed, step)) % 2**32, hidden)
        of_studies = loss(studies, whole.study_texts, scale, similarity[study_rows][:, study_rows])
        optimizer.zero_grad()
        torch.autograd.backward(of_volumes + of_studies)
        optimizer.step()
        warmup.step()
        with torch.no_grad():
            scale.clamp_(0, MAX_LOGIT_SCALE)
            for own, new in zip(average.parameters(), model.parameters(), strict=True):
                own.lerp_(new, 1 - min(settings.average, (1 + step) / (10 + step)))
        if (step + 1) % max(1, settings.steps // settings.validations) == 0:
            rank = _reciprocal_rank(average, validation, some_hidden(validation.modalities, 0, hidden))
            if rank > best_rank:
                best, best_rank = StudyModel(data, settings), rank
                best.load_state_dict(average.state_dict())
        advance(1)
    return best


def sequences_by_rank(model: StudyModel, data: FrozenStudies) -> list[int]:
    """The sequences by how well studies are found by one of them alone, the best first; by mean reciprocal rank."""
    ranks = {}
    for modality in range(len(MODALITIES)):
        having = (data.modalities == modality).any(1).nonzero()[:, 0]
        own = data.take(having)
        if len(having):
            alone = own.modalities.where(own.modalities == modality, -1)
            ranks[modality] = _reciprocal_rank(model, own, alone) * len(having) / len(data.modalities)
    return sorted(ranks, key=lambda modality: -ranks[modality])


def only_best(modalities: Tensor, order: Sequence[int]) -> Tensor:
    """The sequences of volumes (S, K) without all but the first of the order that a study has."""
    left = torch.full_like(modalities, -1)
    for modality in reversed(order):
        there = modalities == modality
        left[there.any(1)] = -1
        left[there] = modality
    return left


def _reciprocal_rank(model: StudyModel, data: FrozenStudies, modalities: Tensor) -> float:
    studies, texts = model.embed(data, modalities)
    numbers, own = torch.unique(data.study_text_of, return_inverse=True)
    return retrieval_metrics(*text_ranks(studies, texts[numbers], own), len(numbers))["mean_reciprocal_rank"]


@app.command()
def command(
    db: Database,
    cache: Cache,
    preset: Preset,
    config: Config,
    results: Results,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each training.")],
    seeds: Annotated[int, typer.Option(min=2, help="Trainings of each model.")],
    rounds: Rounds = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples, and of what is missing.")] = 0,
    batch: Annotated[int, typer.Option(min=2, help="Studies of a batch.")] = 64,
    components: Components = 256,
) -> None:
    """Train study encoders on frozen features, and measure how well studies find their texts with volumes missing.

    The best sequence alone is that of a model that learnt to find the text of a study by one volume.
    """
    with closing(read_store(db)) as connection:
        check_leakage(connection)
        pairs = [pair for split in SPLITS for pair in read_pairs(connection, split, by_study=True)]
    cohort = read_frozen(pairs, VolumeCache(cache, resolve(preset, config, {}).recipe), components)
    pairs = cohort.usable(pairs)
    data, names = read_studies(cohort, pairs)
    splits = [study.pairs[0].split for study in studies_of(pairs)]
    of_split = [torch.tensor([i for i, own in enumerate(splits) if own == split]) for split in SPLITS]
    train_part, validation, test = (data.take(studies) for studies in of_split)
    modality_of = {text: pair.modality for pair in pairs for text in pair.texts}
    similarity = similarity_of(TARGET)(TextTable(names, [modality_of[name] for name in names]))
    settings = TrainingSettings(steps, batch)
    trained: dict[float, list[StudyModel]] = {}
    with progress("steps", 2 * seeds * steps) as advance:
        for hidden in (HIDDEN, ONE_VOLUME):
            trained[hidden] = [
                train(train_part, validation, names, similarity, number, hidden, settings, advance)
                for number in range(seeds)
            ]
    tested = studies_as_pairs([study for study in studies_of(pairs) if study.pairs[0].split == SPLIT])
    text_rows = torch.tensor([names.index(text) for text in distinct_texts(tested)])
    open_store(results).close()
    for missing in MISSING:
        left = replace(test, modalities=some_hidden(test.modalities, seed, missing))
        models = _embedded(trained, validation, left, text_rows)
        about = {"encoders": ENCODERS, "models": origins(models), "missing": missing}
        found = retrieve_texts(tested, models, about, SPLIT, STUDIES, rounds=rounds, seed=seed)
        add_figures(results, f"{missing:.0%} missing", found)


def _embedded(
    trained: Mapping[float, Sequence[StudyModel]], validation: FrozenStudies, test: FrozenStudies, texts: Tensor
) -> dict[str, list[Embedded]]:
    """By name the embeddings by all trainings of the tested studies and of the texts in these rows."""
    found: dict[str, list[Embedded]] = {BEST_SEQUENCE: [], MEAN_OF_SEQUENCES: [], ALL_SEQUENCES: []}
    for model in trained[ONE_VOLUME]:
        studies, embedded = model.embed(test, only_best(test.modalities, sequences_by_rank(model, validation)))
        found[BEST_SEQUENCE].append(Embedded(studies, embedded[texts]))
    for model in trained[HIDDEN]:
        studies, embedded = model.embed(test, test.modalities)
        found[ALL_SEQUENCES].append(Embedded(studies, embedded[texts]))
        with torch.inference_mode():
            volumes, _ = model(test)
        present = (test.modalities >= 0)[:, :, None]
        found[MEAN_OF_SEQUENCES].append(Embedded(normalize((volumes * present).sum(1), dim=1), embedded[texts]))
    return found


if __name__ == "__main__":
    run_command(app)
