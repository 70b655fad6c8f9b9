"""Help and errors in the language of the user."""

import os
import re
import subprocess
import sys
from typing import Annotated

import pytest
import typer

from selip_shared.errors import SelipError, run_command
from selip_shared.messages.translation import choose_language, language_asked_for, translated
from tests.commands import command

app = typer.Typer(add_completion=False)


@app.command()
def fail(
    db: Annotated[str, typer.Argument(metavar="DB", help="Database that selip-extract has written.")],
    _: Annotated[int, typer.Option("--rounds", min=1)] = 1,
) -> None:
    """Show the figures of a run: reports by status, findings by site, signal, side and confidence, and its speed."""
    raise SelipError(f"There is no database {db}: make one with selip-extract, or name another file.")


def main() -> None:
    run_command(app)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en")


@pytest.mark.parametrize("words", [["--lang", "zh"], ["--lang=zh"]])
def test_an_error_is_told_in_the_language_that_is_asked_for(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = command(main, monkeypatch, capsys)
    assert run("甲.duckdb")[2] == "There is no database 甲.duckdb: make one with selip-extract, or name another file.\n"
    assert run("甲.duckdb", *words) == (1, "", "没有数据库 甲.duckdb：请用 selip-extract 生成，或指定其他文件。\n")


def test_help_follows_the_locale(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run = command(main, monkeypatch, capsys)
    assert "Database that selip-extract has written" in run("--help")[1]
    monkeypatch.delenv("LANGUAGE")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    shown = run("--help")[1]
    assert "selip-extract 写出的数据库。" in shown
    assert "显示此信息并退出" in shown
    assert "用法：" in shown
    assert re.findall(r"Usage|OPTIONS|<[a-z ]+>", shown) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "缺少参数 'DB'。"),
        (("--bd", "x"), "没有选项 --bd"),
        (("a", "b"), "多余的参数（b）"),
        (("甲", "--rounds", "many"), "'--rounds' 的值无效：应为整数"),
        (("甲", "--rounds", "0"), "'--rounds' 的值无效：应不小于 1"),
    ],
)
def test_wrong_arguments_are_told_in_chinese(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = command(main, monkeypatch, capsys)("--lang", "zh", *words)
    assert code == 2
    assert "用法：" in error
    assert said in " ".join(error.replace("│", "").split())


@pytest.mark.parametrize("words", [["--help"], ["--nope"]])
def test_a_command_speaks_no_english_around_its_help_and_errors(words: list[str]) -> None:
    script = "from selip_extract.cli.score import main; main()"
    shown = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LANGUAGE": "zh", "COLUMNS": "120"},
    )
    said = shown.stdout + shown.stderr
    assert "用法：" in said
    assert ("选项" in said) if words == ["--help"] else ("错误" in said)
    english = r"Usage|OPTIONS|Arguments|Options|Error|Try|for help|default|required|No such|<[a-z ]+>"
    assert re.findall(english, said) == []


def test_values_stay_as_they_are_and_what_has_no_template_stays_english() -> None:
    choose_language(["selip-x", "--lang", "zh"])
    assert translated("{a} has no run {b}: name one of 1, 2.") == "{a} 没有第 {b} 次运行：请从 1, 2 中指定。"
    assert translated("Nobody has translated this.") == "Nobody has translated this."


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "C.UTF-8"}, None),
        ({"LANG": "de_DE.UTF-8"}, None),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, None),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en"}, "en"),
    ],
)
def test_a_locale_asks_for_a_language_or_for_none(
    variables: dict[str, str], language: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, variables.get(name, ""))
    assert language_asked_for() == language
