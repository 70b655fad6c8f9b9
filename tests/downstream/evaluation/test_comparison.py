import numpy as np

from selip_downstream.evaluation.bootstrap import Bootstrap, mean
from selip_downstream.evaluation.comparison import (
    Comparison,
    Difference,
    ExperimentSetting,
    compare,
    comparisons_of,
    is_difference,
)
from selip_downstream.evaluation.result_table import result_table, two_lines
from selip_downstream.evaluation.tasks import Metric, Task
from selip_shared.bootstrap import Estimate

SETTING = ExperimentSetting(Task.RETRIEVAL, "test", 3, {"sequence": "T2"})


def test_every_model_is_followed_by_its_lead_over_those_before_it() -> None:
    values = {"random": np.array([0.0, 0, 1]), "clip": np.array([0.0, 1, 1]), "soft": np.array([1.0, 1, 1])}
    figures = compare(
        SETTING, Bootstrap(["a", "b", "c"]), {model: {Metric.TOP_1: mean(v)} for model, v in values.items()}
    )
    assert {figure.model: round(figure.estimate.value or 0, 6) for figure in figures} == {
        "random": 0.333333, "clip": 0.666667, "soft": 1.0,
        "clip − random": 0.333333, "soft − random": 0.666667, "soft − clip": 0.333333,
    }  # fmt: skip
    assert [figure.model for figure in figures if is_difference(figure.model)] == [
        "clip − random", "soft − random", "soft − clip",
    ]  # fmt: skip
    assert figures[0].configuration == {"sequence": "T2", "units": 3, "rounds": 1000, "bootstrap_seed": 0}
    (comparison,) = comparisons_of(figures)
    table = result_table("title", comparison)
    assert [column.header for column in table.columns] == [
        "", "random", "clip", "soft", "soft − random", "soft − clip",
    ]  # fmt: skip
    assert list(table.columns[0].cells) == ["top 1"]


def test_a_figure_is_shown_with_its_interval_or_as_not_defined() -> None:
    assert two_lines(Estimate(0.25, 0.1, 0.4)) == "0.250\n0.100 – 0.400"
    assert two_lines(Estimate(1234.5, None, None)) == "1234.5"
    assert two_lines(Estimate(None, None, None)) == "–"


def test_a_difference_is_found_whichever_model_was_measured_first() -> None:
    comparison = Comparison(SETTING, {("CLIP − SeLIP", Metric.TOP_1): Estimate(0.2, 0.1, 0.4)})
    assert comparison.difference(Difference("CLIP", "SeLIP"), Metric.TOP_1) == Estimate(0.2, 0.1, 0.4)
    assert comparison.difference(Difference("SeLIP", "CLIP"), Metric.TOP_1) == Estimate(-0.2, -0.4, -0.1)
    assert comparison.difference(Difference("SeLIP", "best-match"), Metric.TOP_1) is None
