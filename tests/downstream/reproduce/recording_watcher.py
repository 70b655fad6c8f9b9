"""A watcher that records what the steps report, and a run with it."""

from pathlib import Path

from selip_downstream.reproduce.runner.steps import Step, run_steps


class RecordingWatcher:
    """The steps that ran and those that were done before, in the order of their ends, and the failures."""

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


def run(root: Path, *steps: Step) -> RecordingWatcher:
    """Run the steps, two at once."""
    watcher = RecordingWatcher()
    run_steps(steps, root, workers=2, threads=1, watcher=watcher)
    return watcher
