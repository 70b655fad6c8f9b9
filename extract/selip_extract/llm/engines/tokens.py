"""Between text and the ids of tokens, for the engines that run the model themselves."""

from collections.abc import Sequence

from tokenizers.decoders import DecodeStream
from transformers import PreTrainedTokenizerFast

from selip_extract.llm.engine import Failure, GenerationRequest


def prompts(tokenizer: PreTrainedTokenizerFast, asks: Sequence[GenerationRequest]) -> list[list[int]]:
    """The token ids of each prompt."""
    return tokenizer([a.prompt for a in asks], return_token_type_ids=False)["input_ids"] if asks else []


def no_room(prompt: Sequence[int], longest: int) -> Failure | None:
    """The failure of a prompt that leaves no room for an answer in a model that takes `longest` tokens."""
    if len(prompt) < longest:
        return None
    return Failure("too_long", f"{len(prompt)} tokens, and the model takes {longest}")


def decoded(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """The text of the tokens, special ones left out, and where the characters of each end in it."""
    stream = DecodeStream(skip_special_tokens=True)
    text, ends = "", []
    for token in ids:
        text += stream.step(tokenizer.backend_tokenizer, token) or ""
        ends.append(len(text))
    return text, tuple(ends)
