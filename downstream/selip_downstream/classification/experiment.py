"""Classification by image encoders, learnt from labels: few or all."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

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
    embed_images,
    origins_of,
    prepare_images,
    trainings_of,
)
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.protocol import EvaluationProtocol, Labels, label_subsets
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.evaluation.tasks import Task, metric_bounds
from selip_pretrain.data.splits import SPLITS, Split
from selip_pretrain.volumes.volume_cache import VolumeCache

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
) -> Iterator[list[MetricResult]]:
    """The results of every model on the cohort, with finetuning if it has any rounds; exclusions go to stderr.

    `folder` is the cache of prepared volumes, `about` is added to the configuration of the results.
    """
    _, problems = prepare_images(_images(cohort), models, folder)
    cohort = without(cohort, [Exclusion(it.image_id, f"{it.image_id}: {it.reason}, {it.detail}") for it in problems])
    print_exclusions(cohort.excluded)
    images, trainings = _images(cohort), trainings_of(models)
    features = {
        name: [np.asarray(embed_images(one, images, folder)).reshape(len(cohort.cases), -1) for one in own]
        for name, own in trainings.items()
    }
    learners = frozen(cohort.cases, features)
    if finetuning_rounds:
        schedule = Schedule(rounds=finetuning_rounds)
        finetuned = {
            name: [Finetuning(one, cohort.cases, VolumeCache(folder, one.model.recipe), schedule) for one in own]
            for name, own in trainings.items()
        }
        learners = {**learners, FINETUNING: finetuned}
    return classify(cohort.cases, learners, protocol, {**about, "models": origins_of(models)})


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
