"""Steps run in a test: what was told of them."""

from pathlib import Path

from selip_downstream.reproduce.runner.steps import Step, run_steps


class Heard:
    """What was run and what was done before, in the order of their ends, and why an optional step failed."""

    def __init__(self) -> None:
        self.run: list[str] = []
        self.kept: list[str] = []
        self.failures: dict[str, str] = {}

    def began(self, step: Step, log: Path) -> None:
        assert log == Path(log.parents[1], step.name, "log.txt")

    def ended(self, step: Step, seconds: float) -> None:
        (self.run if seconds else self.kept).append(step.name)

    def failed(self, step: Step, why: str) -> None:
        self.failures[step.name] = why


def run(root: Path, *steps: Step) -> Heard:
    """Two steps at once."""
    heard = Heard()
    run_steps(steps, root, workers=2, threads=1, watcher=heard)
    return heard
