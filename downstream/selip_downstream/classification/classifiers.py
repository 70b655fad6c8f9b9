"""Classifiers on the embeddings of a frozen encoder: nearest neighbours and a linear probe.

Hyperparameters (the number of neighbours, the probe's penalty) are chosen on the validation cases.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selip_downstream.evaluation.bootstrap import Statistic, Weights, auc, average, every_case_once, mean
from selip_downstream.evaluation.protocol import Labels
from selip_downstream.evaluation.tasks import Metric

Features = NDArray[np.float32]
Positions = NDArray[np.int64]

NEIGHBOURS = (1, 3, 5, 9, 15, 25)
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""C of scikit-learn, the inverse of the penalty: strongest penalty first."""


@dataclass(frozen=True)
class Cases:
    """Embeddings (N, F), labels (N,) and patients of the cases."""

    features: Features
    labels: Labels
    patients: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.int64]) -> "Cases":
        """The cases at these positions."""
        return Cases(self.features[index], self.labels[index], [self.patients[i] for i in index])


@dataclass(frozen=True)
class Prediction:
    """Scores (N, classes) that sum to 1 in each row, for the classes in this order; `chosen` is how, e.g. C=0.1."""

    scores: NDArray[np.float64]
    classes: Sequence[str]
    chosen: str


Classifier = Callable[[Cases, Cases, Features], Prediction]
"""Learns from training cases, selects on validation cases, and scores further embeddings."""


def nearest_neighbours(train: Cases, validation: Cases, features: Features) -> Prediction:
    """Votes of the nearest training cases by cosine."""
    fitting = sorted({min(k, len(train)) for k in NEIGHBOURS})
    candidates = {f"k={k}": KNeighborsClassifier(k, metric="cosine", algorithm="brute") for k in fitting}
    return _best(candidates, train, validation, features)


def linear_probe(train: Cases, validation: Cases, features: Features) -> Prediction:
    """Logistic regression on standardised embeddings."""
    candidates = {
        f"C={c:g}": make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000)) for c in PENALTIES
    }
    return _best(candidates, train, validation, features)


CLASSIFIERS: dict[str, Classifier] = {"k-NN": nearest_neighbours, "linear probe": linear_probe}


def classification_statistics(prediction: Prediction, labels: Labels) -> dict[Metric, Statistic]:
    """AUC, accuracy, macro F1 and balanced accuracy, defined as in scikit-learn.

    AUC is of the second of two classes, else the mean of each class against the rest; F1 is the mean over the classes
    that are true or predicted, balanced accuracy the mean recall of the classes that are true.
    """
    classes = prediction.classes
    scored = [1] if len(classes) == 2 else range(len(classes))
    right = np.array(classes)[prediction.scores.argmax(1)] == labels if len(labels) else np.zeros(0)
    table = _confusion(prediction, labels)
    return {
        Metric.AUC: average([auc(prediction.scores[:, c], labels == classes[c]) for c in scored]),
        Metric.ACCURACY: mean(right.astype(np.float64)),
        Metric.MACRO_F1: lambda resamples: _macro_f1(table(resamples.cases)),
        Metric.BALANCED_ACCURACY: lambda resamples: _mean_recall(table(resamples.cases)),
    }


def validation_score(prediction: Prediction, labels: Labels) -> float:
    """AUC, by which weights and hyperparameters are selected; 0 where it is undefined."""
    (score,) = classification_statistics(prediction, labels)[Metric.AUC](every_case_once(len(labels)))
    return float(np.nan_to_num(score))


def _best(candidates: Mapping[str, Any], train: Cases, validation: Cases, features: Features) -> Prediction:
    """The first candidate with the highest AUC on the validation cases."""
    best: tuple[float, str] | None = None
    for name, model in candidates.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train.features, train.labels)
        score = validation_score(_predicted(model, validation.features, name), validation.labels)
        if best is None or score > best[0]:
            best = score, name
    assert best is not None
    model = candidates[best[1]]
    return _predicted(model, features, best[1])


def _predicted(model: Any, features: Features, chosen: str) -> Prediction:
    return Prediction(model.predict_proba(features).astype(np.float64), [str(c) for c in model.classes_], chosen)


def _confusion(prediction: Prediction, labels: Labels) -> Callable[[Weights], NDArray[np.float64]]:
    """From weights (rounds, N) how often class t was taken for class p: (rounds, classes, classes).

    A true class that was never learnt from has a row of its own after the others.
    """
    known = list(prediction.classes)
    every = known + sorted(set(labels.tolist()) - set(known))
    truth = np.array([every.index(label) for label in labels], dtype=np.int64)
    cell = truth * len(every) + prediction.scores.argmax(1) if len(labels) else truth
    hits = np.eye(len(every) ** 2)[cell]
    return lambda weights: (weights @ hits).reshape(len(weights), len(every), len(every))


def _macro_f1(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    right = np.diagonal(confusion, axis1=1, axis2=2)
    return _mean_share(2 * right, confusion.sum(1) + confusion.sum(2))


def _mean_recall(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    return _mean_share(np.diagonal(confusion, axis1=1, axis2=2), confusion.sum(2))


def _mean_share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the classes (rounds, classes) of part by whole where there is a whole; NaN without any."""
    shares = np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
    classes = (whole > 0).sum(1)
    return np.where(classes > 0, shares.sum(1) / np.maximum(classes, 1), np.nan)
