import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    roc_auc_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selip_downstream.classification.classifiers import (
    CLASSIFIERS,
    PENALTIES,
    Cases,
    Prediction,
    classification_statistics,
    linear_probe,
    nearest_neighbours,
)
from selip_downstream.evaluation.bootstrap import Resamples, every_case_once
from selip_downstream.evaluation.protocol import label_subsets
from selip_downstream.evaluation.tasks import Metric

SHARES = (0.01, 0.05, 0.1, 1.0)


def cohort(seed: int, count: int, classes: int = 2, apart: float = 1.0, width: int = 16) -> Cases:
    """Classes that lie apart along one axis each; two cases a patient."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(classes, size=count)
    features = draw.normal(size=(count, width)).astype(np.float32)
    features[np.arange(count), labels] += apart
    return Cases(features, np.array([f"class {label}" for label in labels]), [f"{seed}/{i // 2}" for i in range(count)])


@pytest.mark.parametrize(("seed", "classes"), [(0, 2), (1, 2), (2, 3), (3, 5)])
def test_statistics_are_scikit_learns_on_cases_written_out_as_often_as_they_weigh(seed: int, classes: int) -> None:
    draw = np.random.default_rng(seed)
    names = [f"c{i}" for i in range(classes)]
    truth = np.r_[np.arange(classes), draw.integers(classes, size=40)]
    labels = np.array(names)[truth]
    scores = draw.dirichlet(np.ones(classes), len(labels)).round(1) + 0.01
    scores /= scores.sum(1, keepdims=True)
    weights = draw.integers(1, 4, (3, len(labels))).astype(np.float64)
    statistics = classification_statistics(Prediction(scores, names, ""), labels)
    predicted = np.array(names)[scores.argmax(1)]
    weighted = Resamples(weights, every_case_once(0).repeats)
    for number, times in enumerate(weights.astype(int)):
        i = np.repeat(np.arange(len(labels)), times)
        area = (
            roc_auc_score(labels[i] == "c1", scores[i, 1])
            if classes == 2
            else roc_auc_score(labels[i], scores[i], multi_class="ovr", labels=names)
        )
        assert {name: statistic(weighted)[number] for name, statistic in statistics.items()} == pytest.approx(
            {
                "AUC": area,
                "accuracy": accuracy_score(labels[i], predicted[i]),
                "macro F1": f1_score(labels[i], predicted[i], average="macro"),
                "balanced accuracy": balanced_accuracy_score(labels[i], predicted[i]),
            },
            abs=1e-12,
        )


def test_a_true_class_that_was_never_learnt_counts_as_missed() -> None:
    labels = np.array(["a", "b", "new", "new"])
    prediction = Prediction(np.array([[0.9, 0.1], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]), ["a", "b"], "")
    statistics = classification_statistics(prediction, labels)
    predicted = np.array(["a", "b", "a", "b"])
    once = every_case_once(4)
    assert statistics[Metric.MACRO_F1](once)[0] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert statistics[Metric.BALANCED_ACCURACY](once)[0] == pytest.approx(2 / 3)
    assert statistics[Metric.ACCURACY](once)[0] == 0.5


def test_a_class_that_is_neither_true_nor_predicted_does_not_count() -> None:
    labels = np.array(["a", "b"])
    prediction = Prediction(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]), ["a", "b", "c"], "")
    statistics = classification_statistics(prediction, labels)
    assert {name: statistic(every_case_once(2))[0] for name, statistic in statistics.items()} == {
        "AUC": 1.0, "accuracy": 1.0, "macro F1": 1.0, "balanced accuracy": 1.0,
    }  # fmt: skip


def test_without_cases_no_metric_is_defined() -> None:
    statistics = classification_statistics(Prediction(np.zeros((0, 2)), ["a", "b"], ""), np.zeros(0, dtype=str))
    assert all(np.isnan(statistic(every_case_once(0))).all() for statistic in statistics.values())


@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_classes_that_lie_apart_are_told_apart_and_mixed_ones_are_not(name: str) -> None:
    test = {apart: cohort(2, 300, apart=apart) for apart in (0.0, 4.0)}
    areas = {}
    for apart, cases in test.items():
        prediction = CLASSIFIERS[name](cohort(0, 200, apart=apart), cohort(1, 100, apart=apart), cases.features)
        np.testing.assert_allclose(prediction.scores.sum(1), 1)
        areas[apart] = classification_statistics(prediction, cases.labels)[Metric.AUC](every_case_once(len(cases)))[0]
    assert areas[4.0] > 0.97
    assert 0.35 < areas[0.0] < 0.65


def test_standardisation_makes_the_unit_of_an_embedding_irrelevant() -> None:
    train, validation, test = cohort(0, 100), cohort(1, 60), cohort(2, 50)
    scale = np.geomspace(1e-3, 1e3, 16, dtype=np.float32)
    first = linear_probe(train, validation, test.features)
    scaled = linear_probe(
        Cases(train.features * scale, train.labels, train.patients),
        Cases(validation.features * scale, validation.labels, validation.patients),
        test.features * scale,
    )
    assert scaled.chosen == first.chosen
    np.testing.assert_allclose(scaled.scores, first.scores, atol=1e-3)


def test_what_is_chosen_is_best_on_the_validation_cases() -> None:
    train, other, test = (cohort(seed, 150, apart=1.5) for seed in range(3))
    assert nearest_neighbours(train, train, test.features).chosen == "k=1"
    assert nearest_neighbours(train, other, test.features).chosen != "k=1"
    areas = {}
    for c in PENALTIES:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000)).fit(
            train.features, train.labels
        )
        areas[f"C={c:g}"] = roc_auc_score(other.labels == "class 1", model.predict_proba(other.features)[:, 1])
    assert linear_probe(train, other, test.features).chosen == max(areas, key=lambda name: areas[name])


def test_more_neighbours_than_cases_are_not_asked() -> None:
    few = Cases(np.eye(2, dtype=np.float32), np.array(["a", "b"]), ["p", "q"])
    prediction = nearest_neighbours(few, few, np.array([[1.0, 0.1]], dtype=np.float32))
    assert prediction.scores.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("seed", range(5))
def test_subsets_are_nested_stratified_and_keep_patients_whole(seed: int) -> None:
    draw = np.random.default_rng(seed)
    patients = [f"p{i:03}" for i in draw.integers(120, size=400)]
    label_of = {patient: draw.choice(["a", "b", "c"], p=[0.7, 0.25, 0.05]) for patient in sorted(set(patients))}
    labels = np.array([label_of[patient] for patient in patients])
    subsets = label_subsets(labels, patients, SHARES, seed)
    before: set[int] = set()
    for share, positions in subsets.items():
        chosen = set(positions.tolist())
        assert before <= chosen
        inside = {patients[i] for i in chosen}
        assert chosen == {i for i, patient in enumerate(patients) if patient in inside}
        for label in ("a", "b", "c"):
            of_label = [patient for patient, found in label_of.items() if found == label]
            assert sum(patient in inside for patient in of_label) == int(np.ceil(round(share * len(of_label), 6)))
        before = chosen
    assert len(subsets[1.0]) == len(patients)


def test_subsets_hang_on_the_seed_and_not_on_the_order_of_the_cases() -> None:
    patients = [f"p{i}" for i in range(60)]
    labels = np.array(["a", "b"] * 30)
    chosen = label_subsets(labels, patients, [0.1], 7)[0.1]
    backwards = label_subsets(labels[::-1], patients[::-1], [0.1], 7)[0.1]
    assert {patients[i] for i in chosen} == {patients[::-1][i] for i in backwards}
    assert chosen.tolist() != label_subsets(labels, patients, [0.1], 8)[0.1].tolist()


def test_a_patient_with_cases_of_both_labels_is_a_stratum_of_its_own() -> None:
    patients = ["p", "p", "q", "r"]
    labels = np.array(["a", "b", "a", "b"])
    assert label_subsets(labels, patients, [0.1], 0)[0.1].tolist() == [0, 1, 2, 3]
