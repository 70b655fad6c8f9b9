"""A model by its folder or its Hugging Face id: from the local cache, and from a hub only where that is asked for."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from selip_extract.llm.model_files import MODEL_FOLDER, check_causal, load_model, load_tokenizer
from selip_shared.errors import SelipError
from selip_shared.hugging_face import model_folder

REVISION = "0" * 40
FETCHED = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
REFUSED = ("pytorch_model.bin", "modeling_mine.py", "training_args.bin")


class Hub(ThreadingHTTPServer):
    """A hub with one model, whose repository holds pickles and code beside its weights."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hub)
        self.asked_for: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Hub(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(b"" if "/resolve/" not in self.path else self._file())

    def do_GET(self) -> None:
        if "/resolve/" in self.path:
            self.server.asked_for.append(self.path.rpartition("/")[2])
            self._answer(self._file())
        elif "/tree/" in self.path:
            files = [(name, (MODEL_FOLDER / name).stat().st_size) for name in FETCHED] + [(name, 4) for name in REFUSED]
            tree = [{"type": "file", "path": name, "size": size, "oid": name} for name, size in files]
            self._answer(json.dumps(tree).encode())
        else:
            self._answer(json.dumps({"id": "somebody/small", "sha": REVISION, "siblings": []}).encode())

    def _file(self) -> bytes:
        return (MODEL_FOLDER / self.path.rpartition("/")[2]).read_bytes()

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{self.path.rpartition("/")[2]}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Quietly."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def python(script: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_a_folder_is_taken_as_it_is() -> None:
    assert model_folder(str(MODEL_FOLDER)) == MODEL_FOLDER


def test_a_name_of_nothing_is_one_sentence(tmp_path: Path) -> None:
    for name in ("nobody/no-such-model", str(tmp_path / "no such folder")):
        with pytest.raises(SelipError, match="is neither a folder nor a model in the local Hugging Face cache: name a"):
            model_folder(name)


def test_an_id_is_found_in_the_local_cache(tmp_path: Path) -> None:
    stored = tmp_path / "models--somebody--small"
    shutil.copytree(MODEL_FOLDER, stored / "snapshots" / REVISION)
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text(REVISION)
    script = "from selip_shared.hugging_face import model_folder; print(model_folder('somebody/small'))"
    assert python(script, HF_HUB_CACHE=str(tmp_path)).stdout.strip() == str(stored / "snapshots" / REVISION)


def test_a_model_is_fetched_only_when_asked_for_and_without_pickles_and_code(hub: Hub, tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    script = "from selip_extract.cli.finetune import main; main()"
    arguments = ["--base", "somebody/small", "--annotated", str(missing), "--out", str(tmp_path / "out")]
    environment = {"HF_HUB_CACHE": str(tmp_path / "cache"), "HF_ENDPOINT": hub.address}
    offline = python(script, *arguments, **environment)
    assert (offline.returncode, hub.asked_for) == (1, [])
    assert "add --download to fetch it" in offline.stderr
    fetched = python(script, *arguments, "--download", **environment)
    assert f"{missing} cannot be read" in fetched.stderr
    assert sorted(hub.asked_for) == sorted(FETCHED)


def folder_of(tmp_path: Path, **config: object) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]}, "use its text-only version"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "not a causal language model"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "not a causal language model"),
        ({"model_type": "of_my_own", "architectures": ["MineForCausalLM"]}, "needs code of its own"),
    ],
)
def test_what_is_no_causal_language_model_is_refused_by_every_engine(
    config: dict[str, object], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SelipError, match=reason):
        load_model(folder_of(tmp_path, **config))


def test_the_text_part_of_a_model_that_transformers_loads_alone_is_accepted(tmp_path: Path) -> None:
    check_causal(folder_of(tmp_path, model_type="qwen3_5", architectures=["Qwen3_5ForConditionalGeneration"]))


def test_a_gguf_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(SelipError, match="convert it to safetensors"):
        load_model(tmp_path)


def test_a_tokenizer_that_loses_chinese_is_refused(tmp_path: Path) -> None:
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "T1": 1, "T2": 2, "</s>": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>")  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(SelipError, match="loses Chinese text"):
        load_tokenizer(tmp_path)
