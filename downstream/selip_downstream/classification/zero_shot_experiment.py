"""Zero-shot classification of the images of a split: the statements of the findings are the classifiers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selip_contracts.statements import whole_study_text
from selip_contracts.vocabulary import MODALITIES, Modality
from selip_downstream.evaluation.bootstrap import Bootstrap, Statistic, auc, average, repeated
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
from selip_downstream.evaluation.protocol import EvaluationProtocol
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.evaluation.tasks import TOGETHER, Metric, Task
from selip_pretrain.data.pairs import Pair
from selip_pretrain.data.studies import study_numbers
from selip_pretrain.training.validation import embed_studies
from selip_pretrain.training.zero_shot import (
    KINDS,
    MIN_CASES,
    Answers,
    ZeroShotQuestion,
    questions_of,
    rivals,
    zero_shot_scores,
)
from selip_pretrain.volumes.volume_cache import print_problems
from selip_shared.errors import SelipError

PREDICTION_COLUMNS = {
    "model": "VARCHAR", "training": "INTEGER", "patient_id": "VARCHAR", "image_id": "VARCHAR", "question": "VARCHAR",
    "modality": "VARCHAR", "site": "VARCHAR", "side": "VARCHAR", "signal_class": "VARCHAR", "answer": "BOOLEAN",
    "score": "DOUBLE",
}  # fmt: skip


@dataclass(frozen=True)
class ZeroShotEmbeddings:
    """One training's embeddings of the pairs' images (N, E), or studies, and of the statements (E,) by sequence."""

    images: NDArray[np.float32]
    statements: Mapping[Modality, Mapping[str, NDArray[np.float32]]]


def run_zero_shot(
    models: Sequence[EvaluatedModel],
    pairs: Sequence[Pair],
    folder: Path,
    protocol: EvaluationProtocol,
    split: str,
    predictions: Path | None = None,
    by_study: bool = False,
) -> Iterator[list[MetricResult]]:
    """The results of every model on the pairs of a split; `folder` is the cache of prepared volumes.

    With `by_study`, for pairs that were read so, the same is asked of their studies. `predictions` is a Parquet file
    for the score of every case. SelipError where no question has enough positive and negative images, or a model embeds
    no studies.
    """
    if by_study:
        check_study_encoders(models)
    usable, problems = prepare_images(pairs, models, folder)
    print_problems(problems)
    asked = [index for index, pair in enumerate(usable) if pair.text]
    stated = [usable[index] for index in asked]
    questions = questions_of([pair.text for pair in stated], [pair.modality for pair in stated])
    if not questions:
        raise SelipError(
            f"Nothing can be asked of the {len(usable):,} images of the {split} split: a finding must be in at least "
            f"{MIN_CASES} of a sequence's images and be absent from as many."
        )
    statements = statements_of(questions)

    def embed(one: EvaluatedModel) -> ZeroShotEmbeddings:
        images = embed_images(one, usable, folder)
        if by_study:
            of_studies, _ = embed_studies(one.model, usable, images)
            images = of_studies[study_numbers(usable)].cpu()
        texts = {
            modality: [whole_study_text({modality: statement}) if by_study else statement for statement in statements]
            for modality in {question.modality for question in questions}
        }
        distinct = list(dict.fromkeys(text for own in texts.values() for text in own))
        embedded = dict(zip(distinct, np.asarray(embed_texts(one, distinct)), strict=True))
        of_statements = {
            modality: {statement: embedded[text] for statement, text in zip(statements, own, strict=True)}
            for modality, own in texts.items()
        }
        return ZeroShotEmbeddings(np.asarray(images[asked]), of_statements)

    embeddings = {name: [embed(one) for one in own] for name, own in trainings_of(models).items()}
    if predictions is not None:
        write_parquet(predictions, PREDICTION_COLUMNS, _prediction_rows(stated, questions, embeddings))
    about = {"models": origins_of(models), **({"by": "study"} if by_study else {})}
    return zero_shot(stated, questions, embeddings, protocol, about, split)


def _prediction_rows(
    pairs: Sequence[Pair],
    questions: Mapping[ZeroShotQuestion, Answers],
    embeddings: Mapping[str, Sequence[ZeroShotEmbeddings]],
) -> Iterator[tuple[Any, ...]]:
    """The rows of `PREDICTION_COLUMNS`."""
    for name, own in embeddings.items():
        for number, one in enumerate(own):
            for question, answers in questions.items():
                known, scores = _scores(question, list(questions), answers, one)
                about = (question.kind, question.modality, question.site, question.side, question.signal_class)
                for position, score in zip(known.tolist(), scores.tolist(), strict=True):
                    pair = pairs[position]
                    yield name, number, pair.patient_id, pair.image_id, *about, bool(answers[position] == 1), score


def statements_of(questions: Mapping[ZeroShotQuestion, Answers]) -> list[str]:
    """Every statement that the questions need."""
    normal = [ZeroShotQuestion("normal", modality=modality) for modality in MODALITIES[:1]]
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
    known, scores = _scores(question, questions, answers, embeddings)
    area = auc(scores, answers[known] == 1)
    return lambda resamples: area(resamples.of_cases(known))


def _scores(
    question: ZeroShotQuestion, questions: Sequence[ZeroShotQuestion], answers: Answers, embeddings: ZeroShotEmbeddings
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The positions of the images that the question is asked of, and their scores."""
    known = np.flatnonzero(~np.isnan(answers))
    statements = embeddings.statements[question.modality]
    return known, zero_shot_scores(question, rivals(question, questions), embeddings.images[known], statements)
