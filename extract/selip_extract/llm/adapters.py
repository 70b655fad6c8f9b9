"""LoRA adapters: their allowed settings, the base model they belong to, and merging them into its weights."""

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
# The router of a mixture of experts: adapters leave it unchanged.
_NOT_ADAPTED = frozenset(("gate", "router"))


def model_hash(folder: Path) -> str:
    """The hash of a model's weights."""
    return folder_hash(folder, "*.safetensors")


def weights(folder: Path, adapter: Path | None) -> dict[str, str]:
    """The hashes that determine a model's answers, by the names of the columns of `runs`."""
    return {"model_hash": model_hash(folder)} | ({} if adapter is None else {"adapter_hash": model_hash(adapter)})


def lora_config(model: PreTrainedModel, rank: int) -> LoraConfig:
    """The configuration of an adapter on the linear layers of attention and MLP; SelipError if vLLM cannot use it."""
    names = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and any(layer in name for layer in _LAYERS)
    } - _NOT_ADAPTED
    if not names:
        raise SelipError(
            f"A {model.config.model_type} model has no linear layers that an adapter could change: use another base."
        )
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=sorted(names), task_type="CAUSAL_LM"
    )
    check_config(config)
    return config


def check_config(config: LoraConfig) -> None:
    """SelipError where vLLM would refuse the adapter."""
    faults = [
        (config.r not in RANKS, f"rank {config.r} (it accepts {', '.join(map(str, RANKS))})"),
        (config.use_dora, "DoRA"),
        (config.bias != "none" or config.lora_bias, "biases"),
        (bool(config.modules_to_save), "whole modules beside the low-rank ones"),
        (config.init_lora_weights is not True, "an initialisation that changes the base"),
    ]
    found = [name for fault, name in faults if fault]
    if found:
        raise SelipError(f"vLLM accepts no adapter with {' and '.join(found)}: train one without.")


def read_config(adapter: Path) -> LoraConfig:
    """The adapter's rank and targets; SelipError where vLLM would refuse them."""
    config = PeftConfig.from_pretrained(str(adapter))
    assert isinstance(config, LoraConfig)
    check_config(config)
    return config


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, which is written when the training of an adapter is complete; SelipError without one."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SelipError(
            f"{folder} holds no finished adapter: name a folder in which selip-finetune has finished."
        ) from error
    return manifest


def reads_in_four_bits(adapter: Path) -> bool:
    """Whether the adapter was trained beside a base in 4 bits, and is read so too."""
    return bool(read_manifest(adapter).get("options", {}).get("four_bit"))


def check_base(base: Path, adapter: Path) -> None:
    """SelipError where the adapter was trained on another model."""
    trained_on = read_manifest(adapter)["base"]
    if trained_on["hash"] != model_hash(base):
        raise SelipError(
            f"The adapter in {adapter} was trained on another model than {base}: use {trained_on['name']}."
        )


def load_adapter(model: PreTrainedModel, base: Path, adapter: Path) -> PeftModel:
    """The model of the folder `base` with the adapter, for inference; SelipError if the adapter has another base."""
    check_base(base, adapter)
    config = read_config(adapter)
    try:
        return PeftModel.from_pretrained(model, str(adapter), config=config)
    except (RuntimeError, SafetensorError) as failure:
        raise SelipError(f"The weights of the adapter in {adapter} cannot be read: train it again.") from failure


def merge_adapter(base: Path, adapter: Path, out: Path) -> None:
    """Write the model of `base` with the adapter merged into its weights to `out`, in the precision of the base."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto", use_safetensors=True, local_files_only=True)
    merged = load_adapter(model, base, adapter).merge_and_unload()
    out.mkdir(parents=True, exist_ok=True)
    merged.save_pretrained(out)
    load_tokenizer(base).save_pretrained(out)
    shutil.copy(adapter / MANIFEST, out / MANIFEST)
