import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from selip_downstream.evaluation import bootstrap as statistics
from selip_downstream.evaluation.bootstrap import (
    Bootstrap,
    Resamples,
    Statistic,
    Weights,
    auc,
    average,
    every_case_once,
    mean,
    mean_over_runs,
    repeated,
)
from selip_shared.bootstrap import Estimate


def weighted(cases: Weights) -> Resamples:
    return Resamples(cases, every_case_once(0).repeats)


def estimate(bootstrap: Bootstrap, statistic: Statistic) -> Estimate:
    return bootstrap.sampled({"": statistic})[""].estimate()


@pytest.mark.parametrize("seed", range(8))
def test_auc_under_weights_is_scikit_learns_on_cases_written_out_that_often(seed: int) -> None:
    draw = np.random.default_rng(seed)
    scores = draw.choice([0.1, 0.2, 0.3, 0.4], 30) if seed % 2 else draw.normal(size=30)
    positive = np.r_[True, False, draw.random(28) < 0.3]
    weights = draw.integers(0, 4, (5, 30)).astype(np.float64)
    weights[:, :2] += 1
    figures = auc(scores, positive)(weighted(weights))
    for figure, times in zip(figures, weights.astype(int), strict=True):
        repeated = np.repeat(np.arange(30), times)
        assert figure == pytest.approx(roc_auc_score(positive[repeated], scores[repeated]), abs=1e-12)


def test_auc_of_one_class_or_of_nothing_is_not_defined() -> None:
    assert np.isnan(auc(np.array([0.1, 0.2]), np.array([True, True]))(every_case_once(2))).all()
    assert np.isnan(auc(np.zeros(0), np.zeros(0, bool))(every_case_once(0))).all()


def test_an_interval_is_that_of_resampled_patients_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    patients = ["a", "a", "b", "c", "c", "c"]
    values = np.array([1.0, 0.0, 1.0, 0.0, 0.5, np.nan])
    cases = {name: [i for i, patient in enumerate(patients) if patient == name] for name in "abc"}
    generator = np.random.default_rng(3)
    draws = []
    for _ in range(500):
        drawn = generator.integers(3, size=3)
        draws.append(np.nanmean([values[i] for patient in drawn for i in cases["abc"[patient]]]))
    monkeypatch.setattr(statistics, "_CHUNK_CELLS", 40)

    found = estimate(Bootstrap(patients, rounds=500, seed=3), mean(values))

    assert found.value == pytest.approx(np.nanmean(values))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))


def test_cases_of_one_patient_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(0).normal(size=20)
    patients = [str(i) for i in range(20)]
    once = estimate(Bootstrap(patients), mean(values))
    ten_times = estimate(Bootstrap(patients * 10), mean(np.tile(values, 10)))
    assert (ten_times.low, ten_times.high) == pytest.approx((once.low, once.high))


def test_a_paired_difference_is_sharper_than_its_two_figures() -> None:
    hard = np.random.default_rng(0).normal(size=200)
    bootstrap = Bootstrap([str(i) for i in range(200)])
    found = bootstrap.sampled({"soft": mean(hard + 0.1), "hard": mean(hard)})
    difference, single = found["soft"].minus(found["hard"]).estimate(), found["hard"].estimate()
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
        held += holds(estimate(Bootstrap([str(i) for i in range(150)], rounds=200, seed=trial), mean(values)), truth)
    assert 0.90 <= held / trials <= 0.98


def holds(found: Estimate, truth: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low <= truth <= found.high


@pytest.mark.parametrize(("trainings", "patients_apart", "trainings_apart"), [(3, 0.1, 0.3), (3, 1, 0), (5, 1, 0.13)])
def test_few_trainings_do_not_make_the_interval_too_narrow(
    trainings: int, patients_apart: float, trainings_apart: float
) -> None:
    patients = [str(i) for i in range(60)]
    held = 0
    for trial in range(200):
        draw = np.random.default_rng(trial)
        of_patients, of_trainings = draw.normal(0, patients_apart, 60), draw.normal(0, trainings_apart, trainings)
        statistic = repeated("training", [mean(of_patients + one + draw.normal(0, 0.1, 60)) for one in of_trainings])
        held += holds(estimate(Bootstrap(patients, rounds=300, seed=trial), statistic), 0.0)
    assert 0.90 <= held / 200 <= 0.99


@pytest.mark.parametrize("trainings", [2, 3, 6])
def test_the_interval_of_trainings_alone_is_students(trainings: int) -> None:
    figures = np.random.default_rng(0).normal(size=trainings)
    statistic = repeated("training", [mean(np.full(2, figure)) for figure in figures])
    found = estimate(Bootstrap(["a", "b"], rounds=200_000), statistic)
    wanted = stats.t.interval(0.95, trainings - 1, figures.mean(), stats.sem(figures))
    assert (found.low, found.high) == pytest.approx(wanted, rel=0.05)


def test_differences_are_paired_over_trainings_and_one_training_counts_as_it_is() -> None:
    bootstrap = Bootstrap(["a", "b", "c"])
    figures = [0.1, 0.5, 0.3]
    found = bootstrap.sampled(
        {
            "hard": repeated("training", [mean(np.full(3, figure)) for figure in figures]),
            "soft": repeated("training", [mean(np.full(3, figure + 0.2)) for figure in figures]),
            "untrained": repeated("training", [mean(np.full(3, 0.1))]),
        }
    )
    assert found["soft"].minus(found["hard"]).rounds == pytest.approx(0.2)
    assert found["untrained"].rounds == pytest.approx(0.1)
    assert found["soft"].minus(found["untrained"]).rounds.std() == pytest.approx(found["soft"].rounds.std())


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.0, np.inf)])
def test_few_trainings_stay_within_the_bounds_of_the_figure(bounds: tuple[float, float]) -> None:
    statistic = [mean(np.full(2, figure)) for figure in (0.7, 0.9, 0.99)]
    bootstrap = Bootstrap(["a", "b"])
    bounded = bootstrap.sampled({"": repeated("training", statistic, bounds)})[""]
    free = bootstrap.sampled({"": repeated("training", statistic)})[""]
    assert free.rounds.min() < bounds[0]
    assert free.rounds.max() > 1
    assert bounds[0] <= bounded.rounds.min() <= bounded.rounds.max() <= bounds[1]
    assert bounded.value == free.value
    near = np.abs(free.rounds - free.value) < 0.01
    np.testing.assert_allclose(bounded.rounds[near], free.rounds[near], atol=2e-3)
    assert (np.argsort(bounded.rounds[near]) == np.argsort(free.rounds[near])).all()


@pytest.mark.parametrize("hits", [0, 5])
def test_a_share_without_or_with_only_hits_has_the_interval_of_clopper_and_pearson(hits: int) -> None:
    values = np.full(5, float(hits > 0))
    found = Bootstrap([str(i) for i in range(5)]).sampled({"": mean(values)})[""].share_estimate(5)
    exact = stats.binomtest(hits, 5).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    some = Bootstrap(["a", "b", "c"]).sampled({"": mean(np.array([0.0, 1, 1]))})[""]
    assert some.share_estimate(3) == some.estimate()


def test_trainings_and_draws_are_drawn_apart() -> None:
    figures = np.random.default_rng(1).normal(size=(3, 3))
    grid = [[{"m": mean(np.full(2, figure))} for figure in own] for own in figures]
    together = Bootstrap(["a", "b"]).sampled(mean_over_runs(grid))["m"]
    by_hand = Bootstrap(["a", "b"]).sampled(
        {
            (kind, i): repeated(kind, [mean(np.full(2, float(i == j))) for j in range(3)])
            for kind in ("training", "draw")
            for i in range(3)
        }
    )
    shares = {kind: np.stack([by_hand[kind, i].rounds for i in range(3)]) for kind in ("training", "draw")}
    assert together.value == pytest.approx(figures.mean())
    np.testing.assert_allclose(together.rounds, np.einsum("tr,td,dr->r", shares["training"], figures, shares["draw"]))
    assert abs(np.corrcoef(shares["training"][0], shares["draw"][0])[0, 1]) < 0.2


def test_one_patient_has_a_figure_without_interval_and_none_has_neither() -> None:
    assert estimate(Bootstrap(["a", "a"]), mean(np.array([0.0, 1.0]))) == Estimate(0.5, None, None)
    assert estimate(Bootstrap([]), mean(np.zeros(0))) == Estimate(None, None, None)


def test_an_average_is_over_the_metrics_that_are_defined() -> None:
    several = average([mean(np.array([1.0, 3.0])), mean(np.array([np.nan, 6.0]))])
    assert several(weighted(np.array([[1.0, 1.0], [1.0, 0.0]]))).tolist() == [4.0, 1.0]
    assert np.isnan(average([])(every_case_once(3))).all()


def test_the_same_seed_gives_the_same_interval() -> None:
    statistic = repeated("training", [mean(np.arange(9.0)), mean(np.arange(9.0) ** 2)])
    patients = [str(i) for i in range(9)]
    assert estimate(Bootstrap(patients, seed=1), statistic) == estimate(Bootstrap(patients, seed=1), statistic)
    assert estimate(Bootstrap(patients, seed=1), statistic) != estimate(Bootstrap(patients, seed=2), statistic)
