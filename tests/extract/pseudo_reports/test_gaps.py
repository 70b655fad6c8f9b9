"""What real reports have that pseudo-reports do not."""

from pathlib import Path

import pytest

from selip_extract.cli.pseudo import main
from selip_extract.pseudo_reports.gaps import Gap, gaps
from tests.commands import command


def test_words_and_clauses_that_are_never_produced_come_by_frequency() -> None:
    produced = ["左侧额叶见斑片状异常信号，T1WI呈低信号。"]
    real = [
        "左侧额叶见斑片状异常信号，T1WI呈低信号。",
        "左侧颞叶见珊瑚状异常信号，T1WI呈低信号。",
        "右侧顶叶见珊瑚状异常信号，高信号T2WI右侧枕叶。",
    ]
    found = gaps(real, produced)
    assert found.reports == 3
    assert found.words[0] == Gap("珊瑚", 2)
    assert "异常信号" not in {gap.what for gap in found.words}
    assert found.constructions == (Gap("信号 序列 侧 部位", 1),)


def test_a_list_of_sites_is_built_as_one_site() -> None:
    one, two = "左侧额叶T2WI呈高信号。", "左侧额叶、颞叶、枕叶T2WI呈高信号。"
    assert gaps([two], [one]).constructions == ()


def test_the_command_shows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("检查号,影像所见\n1,左侧额叶见珊瑚状异常信号\n2,左侧额叶见珊瑚状异常信号\n", encoding="utf-8")
    code, out, _ = command(main, monkeypatch, capsys)("--gaps", path, "--count", 20)
    assert code == 0
    assert ["2", "珊瑚"] in [line.split() for line in out.splitlines()]
    assert [p.name for p in tmp_path.iterdir()] == ["reports.csv"]
