"""What a report says stays in the database: no socket is opened, and nothing of a text is in a message."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from selip_contracts.database_file import read_store
from selip_extract.pseudo_reports.generate import pseudo_reports, write_pseudo_reports
from selip_shared.privacy import OFFLINE

WATCHED = """
import socket, sys
def note(event, arguments):
    if event == "socket.__new__" and arguments[1] == socket.AF_UNIX:
        return
    if event.startswith("socket."):
        print(event, file=open("sockets.txt", "a"))
sys.addaudithook(note)
from selip_extract.cli.extract import main
main()
"""
FAILING = """
import sys
from selip_contracts.findings import Finding, Study
from selip_extract.extractors.base import Reading
from selip_extract.extractors.registry import EXTRACTORS
from selip_extract.cli.extract import main

class Failing:
    name, batch_size = "failing", 8
    def fingerprint(self): return {}
    def close(self): pass
    def read(self, texts):
        if sys.argv[-1] == "2":
            raise RuntimeError(texts[0])
        unstorable = Finding.model_construct(modality=None, side=None, site="额叶", signal="高", lesion=texts[0])
        return [Reading(Study.model_construct(findings=(unstorable,))) for text in texts]

EXTRACTORS["failing"] = lambda choice: Failing()
main()
"""
TEXT = "左侧额叶见斑片状长T1长T2信号，患者张建国。"


def run(script: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name not in OFFLINE} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script, "reports.csv", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def sockets(folder: Path) -> list[str]:
    log = folder / "sockets.txt"
    return log.read_text().split() if log.exists() else []


@pytest.mark.parametrize("options", [("--extractor", "rules"), ("--extractor", "rules", "--deidentify", "key"), ()])
def test_no_socket_is_opened(tmp_path: Path, options: tuple[str, ...]) -> None:
    write_pseudo_reports(tmp_path, pseudo_reports(3, seed=8))
    assert run(WATCHED, tmp_path, *options).returncode == 0
    with read_store(tmp_path / "selip.duckdb") as connection:
        assert connection.execute("SELECT status, count(*) FROM extractions GROUP BY 1").fetchall() == [("ok", 3)]
    assert sockets(tmp_path) == []


def test_a_server_that_is_named_is_spoken_to(tmp_path: Path) -> None:
    write_pseudo_reports(tmp_path, pseudo_reports(1, seed=8))
    assert run(WATCHED, tmp_path, "--base-url", "http://127.0.0.1:9/v1").returncode == 1
    assert "socket.connect" in sockets(tmp_path)


@pytest.mark.parametrize(("batch_size", "code"), [("2", 0), ("4", 1)])
def test_no_text_is_in_a_message(tmp_path: Path, batch_size: str, code: int) -> None:
    with (tmp_path / "reports.csv").open("w", encoding="utf-8") as file:
        csv.writer(file).writerows([("检查号", "影像所见"), ("a", TEXT), ("b", TEXT + TEXT)])
    ended = run(FAILING, tmp_path, "--extractor", "failing", "--batch-size", batch_size)
    assert ended.returncode == code
    assert ("Error" in ended.stderr) == (code == 1)
    said = ended.stdout + ended.stderr
    assert not [part for part in ("左侧额叶", "长T1", "张建国") if part in said]
    with read_store(tmp_path / "selip.duckdb") as connection:
        notes = connection.execute("SELECT note FROM extractions").fetchall()
    assert notes == [("RuntimeError",)] * 2 if code == 0 else notes == []


def test_a_file_whose_first_line_is_a_report_is_refused_without_its_words(tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text(f"{TEXT}\n{TEXT}\n", "utf-8")
    ended = run(WATCHED, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("The first line looks like a report")
    assert "额叶" not in ended.stderr
