"""Classification by frozen encoders, model by model: with labels, few or all, and without any."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selip_contracts.vocabulary import MODALITIES, Modality
from selip_downstream.classification.classifiers import (
    CLASSIFIERS,
    Cases,
    Classifier,
    Features,
    Positions,
    Prediction,
    classification_metrics,
)
from selip_downstream.classification.zero_shot import (
    KINDS,
    Answers,
    ZeroShotQuestion,
    questions,
    rivals,
    zero_shot_scores,
)
from selip_downstream.datasets.labelled_cases import Case
from selip_downstream.evaluation.bootstrap import Bootstrap, Metric, auc, average, mean_over_runs, repeated
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.protocol import EvaluationProtocol, Labels, label_subsets
from selip_downstream.evaluation.results import MetricResult
from selip_pretrain.data.pairs import Pair
from selip_pretrain.data.splits import SPLITS, Split

CLASSIFICATION = "classification"
ZERO_SHOT = "zero-shot"
TOGETHER = "together"

Learner = Callable[[Positions, Positions, Positions, int], Prediction]
"""From the positions of cases to learn from, to choose by and to score, and a seed, the scores."""
Learners = Mapping[str, Mapping[str, Sequence[Learner]]]
"""By the way to learn and by model; of a model one for each of its trainings."""


def frozen(cases: Sequence[Case], features: Mapping[str, Sequence[Features]]) -> Learners:
    """Every classifier on the embeddings (cases, F) of every training of every model."""
    labels, patients = _labels(cases), [case.patient_id for case in cases]
    return {
        name: {
            model: [_on_embeddings(classifier, Cases(one, labels, patients)) for one in own]
            for model, own in features.items()
        }
        for name, classifier in CLASSIFIERS.items()
    }


def classify(
    cases: Sequence[Case], learners: Learners, trial: EvaluationProtocol, about: Mapping[str, Any]
) -> Iterator[list[MetricResult]]:
    """The figures of every model on the test cases: a list for each way to learn and share of the labels.

    Of the training and the validation cases the same share is used. The cases are drawn once for each seed of the
    trial, and every training of a model learns from every draw: a figure is the mean over all, its interval that of
    other patients, trainings and draws.
    """
    labels, patients = _labels(cases), [case.patient_id for case in cases]
    parts = {split: _part(cases, split) for split in SPLITS}
    test = parts["test"]
    bootstrap = Bootstrap([patients[i] for i in test], rounds=trial.rounds, seed=trial.bootstrap_seed)
    for (name, of_model), share in product(learners.items(), trial.shares):
        # With all labels there is nothing to draw.
        seeds = trial.seeds if share < 1 else trial.seeds[:1]
        train = {seed: _share(parts["train"], labels, patients, share, seed) for seed in seeds}
        validation = {seed: _share(parts["validation"], labels, patients, share, seed) for seed in seeds}
        metrics = {}
        for model, learners_of_model in of_model.items():
            found = [
                [
                    classification_metrics(learn(train[seed], validation[seed], test, seed), labels[test])
                    for seed in seeds
                ]
                for learn in learners_of_model
            ]
            metrics[model] = mean_over_runs(found)
        described = {
            "classifier": name,
            "share": share,
            "seeds": list(seeds),
            "train": len(train[seeds[0]]),
            "validation": len(validation[seeds[0]]),
            "classes": dict(sorted(Counter(labels[test].tolist()).items())),
        }
        yield compare(ExperimentSetting(CLASSIFICATION, "test", len(test), {**about, **described}), bootstrap, metrics)


def _on_embeddings(classifier: Classifier, cases: Cases) -> Learner:
    def learn(train: Positions, validation: Positions, test: Positions, _seed: int) -> Prediction:
        return classifier(cases.take(train), cases.take(validation), cases.features[test])

    return learn


def _labels(cases: Sequence[Case]) -> Labels:
    return np.array([case.label for case in cases])


def _part(cases: Sequence[Case], split: Split) -> Positions:
    return np.array([i for i, case in enumerate(cases) if case.split == split], dtype=np.int64)


def _share(part: Positions, labels: Labels, patients: Sequence[str], share: float, seed: int) -> Positions:
    """The positions that a share of the labels takes out of a part."""
    return part[label_subsets(labels[part], [patients[i] for i in part], [share], seed)[share]]


@dataclass(frozen=True)
class ZeroShotEmbeddings:
    """One training's embeddings of the pairs' images (N, E), and of every statement that is asked with (E,)."""

    images: NDArray[np.float32]
    statements: Mapping[str, NDArray[np.float32]]


def asked_of(pairs: Sequence[Pair]) -> dict[ZeroShotQuestion, Answers]:
    """The questions that the pairs can answer."""
    return questions([pair.text for pair in pairs], [pair.modality for pair in pairs])


def statements_of(asked: Mapping[ZeroShotQuestion, Answers]) -> list[str]:
    """Every statement that is needed to ask them."""
    normal = [ZeroShotQuestion("normal", modality) for modality in MODALITIES[:1]]
    return sorted({statement for question in (*asked, *normal) for statement in question.statements})


def zero_shot(
    pairs: Sequence[Pair],
    asked: Mapping[ZeroShotQuestion, Answers],
    understood: Mapping[str, Sequence[ZeroShotEmbeddings]],
    trial: EvaluationProtocol,
    about: Mapping[str, Any],
    split: str,
) -> Iterator[list[MetricResult]]:
    """The mean AUC of each kind of question by model: a list for all sequences together and for each of them.

    Of a model with several trainings it is the mean over them.
    """
    bootstrap = Bootstrap([pair.patient_id for pair in pairs], rounds=trial.rounds, seed=trial.bootstrap_seed)
    metrics = {
        model: {
            question: repeated("training", [_area(question, list(asked), answers, one) for one in own])
            for question, answers in asked.items()
        }
        for model, own in understood.items()
    }
    sequences: list[Modality | str] = [TOGETHER, *(m for m in MODALITIES if any(q.modality == m for q in asked))]
    for sequence in sequences:
        chosen = [question for question in asked if sequence in (TOGETHER, question.modality)]
        kinds = [kind for kind in KINDS if any(question.kind == kind for question in chosen)]
        of_model = {
            model: {f"AUC of {kind}": average([own[q] for q in chosen if q.kind == kind]) for kind in kinds}
            for model, own in metrics.items()
        }
        counts = {kind: sum(question.kind == kind for question in chosen) for kind in kinds}
        images = sum(sequence in (TOGETHER, pair.modality) for pair in pairs)
        setting = ExperimentSetting(ZERO_SHOT, split, images, {**about, "sequence": sequence, "questions": counts})
        yield compare(setting, bootstrap, of_model)


def _area(
    question: ZeroShotQuestion, asked: Sequence[ZeroShotQuestion], answers: Answers, understood: ZeroShotEmbeddings
) -> Metric:
    """AUC among the images that the question is asked of."""
    known = np.flatnonzero(~np.isnan(answers))
    scores = zero_shot_scores(question, rivals(question, asked), understood.images[known], understood.statements)
    area = auc(scores, answers[known] == 1)
    return lambda resamples: area(resamples.of_cases(known))
