"""The extractors by name: a new one is one file and one line in EXTRACTORS."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from selip_extract.extractors.base import Extractor
from selip_extract.llm.engine import CONCURRENCY
from selip_shared.errors import SelipError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from selip_extract.extractors.language_model import LanguageModelExtractor
    from selip_extract.llm.answer_forms import AnswerForm


@dataclass(frozen=True)
class ModelChoice:
    """Which language model, as the user names it.

    `model` is a folder or a Hugging Face id, by default the model that ships; on servers it names the tokenizer with
    which prompts are rendered here, and without it the servers render them as chats. At most `concurrency` requests are
    in flight to all servers together. A model that is not `constrained` writes freely, without the report's grammar.
    """

    model: str | None = None
    adapter: Path | None = None
    base_urls: tuple[str, ...] = ()
    served_model: str | None = None
    download: bool = False
    concurrency: int = CONCURRENCY
    constrained: bool = True


def local_extractor(choice: ModelChoice) -> "LanguageModelExtractor":
    """The model through transformers."""
    from selip_extract.extractors.language_model import LanguageModelExtractor
    from selip_extract.llm.engines.transformers_engine import TransformersEngine

    folder, tokenizer, form = _files(choice)
    engine = TransformersEngine(folder, tokenizer, form.at_once, choice.adapter)
    return LanguageModelExtractor(engine, form, choice.constrained)


def _vllm_extractor(choice: ModelChoice) -> "LanguageModelExtractor":
    from selip_extract.extractors.language_model import LanguageModelExtractor
    from selip_extract.llm.engines.vllm_engine import VllmEngine

    folder, tokenizer, form = _files(choice)
    return LanguageModelExtractor(VllmEngine(folder, tokenizer, choice.adapter), form, choice.constrained)


def _endpoint_extractor(choice: ModelChoice) -> "LanguageModelExtractor":
    from selip_extract.extractors.language_model import LanguageModelExtractor
    from selip_extract.llm.answer_forms import ReportForm
    from selip_extract.llm.engines.endpoint_engine import EndpointEngine

    form = ReportForm(None) if choice.model is None else _files(choice)[2]
    rendered = choice.model is not None
    engine = EndpointEngine(choice.base_urls, choice.served_model, rendered, choice.concurrency)
    return LanguageModelExtractor(engine, form, choice.constrained)


def _files(choice: ModelChoice) -> "tuple[Path, PreTrainedTokenizerFast, AnswerForm]":
    """The model's folder, its tokenizer and the form in which it answers."""
    from selip_extract.llm.answer_forms import form_of
    from selip_extract.llm.model_files import MODEL_FOLDER, load_tokenizer
    from selip_shared.hugging_face import model_folder

    folder = MODEL_FOLDER if choice.model is None else model_folder(choice.model, choice.download)
    tokenizer = load_tokenizer(folder)
    return folder, tokenizer, form_of(tokenizer)


def _double(model: "LanguageModelExtractor") -> Extractor:
    from selip_extract.extractors.both import DoubleExtractor

    return DoubleExtractor(model)


def _rules(_choice: ModelChoice) -> Extractor:
    from selip_extract.extractors.rules import RuleExtractor

    return RuleExtractor()


AUTO = "auto"


# What an extractor needs is imported when it is made: a list of extractors costs nothing.
EXTRACTORS: dict[str, Callable[[ModelChoice], Extractor]] = {
    "both": lambda choice: _double(local_extractor(choice)),
    "model": local_extractor,
    "rules": _rules,
    "vllm": lambda choice: _double(_vllm_extractor(choice)),
    "endpoint": lambda choice: _double(_endpoint_extractor(choice)),
}


def automatic(choice: ModelChoice) -> tuple[str, str]:
    """The name of the best extractor that can work here, and why it is."""
    if choice.base_urls:
        return "endpoint", "servers are named"
    import torch

    if not torch.cuda.is_available():
        return "both", "no GPU is here"
    if find_spec("vllm") is None:
        return "both", "a GPU is here, and vLLM is not installed"
    return "vllm", "a GPU and vLLM are here"


def extractor_maker(name: str, choice: ModelChoice) -> Callable[[], Extractor]:
    """What makes the extractor of that name.

    Raises SelipError at once, before anything is loaded, where there is no such extractor or what is chosen does not
    go with it.
    """
    if name not in EXTRACTORS:
        raise SelipError(f"There is no extractor {name}: name one of {', '.join((AUTO, *EXTRACTORS))}.")
    if name == "rules" and choice != ModelChoice():
        raise SelipError("The rules use no language model: leave out what names one, or take another extractor.")
    if (name == "endpoint") != bool(choice.base_urls):
        raise SelipError("--extractor endpoint and --base-url belong together: give both or neither.")
    if name == "endpoint" and choice.adapter is not None:
        raise SelipError("A server's adapter is its own: start the server with it and name it with --served-model.")
    if name == "vllm" and find_spec("vllm") is None:
        raise SelipError("vLLM is not installed: install selip[gpu], or take another extractor.")
    if choice.adapter is not None and not choice.adapter.is_dir():
        raise SelipError(f"There is no adapter folder {choice.adapter}: name one that selip-finetune has written.")
    if choice.model is not None and not Path(choice.model).is_dir():
        from selip_shared.hugging_face import model_folder

        model_folder(choice.model, choice.download)
    return partial(EXTRACTORS[name], choice)
