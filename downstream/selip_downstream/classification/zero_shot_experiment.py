"""Zero-shot classification of the images of a split: the statements of the findings are the classifiers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selip_contracts.vocabulary import MODALITIES, Modality
from selip_downstream.classification.zero_shot import (
    KINDS,
    MIN_CASES,
    Answers,
    ZeroShotQuestion,
    questions_of,
    rivals,
    zero_shot_scores,
)
from selip_downstream.evaluation.bootstrap import Bootstrap, Statistic, auc, average, repeated
from selip_downstream.evaluation.compared_models import (
    EvaluatedModel,
    embed_images,
    embed_texts,
    origins_of,
    prepare_images,
    trainings_of,
)
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.protocol import EvaluationProtocol
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.evaluation.tasks import TOGETHER, Metric, Task
from selip_pretrain.data.pairs import Pair
from selip_pretrain.volumes.volume_cache import print_problems
from selip_shared.errors import SelipError


@dataclass(frozen=True)
class ZeroShotEmbeddings:
    """One training's embeddings of the pairs' images (N, E), and of every statement of the questions (E,)."""

    images: NDArray[np.float32]
    statements: Mapping[str, NDArray[np.float32]]


def run_zero_shot(
    models: Sequence[EvaluatedModel], pairs: Sequence[Pair], folder: Path, protocol: EvaluationProtocol, split: str
) -> Iterator[list[MetricResult]]:
    """The results of every model on the pairs of a split; `folder` is the cache of prepared volumes.

    SelipError where no question has enough positive and negative images.
    """
    usable, problems = prepare_images(pairs, models, folder)
    print_problems(problems)
    questions = questions_of([pair.text for pair in usable], [pair.modality for pair in usable])
    if not questions:
        raise SelipError(
            f"Nothing can be asked of the {len(usable):,} images of the {split} split: a finding must be in at least "
            f"{MIN_CASES} of a sequence's images and be absent from as many."
        )
    statements = statements_of(questions)
    embeddings = {
        name: [
            ZeroShotEmbeddings(
                np.asarray(embed_images(one, usable, folder)),
                dict(zip(statements, np.asarray(embed_texts(one, statements)), strict=True)),
            )
            for one in own
        ]
        for name, own in trainings_of(models).items()
    }
    return zero_shot(usable, questions, embeddings, protocol, {"models": origins_of(models)}, split)


def statements_of(questions: Mapping[ZeroShotQuestion, Answers]) -> list[str]:
    """Every statement that the questions need."""
    normal = [ZeroShotQuestion("normal", modality) for modality in MODALITIES[:1]]
    return sorted({statement for question in (*questions, *normal) for statement in question.statements})


def zero_shot(
    pairs: Sequence[Pair],
    questions: Mapping[ZeroShotQuestion, Answers],
    embeddings: Mapping[str, Sequence[ZeroShotEmbeddings]],
    protocol: EvaluationProtocol,
    about: Mapping[str, Any],
    split: str,
) -> Iterator[list[MetricResult]]:
    """The mean AUC of each kind of question by model: a list for all sequences together and for each sequence.

    For a model with several trainings it is the mean over them.
    """
    bootstrap = Bootstrap([pair.patient_id for pair in pairs], rounds=protocol.rounds, seed=protocol.bootstrap_seed)
    statistics = {
        model: {
            question: repeated("training", [_auc(question, list(questions), answers, one) for one in own], (0, 1))
            for question, answers in questions.items()
        }
        for model, own in embeddings.items()
    }
    sequences: list[Modality | str] = [TOGETHER, *(m for m in MODALITIES if any(q.modality == m for q in questions))]
    for sequence in sequences:
        chosen = [question for question in questions if sequence in (TOGETHER, question.modality)]
        kinds = [kind for kind in KINDS if any(question.kind == kind for question in chosen)]
        of_model = {
            model: {Metric(f"AUC of {kind}"): average([own[q] for q in chosen if q.kind == kind]) for kind in kinds}
            for model, own in statistics.items()
        }
        counts = {kind: sum(question.kind == kind for question in chosen) for kind in kinds}
        images = sum(sequence in (TOGETHER, pair.modality) for pair in pairs)
        setting = ExperimentSetting(Task.ZERO_SHOT, split, images, {**about, "sequence": sequence, "questions": counts})
        yield compare(setting, bootstrap, of_model)


def _auc(
    question: ZeroShotQuestion, questions: Sequence[ZeroShotQuestion], answers: Answers, embeddings: ZeroShotEmbeddings
) -> Statistic:
    """AUC among the images that the question is asked of."""
    known = np.flatnonzero(~np.isnan(answers))
    scores = zero_shot_scores(question, rivals(question, questions), embeddings.images[known], embeddings.statements)
    area = auc(scores, answers[known] == 1)
    return lambda resamples: area(resamples.of_cases(known))
