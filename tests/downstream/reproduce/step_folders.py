"""Folders as the steps of a reproduction leave them, small: real databases, checkpoints and printed scores."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selip_contracts.database_file import open_store
from selip_downstream.evaluation.bootstrap import Bootstrap, mean
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.results import MetricResult, write_results
from selip_downstream.evaluation.tasks import Metric, Task
from selip_pretrain.data.splits import Shares, assign_splits
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.checkpoint import save_best
from tests.downstream.oracle_model import LEFT, RIGHT
from tests.pretrain.small_cohort import small_configuration, write_cohort

SEEDS = (0, 1, 2)
TARGETS = {"CLIP": "hard", "SeLIP": "selip", "best-match": "best-match"}
PATIENTS = [f"p{number:03}" for number in range(150)]
RETRIEVAL = [Metric.TOP_1, Metric.TOP_5, Metric.FIRST_HIT_SITE, Metric.FIRST_HIT_SIDE]
LEVELS = {"random": 0.03, "CLIP": 0.3, "SeLIP": 0.35, "best-match": 0.5}
"""How often each model is right."""
NUMBERED_TITLES = [
    "Extraction",
    "The claim on frozen features",
    "The study encoder on frozen features",
    "Retrieval, by target and by share of the training studies",
    "Classification",
    "Segmentation",
    "What the models look at",
    "What an extraction error costs",
    "Conditions",
]
"""Of the numbered sections of a page that shows everything."""


def numbered(titles: Sequence[str]) -> list[str]:
    """The titles as a page with these sections has them."""
    return [f"{number}. {title}" for number, title in enumerate(titles, start=1)]


TITLES = ["In short", "Beyond the main comparison", *numbered(NUMBERED_TITLES)]
"""Of all sections of a page that shows everything."""


def write_step(root: Path, name: str, figures: Sequence[MetricResult] = ()) -> Path:
    """The folder of a step that is done."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "step.json").write_text(json.dumps({"key": name, "seconds": 7.25, "ended": "2026-01-01T00:00:00"}))
    if figures:
        path = folder / "results.duckdb"
        with open_store(path) as connection:
            write_results(connection, path, figures)
    return folder


def measure(
    root: Path, levels: Mapping[str, float], task: Task, metrics: Sequence[Metric], **about: Any
) -> list[MetricResult]:
    """A comparison in which each model is right as often as its level says, on the same 150 patients."""
    draw = np.random.default_rng(7).random((len(metrics), len(PATIENTS)))
    values = {
        model: {metric: mean((row < level).astype(float)) for metric, row in zip(metrics, draw, strict=True)}
        for model, level in levels.items()
    }
    models = {
        model: [
            {
                "checkpoint": str(root / f"train-{TARGETS.get(model, 'hard')}-100-{seed}" / "best"),
                "weights": f"{seed}f",
            }
            for seed in SEEDS
        ]
        for model in levels
    }
    setting = ExperimentSetting(task, "test", len(PATIENTS), {"models": models, **about})
    return compare(setting, Bootstrap(PATIENTS, rounds=200), values)


def measure_retrieval(root: Path, levels: Mapping[str, float]) -> list[MetricResult]:
    """Both directions, over all sequences and on DWI alone."""
    counts = {"texts": "distinct", "gallery": 120, "distinct_texts": 120, "repeated_texts": 30}
    return [
        figure
        for direction in ("image to text", "text to image")
        for sequence in ("together", "DWI")
        for figure in measure(root, levels, Task.RETRIEVAL, RETRIEVAL, direction=direction, sequence=sequence, **counts)
    ]


def write_retrieval(root: Path, levels: Mapping[int, Mapping[str, float]]) -> None:
    """A step for each percentage of the training studies."""
    for share, own in levels.items():
        write_step(root, f"retrieve-{share}", measure_retrieval(root, own))


def write_frozen(root: Path) -> None:
    """Trainings on frozen features, with two shares of the studies and with errors in the findings.

    With all studies uniform smoothing is above CLIP.
    """
    levels = {name: LEVELS[name] for name in ("CLIP", "SeLIP", "best-match")}
    levels |= {"best-match alone": 0.55, "shuffled": 0.2, "SeLIP alone": 0.36}
    counts = {"texts": "distinct", "gallery": 120, "direction": "image to text", "sequence": "together"}
    metrics = [Metric.TOP_5, Metric.FIRST_HIT_SIDE]
    of_share = [
        figure
        for share, smoothed in ((0.1, 0.3), (1.0, 0.5))
        for figure in measure(
            root,
            levels | {"uniform": smoothed},
            Task.RETRIEVAL,
            metrics,
            share=share,
            encoders="frozen features",
            **counts,
        )
    ]
    wrong = {"true findings": 0.5, "extracted": 0.5, "30 % wrong": 0.2}
    errors = measure(root, wrong, Task.RETRIEVAL, metrics, share=1.0, findings="with errors", **counts)
    write_step(root, "frozen", [*of_share, *errors])


def write_studies(root: Path) -> None:
    """Study encoders on frozen features, with none and with half of the volumes missing."""
    counts = {"texts": "distinct", "gallery": 120, "direction": "image to text", "sequence": "studies"}
    metrics = [Metric.TOP_5, Metric.FIRST_HIT_SIDE]
    figures = [
        figure
        for missing, level in ((0.0, 0.6), (0.5, 0.3))
        for figure in measure(
            root,
            {"best sequence": 0.3, "mean of sequences": 0.35, "study encoder": level},
            Task.RETRIEVAL,
            metrics,
            missing=missing,
            **counts,
        )
    ]
    write_step(root, "frozen-studies", figures)


def write_reading(root: Path, scores: Mapping[str, str]) -> None:
    """A step for each reader, with what selip-score printed for it."""
    for reader, printed in scores.items():
        (write_step(root, f"read-{reader}") / "stdout.txt").write_text(f"reading\n{printed}", encoding="utf-8")


def write_tasks(root: Path) -> None:
    """Classification, segmentation, pointing and the cost of errors."""
    learnt: dict[str, Any] = {
        "labels": "BraTS grades of cohort",
        "classes": {"HGG": 90, "LGG": 60},
        "train": 40,
        "seeds": [0, 1, 2],
    }
    write_step(
        root,
        "classify-normal",
        measure(
            root,
            LEVELS,
            Task.ZERO_SHOT,
            [Metric.AUC_NORMAL, Metric.AUC_SITE],
            sequence="together",
            questions={"normal": 1, "site": 7},
        ),
    )
    write_step(
        root,
        "classify-brats",
        [
            figure
            for share in (0.1, 1.0)
            for figure in measure(
                root,
                LEVELS,
                Task.CLASSIFICATION,
                [Metric.AUC, Metric.ACCURACY],
                classifier="linear probe",
                share=share,
                **learnt,
            )
        ],
    )
    write_step(
        root,
        "segment",
        [
            figure
            for share in (0.1, 1.0)
            for figure in measure(
                root, LEVELS, Task.SEGMENTATION, [Metric.DICE_WT, Metric.DICE], share=share, train=12, seeds=[0]
            )
        ],
    )
    write_step(
        root,
        "pointing",
        [
            figure
            for site in ("all sites", "额叶")
            for figure in measure(
                root,
                {"chance": 0.05, **LEVELS},
                Task.EXPLANATION,
                [Metric.POINTING],
                site=site,
                tolerance_mm=10.0,
                lost_on_grid=3,
            )
        ],
    )
    levels = {"random": 0.03, "true findings": 0.5, "extracted": 0.48, "10 % wrong": 0.4, "30 % wrong": 0.2}
    write_step(root, "retrieve-errors", measure_retrieval(root, levels))


def write_data(root: Path) -> None:
    """The database of images with their true texts."""
    folder = write_step(root, "data-true")
    db = write_cohort(folder, 60)
    with open_store(db) as connection:
        assign_splits(connection, 0, Shares(train=0.5, validation=0.1, test=0.4))


def write_trainings(root: Path) -> None:
    """A training for each target and seed, on all studies; of each target the one with seed 1 is the best."""
    for target in TARGETS.values():
        for seed in SEEDS:
            model = SelipModel.build(small_configuration(target=target, seed=seed), [LEFT, RIGHT])
            score = 0.4 if seed == 1 else 0.2 + seed / 100
            validation = {
                "step": 15,
                "top_1": 0.1,
                "top_5": 0.3,
                "mean_reciprocal_rank": score,
                "images": 6,
                "texts": 5,
            }
            save_best(write_step(root, f"train-{target}-100-{seed}"), model, validation)


def steps_of(root: Path) -> list[str]:
    """Every step that is there, as the command names them."""
    return [f"{folder.name}={folder}" for folder in sorted(root.iterdir())]
