"""Segmentation of a BraTS cohort, model by model, learnt from few patients or all: predictions, scores and figures."""

import copy
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import torch

from selip_downstream.datasets.brats import BratsCase, own_labels, unified_labels
from selip_downstream.datasets.nifti_file import write_nifti
from selip_downstream.evaluation.bootstrap import Bootstrap, Metric, mean, mean_over_runs
from selip_downstream.evaluation.compared_models import EvaluatedModel, weights_hash
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.protocol import EvaluationProtocol, label_subsets
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.segmentation.cases import CaseCache, SegmentationCohort, labels_in_file, read_truth
from selip_downstream.segmentation.metrics import region_scores
from selip_downstream.segmentation.training import Plan, predict, train
from selip_downstream.segmentation.unet import SegmentationNetwork
from selip_pretrain.data.splits import Split
from selip_shared.errors import SelipError
from selip_shared.files import write_text
from selip_shared.progress import progress

SEGMENTATION = "segmentation"
TRAINING, SCORES, PREDICTIONS = "training.json", "scores.json", "predictions"

Scores = Mapping[str, Mapping[str, float]]
"""By case and by metric."""


@dataclass(frozen=True)
class ModelWithCases:
    """A training of a model that takes part, and the cases as its recipe prepares them."""

    contender: EvaluatedModel
    cache: CaseCache


def segment(
    cohort: SegmentationCohort,
    entrants: Mapping[str, Sequence[ModelWithCases]],
    trial: EvaluationProtocol,
    plan: Plan,
    out: Path,
    about: Mapping[str, Any],
) -> Iterator[list[MetricResult]]:
    """The figures of every model on the test cases: a list for each share of the patients, from the smallest on.

    Of the training and the validation patients the same share is used, and the same ones by every model. By each seed
    of the trial patients, the decoder's first weights and the patches are drawn, and every training of a model learns
    from every draw: a figure is the mean over all, its interval that of other patients, trainings and draws. What is in
    `out` already is read, not computed again.
    """
    test = cohort.part("test")
    bootstrap = Bootstrap([case.patient_id for case in test], rounds=trial.rounds, seed=trial.bootstrap_seed)
    networks = len(trial.shares) * sum(map(len, entrants.values())) * len(trial.seeds)
    number = 0
    for share in sorted(trial.shares):
        metrics = {}
        learnt_from = [(few(cohort, "train", share, s), few(cohort, "validation", share, s)) for s in trial.seeds]
        for model, own in entrants.items():
            found: list[list[dict[str, Metric]]] = [[] for _ in own]
            draws = zip(trial.seeds, learnt_from, strict=True)
            for (training, entrant), (seed, (cases, validation)) in product(enumerate(own, start=1), draws):
                number += 1
                which = f"{model}, training {training}, {share:.0%} of the patients ({len(cases):,} cases), seed {seed}"
                print(f"{number}/{networks}: {which}", file=sys.stderr)
                folder = out / quote(model, safe=" ") / f"training-{training}" / f"{share:g}" / f"seed-{seed}"
                task = SegmentationTask(entrant, cases, validation, test, replace(plan, seed=seed), folder)
                found[training - 1].append(_metrics(task.scores(), test))
            metrics[model] = mean_over_runs(found)
        described = {
            "share": share,
            "seeds": list(trial.seeds),
            "train": len(learnt_from[0][0]),
            "validation": len(learnt_from[0][1]),
            "patch": list(plan.patch),
            "steps": plan.steps,
            "batch": plan.batch,
            "rate": plan.rate,
        }
        yield compare(ExperimentSetting(SEGMENTATION, "test", len(test), {**about, **described}), bootstrap, metrics)


def _metrics(scores: Scores, test: Sequence[BratsCase]) -> dict[str, Metric]:
    """The mean over the test cases of every score."""
    return {name: mean(np.array([scores[case.case][name] for case in test])) for name in scores[test[0].case]}


def few(cohort: SegmentationCohort, split: Split, share: float, seed: int) -> list[BratsCase]:
    """The cases of a share of a part's patients, at least one: by grade where it is known, and nested."""
    part = cohort.part(split)
    grades = np.array([str(case.grade) for case in part])
    return [part[index] for index in label_subsets(grades, [case.patient_id for case in part], [share], seed)[share]]


@dataclass(frozen=True)
class SegmentationTask:
    """One network: trained on its cases, chosen by the validation cases, and asked for the test cases."""

    entrant: ModelWithCases
    train: Sequence[BratsCase]
    validation: Sequence[BratsCase]
    test: Sequence[BratsCase]
    plan: Plan
    folder: Path

    def scores(self) -> Scores:
        """Of every test case every metric; trained, predicted and written to the folder where that is not done yet.

        SelipError where the folder holds another training.
        """
        self._begin()
        path = self.folder / SCORES
        if not path.exists():
            write_text(path, json.dumps(dict(self._predicted()), indent=1) + "\n")
        scores: Scores = json.loads(path.read_text("utf-8"))
        return scores

    def _begin(self) -> None:
        (self.folder / PREDICTIONS).mkdir(parents=True, exist_ok=True)
        path, said = self.folder / TRAINING, json.dumps(self._about(), indent=1) + "\n"
        if path.exists() and path.read_text("utf-8") != said:
            raise SelipError(
                f"{self.folder} holds a segmentation of other cases, weights or settings: name a new folder with --out."
            )
        write_text(path, said)

    def _about(self) -> dict[str, Any]:
        """All that the result hangs on."""
        cache = self.entrant.cache
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {
            **asdict(self.plan),
            "encoder": weights_hash(self.entrant.contender.model.image_encoder),
            "recipe": cache.recipe.model_dump(mode="json"),
            "sequences": list(cache.modalities),
            **{part: {case.case: cache.hash(case) for case in cases} for part, cases in parts.items()},
        }

    def _predicted(self) -> Iterator[tuple[str, dict[str, float]]]:
        """The scores of each test case, once its prediction is written."""
        torch.manual_seed(self.plan.seed)
        model, cache = self.entrant.contender.model, self.entrant.cache
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
