"""The extractors by name: a new one is one module here and one line in EXTRACTORS."""

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
    """The language model that the user chose.

    `model` is a folder or a Hugging Face id, by default the model that ships. With `base_urls` it names the tokenizer
    that renders the prompts here; without it the servers render them as chats. At most `concurrency` requests are in
    flight to all servers together. Without `constrained` the model answers in free text.
    """

    model: str | None = None
    adapter: Path | None = None
    base_urls: tuple[str, ...] = ()
    served_model: str | None = None
    download: bool = False
    concurrency: int = CONCURRENCY
    constrained: bool = True


def local_extractor(choice: ModelChoice) -> "LanguageModelExtractor":
    """The language model alone, run by transformers."""
    from selip_extract.extractors.language_model import LanguageModelExtractor
    from selip_extract.llm.engines.transformers_engine import TransformersEngine

    folder, tokenizer, form = _files(choice)
    engine = TransformersEngine(folder, tokenizer, form.request_batch_size, choice.adapter)
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
    engine = EndpointEngine(choice.base_urls, choice.served_model, choice.model is not None, choice.concurrency)
    return LanguageModelExtractor(engine, form, choice.constrained)


def _files(choice: ModelChoice) -> "tuple[Path, PreTrainedTokenizerFast, AnswerForm]":
    """The model's folder, its tokenizer and its answer form."""
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

# The imports of an extractor wait until it is made: listing the names stays quick.
EXTRACTORS: dict[str, Callable[[ModelChoice], Extractor]] = {
    "both": lambda choice: _double(local_extractor(choice)),
    "model": local_extractor,
    "rules": _rules,
    "vllm": lambda choice: _double(_vllm_extractor(choice)),
    "endpoint": lambda choice: _double(_endpoint_extractor(choice)),
}


def automatic(choice: ModelChoice) -> tuple[str, str]:
    """The name of the best extractor that can run on this machine, and the reason."""
    if choice.base_urls:
        return "endpoint", "servers are named"
    import torch

    if not torch.cuda.is_available():
        return "both", "there is no GPU"
    if find_spec("vllm") is None:
        return "both", "there is a GPU, but vLLM is not installed"
    return "vllm", "there are a GPU and vLLM"


def extractor_maker(name: str, choice: ModelChoice) -> Callable[[], Extractor]:
    """A function that makes the extractor of that name.

    Raises SelipError before anything is loaded where there is no such extractor or the choice does not fit it.
    """
    if name not in EXTRACTORS:
        raise SelipError(f"There is no extractor {name}: name one of {', '.join((AUTO, *EXTRACTORS))}.")
    if name == "rules" and choice != ModelChoice():
        raise SelipError("The rules use no language model: leave out its options, or use another extractor.")
    if (name == "endpoint") != bool(choice.base_urls):
        raise SelipError("--extractor endpoint and --base-url belong together: give both or neither.")
    if name == "endpoint" and choice.adapter is not None:
        raise SelipError("A server loads its own adapter: start the server with it and name it with --served-model.")
    if name == "vllm" and find_spec("vllm") is None:
        raise SelipError("vLLM is not installed: install selip[gpu], or use another extractor.")
    if choice.adapter is not None and not choice.adapter.is_dir():
        raise SelipError(f"There is no adapter folder {choice.adapter}: name one that selip-finetune has written.")
    if choice.model is not None and not Path(choice.model).is_dir():
        from selip_shared.hugging_face import model_folder

        model_folder(choice.model, choice.download)
    return partial(EXTRACTORS[name], choice)
