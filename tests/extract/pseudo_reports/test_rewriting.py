"""Rewritten pseudo-reports: a server on loopback rewrites well or badly; only what keeps its facts is kept."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch

from selip_contracts.annotated import read_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.cli.pseudo import main
from selip_extract.extractors.registry import ModelChoice, extractor_maker
from selip_extract.pseudo_reports.generate import pseudo_reports
from selip_extract.pseudo_reports.rewriting import PROMPTS, Writer, is_rewriting, rewritten
from tests.commands import Command, command
from tests.extract.small_models import byte_level_tokenizer, untaught

Rewrite = Callable[[str], str]


@pytest.fixture
def selip_pseudo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(main, monkeypatch, capsys)


@contextmanager
def server(rewrite: Rewrite, asked: list[str] | None = None) -> Iterator[str]:
    """A chat server whose model rewrites the report in the prompt; its address. The prompts go to `asked`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.reply({"data": [{"id": "writer"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = body["messages"][0]["content"]
            if asked is not None:
                asked.append(prompt)
            text = rewrite(prompt.partition("原文：")[2].removesuffix("\n重写："))
            choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", "index": 0}
            self.reply({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}})

        def reply(self, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.server_address[1]}/v1"
        listener.shutdown()
        thread.join()


def in_other_words(text: str) -> str:
    return f"颅脑所见：{text}"


def with_sides_swapped(text: str) -> str:
    return text.translate(str.maketrans("左右", "右左"))


def kept_of(reports: list[AnnotatedReport], rewrite: Rewrite) -> list[AnnotatedReport]:
    extractors = [extractor_maker(name, ModelChoice())() for name in ("rules", "model")]
    with server(rewrite) as address, closing(Writer(address, None)) as writer:
        found = list(rewritten(reports, writer, extractors, seed=1, styles=PROMPTS.styles))
    assert len(found) == len(reports)
    return [report for report in found if report is not None]


def test_what_keeps_its_facts_is_kept_with_evidence_in_the_new_words() -> None:
    reports = list(pseudo_reports(24, seed=8))
    kept = kept_of(reports, in_other_words)
    assert len(kept) >= 8
    before = {r.report_id: r for r in reports}
    for report in kept:
        assert report.findings_text == in_other_words(before[report.report_id].findings_text).strip()
        assert {f.key for f in report.study.findings} == {f.key for f in before[report.report_id].study.findings}
        for finding in report.study.findings:
            assert finding.evidence is not None
            start, end = finding.evidence.start, finding.evidence.end
            assert report.findings_text[start:end] == finding.evidence.text


@pytest.mark.parametrize(
    "rewrite", [with_sides_swapped, lambda _: "", lambda text: text], ids=["other sides", "nothing", "the same"]
)
def test_what_loses_a_fact_or_says_the_same_is_refused(rewrite: Rewrite) -> None:
    sided = [r for r in pseudo_reports(40, seed=9) if {f.side for f in r.study.findings} & {"左侧", "右侧"}]
    assert len(sided) > 10
    assert kept_of(sided, rewrite) == []


PLANTED: dict[str, Rewrite] = {
    "the prompt": lambda text: f"原文：{text}",
    "a remark": lambda text: f"以下是重写后的所见：{text}",
    "the original twice": lambda text: f"{text}{text}",
    "other punctuation": lambda text: text.replace("，", ", ").replace("。", "。\n"),
    "the style": lambda text: f"范文：左额叶示长T2信号影。{text}",
    "too short": lambda text: text[: len(text) // 3],
    "too long": lambda text: text + "余脑实质形态及信号未见异常。" * len(text),
    "another size": lambda text: f"{text}大小约13.7cm。",
    "another date": lambda text: f"与2019年片比较：{text}",
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_refused(mistake: str) -> None:
    for report in pseudo_reports(20, seed=10):
        assert is_rewriting(report.findings_text, in_other_words(report.findings_text))
        assert not is_rewriting(report.findings_text, PLANTED[mistake](report.findings_text))


def memorised(folder: Path, reports: list[AnnotatedReport], number: int) -> Path:
    """A model's folder: asked in any style, it writes one of the reports in other words."""
    tokenizer = byte_level_tokenizer(
        [PROMPTS.instructions, *PROMPTS.styles, *(r.findings_text for r in reports)], chat_template=None
    )
    model = untaught(tokenizer)
    said = tokenizer(in_other_words(reports[number].findings_text))["input_ids"] + [tokenizer.eos_token_id]
    original = reports[number].findings_text
    prompts = [f"{PROMPTS.instructions}{style}\n原文：{original}\n重写：" for style in PROMPTS.styles]
    rows = [torch.tensor([tokenizer(prompt)["input_ids"] + said]) for prompt in prompts]
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for step in range(400):
        row = rows[step % len(rows)]
        labels = row.clone()
        labels[:, : -len(said)] = -100
        loss = model(input_ids=row, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.005 and step > 4 * len(rows):
            break
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_model_in_a_folder_writes_too(tmp_path: Path, selip_pseudo: Command) -> None:
    reports = list(pseudo_reports(4, seed=10))
    writer = memorised(tmp_path / "writer", reports, number=2)
    code, out, _ = selip_pseudo("--count", 4, "--seed", 10, "--out", tmp_path, "--rewrite-with", writer)
    assert (code, "3 of 4 rewritten reports discarded" in out) == (0, True)
    (kept,) = read_annotated(tmp_path / "truth.jsonl")
    assert (kept.report_id, kept.findings_text) == (reports[2].report_id, in_other_words(reports[2].findings_text))


def test_the_command_counts_what_it_kept_and_refused(tmp_path: Path, selip_pseudo: Command) -> None:
    with server(in_other_words) as address:
        code, out, _ = selip_pseudo("--count", 12, "--seed", 8, "--out", tmp_path, "--rewrite-with", address)
    assert code == 0
    kept = list(read_annotated(tmp_path / "truth.jsonl"))
    assert 0 < len(kept) <= 12
    assert f"{len(kept)} pseudo-reports of seed 8" in out
    assert f"{12 - len(kept)} of 12 rewritten reports discarded" in out


def test_the_model_imitates_reports_of_the_users_own_and_sees_no_names(tmp_path: Path, selip_pseudo: Command) -> None:
    own = tmp_path / "own.csv"
    too_long = "脑实质未见异常。" * 100
    own.write_text(f"id,findings\n1,患者姓名：王建国，左额叶示长T2信号影。\n2,{too_long}\n", encoding="utf-8")
    prompts: list[str] = []
    with server(in_other_words, prompts) as address:
        out = tmp_path / "out"
        code, _, said = selip_pseudo("--count", 4, "--out", out, "--rewrite-with", address, "--style", own)
    assert code == 0, said
    assert len(prompts) == 4
    for prompt in prompts:
        assert "左额叶示长T2信号影" in prompt
        assert "王建国" not in prompt
        assert too_long not in prompt
    code, _, said = selip_pseudo("--count", 4, "--out", tmp_path, "--style", own)
    assert (code, "name it with --rewrite-with" in said) == (1, True)
