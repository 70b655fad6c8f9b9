import numpy as np

from selip_downstream.evaluation.bootstrap import Bootstrap, Estimate, mean
from selip_downstream.evaluation.comparison import ExperimentSetting, compare, is_difference
from selip_downstream.evaluation.figure_table import figure_table, shown

SETTING = ExperimentSetting("retrieval", "test", 3, {"sequence": "T2"})


def test_every_model_is_followed_by_its_lead_over_those_before_it() -> None:
    values = {"random": np.array([0.0, 0, 1]), "clip": np.array([0.0, 1, 1]), "soft": np.array([1.0, 1, 1])}
    figures = compare(SETTING, Bootstrap(["a", "b", "c"]), {model: {"hit": mean(v)} for model, v in values.items()})
    assert {figure.model: round(figure.estimate.value or 0, 6) for figure in figures} == {
        "random": 0.333333, "clip": 0.666667, "soft": 1.0,
        "clip − random": 0.333333, "soft − random": 0.666667, "soft − clip": 0.333333,
    }  # fmt: skip
    assert [figure.model for figure in figures if is_difference(figure.model)] == [
        "clip − random", "soft − random", "soft − clip",
    ]  # fmt: skip
    assert figures[0].configuration == {"sequence": "T2", "units": 3, "rounds": 1000, "bootstrap_seed": 0}
    table = figure_table("title", figures, {"hit": "hits", "miss": "misses"})
    assert [column.header for column in table.columns] == [
        "", "random", "clip", "soft", "soft − random", "soft − clip",
    ]  # fmt: skip
    assert list(table.columns[0].cells) == ["hits"]


def test_a_figure_is_shown_with_its_interval_or_as_not_defined() -> None:
    assert shown(Estimate(0.25, 0.1, 0.4)) == "0.250\n0.100 – 0.400"
    assert shown(Estimate(1234.5, None, None)) == "1234.5"
    assert shown(Estimate(None, None, None)) == "–"
