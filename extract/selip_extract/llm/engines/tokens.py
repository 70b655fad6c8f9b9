"""From prompts to token ids and from token ids to text, for the engines that run the model in this process."""

from collections.abc import Sequence

from tokenizers.decoders import DecodeStream
from transformers import PreTrainedTokenizerFast

from selip_extract.llm.engine import Failure, GenerationRequest


def prompt_ids(tokenizer: PreTrainedTokenizerFast, requests: Sequence[GenerationRequest]) -> list[list[int]]:
    """The token ids of each prompt."""
    if not requests:
        return []
    ids: list[list[int]] = tokenizer([r.prompt for r in requests], return_token_type_ids=False)["input_ids"]
    return ids


def too_long(prompt: Sequence[int], max_sequence_tokens: int) -> Failure | None:
    """The failure of a prompt that leaves no room for an answer within `max_sequence_tokens`, else None."""
    if len(prompt) < max_sequence_tokens:
        return None
    return Failure("too_long", f"{len(prompt)} tokens, and the model takes {max_sequence_tokens}")


def decode(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """The text of the tokens without special ones, and the offset in it at which the characters of each token end."""
    stream = DecodeStream(skip_special_tokens=True)
    text, ends = "", []
    for token in ids:
        text += stream.step(tokenizer.backend_tokenizer, token) or ""
        ends.append(len(text))
    return text, tuple(ends)
