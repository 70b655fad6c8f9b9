"""Adapt a causal language model to the task with LoRA: on pseudo-reports, annotated ones, or both together."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from peft import PeftModel, get_peft_model, prepare_model_for_kbit_training
from safetensors import SafetensorError
from transformers import TrainerState

from selip_contracts.annotated import read_annotated
from selip_contracts.findings import AnnotatedReport
from selip_extract.llm.adapters import CONFIGURATION, MANIFEST, WEIGHTS, lora_config, model_hash, read_manifest
from selip_extract.llm.answer_forms import AnswerForm, form_of
from selip_extract.llm.model_files import check_causal, load_model, load_tokenizer
from selip_extract.training.adapter_training import (
    Options,
    TrainingData,
    check_lengths,
    device_batch_size,
    train,
    training_data,
)
from selip_extract.training.examples import split
from selip_extract.training.held_out_reading import HeldOutReports
from selip_extract.training.resumable_training import curve
from selip_shared.errors import SelipError
from selip_shared.files import write_bytes, write_text
from selip_shared.provenance import environment, file_hash

# Less free space than this many bytes is a full disk.
FULL_DISK = 1 << 20
PLAN = "plan.json"
CHECKPOINTS = "checkpoints"
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "tokenizers")

Manifest = dict[str, Any]


def finetune(name: str, folder: Path, out: Path, pseudo: int, annotated: Sequence[Path], options: Options) -> Manifest:
    """Train an adapter for the model `name` that lies in `folder`; its manifest, which is in `out` too.

    The same call again continues an interrupted training, and does nothing once it is complete. Processes that torchrun
    started train together, and the first of them writes. SelipError where model, files or options do not allow a
    training, or `out` holds something else.
    """
    processes = PartialState(cpu=not torch.cuda.is_available())
    check_causal(folder)
    reports = {path: list(read_annotated(path)) for path in annotated}
    if not pseudo and not any(reports.values()):
        raise SelipError("There is nothing to learn from: name annotated reports, or ask for pseudo-reports.")
    tokenizer = load_tokenizer(folder)
    tokenizer.padding_side = "right"
    form = form_of(tokenizer)
    plan = _plan(name, folder, form, pseudo, reports, options)
    complete = _is_complete(out, plan)
    processes.wait_for_everyone()
    if complete:
        return read_manifest(out)
    all_reports = [report for found in reports.values() for report in found]
    model = _adaptable(folder, options)
    data = training_data(form, tokenizer, pseudo, all_reports, options)
    check_lengths(data, model)
    held_out = HeldOutReports(split(all_reports, options.held_out_share)[1], model, folder, form)
    with writing(out):
        write_text(out / PLAN, _json(plan))
        at_once = device_batch_size(form, options, processes.num_processes)
        state = train(model, tokenizer, data, held_out, out / CHECKPOINTS, options, at_once)
        if processes.is_main_process:
            _finish(out, plan, data, state)
        processes.wait_for_everyone()
    return read_manifest(out)


def _plan(
    name: str,
    folder: Path,
    form: AnswerForm,
    pseudo: int,
    reports: dict[Path, list[AnnotatedReport]],
    options: Options,
) -> Manifest:
    """Everything that the weights depend on."""
    return {
        "base": {"name": name, "hash": model_hash(folder)},
        "form": form.version,
        "pseudo": pseudo,
        "annotated": [
            {"file": path.name, "sha256": file_hash(path), "reports": len(found)} for path, found in reports.items()
        ],
        "options": asdict(options),
        "versions": environment(LIBRARIES),
    }


def _is_complete(out: Path, plan: Manifest) -> bool:
    """Whether the folder holds this very adapter; SelipError where it holds something else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / PLAN).exists():
        raise SelipError(f"{out} holds something else: name a new folder with --out.")
    before = json.loads((out / PLAN).read_text(encoding="utf-8"))
    if differing := [key for key in plan if before.get(key) != json.loads(_json(plan))[key]]:
        raise SelipError(
            f"{out} holds an adapter with other {' and '.join(differing)}: name a new folder with --out, or repeat the"
            " earlier command to continue it."
        )
    return (out / MANIFEST).exists()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make the folder; SelipError where it cannot be made, and for whatever libraries raise on a full disk."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SelipError(f"The folder {folder} cannot be made ({error.strerror}): name another one.") from error
    try:
        yield
    except (RuntimeError, SafetensorError) as failure:
        if shutil.disk_usage(folder).free > FULL_DISK:
            raise
        raise SelipError(
            f"No space is left on the disk for {folder}: free some, and repeat the command to continue."
        ) from failure


def _adaptable(folder: Path, options: Options) -> PeftModel:
    """The base model with a new adapter."""
    model = load_model(folder, four_bit=options.four_bit)
    if options.four_bit:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)  # type: ignore[no-untyped-call]
    config = lora_config(model, options.rank)
    torch.manual_seed(options.seed)
    adapted = get_peft_model(model, config)
    assert isinstance(adapted, PeftModel)
    return adapted


def _finish(out: Path, plan: Manifest, data: TrainingData, state: TrainerState) -> None:
    """Write the best checkpoint as the adapter, and its manifest, which says that it is complete."""
    best = out / CHECKPOINTS / f"checkpoint-{state.best_global_step}"
    for name in (CONFIGURATION, WEIGHTS):
        write_bytes(out / name, (best / name).read_bytes())
    manifest = plan | {"data": data.counts, "curve": curve(state), "best_step": state.best_global_step}
    write_text(out / MANIFEST, _json(manifest))
    shutil.rmtree(out / CHECKPOINTS)


def _json(content: Manifest) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
