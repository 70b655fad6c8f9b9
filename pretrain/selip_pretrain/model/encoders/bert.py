"""Text encoders: any pretrained one of Hugging Face, or a small BERT over the characters of the corpus."""

from collections.abc import Sequence

import torch
from safetensors import SafetensorError
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing
from transformers import AutoModel, BertConfig, BertModel, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging

from selip_pretrain.model.encoders.text_encoder import TextEncoder, load_tokenizer
from selip_shared.errors import SelipError
from selip_shared.hugging_face import model_folder

INITIALIZER_RANGE = 0.1
"""With BERT's default of 0.02, all texts have nearly the same initial embedding at this width (cosine 0.9999)."""

PAD, UNKNOWN, START, END = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def character_encoder(corpus: Sequence[str], max_tokens: int) -> TextEncoder:
    """A BERT of two layers over the characters of the corpus, with random weights."""
    tokenizer = _character_tokenizer(corpus)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=max_tokens,
        initializer_range=INITIALIZER_RANGE,
    )
    return TextEncoder(BertModel(config), tokenizer, max_tokens)  # type: ignore[no-untyped-call]


def pretrained_encoder(name: str, download: bool, max_tokens: int) -> TextEncoder:
    """The encoder of a folder or Hugging Face id.

    SelipError where it is not found, has no safetensors, or reads fewer tokens.
    """
    folder = model_folder(name, download)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if not any(folder.glob("*.safetensors")):
        raise SelipError(
            f"{name} has no weights in safetensors, and pickled weights are never loaded: convert them as"
            " docs/pretraining.md shows, or use another text encoder."
        )
    try:
        backbone: PreTrainedModel = AutoModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, trust_remote_code=False
        )
        tokenizer = load_tokenizer(folder)
    except (OSError, ValueError, KeyError, SafetensorError) as failure:
        raise SelipError(f"transformers cannot load a text encoder from {folder}: use another one.") from failure
    positions = getattr(backbone.config, "max_position_embeddings", max_tokens)
    if positions < max_tokens:
        raise SelipError(f"{name} reads at most {positions} tokens, not {max_tokens}: use --max-tokens {positions}.")
    return TextEncoder(backbone, tokenizer, max_tokens)


def _character_tokenizer(corpus: Sequence[str]) -> PreTrainedTokenizerFast:
    words = [*SPECIAL, *sorted(set("".join(corpus)))]
    characters = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token=UNKNOWN))
    characters.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    characters.post_processor = TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(word, words.index(word)) for word in (START, END)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=characters, pad_token=PAD, unk_token=UNKNOWN, cls_token=START, sep_token=END
    )
