"""LoRA adapters: what they may be, the base model they belong to, and their way into the model's weights."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftModel
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, PreTrainedModel

from selip_extract.llm.model_files import load_tokenizer
from selip_shared.errors import SelipError
from selip_shared.provenance import folder_hash

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
MANIFEST = "manifest.json"
WEIGHTS = "adapter_model.safetensors"
CONFIGURATION = "adapter_config.json"
_LAYERS = ("attn", "attention", "mlp", "feed_forward", "ffn")
# a router of experts chooses who answers; adapters leave it as it is
_NOT_ADAPTED = frozenset(("gate", "router"))


def model_hash(folder: Path) -> str:
    """The hash of a model's weights."""
    return folder_hash(folder, "*.safetensors")


def weights(folder: Path, adapter: Path | None) -> dict[str, str]:
    """What decides a model's answers, by the names of the columns of `runs`."""
    return {"model_hash": model_hash(folder)} | ({} if adapter is None else {"adapter_hash": model_hash(adapter)})


def lora_config(model: PreTrainedModel, rank: int) -> LoraConfig:
    """An adapter of that rank on the linear layers of attention and MLP; SelipError where vLLM could not use it."""
    names = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and any(layer in name for layer in _LAYERS)
    } - _NOT_ADAPTED
    if not names:
        raise SelipError(
            f"A {model.config.model_type} model has no linear layers that an adapter could change: take another base."
        )
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=sorted(names), task_type="CAUSAL_LM"
    )
    check_config(config)
    return config


def check_config(config: LoraConfig) -> None:
    """SelipError where vLLM would refuse the adapter."""
    faults = [
        (config.r not in RANKS, f"rank {config.r} (it takes {', '.join(map(str, RANKS))})"),
        (config.use_dora, "DoRA"),
        (config.bias != "none" or config.lora_bias, "biases"),
        (bool(config.modules_to_save), "whole modules beside the low-rank ones"),
        (config.init_lora_weights is not True, "an initialisation that changes the base"),
    ]
    found = [name for fault, name in faults if fault]
    if found:
        raise SelipError(f"vLLM takes no adapter with {' and '.join(found)}: train one without.")


def read_config(adapter: Path) -> LoraConfig:
    """The adapter's rank and targets; SelipError where vLLM would refuse them."""
    config = PeftConfig.from_pretrained(str(adapter))
    assert isinstance(config, LoraConfig)
    check_config(config)
    return config


def read_manifest(folder: Path) -> dict[str, Any]:
    """What is written about an adapter when its training is complete; SelipError where it is not."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SelipError(
            f"{folder} holds no finished adapter: name a folder that selip-finetune has written to its end."
        ) from error
    return manifest


def check_base(base: Path, adapter: Path) -> None:
    """SelipError where the adapter was made for another model."""
    made_for = read_manifest(adapter)["base"]
    if made_for["hash"] != model_hash(base):
        raise SelipError(f"The adapter in {adapter} was made for another model than {base}: use {made_for['name']}.")


def load_adapter(model: PreTrainedModel, base: Path, adapter: Path) -> PeftModel:
    """The model of the folder `base` with the adapter on it, for inference; SelipError where it is for another."""
    check_base(base, adapter)
    config = read_config(adapter)
    try:
        return PeftModel.from_pretrained(model, str(adapter), config=config)
    except (RuntimeError, SafetensorError) as failure:
        raise SelipError(f"The weights of the adapter in {adapter} cannot be read: make it again.") from failure


def merge_adapter(base: Path, adapter: Path, out: Path) -> None:
    """Write the model of `base` with the adapter in its weights to a folder of its own, in the base's precision."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto", use_safetensors=True, local_files_only=True)
    merged = load_adapter(model, base, adapter).merge_and_unload()
    out.mkdir(parents=True, exist_ok=True)
    merged.save_pretrained(out)
    load_tokenizer(base).save_pretrained(out)
    shutil.copy(adapter / MANIFEST, out / MANIFEST)
