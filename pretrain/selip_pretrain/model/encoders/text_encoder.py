"""A text encoder: a model of transformers with its tokenizer, and an embedding of the first token."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertModel, PreTrainedModel, PreTrainedTokenizerFast

from selip_pretrain.model.encoders.image_encoder import EMBEDDING
from selip_shared.errors import SelipError

MAX_TOKENS = 256
"""By default; the paper's."""
MAX_GROUPS, MIN_GROUP_SIZE = 3, 8
"""Texts are encoded in at most so many groups of similar length, each of at least so many texts."""


class TextEncoder(nn.Module):
    """Encodes texts as embeddings of 512 dimensions: the projected state of the first token ([CLS]).

    Texts are truncated to `max_tokens`.
    """

    def __init__(
        self, backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, max_tokens: int = MAX_TOKENS
    ) -> None:
        super().__init__()
        if getattr(backbone, "pooler", None) is not None:
            backbone.pooler = None  # type: ignore[assignment] # unused: its weights would get no gradient
        if isinstance(backbone, BertModel):
            last = backbone.get_submodule(f"encoder.layer.{backbone.config.num_hidden_layers - 1}.attention.output")
            last.register_forward_pre_hook(_first_token_only)
        self.backbone = backbone.train(False)
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.projection = nn.Linear(backbone.config.hidden_size, EMBEDDING)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (N, 512), not normalised.

        On a CPU texts of similar length are encoded together, since padding costs as much as characters, and in
        float32 under autocast too, which is faster for matrices of this size.
        """
        if self.projection.weight.device.type != "cpu":
            return self._embed(texts)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        size = max(MIN_GROUP_SIZE, -(-len(texts) // MAX_GROUPS))
        groups = [order[start : start + size] for start in range(0, len(order), size)]
        with torch.autocast("cpu", enabled=False):
            embeddings = torch.cat([self._embed([texts[index] for index in group]) for group in groups])
        return embeddings[torch.tensor(order).argsort()]

    def _embed(self, texts: Sequence[str]) -> Tensor:
        tokens = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        states = self.backbone(**tokens.to(self.projection.weight.device)).last_hidden_state
        embedding: Tensor = self.projection(states[:, 0])
        return embedding

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, not truncated."""
        return [len(ids) for ids in self.tokenizer(list(texts), verbose=False)["input_ids"]] if texts else []

    def train(self, mode: bool = True) -> Self:
        """Keep dropout off, so that the embedding of a text does not depend on the chunk it is in."""
        super().train(mode)
        self.backbone.train(False)
        return self

    def save(self, folder: Path) -> None:
        """Write configuration and tokenizer; the model writes the weights."""
        self.backbone.config.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    @classmethod
    def load(cls, folder: Path, max_tokens: int = MAX_TOKENS) -> Self:
        """The encoder that `save` wrote, with random weights; SelipError where the folder holds none."""
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            backbone = AutoModel.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
            return cls(backbone, load_tokenizer(folder), max_tokens)
        except (OSError, ValueError, KeyError) as failure:
            raise SelipError(
                f"There is no text encoder in {folder}: name a checkpoint that selip-pretrain has written."
            ) from failure


def _first_token_only(_output: nn.Module, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The states (N, 1, H) of the first token, from those (N, T, H) of all: of the last layer no other one is used."""
    return tuple(one[:, :1] for one in states)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder; SelipError where it has no fast one, or none with a padding token."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not isinstance(tokenizer, PreTrainedTokenizerFast) or tokenizer.pad_token is None:
        raise SelipError(f"The tokenizer in {folder} has no fast form or no padding: use another text encoder.")
    return tokenizer
