from pathlib import Path

import pytest

from selip_downstream.reproduce.runner.progress_display import Display, seconds_left
from selip_downstream.reproduce.runner.steps import Step

EXPECTED = {"cohort": 10.0, "train-1": 100.0, "train-2": 100.0, "train-3": 100.0, "page": 20.0}


def test_before_anything_is_done_what_is_expected_counts() -> None:
    assert seconds_left(EXPECTED, {}, {}, workers=1) == 330
    assert seconds_left(EXPECTED, {}, {}, workers=2) == 165


def test_a_slow_machine_is_slow_in_what_is_left() -> None:
    taken = {"cohort": 30.0, "train-1": 190.0}
    assert seconds_left(EXPECTED, taken, {}, workers=2) == pytest.approx(220)
    # After 100 seconds a step that takes 200 here is half done.
    assert seconds_left(EXPECTED, taken, {"train-2": 100.0}, workers=1) == pytest.approx(340)


def test_steps_done_before_tell_no_speed() -> None:
    assert seconds_left(EXPECTED, {"cohort": 0.0, "train-1": 0.0, "train-2": 50.0}, {}, workers=1) == 60


def test_more_workers_do_not_shorten_a_step() -> None:
    taken = {"cohort": 10.0, "train-1": 100.0, "train-2": 100.0}
    assert seconds_left(EXPECTED, taken, {}, workers=8) == 100
    assert seconds_left(EXPECTED, taken, {"train-3": 95.0}, workers=8) == 20


def test_a_step_that_takes_longer_than_expected_has_nothing_left() -> None:
    assert seconds_left(EXPECTED, {"cohort": 10.0}, {"train-1": 500.0}, workers=1) == 220
    assert seconds_left({"page": 20.0}, {}, {"page": 30.0}, workers=1) == 0
    assert seconds_left({"page": 20.0}, {"page": 30.0}, {}, workers=1) == 0


def test_where_there_is_no_terminal_each_step_has_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    steps = [Step(name, (("true",),), seconds=seconds) for name, seconds in EXPECTED.items()]
    shown = Display(steps, 2, live=False)
    shown.ended(steps[0], 0.0)
    shown.began(steps[1], tmp_path / "log.txt")
    shown.ended(steps[1], 1200.0)
    shown.failed(steps[2], "There are too few.")
    assert capsys.readouterr().err.splitlines() == [
        "1/5 steps, about 3 min left: cohort, done before",
        "2/5 steps, about 22 min left: train-1, 1,200 s",
        "3/5 steps, about 20 min left: train-2 failed: There are too few.",
    ]
