"""Retrieval between the volumes and texts of a split, model by model: by sequence, and over all sequences together."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selip_contracts.vocabulary import MODALITIES
from selip_downstream.evaluation.bootstrap import Bootstrap, Statistic, mean, repeated
from selip_downstream.evaluation.compared_models import (
    EvaluatedModel,
    check_study_encoders,
    embed_images,
    embed_texts,
    origins_of,
    prepare_images,
    trainings_of,
)
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.parquet import write_parquet
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.evaluation.tasks import STUDIES, TOGETHER, Metric, Task, metric_bounds
from selip_downstream.retrieval.metrics import Answered, agreement, dice_of_sets, ndcg, ranking_values
from selip_downstream.retrieval.search import DIRECTIONS, TEXTS, Direction, Found, Texts, search, task
from selip_pretrain.data.pairs import Pair
from selip_pretrain.data.studies import Study, studies_of
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.training.validation import embed_studies
from selip_pretrain.volumes.volume_cache import print_problems
from selip_shared.errors import SelipError

QueryValues = dict[Metric, NDArray[np.float64]]
"""By metric the value of each query (queries,)."""
EMBEDDING_COLUMNS = {
    "model": "VARCHAR", "training": "INTEGER", "patient_id": "VARCHAR", "report_id": "VARCHAR", "image_id": "VARCHAR",
    "modality": "VARCHAR", "text": "VARCHAR", "embedding": "FLOAT[]",
}  # fmt: skip
TrainingId = tuple[str, int]
"""A model's name and the number of its training."""
Use = tuple[Direction, Texts]
USES: list[Use] = list(product(DIRECTIONS, TEXTS))


@dataclass(frozen=True)
class Embedded:
    """One training's embeddings of the pairs' volumes (N, E) and of the distinct texts (T, E), on the CPU."""

    images: Tensor
    texts: Tensor


@dataclass(frozen=True)
class Gallery:
    """The pairs of one sequence or of all, and their distinct texts."""

    sequence: str
    pairs: Sequence[Pair]
    members: Tensor
    """Positions of its pairs among all pairs, int64 (N,)."""
    texts: Sequence[str]
    text_of: Tensor
    """The text of each pair, int64 (N,), a position in `texts`."""


def run_retrieval(
    models: Sequence[EvaluatedModel],
    pairs: Sequence[Pair],
    folder: Path,
    split: str,
    embeddings: Path | None = None,
    *,
    by_study: bool = False,
    rounds: int,
    seed: int,
) -> Iterator[list[MetricResult]]:
    """The results of every model on the pairs of a split; `folder` is the cache of prepared volumes.

    With `by_study` of their studies, for pairs that were read so. `embeddings` is a Parquet file for the embeddings.
    SelipError where no volume can be used, or a model embeds no studies.
    """
    if by_study:
        check_study_encoders(models)
    usable, problems = prepare_images(pairs, models, folder)
    print_problems(problems)
    if not usable:
        raise SelipError(f"None of the {len(pairs):,} volumes of the {split} split can be used: put their files right.")
    asked = studies_as_pairs(studies_of(usable)) if by_study else usable
    texts = distinct_texts(asked)

    def embed(one: EvaluatedModel) -> Embedded:
        images = embed_images(one, usable, folder)
        if by_study:
            images = embed_studies(one.model, usable, images)[0].cpu()
        return Embedded(images, embed_texts(one, texts))

    embedded = {name: [embed(one) for one in own] for name, own in trainings_of(models).items()}
    if embeddings is not None:
        write_parquet(embeddings, EMBEDDING_COLUMNS, _embedding_rows(asked, texts, embedded, by_study))
    searched = [_gallery(STUDIES, asked, range(len(asked)))] if by_study else galleries(asked)
    about = {"models": origins_of(models)}
    return retrieve(asked, embedded, about, split, searched, rounds=rounds, seed=seed)


def studies_as_pairs(studies: Sequence[Study]) -> list[Pair]:
    """Each study as its first pair, with the text of the study."""
    return [replace(study.pairs[0], text=study.text) for study in studies]


def _embedding_rows(
    asked: Sequence[Pair], texts: Sequence[str], embedded: Mapping[str, Sequence[Embedded]], by_study: bool
) -> Iterator[tuple[Any, ...]]:
    """The rows of `EMBEDDING_COLUMNS`: of volumes, or of studies, which have no image_id and modality, and of texts."""
    for name, own in embedded.items():
        for number, one in enumerate(own):
            for pair, embedding in zip(asked, one.images, strict=True):
                of_volume = (None, None) if by_study else (pair.image_id, pair.modality)
                yield name, number, pair.patient_id, pair.report_id, *of_volume, pair.text, embedding.tolist()
            for text, embedding in zip(texts, one.texts, strict=True):
                yield name, number, None, None, None, None, text, embedding.tolist()


def galleries(pairs: Sequence[Pair]) -> list[Gallery]:
    """All pairs together, and those of each sequence that has at least two distinct texts."""
    together = _gallery(TOGETHER, pairs, range(len(pairs)))
    of_sequence = (
        _gallery(modality, pairs, [i for i, pair in enumerate(pairs) if pair.modality == modality])
        for modality in MODALITIES
    )
    return [together, *(gallery for gallery in of_sequence if len(gallery.texts) > 1)]


def distinct_texts(pairs: Sequence[Pair]) -> list[str]:
    """The distinct texts in the order of their characters, as `Embedded.texts` has them."""
    return sorted({pair.text for pair in pairs})


def retrieve(
    pairs: Sequence[Pair],
    embedded: Mapping[str, Sequence[Embedded]],
    about: Mapping[str, Any],
    split: str,
    searched: Sequence[Gallery],
    *,
    rounds: int,
    seed: int,
) -> Iterator[list[MetricResult]]:
    """The figures of every model by name, and of their differences: a list a gallery, direction and use of texts.

    `searched` are galleries of the pairs.

    A model is one training or several that differ in their seed; its figure is the mean over them. The bootstrap
    draws trainings and patients; where each distinct text is asked once it draws texts, since equal texts of several
    patients are one query.
    """
    index = {text: number for number, text in enumerate(distinct_texts(pairs))}
    for gallery in searched:
        taken = torch.tensor([index[text] for text in gallery.texts], dtype=torch.int64)
        of_gallery = {
            (model, number): Embedded(one.images[gallery.members], one.texts[taken])
            for model, own in embedded.items()
            for number, one in enumerate(own)
        }
        yield from _compared(gallery, of_gallery, USES, about, split, rounds=rounds, seed=seed)


def retrieve_texts(
    pairs: Sequence[Pair],
    embedded: Mapping[str, Sequence[Embedded]],
    about: Mapping[str, Any],
    split: str,
    sequence: str = TOGETHER,
    *,
    rounds: int,
    seed: int,
) -> list[MetricResult]:
    """As `retrieve`, only for all pairs, called `sequence`, whose images search the distinct texts."""
    trainings = {(model, number): one for model, own in embedded.items() for number, one in enumerate(own)}
    together = _gallery(sequence, pairs, range(len(pairs)))
    uses: list[Use] = [("image to text", "distinct")]
    (results,) = _compared(together, trainings, uses, about, split, rounds=rounds, seed=seed)
    return results


def _compared(
    gallery: Gallery,
    embedded: Mapping[TrainingId, Embedded],
    uses: Sequence[Use],
    about: Mapping[str, Any],
    split: str,
    *,
    rounds: int,
    seed: int,
) -> Iterator[list[MetricResult]]:
    table = TextTable(gallery.texts, _modalities(gallery))
    for (direction, use), values in _values(gallery, embedded, uses, table).items():
        units = _units(gallery, direction, use)
        described = {**about, **_described(gallery, direction, use)}
        setting = ExperimentSetting(Task.RETRIEVAL, split, len(units), described)
        yield compare(setting, Bootstrap(units, rounds=rounds, seed=seed), _statistics(values))


def _gallery(sequence: str, pairs: Sequence[Pair], members: Sequence[int]) -> Gallery:
    own = [pairs[i] for i in members]
    texts = distinct_texts(own)
    index = {text: number for number, text in enumerate(texts)}
    text_of = torch.tensor([index[pair.text] for pair in own], dtype=torch.int64)
    return Gallery(sequence, own, torch.tensor(list(members), dtype=torch.int64), texts, text_of)


def _modalities(gallery: Gallery) -> list[str]:
    """A sequence that each text is of."""
    of_text = {pair.text: pair.modality for pair in gallery.pairs}
    return [of_text[text] for text in gallery.texts]


def _values(
    gallery: Gallery,
    embedded: Mapping[TrainingId, Embedded],
    uses: Sequence[Use],
    table: TextTable,
) -> dict[Use, dict[TrainingId, QueryValues]]:
    """Every figure of every query, by direction and use of texts, then by training and name."""
    asked = [(direction, use, training) for direction, use in uses for training in embedded]
    answered, ranks = [], []
    for direction, use, training in asked:
        wanted = task(embedded[training].images, embedded[training].texts, gallery.text_of, direction, use)
        found = search(wanted)
        answered.append(Answered(found.hits, wanted.queries.labels, wanted.gallery.labels))
        ranks.append(_ranks(found))
    facts = _facts(table)
    relevance = dice_of_sets(facts["side"])
    values: dict[Use, dict[TrainingId, QueryValues]] = defaultdict(dict)
    for (direction, use, training), of_ranks, answer, gains in zip(
        asked, ranks, answered, ndcg(answered, len(table), relevance), strict=True
    ):
        values[direction, use][training] = of_ranks | {Metric.NDCG_10: gains} | _agreements(answer, facts)
    return values


def _statistics(values: Mapping[TrainingId, QueryValues]) -> dict[str, dict[Metric, Statistic]]:
    """Of each model, every figure by name: the mean over its queries and its trainings."""
    of_model: dict[str, dict[Metric, list[Statistic]]] = defaultdict(lambda: defaultdict(list))
    for (model, _), own in values.items():
        for name, of_query in own.items():
            of_model[model][name].append(mean(of_query))
    return {
        model: {name: repeated("training", trainings, metric_bounds(name)) for name, trainings in own.items()}
        for model, own in of_model.items()
    }


def _ranks(found: Found) -> QueryValues:
    values = {Metric(f"{name} of equal text"): of_query for name, of_query in ranking_values(found.equal).items()}
    if found.exact is None:
        return values
    return values | {Metric(f"{name} of own"): of_query for name, of_query in ranking_values(found.exact).items()}


def _agreements(answer: Answered, facts: Mapping[str, Sequence[frozenset[object]]]) -> QueryValues:
    """How far the text of the first hit says what is asked, by what is compared."""
    first = answer.labels[answer.hits[:, 0]].tolist()
    asked = answer.asked.tolist()
    return {
        Metric(f"{name} of first hit"): agreement([said[t] for t in first], [said[t] for t in asked])
        for name, said in facts.items()
    }


def _facts(table: TextTable) -> dict[str, list[frozenset[object]]]:
    """What each text says: its sites, these with their sides, and these with the class of their signal."""
    bounds, members = table.findings.offsets.tolist(), table.findings.members.tolist()
    stated = [[table.statements[number] for number in members[start:end]] for start, end in pairwise(bounds)]
    return {
        "site": [frozenset(s.site for s in of_text) for of_text in stated],
        "side": [frozenset((s.side, s.site) for s in of_text) for of_text in stated],
        "signal": [frozenset((s.side, s.site, s.signal_class) for s in of_text) for of_text in stated],
    }


def _units(gallery: Gallery, direction: Direction, use: Texts) -> list[str]:
    if direction == "text to image" and use == "distinct":
        return list(gallery.texts)
    return [pair.patient_id for pair in gallery.pairs]


def _described(gallery: Gallery, direction: Direction, use: Texts) -> dict[str, Any]:
    """What was asked, and what was searched."""
    pairs, distinct = len(gallery.pairs), len(gallery.texts)
    texts = distinct if use == "distinct" else pairs
    return {
        "sequence": gallery.sequence,
        "direction": direction,
        "texts": use,
        "gallery": texts if direction == "image to text" else pairs,
        "distinct_texts": distinct,
        "repeated_texts": pairs - distinct,
        "images": pairs,
        "resampled": "texts" if direction == "text to image" and use == "distinct" else "patients",
    }
