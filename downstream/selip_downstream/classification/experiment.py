"""Classification by image encoders, learnt from labels: few or all."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selip_contracts.vocabulary import MODALITIES
from selip_downstream.classification.classifiers import (
    CLASSIFIERS,
    Cases,
    Classifier,
    Features,
    Positions,
    Prediction,
    classification_statistics,
)
from selip_downstream.classification.finetune import Finetuning, Schedule
from selip_downstream.datasets.exclusions import Exclusion, print_exclusions
from selip_downstream.datasets.labelled_cases import Case, CaseImage, LabelledCohort, without
from selip_downstream.evaluation.bootstrap import Bootstrap, mean_over_runs
from selip_downstream.evaluation.compared_models import (
    EvaluatedModel,
    check_study_encoders,
    embed_images,
    origins_of,
    prepare_images,
    trainings_of,
)
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.parquet import write_parquet
from selip_downstream.evaluation.protocol import EvaluationProtocol, Labels, label_subsets
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.evaluation.tasks import Task, metric_bounds
from selip_pretrain.data.splits import SPLITS, Split
from selip_pretrain.volumes.volume_cache import VolumeCache

PREDICTION_COLUMNS = {
    "model": "VARCHAR", "training": "INTEGER", "classifier": "VARCHAR", "labelled_cases": "INTEGER", "seed": "INTEGER",
    "patient_id": "VARCHAR", "study": "VARCHAR", "label": "VARCHAR", "class": "VARCHAR", "score": "DOUBLE",
}  # fmt: skip
FINETUNING = "full finetuning"

Learner = Callable[[Positions, Positions, Positions, int], Prediction]
"""From the positions of training, validation and test cases and a seed, the scores of the test cases."""
Learners = Mapping[str, Mapping[str, Sequence[Learner]]]
"""By classifier and model a learner for each training of the model."""


def run_classification(
    models: Sequence[EvaluatedModel],
    cohort: LabelledCohort,
    folder: Path,
    protocol: EvaluationProtocol,
    about: Mapping[str, Any],
    finetuning_rounds: int = 0,
    predictions: Path | None = None,
    by_study: bool = False,
) -> Iterator[list[MetricResult]]:
    """The results of every model on the cohort, with finetuning if it has any rounds; exclusions go to stderr.

    `folder` is the cache of prepared volumes, `about` is added to the configuration of the results. With `by_study` a
    case is embedded as a study, of the sequences that it has. `predictions` is a Parquet file for the scores of every
    test case. SelipError where a model embeds no studies.
    """
    if by_study:
        check_study_encoders(models)
    _, problems = prepare_images(_images(cohort), models, folder)
    cohort = without(cohort, [Exclusion(it.image_id, f"{it.image_id}: {it.reason}, {it.detail}") for it in problems])
    print_exclusions(cohort.excluded)
    images, trainings = _images(cohort), trainings_of(models)
    case_of = torch.tensor([number for number, case in enumerate(cohort.cases) for _ in case.images])
    modalities = torch.tensor([MODALITIES.index(image.modality) for image in images])

    def embed(one: EvaluatedModel) -> Features:
        embedded = embed_images(one, images, folder)
        if by_study:
            with torch.inference_mode():
                embedded = one.model.embed_studies(embedded, modalities, case_of).cpu()
        return np.asarray(embedded).reshape(len(cohort.cases), -1)

    features = {name: [embed(one) for one in own] for name, own in trainings.items()}
    learners = frozen(cohort.cases, features)
    if finetuning_rounds:
        schedule = Schedule(rounds=finetuning_rounds)
        finetuned = {
            name: [Finetuning(one, cohort.cases, VolumeCache(folder, one.model.recipe), schedule) for one in own]
            for name, own in trainings.items()
        }
        learners = {**learners, FINETUNING: finetuned}
    about = {**about, "models": origins_of(models), **({"by": "study"} if by_study else {})}
    if predictions is None:
        yield from classify(cohort.cases, learners, protocol, about)
        return
    rows: list[tuple[Any, ...]] = []
    yield from classify(cohort.cases, _recorded(learners, cohort.cases, rows), protocol, about)
    write_parquet(predictions, PREDICTION_COLUMNS, rows)


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
    cases: Sequence[Case], learners: Learners, protocol: EvaluationProtocol, about: Mapping[str, Any]
) -> Iterator[list[MetricResult]]:
    """The results of every model on the test cases: a list for each classifier and share of the labels.

    The same share of the training and of the validation cases is used. The cases are drawn once for each seed of the
    protocol, and every training of a model learns from every draw: a figure is the mean over all, and its interval is
    over patients, trainings and draws.
    """
    labels, patients = _labels(cases), [case.patient_id for case in cases]
    positions = {split: _positions(cases, split) for split in SPLITS}
    test = positions["test"]
    bootstrap = Bootstrap([patients[i] for i in test], rounds=protocol.rounds, seed=protocol.bootstrap_seed)
    for (name, of_model), share in product(learners.items(), protocol.shares):
        # With all labels there is nothing to draw.
        seeds = protocol.seeds if share < 1 else protocol.seeds[:1]
        train = {seed: _share(positions["train"], labels, patients, share, seed) for seed in seeds}
        validation = {seed: _share(positions["validation"], labels, patients, share, seed) for seed in seeds}
        statistics = {
            model: mean_over_runs(
                [
                    [
                        classification_statistics(learn(train[seed], validation[seed], test, seed), labels[test])
                        for seed in seeds
                    ]
                    for learn in learners_of_model
                ],
                metric_bounds,
            )
            for model, learners_of_model in of_model.items()
        }
        described = {
            "classifier": name,
            "share": share,
            "seeds": list(seeds),
            "train": len(train[seeds[0]]),
            "validation": len(validation[seeds[0]]),
            "classes": dict(sorted(Counter(labels[test].tolist()).items())),
        }
        setting = ExperimentSetting(Task.CLASSIFICATION, "test", len(test), {**about, **described})
        yield compare(setting, bootstrap, statistics)


def _recorded(learners: Learners, cases: Sequence[Case], rows: list[tuple[Any, ...]]) -> Learners:
    """The learners, which add the rows of `PREDICTION_COLUMNS` of what they predict."""

    def recording(learn: Learner, classifier: str, model: str, training: int) -> Learner:
        def recorded(train: Positions, validation: Positions, test: Positions, seed: int) -> Prediction:
            prediction = learn(train, validation, test, seed)
            about = (model, training, classifier, len(train), seed)
            for position, scores in zip(test.tolist(), prediction.scores.tolist(), strict=True):
                case = cases[position]
                for name, score in zip(prediction.classes, scores, strict=True):
                    rows.append((*about, case.patient_id, case.name, case.label, name, score))
            return prediction

        return recorded

    return {
        classifier: {
            model: [recording(learn, classifier, model, number) for number, learn in enumerate(own)]
            for model, own in of_models.items()
        }
        for classifier, of_models in learners.items()
    }


def _images(cohort: LabelledCohort) -> list[CaseImage]:
    return [image for case in cohort.cases for image in case.images]


def _on_embeddings(classifier: Classifier, cases: Cases) -> Learner:
    def learn(train: Positions, validation: Positions, test: Positions, _seed: int) -> Prediction:
        return classifier(cases.take(train), cases.take(validation), cases.features[test])

    return learn


def _labels(cases: Sequence[Case]) -> Labels:
    return np.array([case.label for case in cases])


def _positions(cases: Sequence[Case], split: Split) -> Positions:
    return np.array([i for i, case in enumerate(cases) if case.split == split], dtype=np.int64)


def _share(positions: Positions, labels: Labels, patients: Sequence[str], share: float, seed: int) -> Positions:
    """The positions of the cases of a share of the patients."""
    return positions[label_subsets(labels[positions], [patients[i] for i in positions], [share], seed)[share]]
