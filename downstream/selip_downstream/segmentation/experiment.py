"""Segmentation of a BraTS cohort, learnt from few patients or all: networks, predictions, scores and results."""

import copy
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import torch

from selip_contracts.vocabulary import Modality
from selip_downstream.datasets.brats import BratsCase, BratsCohort, own_labels, unified_labels
from selip_downstream.datasets.exclusions import print_exclusions
from selip_downstream.datasets.nifti_file import write_nifti
from selip_downstream.evaluation.bootstrap import Bootstrap, Statistic, mean, mean_over_runs
from selip_downstream.evaluation.compared_models import EvaluatedModel, origins_of, trainings_of, weights_hash
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.protocol import EvaluationProtocol, label_subsets
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.evaluation.tasks import Metric, Task, metric_bounds
from selip_downstream.segmentation.cases import CaseCache, SegmentationCohort, labels_in_file, read_truth, usable_cases
from selip_downstream.segmentation.metrics import region_scores
from selip_downstream.segmentation.training import TrainingPlan, predict, train
from selip_downstream.segmentation.unet import SegmentationNetwork, patch_for
from selip_pretrain.data.splits import Split
from selip_shared.errors import SelipError
from selip_shared.execution.progress import progress
from selip_shared.files import write_text
from selip_shared.messages.console import say

TRAINING, SCORES, PREDICTIONS = "training.json", "scores.json", "predictions"


@dataclass(frozen=True)
class SegmentationSettings:
    """What the user chose: voxels (D, H, W) of the grid and of a patch, the defaults for None, and the training."""

    cohort: str
    shape: tuple[int, int, int] | None
    patch: tuple[int, int, int] | None
    steps: int
    batch: int
    rate: float


Scores = Mapping[str, Mapping[Metric, float]]
"""By case and by metric."""


@dataclass(frozen=True)
class ModelWithCases:
    """A training of a model, and the cases as its recipe prepares them."""

    evaluated: EvaluatedModel
    cache: CaseCache


def run_segmentation(
    models: Sequence[EvaluatedModel],
    cohort: BratsCohort,
    modalities: Sequence[Modality],
    protocol: EvaluationProtocol,
    settings: SegmentationSettings,
    out: Path,
    split_seed: int,
    own_splits: Mapping[str, Split] | None = None,
) -> Iterator[list[MetricResult]]:
    """The results of every model on the cases that all models can use; exclusions go to stderr.

    Networks, predictions and scores are written to `out`.
    """
    shape = settings.shape or models[0].model.recipe.shape
    models_with_cases = {
        name: [
            ModelWithCases(
                one, CaseCache(out / "cases", one.model.recipe.model_copy(update={"shape": shape}), modalities)
            )
            for one in own
        ]
        for name, own in trainings_of(models).items()
    }
    caches = {one.cache.recipe: one.cache for own in models_with_cases.values() for one in own}
    usable = usable_cases(cohort, caches.values(), split_seed, own_splits)
    print_exclusions(usable.excluded)
    patch = patch_for(settings.patch or shape)
    plan = TrainingPlan(patch, settings.steps, settings.batch, protocol.bootstrap_seed, settings.rate)
    about = {
        "cohort": settings.cohort,
        "sequences": list(modalities),
        "shape": list(shape),
        "split_seed": split_seed,
        **({} if own_splits is None else {"splits": _digest(own_splits)}),
        "models": origins_of(models),
    }
    return segment(usable, models_with_cases, protocol, plan, out, about)


def _digest(splits: Mapping[str, Split]) -> str:
    """A short hash of the user's own splits, by which results of others are told apart."""
    return sha256(json.dumps(sorted(splits.items())).encode()).hexdigest()[:12]


def segment(
    cohort: SegmentationCohort,
    models_with_cases: Mapping[str, Sequence[ModelWithCases]],
    protocol: EvaluationProtocol,
    plan: TrainingPlan,
    out: Path,
    about: Mapping[str, Any],
) -> Iterator[list[MetricResult]]:
    """The results of every model on the test cases: a list for each share of the patients, the smallest first.

    The same share of the training and of the validation patients is used, and the same patients for every model. Each
    seed of the protocol draws the patients, the decoder's first weights and the patches, and every training of a model
    learns from every draw: a figure is the mean over all, and its interval is over patients, trainings and draws. What
    `out` already holds is read, not computed again.
    """
    test = cohort.part("test")
    bootstrap = Bootstrap([case.patient_id for case in test], rounds=protocol.rounds, seed=protocol.bootstrap_seed)
    networks = len(protocol.shares) * sum(map(len, models_with_cases.values())) * len(protocol.seeds)
    number = 0
    for share in sorted(protocol.shares):
        statistics = {}
        draws = [
            (seed, share_of_cases(cohort, "train", share, seed), share_of_cases(cohort, "validation", share, seed))
            for seed in protocol.seeds
        ]
        for model, own in models_with_cases.items():
            runs: list[list[dict[Metric, Statistic]]] = [[] for _ in own]
            for (training, model_with_cases), (seed, cases, validation) in product(enumerate(own, start=1), draws):
                number += 1
                which = f"{model}, training {training}, {share:.0%} of the patients ({len(cases):,} cases), seed {seed}"
                say(f"{number}/{networks}: {which}", sys.stderr)
                folder = out / quote(model, safe=" ") / f"training-{training}" / f"{share:g}" / f"seed-{seed}"
                task = SegmentationTask(model_with_cases, cases, validation, test, replace(plan, seed=seed), folder)
                runs[training - 1].append(_statistics(task.scores(), test))
            statistics[model] = mean_over_runs(runs, metric_bounds)
        _, train_cases, validation_cases = draws[0]
        described = {
            "share": share,
            "seeds": list(protocol.seeds),
            "train": len(train_cases),
            "validation": len(validation_cases),
            "patch": list(plan.patch),
            "steps": plan.steps,
            "batch": plan.batch,
            "rate": plan.rate,
        }
        setting = ExperimentSetting(Task.SEGMENTATION, "test", len(test), {**about, **described})
        yield compare(setting, bootstrap, statistics)


def _statistics(scores: Scores, test: Sequence[BratsCase]) -> dict[Metric, Statistic]:
    """The mean over the test cases of every score."""
    return {
        Metric(metric): mean(np.array([scores[case.case][metric] for case in test])) for metric in scores[test[0].case]
    }


def share_of_cases(cohort: SegmentationCohort, split: Split, share: float, seed: int) -> list[BratsCase]:
    """The cases of a share of a split's patients, at least one: stratified by grade where it is known, and nested."""
    cases = cohort.part(split)
    grades = np.array([str(case.grade) for case in cases])
    return [cases[index] for index in label_subsets(grades, [it.patient_id for it in cases], [share], seed)[share]]


@dataclass(frozen=True)
class SegmentationTask:
    """One network: trained on its cases, selected on the validation cases, and applied to the test cases."""

    model_with_cases: ModelWithCases
    train: Sequence[BratsCase]
    validation: Sequence[BratsCase]
    test: Sequence[BratsCase]
    plan: TrainingPlan
    folder: Path

    def scores(self) -> Scores:
        """Of every test case every metric; trained, predicted and written to the folder where that is not done yet.

        SelipError where the folder holds another training.
        """
        self._check_folder()
        path = self.folder / SCORES
        if not path.exists():
            write_text(path, json.dumps(dict(self._predict()), indent=1) + "\n")
        scores: Scores = json.loads(path.read_text("utf-8"))
        return scores

    def _check_folder(self) -> None:
        (self.folder / PREDICTIONS).mkdir(parents=True, exist_ok=True)
        path, described = self.folder / TRAINING, json.dumps(self._described(), indent=1) + "\n"
        if path.exists() and path.read_text("utf-8") != described:
            raise SelipError(
                f"{self.folder} holds a segmentation of other cases, weights or settings: name a new folder with --out."
            )
        write_text(path, described)

    def _described(self) -> dict[str, Any]:
        """All that decides the result."""
        cache = self.model_with_cases.cache
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {
            **asdict(self.plan),
            "encoder": weights_hash(self.model_with_cases.evaluated.model.image_encoder),
            "recipe": cache.recipe.model_dump(mode="json"),
            "sequences": list(cache.modalities),
            **{split: {case.case: cache.hash(case) for case in cases} for split, cases in splits.items()},
        }

    def _predict(self) -> Iterator[tuple[str, dict[Metric, float]]]:
        """The scores of each test case, once its prediction is written."""
        torch.manual_seed(self.plan.seed)
        model, cache = self.model_with_cases.evaluated.model, self.model_with_cases.cache
        network = SegmentationNetwork(copy.deepcopy(model.image_encoder).requires_grad_(True), cache.modalities).to(
            model.device
        )
        train(network, self.train, self.validation, cache, self.plan, self.folder)
        with progress("cases segmented", len(self.test)) as advance:
            for case in self.test:
                prepared, truth = cache.get(case), read_truth(case)
                probabilities = predict(network, prepared.images, self.plan.patch)
                labels = labels_in_file(probabilities, prepared.grid, truth)
                path = self.folder / PREDICTIONS / f"{case.case}.nii.gz"
                write_nifti(path, own_labels(labels, case), truth.affine)
                spacing_mm = np.linalg.norm(truth.affine[:3, :3], axis=0).tolist()
                yield case.case, region_scores(labels, unified_labels(truth.voxels, case.case), spacing_mm)
                advance(1)
