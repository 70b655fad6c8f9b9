"""Commands as a user runs them, in the test's own process."""

import sys
from collections.abc import Callable

import pytest

Command = Callable[..., tuple[object, str, str]]


def command(main: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function of a command's arguments: it gives exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", [main.__module__, *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            main()
        captured = capsys.readouterr()
        return leaving.value.code, captured.out, captured.err

    return run
