import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from selip_downstream import statistics
from selip_downstream.statistics import Bootstrap, Estimate, auc, average, mean, minus


@pytest.mark.parametrize("seed", range(8))
def test_auc_under_weights_is_scikit_learns_on_cases_written_out_that_often(seed: int) -> None:
    draw = np.random.default_rng(seed)
    scores = draw.choice([0.1, 0.2, 0.3, 0.4], 30) if seed % 2 else draw.normal(size=30)
    positive = np.r_[True, False, draw.random(28) < 0.3]
    weights = draw.integers(0, 4, (5, 30)).astype(np.float64)
    weights[:, :2] += 1
    figures = auc(scores, positive)(weights)
    for figure, times in zip(figures, weights.astype(int), strict=True):
        repeated = np.repeat(np.arange(30), times)
        assert figure == pytest.approx(roc_auc_score(positive[repeated], scores[repeated]), abs=1e-12)


def test_auc_of_one_class_or_of_nothing_is_not_defined() -> None:
    assert np.isnan(auc(np.array([0.1, 0.2]), np.array([True, True]))(np.ones((1, 2)))).all()
    assert np.isnan(auc(np.zeros(0), np.zeros(0, bool))(np.ones((3, 0)))).all()


def test_an_interval_is_that_of_resampled_patients_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    patients = ["a", "a", "b", "c", "c", "c"]
    values = np.array([1.0, 0.0, 1.0, 0.0, 0.5, np.nan])
    cases = {name: [i for i, patient in enumerate(patients) if patient == name] for name in "abc"}
    generator = np.random.default_rng(3)
    draws = []
    for _ in range(500):
        drawn = generator.integers(3, size=3)
        draws.append(np.nanmean([values[i] for patient in drawn for i in cases["abc"[patient]]]))
    monkeypatch.setattr(statistics, "_CELLS_AT_ONCE", 40)

    found = Bootstrap(patients, rounds=500, seed=3).estimates({"mean": mean(values)})["mean"]

    assert found.value == pytest.approx(np.nanmean(values))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))


def test_cases_of_one_patient_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(0).normal(size=20)
    once = Bootstrap([str(i) for i in range(20)]).estimates({"mean": mean(values)})["mean"]
    ten_times = Bootstrap([str(i) for i in range(20)] * 10).estimates({"mean": mean(np.tile(values, 10))})["mean"]
    assert (ten_times.low, ten_times.high) == pytest.approx((once.low, once.high))


def test_a_paired_difference_is_sharper_than_its_two_figures() -> None:
    hard = np.random.default_rng(0).normal(size=200)
    bootstrap = Bootstrap([str(i) for i in range(200)])
    found = bootstrap.estimates({"difference": minus(mean(hard + 0.1), mean(hard)), "single": mean(hard)})
    difference, single = found["difference"], found["single"]
    assert difference.value == pytest.approx(0.1)
    assert (difference.low, difference.high) == pytest.approx((0.1, 0.1))
    assert single.low is not None
    assert single.high is not None
    assert single.high - single.low > 0.2


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    truth, trials = 0.3, 200
    held = 0
    for trial in range(trials):
        values = (np.random.default_rng(trial).random(150) < truth).astype(np.float64)
        found = Bootstrap([str(i) for i in range(150)], rounds=200, seed=trial).estimates({"share": mean(values)})
        low, high = found["share"].low, found["share"].high
        assert low is not None
        assert high is not None
        held += low <= truth <= high
    assert 0.90 <= held / trials <= 0.98


def test_one_patient_has_a_figure_without_interval_and_none_has_neither() -> None:
    assert Bootstrap(["a", "a"]).estimates({"m": mean(np.array([0.0, 1.0]))}) == {"m": Estimate(0.5, None, None)}
    assert Bootstrap([]).estimates({"m": mean(np.zeros(0))}) == {"m": Estimate(None, None, None)}


def test_an_average_is_over_the_metrics_that_are_defined() -> None:
    several = average([mean(np.array([1.0, 3.0])), mean(np.array([np.nan, 6.0]))])
    assert several(np.array([[1.0, 1.0], [1.0, 0.0]])).tolist() == [4.0, 1.0]
    assert np.isnan(average([])(np.ones((2, 3)))).all()


def test_the_same_seed_gives_the_same_interval() -> None:
    metrics = {"m": mean(np.arange(9.0))}
    patients = [str(i) for i in range(9)]
    assert Bootstrap(patients, seed=1).estimates(metrics) == Bootstrap(patients, seed=1).estimates(metrics)
    assert Bootstrap(patients, seed=1).estimates(metrics) != Bootstrap(patients, seed=2).estimates(metrics)
