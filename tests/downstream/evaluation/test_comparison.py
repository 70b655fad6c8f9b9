import io

import numpy as np
import pytest
from rich.console import Console

from selip_downstream.evaluation.bootstrap import Bootstrap, mean
from selip_downstream.evaluation.comparison import (
    Comparison,
    Difference,
    ExperimentSetting,
    compare,
    comparisons_of,
    is_difference,
)
from selip_downstream.evaluation.result_table import result_tables, two_lines
from selip_downstream.evaluation.tasks import METRICS, Metric, Task, interval_note
from selip_downstream.page.comparison_tables import difference_cell
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
    tables = list(result_tables(comparison, 80))
    assert [[column.header for column in table.columns] for table in tables] == [
        ["", "random", "clip", "soft"], ["", "soft − random", "soft − clip"],
    ]  # fmt: skip
    assert [list(table.columns[0].cells) for table in tables] == [["top 1"], ["top 1"]]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_of_a_segmentation_fits_the_screen_without_breaking_a_number(width: int) -> None:
    setting = ExperimentSetting(Task.SEGMENTATION, "test", 3, {})
    metrics = METRICS[Task.SEGMENTATION]
    draw = np.random.default_rng(0)
    values = {model: {metric: mean(100 * draw.random(3)) for metric in metrics}
              for model in ("random", "CLIP", "SeLIP", "best-match alone", "best-match")}  # fmt: skip
    (comparison,) = comparisons_of(compare(setting, Bootstrap(list("abc"), rounds=100), values))
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(*result_tables(comparison, width), sep="\n")
    shown = console.export_text()
    assert max(map(len, shown.splitlines())) <= width
    for (model, metric), estimate in comparison.estimates.items():
        if model in comparison.models or model.startswith("best-match − "):
            assert all(line in shown for line in two_lines(estimate).splitlines()), (model, metric)


def test_a_difference_on_which_all_resamples_agree_has_no_star() -> None:
    values = {"clip": np.zeros(5), "soft": np.ones(5)}
    figures = compare(SETTING, Bootstrap(list("abcde")), {model: {Metric.POINTING: mean(v)} for model, v in values.items()})  # fmt: skip # noqa: E501
    (difference,) = (one.estimate for one in figures if is_difference(one.model))
    assert difference == Estimate(1.0, 1.0, 1.0)
    assert not difference.excludes_zero
    assert difference_cell(difference) == "+1.000 (+1.000 to +1.000)"
    assert {one.model: (one.estimate.low, one.estimate.high) for one in figures[:2]} == {
        "clip": (0.0, pytest.approx(0.5218, abs=1e-4)), "soft": (pytest.approx(0.4782, abs=1e-4), 1.0),
    }  # fmt: skip


def test_the_note_on_intervals_says_what_they_are_over() -> None:
    assert interval_note([3, 3]).endswith("over patients and trainings")
    assert interval_note([3, 1]).endswith("over patients and trainings (of models with several)")
    assert "over patients; each model is one training" in interval_note([1, 1])


def test_a_figure_is_shown_with_its_interval_or_as_not_defined() -> None:
    assert two_lines(Estimate(0.25, 0.1, 0.4)) == "0.250\n0.100 – 0.400"
    assert two_lines(Estimate(1234.5, None, None)) == "1234.5"
    assert two_lines(Estimate(None, None, None)) == "–"


def test_a_difference_is_found_whichever_model_was_measured_first() -> None:
    comparison = Comparison(SETTING, {("CLIP − SeLIP", Metric.TOP_1): Estimate(0.2, 0.1, 0.4)})
    assert comparison.difference(Difference("CLIP", "SeLIP"), Metric.TOP_1) == Estimate(0.2, 0.1, 0.4)
    assert comparison.difference(Difference("SeLIP", "CLIP"), Metric.TOP_1) == Estimate(-0.2, -0.4, -0.1)
    assert comparison.difference(Difference("SeLIP", "best-match"), Metric.TOP_1) is None
