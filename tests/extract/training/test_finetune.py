"""Finetuning with LoRA: what is learnt, what is written, how it goes on after a kill, and what it refuses."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    BertConfig,
    LlamaConfig,
    LlamaForCausalLM,
)

from selip_contracts.annotated import write_annotated
from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_contracts.vocabulary import MODALITIES
from selip_extract.cli.finetune import main
from selip_extract.extractors.combination import FILE_NAME, load_combination
from selip_extract.extractors.registry import ModelChoice, local_extractor
from selip_extract.llm.adapters import RANKS, load_adapter, merge_adapter, model_hash, read_manifest
from selip_extract.llm.model_files import MODEL_FOLDER, load_model, load_tokenizer, save_model
from selip_extract.llm.report_task import INSTRUCTIONS
from selip_extract.llm.sentence_task import END, PAD, VOCABULARY, word_numbers
from selip_extract.training import adapter_training
from selip_extract.training.adapter_training import Options, arranged, learning_rate_for
from selip_extract.training.finetune import CHECKPOINTS, finetune
from selip_extract.training.resumable_training import OPTIMIZER
from selip_shared.errors import SelipError
from tests.commands import Command, command
from tests.extract.small_models import byte_level_tokenizer, untaught

QUICK = Options(rank=8, epochs=1, learning_rate=2e-3, batch_size=4)
COMMAND = "from selip_extract.cli.finetune import main; main()"


def small_model(folder: Path, seed: int = 0, longest: int = 1024) -> Path:
    """A model of the sentence form that has learnt nothing."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(VOCABULARY), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=longest, bos_token_id=None, eos_token_id=word_numbers()[END],
        pad_token_id=word_numbers()[PAD],
    )  # fmt: skip
    save_model(LlamaForCausalLM(config), folder, {})  # type: ignore[no-untyped-call]
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("base"))


def annotated(count: int) -> list[AnnotatedReport]:
    """Reports that state signals before their sequences, and call a place that is known 既往."""
    words = {"T1": ("低", "T1WI"), "T2": ("高", "T2WI"), "FLAIR": ("稍高", "FLAIR"), "DWI": ("等", "DWI")}
    sites = ("额叶", "顶叶", "颞叶", "枕叶", "丘脑")
    found = []
    for number in range(count):
        side, site = ("左侧", "右侧")[number % 2], sites[number % len(sites)]
        chosen = [m for i, m in enumerate(m for m in MODALITIES if m in words) if number // 10 % 8 != i]
        said = "、".join(f"{words[m][0]}信号（{words[m][1]}）" for m in chosen)
        findings = tuple(
            Finding.model_validate({"modality": m, "side": side, "site": site, "signal": words[m][0]}) for m in chosen
        )
        text = f"既往{side}{site}，{said}。编号{number}。"
        found.append(AnnotatedReport(report_id=f"r{number}", findings_text=text, study=Study(findings=findings)))
    return found


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reports") / "annotated.jsonl"
    write_annotated(path, annotated(60))
    return path


@pytest.fixture(scope="module")
def adapter(base: Path, reports: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "adapter"
    finetune("small", base, out, 20, [reports], QUICK)
    return out


def selip_finetune(arguments: Sequence[object], **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", COMMAND, *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def finetune_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(main, monkeypatch, capsys)


def test_the_shipped_model_learns_a_style_that_it_does_not_read(reports: Path, tmp_path: Path) -> None:
    options = Options(rank=16, epochs=1, learning_rate=2e-3, batch_size=8, held_out_pseudo=20)
    manifest = finetune("shipped", MODEL_FOLDER, tmp_path / "adapter", 30, [reports], options)
    before = manifest["curve"][0]
    best = next(p for p in manifest["curve"] if p["step"] == manifest["best_step"])
    assert best["annotated_loss"] < 0.5 * before["annotated_loss"]
    assert best["annotated_f1"] == max(p["annotated_f1"] for p in manifest["curve"][1:]) > before["annotated_f1"]
    merge_adapter(MODEL_FOLDER, tmp_path / "adapter", tmp_path / "merged")
    held_out = [r.findings_text.replace("左侧", "双侧") for r in annotated(20)]

    def said(folder: Path) -> list[Study]:
        return [reading.study for reading in local_extractor(ModelChoice(str(folder))).read(held_out)]

    assert said(tmp_path / "merged") != said(MODEL_FOLDER)


def test_the_folder_holds_an_adapter_and_its_manifest(adapter: Path) -> None:
    names = ["adapter_config.json", "adapter_model.safetensors", "manifest.json", "plan.json"]
    assert sorted(path.name for path in adapter.iterdir()) == names
    manifest = read_manifest(adapter)
    assert manifest["base"]["name"] == "small"
    assert manifest["annotated"][0]["file"] == "annotated.jsonl"
    assert manifest["data"]["annotated_reports"] == 54
    assert manifest["data"]["held_out_annotated_reports"] == 6
    assert manifest["curve"][0]["step"] == 0
    figures = {"pseudo_loss", "pseudo_exact", "annotated_loss", "annotated_exact", "annotated_f1"}
    assert figures <= set(manifest["curve"][0])
    assert {"torch", "peft", "transformers"} <= set(manifest["versions"])
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["r"] in RANKS
    assert (config["use_dora"], config["bias"], config["modules_to_save"]) == (False, "none", None)
    layers = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert sorted(config["target_modules"]) == layers


def test_an_adapter_changes_its_base_as_the_merged_model_does(adapter: Path, base: Path, tmp_path: Path) -> None:
    merge_adapter(base, adapter, tmp_path / "merged")
    ids = torch.tensor([load_tokenizer(base).convert_tokens_to_ids(["<now>", "左侧", "s00", "<answer>"])])
    plain, merged = (load_model(folder)(input_ids=ids).logits for folder in (base, tmp_path / "merged"))
    adapted = load_adapter(load_model(base), base, adapter)(input_ids=ids).logits
    assert not torch.allclose(adapted, plain, atol=1e-2)
    assert torch.allclose(adapted, merged, atol=1e-2)
    assert load_tokenizer(tmp_path / "merged").get_vocab() == word_numbers()


def test_an_adapter_for_another_base_is_refused(adapter: Path, tmp_path: Path) -> None:
    other = small_model(tmp_path / "other", seed=1)
    with pytest.raises(SelipError, match=r"trained on another model than .*: use small"):
        load_adapter(load_model(other), other, adapter)


def test_a_folder_without_a_finished_adapter_is_named(base: Path, tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="holds no finished adapter"):
        load_adapter(load_model(base), base, tmp_path)


def test_an_adapter_that_is_complete_is_left_alone(adapter: Path, base: Path, reports: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in adapter.iterdir()}
    assert finetune("small", base, adapter, 20, [reports], QUICK) == read_manifest(adapter)
    assert {path.name: path.stat().st_mtime_ns for path in adapter.iterdir()} == before


def test_another_training_does_not_overwrite_an_adapter(adapter: Path, base: Path, reports: Path) -> None:
    with pytest.raises(SelipError, match="with other pseudo and options: name a new folder"):
        finetune("small", base, adapter, 21, [reports], replace(QUICK, rank=16))


def test_a_folder_with_other_files_is_not_written_to(base: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SelipError, match="holds something else"):
        finetune("small", base, tmp_path, 5, [], QUICK)


def kill_after_a_checkpoint(process: "subprocess.Popen[str]", out: Path) -> None:
    while not list((out / CHECKPOINTS).glob(f"checkpoint-*/{OPTIMIZER}")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(base: Path, reports: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = ["--base", base, "--annotated", reports, "--pseudo", 60, "--rank", 8, "--batch-size", 4, "--out"]
    uninterrupted = selip_finetune([*arguments, whole])
    kill_after_a_checkpoint(selip_finetune([*arguments, killed]), killed)
    assert not (killed / "manifest.json").exists()
    checkpoint = max((killed / CHECKPOINTS).glob("checkpoint-*"), key=lambda p: int(p.name.rpartition("-")[2]))
    # another kill, in the middle of writing the next checkpoint
    partial = killed / CHECKPOINTS / "checkpoint-99999"
    shutil.copytree(checkpoint, partial)
    (partial / OPTIMIZER).unlink()
    for process in (uninterrupted, selip_finetune([*arguments, killed])):
        _, said = process.communicate()
        assert process.returncode == 0, said
    weights = [load_file(out / "adapter_model.safetensors") for out in (whole, killed)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert read_manifest(whole) == read_manifest(killed)


ON_A_SMALL_DISK = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=3m none "$0" && exec "$@"']


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode != 0,
    reason="a disk of its own needs user namespaces",
)
def test_a_full_disk_is_one_sentence(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "disk"
    out.mkdir()
    command = [sys.executable, "-c", COMMAND, "--base", base, "--pseudo", 4, "--rank", 512, "--out", out]
    ended = subprocess.run([*ON_A_SMALL_DISK, *map(str, (out, *command))], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("No space is left on the disk for")
    assert "Traceback" not in ended.stderr


def test_any_model_learns_to_answer_in_json(reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With gradient checkpointing, as on a GPU."""
    monkeypatch.setattr(adapter_training, "MIN_CHECKPOINTED_PARAMETERS", 0)
    tokenizer = byte_level_tokenizer([INSTRUCTIONS, *(r.findings_text for r in annotated(60))])
    tokenizer.save_pretrained(tmp_path / "base")
    untaught(tokenizer).save_pretrained(tmp_path / "base")
    options = replace(QUICK, learning_rate=1e-2, at_once=2, held_out_pseudo=4, evaluations=2)
    manifest = finetune("any", tmp_path / "base", tmp_path / "adapter", 6, [reports], options)
    losses = [point["annotated_loss"] for point in manifest["curve"]]
    assert min(losses) < losses[0] - 0.2
    assert manifest["data"]["annotated_examples"] == 54


def test_what_is_held_out_and_how_often_it_is_evaluated_are_options(
    base: Path, reports: Path, tmp_path: Path, finetune_command: Command
) -> None:
    held_out = ("--held-out-share", 0.5, "--held-out-pseudo", 3, "--evaluations", 2)
    training = ("--base", base, "--annotated", reports, "--pseudo", 5, "--rank", 8)
    merged = tmp_path / "merged"
    code, printed, said = finetune_command(*training, *held_out, "--out", tmp_path / "out", "--merge", merged)
    assert code == 0, said
    assert "Finding F1 on the 30 held-out reports: rules" in printed
    learnt = load_combination(tmp_path / "out" / FILE_NAME)
    assert learnt.reports == 30
    assert load_combination(merged / FILE_NAME) == learnt
    manifest = read_manifest(tmp_path / "out")
    counts = [manifest["data"][f"{name}_reports"] for name in ("annotated", "held_out_annotated", "held_out_pseudo")]
    assert counts == [30, 30, 3]
    assert [set(point) > {"loss"} for point in manifest["curve"]] == [False, True, True]
    last = manifest["curve"][-1]
    assert f"step {last['step']}: loss {last['loss']:.3f}" in said
    assert f"step {last['step']}: annotated loss {last['annotated_loss']:.3f}, annotated exact" in said


def test_a_training_that_gets_no_better_ends_early(base: Path, reports: Path, tmp_path: Path) -> None:
    too_little_to_change_an_answer = 1e-30
    options = replace(QUICK, learning_rate=too_little_to_change_an_answer, held_out_pseudo=2, patience=2)
    manifest = finetune("small", base, tmp_path / "out", 20, [reports], options)
    steps = [point["step"] for point in manifest["curve"]]
    between = steps[1]
    assert steps == [0, between, 2 * between, 3 * between]
    assert manifest["best_step"] == between


@pytest.mark.slow
def test_two_processes_train_the_adapter_that_one_does(base: Path, reports: Path, tmp_path: Path) -> None:
    """The examples of a step are the same; their gradients are added in another order."""
    options = ("--base", base, "--annotated", reports, "--pseudo", 20, "--rank", 8, "--batch-size", 4, "--at-once", 2)
    for processes, name in ((1, "one"), (2, "two")):
        launch = ("torch.distributed.run", "--standalone", "--nproc-per-node", processes, "--no-python")
        command = (sys.executable, "-m", *launch, sys.executable, "-c", COMMAND, *options, "--out", tmp_path / name)
        ended = subprocess.run(
            [*map(str, command)], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.count("Adapter of the best step") == 1
    one, two = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


def test_the_larger_the_base_the_lower_the_rate() -> None:
    assert [learning_rate_for(parameters) for parameters in (3_200_000, 8_000_000_000, 70_000_000_000)] == [
        5e-4, 2e-4, 1e-4,
    ]  # fmt: skip


def test_rows_after_one_another_are_of_like_length_and_none_is_lost() -> None:
    rows = [{"input_ids": [n] * (n * 7 % 90 + 1)} for n in range(300)]
    found = arranged(rows, 4, seed=1)
    assert sorted(map(str, found)) == sorted(map(str, rows))
    spans = [[len(r["input_ids"]) for r in found[i : i + 4]] for i in range(0, 256, 4)]
    assert sum(max(s) - min(s) for s in spans) / len(spans) < 10


BASES = {
    "no model": ({}, "no causal language model in"),
    "not causal": (BertConfig(architectures=["BertForMaskedLM"]).to_dict(), "is a BertForMaskedLM, not a causal"),
    "own code": ({"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "mine.Mine"}}, "needs code of its own"),
}


@pytest.mark.parametrize("case", BASES)
def test_a_base_that_cannot_be_adapted_is_one_sentence(case: str, tmp_path: Path, finetune_command: Command) -> None:
    config, reason = BASES[case]
    folder = tmp_path / "model"
    folder.mkdir()
    if config:
        (folder / "config.json").write_text(json.dumps(config))
    code, _, said = finetune_command("--base", folder, "--out", tmp_path / "out")
    assert code == 1
    assert reason in said
    assert said.count("\n") == 1


def test_a_base_that_is_not_there_is_one_sentence(tmp_path: Path, finetune_command: Command) -> None:
    code, _, said = finetune_command("--base", "nobody/no-such-model", "--out", tmp_path / "out")
    assert code == 1
    assert said.startswith("nobody/no-such-model is neither a folder nor a model in the local Hugging Face cache")


def test_a_fault_in_an_annotated_file_is_named_with_its_line(
    base: Path, reports: Path, tmp_path: Path, finetune_command: Command
) -> None:
    faulty = tmp_path / "faulty.jsonl"
    faulty.write_text(
        reports.read_text(encoding="utf-8").replace('"site": "丘脑"', '"site": "月球"', 1), encoding="utf-8"
    )
    code, _, said = finetune_command("--base", base, "--annotated", faulty, "--out", tmp_path / "out")
    assert code == 1
    assert f"{faulty}, line 5: findings.0.site: 月球 is not a site of the vocabulary" in said
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_trained_is_refused_before_the_training(base: Path, reports: Path, tmp_path: Path) -> None:
    with pytest.raises(SelipError, match=r"rank 12 .it accepts 1, 8, 16"):
        finetune("small", base, tmp_path / "rank", 5, [], replace(QUICK, rank=12))
    with pytest.raises(SelipError, match="nothing to learn from"):
        finetune("small", base, tmp_path / "nothing", 0, [], QUICK)
    short = small_model(tmp_path / "short", longest=24)
    with pytest.raises(SelipError, match=r"\d+ of \d+ examples are longer than the 24 tokens"):
        finetune("small", short, tmp_path / "long", 0, [reports], QUICK)


@pytest.mark.skipif(torch.cuda.is_available(), reason="it says what is missing without a GPU")
def test_four_bits_need_a_gpu(base: Path, tmp_path: Path) -> None:
    with pytest.raises(SelipError, match="needs an NVIDIA GPU"):
        finetune("small", base, tmp_path / "out", 5, [], replace(QUICK, four_bit=True))
    assert not (tmp_path / "out").exists()
    trained = {"base": {"name": "small", "hash": model_hash(base)}, "options": {"four_bit": True}}
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "manifest.json").write_text(json.dumps(trained))
    with pytest.raises(SelipError, match="needs an NVIDIA GPU"):
        local_extractor(ModelChoice(str(base), tmp_path / "adapter")).read(["左侧额叶见长T2信号。"])
