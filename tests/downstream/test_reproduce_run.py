"""A whole reproduction, as small as one can be: every kind of step, from nothing to the page."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from selip_contracts.tables import read_store
from selip_downstream.reproduce.plan import plan
from selip_downstream.reproduce.sizes import QUICK, Size
from selip_downstream.reproduce.steps import Step, run_steps

TINY = replace(
    QUICK,
    reading=replace(QUICK.reading, scored=6, adapting=2),
    training=replace(
        QUICK.training,
        settings={**QUICK.training.settings, "steps": 2, "validate_every": 2},
        targets=("hard", "best-match"),
        shares=(1.0,),
        error_rates=(30,),
        seeds=(0,),
    ),
    measuring=replace(QUICK.measuring, rounds=100, label_shares=(1.0,), label_draws=1, pointed=2),
)


class Heard:
    def __init__(self) -> None:
        self.run: list[str] = []

    def began(self, step: Step, log: Path) -> None:
        pass

    def ended(self, step: Step, seconds: float) -> None:
        if seconds:
            self.run.append(step.name)


def reproduced(size: Size, root: Path) -> list[str]:
    """The steps that ran, in the order of their ends."""
    heard = Heard()
    run_steps(plan(size), root, workers=2, threads=1, watcher=heard)
    return heard.run


@pytest.mark.slow
def test_from_nothing_to_the_page_once_and_then_only_what_a_change_concerns(tmp_path: Path) -> None:
    steps = plan(TINY)
    ran = reproduced(TINY, tmp_path)
    assert sorted(ran) == sorted(step.name for step in steps)
    assert ran[-1] == "page"
    assert (tmp_path / "page" / "reproduction.html").stat().st_size > 10_000
    measured = [tmp_path / step.name / "results.duckdb" for step in steps if "--results" in step.commands[-1]]
    assert len(measured) == 6
    for database in measured:
        with closing(read_store(database)) as connection:
            ((figures,),) = connection.execute("SELECT count(*) FROM results WHERE value IS NOT NULL").fetchall()
            assert figures > 0
    assert reproduced(TINY, tmp_path) == []
    assert reproduced(replace(TINY, measuring=replace(TINY.measuring, pointed=3)), tmp_path) == ["pointing", "page"]
