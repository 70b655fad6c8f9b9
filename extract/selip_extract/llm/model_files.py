"""The files of a model: weights, configuration and tokenizer; the shipped model has the sentence task's vocabulary.

Only safetensors weights are loaded, never pickled weights or remote code.
"""

import copy
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging

from selip_extract.llm.sentence_task import BLANK, END, PAD, word_numbers
from selip_shared.errors import SelipError
from selip_shared.files import write_text

CHINESE_SAMPLE = "左侧额颞叶见斑片状长T1、稍长T2信号，DWI未见高信号。"
MODEL_FOLDER = Path(__file__).parents[1] / "model"


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer for questions and answers as words separated by blanks; it pads on the left."""
    words = Tokenizer(WordLevel(word_numbers(), unk_token=BLANK))
    words.pre_tokenizer = WhitespaceSplit()
    words.decoder = WordPiece(prefix="##", cleanup=False)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words, pad_token=PAD, eos_token=END, unk_token=BLANK, padding_side="left"
    )


def save_model(model: LlamaForCausalLM, folder: Path, recipe: dict[str, Any]) -> None:
    """Write the model in half precision with its tokenizer and its training recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).to(torch.float16).save_pretrained(folder)  # type: ignore[arg-type]
    tokenizer().save_pretrained(folder)
    write_text(folder / "recipe.json", json.dumps(recipe, ensure_ascii=False, indent=1) + "\n")


def check_causal(folder: Path) -> None:
    """SelipError where the folder holds no causal language model that is loaded here, with what to use instead."""
    if not (folder / "config.json").exists() and any(folder.glob("*.gguf")):
        raise SelipError(f"{folder} holds a GGUF file: convert it to safetensors, or serve it and use --base-url.")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise _no_model(folder) from failure
    kind, architectures = config.get("model_type"), config.get("architectures") or ["model of no known kind"]
    if kind not in CONFIG_MAPPING:
        raise SelipError(
            f"The model in {folder} needs code of its own, which is never run: use one that transformers supports."
        )
    loaded_as = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind, "")
    if loaded_as.endswith("ForConditionalGeneration"):
        raise SelipError(f"The model in {folder} is a {loaded_as}, which reads images too: use its text-only version.")
    known = {*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()}
    # A model of text and images of which transformers loads the text part alone.
    text_part = bool(loaded_as) and any(name.endswith("ForConditionalGeneration") for name in architectures)
    if known.isdisjoint(architectures) and not text_part:
        raise SelipError(
            f"The model in {folder} is a {architectures[0]}, not a causal language model: use another model."
        )


def _no_model(folder: Path) -> SelipError:
    return SelipError(
        f"There is no causal language model in {folder}: name a folder with config.json and model.safetensors."
    )


def load_model(folder: Path, *, four_bit: bool = False) -> PreTrainedModel:
    """The model of a folder for inference: in bfloat16 on a GPU, else in float32; `four_bit`: in 4 bits on a GPU.

    SelipError without a model, or without what 4 bits need.
    """
    check_causal(folder)
    gpu = torch.cuda.is_available()
    if four_bit and (not gpu or find_spec("bitsandbytes") is None):
        raise SelipError(
            "A base in 4 bits needs an NVIDIA GPU and the package bitsandbytes: install them, or train an adapter"
            " without --four-bit."
        )
    in_four_bits = {"quantization_config": _four_bits(), "device_map": {"": "cuda"}} if four_bit else {}
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.bfloat16 if gpu else torch.float32,
            use_safetensors=True,
            local_files_only=True,
            **in_four_bits,
        )
    except ImportError as failure:
        raise SelipError(
            f"The weights in {folder} are in a quantised form that needs another package"
            f" ({str(failure).splitlines()[0]}): install it, or use the model in safetensors of 16 bits."
        ) from failure
    except (OSError, ValueError) as failure:
        raise _no_model(folder) from failure
    model.train(False)
    if gpu and not four_bit:
        model.to(torch.device("cuda"))  # type: ignore[arg-type]
    return model


def _four_bits() -> BitsAndBytesConfig:
    """QLoRA's (arXiv 2305.14314): normal floats of 4 bits, with quantised constants."""
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder, padding on the left.

    SelipError without one that runs without remote code, and for one that loses Chinese characters.
    """
    try:
        words = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
    except (OSError, ValueError) as failure:
        raise SelipError(f"There is no tokenizer in {folder}: name a folder with tokenizer.json.") from failure
    if not isinstance(words, PreTrainedTokenizerFast) or words.eos_token_id is None:
        raise SelipError(f"The tokenizer in {folder} has no fast form or no end token: use one with tokenizer.json.")
    if words.pad_token is None:
        words.pad_token = words.eos_token
    if words.get_vocab() != word_numbers() and _without_blanks(words, CHINESE_SAMPLE) != CHINESE_SAMPLE:
        raise SelipError(
            f"The tokenizer in {folder} loses Chinese text ({words.__class__.__name__}): use the model's original"
            " tokenizer, or another model."
        )
    return words


def _without_blanks(words: PreTrainedTokenizerFast, text: str) -> str:
    """The text encoded and decoded again, without the blanks that some tokenizers add."""
    ids = words(text, add_special_tokens=False)["input_ids"]
    decoded = words.decode(ids, clean_up_tokenization_spaces=False)
    assert isinstance(decoded, str)
    return "".join(decoded.split())
