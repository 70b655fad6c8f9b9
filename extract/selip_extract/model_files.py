"""The files of a sentence model: weights, configuration and the tokenizer made of the task's vocabulary."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from selip_shared.files import write_text
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from selip_extract.task import BLANK, END, PAD, VOCABULARY

MODEL_FOLDER = Path(__file__).parent / "model"


@cache
def word_numbers() -> dict[str, int]:
    """The token id of every word of the vocabulary."""
    return {word: i for i, word in enumerate(VOCABULARY)}


def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer for questions and answers as words between blanks."""
    words = Tokenizer(WordLevel(word_numbers(), unk_token=BLANK))
    words.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token=PAD, eos_token=END, unk_token=BLANK, padding_side="left")


def save_model(model: LlamaForCausalLM, folder: Path, recipe: dict[str, Any]) -> None:
    """Write the model in half precision with its tokenizer and its recipe."""
    import copy

    import torch

    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).to(torch.float16).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    write_text(folder / "recipe.json", json.dumps(recipe, ensure_ascii=False, indent=1) + "\n")
