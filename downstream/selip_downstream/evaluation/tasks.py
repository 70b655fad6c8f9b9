"""The tasks and their metrics, as the table `results` stores them, and the one table of their labels."""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

INTERVAL_MEANING = {
    "several": "Each figure with its 95 % interval, over patients and trainings",
    "some": "Each figure with its 95 % interval, over patients and trainings (of models with several)",
    "one": "Each figure with its 95 % interval, over patients; each model is one training, so another seed may differ "
    "more",
}
"""What intervals are over, where all models, some or none have several trainings."""
TOGETHER = "together"
"""As the configuration of a result calls all sequences together."""
STUDIES = "studies"
"""As it calls whole studies, which a study encoder embeds."""


class Task(StrEnum):
    """The column `task` of the table `results`."""

    RETRIEVAL = "retrieval"
    ZERO_SHOT = "zero-shot"
    CLASSIFICATION = "classification"
    SEGMENTATION = "segmentation"
    EXPLANATION = "explanation"


class Metric(StrEnum):
    """The column `metric` of the table `results`."""

    TOP_1 = "top-1 of equal text"
    TOP_2 = "top-2 of equal text"
    TOP_3 = "top-3 of equal text"
    TOP_4 = "top-4 of equal text"
    TOP_5 = "top-5 of equal text"
    TOP_6 = "top-6 of equal text"
    TOP_7 = "top-7 of equal text"
    TOP_8 = "top-8 of equal text"
    TOP_9 = "top-9 of equal text"
    TOP_10 = "top-10 of equal text"
    MEAN_RANK = "mean rank of equal text"
    OWN_TOP_1 = "top-1 of own"
    OWN_TOP_2 = "top-2 of own"
    OWN_TOP_3 = "top-3 of own"
    OWN_TOP_4 = "top-4 of own"
    OWN_TOP_5 = "top-5 of own"
    OWN_TOP_6 = "top-6 of own"
    OWN_TOP_7 = "top-7 of own"
    OWN_TOP_8 = "top-8 of own"
    OWN_TOP_9 = "top-9 of own"
    OWN_TOP_10 = "top-10 of own"
    OWN_MEAN_RANK = "mean rank of own"
    NDCG_10 = "nDCG@10 by side and site"
    FIRST_HIT_SITE = "site of first hit"
    FIRST_HIT_SIDE = "side of first hit"
    FIRST_HIT_SIGNAL = "signal of first hit"
    AUC = "AUC"
    ACCURACY = "accuracy"
    MACRO_F1 = "macro F1"
    BALANCED_ACCURACY = "balanced accuracy"
    AUC_NORMAL = "AUC of normal"
    AUC_SITE = "AUC of site"
    AUC_SIDE = "AUC of side"
    AUC_SIGNAL = "AUC of signal"
    DICE_WT = "Dice WT"
    DICE_TC = "Dice TC"
    DICE_ET = "Dice ET"
    DICE = "Dice"
    HD95_WT = "HD95 WT"
    HD95_TC = "HD95 TC"
    HD95_ET = "HD95 ET"
    POINTING = "pointing"


class Label(NamedTuple):
    """What a metric is called in a row of a table, and within a sentence where that differs."""

    row: str
    phrase: str = ""


METRICS: dict[Task, tuple[Metric, ...]] = {
    Task.RETRIEVAL: (
        Metric.TOP_1,
        Metric.TOP_5,
        Metric.TOP_10,
        Metric.MEAN_RANK,
        Metric.NDCG_10,
        Metric.FIRST_HIT_SITE,
        Metric.FIRST_HIT_SIDE,
        Metric.FIRST_HIT_SIGNAL,
    ),
    Task.ZERO_SHOT: (Metric.AUC_NORMAL, Metric.AUC_SITE, Metric.AUC_SIDE, Metric.AUC_SIGNAL),
    Task.CLASSIFICATION: (Metric.AUC, Metric.ACCURACY, Metric.MACRO_F1, Metric.BALANCED_ACCURACY),
    Task.SEGMENTATION: (
        Metric.DICE_WT,
        Metric.DICE_TC,
        Metric.DICE_ET,
        Metric.DICE,
        Metric.HD95_WT,
        Metric.HD95_TC,
        Metric.HD95_ET,
    ),
    Task.EXPLANATION: (Metric.POINTING,),
}
"""The metrics of each task that tables show, in their order."""

TASK_LABELS: dict[Task, str] = {
    Task.RETRIEVAL: "Retrieval",
    Task.ZERO_SHOT: "Zero-shot classification",
    Task.CLASSIFICATION: "Classification",
    Task.SEGMENTATION: "Segmentation",
    Task.EXPLANATION: "Explanation",
}

METRIC_LABELS: dict[Metric, Label] = {
    Metric.TOP_1: Label("top 1"),
    Metric.TOP_5: Label("top 5", "text among the first five"),
    Metric.TOP_10: Label("top 10"),
    Metric.MEAN_RANK: Label("mean rank"),
    Metric.NDCG_10: Label("nDCG: side, site"),
    Metric.FIRST_HIT_SITE: Label("first hit: site", "site of the first hit"),
    Metric.FIRST_HIT_SIDE: Label("and side", "side and site of the first hit"),
    Metric.FIRST_HIT_SIGNAL: Label("and signal"),
    Metric.AUC: Label("AUC"),
    Metric.ACCURACY: Label("accuracy"),
    Metric.MACRO_F1: Label("macro F1"),
    Metric.BALANCED_ACCURACY: Label("balanced accuracy"),
    Metric.AUC_NORMAL: Label("AUC: normal or not"),
    Metric.AUC_SITE: Label("AUC: site"),
    Metric.AUC_SIDE: Label("AUC: side and site"),
    Metric.AUC_SIGNAL: Label("AUC: and signal"),
    Metric.DICE_WT: Label("Dice, whole tumour"),
    Metric.DICE_TC: Label("Dice, tumour core"),
    Metric.DICE_ET: Label("Dice, enhancing tumour"),
    Metric.DICE: Label("Dice, mean of these"),
    Metric.HD95_WT: Label("HD95 in mm, whole tumour"),
    Metric.HD95_TC: Label("HD95 in mm, tumour core"),
    Metric.HD95_ET: Label("HD95 in mm, enhancing tumour"),
    Metric.POINTING: Label("hits"),
}


def interval_note(trainings: Iterable[int]) -> str:
    """What intervals are over, given how many trainings each model has."""
    counts = list(trainings)
    if max(counts, default=1) == 1:
        return INTERVAL_MEANING["one"]
    return INTERVAL_MEANING["some" if min(counts) == 1 else "several"]


def metric_bounds(metric: Metric) -> tuple[float, float]:
    """The smallest and the largest possible value."""
    if metric in (Metric.MEAN_RANK, Metric.OWN_MEAN_RANK):
        return 1.0, math.inf
    if metric in (Metric.HD95_WT, Metric.HD95_TC, Metric.HD95_ET):
        return 0.0, math.inf
    return 0.0, 1.0


def metric_label(metric: Metric) -> str:
    """The label of a table row."""
    return METRIC_LABELS[metric].row


def metric_phrase(metric: Metric) -> str:
    """What the metric is called within a sentence."""
    label = METRIC_LABELS[metric]
    return label.phrase or label.row
