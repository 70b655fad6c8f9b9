from collections.abc import Mapping
from pathlib import Path

import pytest

from selip_downstream.evaluation.tasks import METRIC_LABELS, TASK_LABELS, Label, Metric, Task
from selip_downstream.reproduce.page.conclusions import Conclusions, Verdict, draw_conclusions
from selip_downstream.reproduce.page.figures import Figures, compute_figures
from selip_downstream.reproduce.page.step_results import read_step_results
from selip_downstream.reproduce.page.summary import claim_table, summary
from tests.downstream.reproduce.step_folders import LEVELS, write_retrieval, write_tasks


def figures_of(root: Path) -> Figures:
    return compute_figures(read_step_results({folder.name: folder for folder in root.iterdir()}), [], {}, {})


def conclusions_of(root: Path) -> Conclusions:
    return draw_conclusions(figures_of(root))


@pytest.mark.parametrize(
    ("few", "verdict", "winners"),
    [
        ({"CLIP": 0.3, "SeLIP": 0.3, "best-match": 0.5}, Verdict.CONFIRMED, [("best-match", 0.1)]),
        ({"CLIP": 0.3, "SeLIP": 0.5, "best-match": 0.1}, Verdict.CONFIRMED, [("SeLIP", 0.1)]),
        ({"CLIP": 0.3, "SeLIP": 0.1, "best-match": 0.3}, Verdict.CONTRADICTED, []),
        ({"CLIP": 0.3, "SeLIP": 0.3, "best-match": 0.3}, Verdict.NOT_CONFIRMED, []),
    ],
)
def test_the_verdict_follows_the_figures_with_few_studies(
    tmp_path: Path, few: Mapping[str, float], verdict: Verdict, winners: list[tuple[str, float]]
) -> None:
    write_retrieval(tmp_path, {10: {"random": 0.02, **few}, 100: LEVELS})
    found = conclusions_of(tmp_path)
    assert (found.verdict, found.winners) == (verdict, winners)
    assert found.some_worse == any(level < few["CLIP"] for level in few.values())


def test_without_few_studies_nothing_is_claimed(tmp_path: Path) -> None:
    write_retrieval(tmp_path, {60: LEVELS, 100: LEVELS})
    found = conclusions_of(tmp_path)
    assert found.verdict is Verdict.NOT_MEASURED
    assert {test.share for test in found.tests} == {0.6, 1.0}


def test_a_reworded_label_changes_no_conclusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_retrieval(tmp_path, {10: LEVELS | {"SeLIP": 0.2}, 100: LEVELS})
    write_tasks(tmp_path)
    figures = figures_of(tmp_path)
    before, table = draw_conclusions(figures), claim_table(figures, draw_conclusions(figures))
    for number, metric in enumerate(Metric):
        monkeypatch.setitem(METRIC_LABELS, metric, Label(f"of metric {number}", f"metric {number}"))
    for number, task in enumerate(Task):
        monkeypatch.setitem(TASK_LABELS, task, f"task {number}")
    figures = figures_of(tmp_path)
    after = draw_conclusions(figures)
    assert after == before
    assert before.tests
    assert set(before.tasks) == {Task.ZERO_SHOT, Task.CLASSIFICATION, Task.SEGMENTATION, Task.EXPLANATION}
    reworded = claim_table(figures, after)
    assert [row[2:] for row in reworded.rows] == [row[2:] for row in table.rows]
    assert {row[1] for row in reworded.rows}.isdisjoint(row[1] for row in table.rows)
    assert summary(figures, after) == summary(figures, before)
