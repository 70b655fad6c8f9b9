"""The extractors by name: a new one is one module here and one line in EXTRACTORS."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from selip_extract.extractors.base import Extractor
from selip_extract.llm.engine import CONCURRENCY
from selip_shared.errors import SelipError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from selip_extract.extractors.combination import Combination
    from selip_extract.extractors.language_model import LanguageModelExtractor
    from selip_extract.extractors.tagger import TaggerExtractor
    from selip_extract.llm.answer_forms import AnswerForm
    from selip_extract.llm.shown_examples import ShownExamples

    ModelExtractor = LanguageModelExtractor | TaggerExtractor

Reads = Literal["both", "model", "rules"]


@dataclass(frozen=True)
class ModelChoice:
    """The model that the user chose, and how it reads.

    `model` is the folder or Hugging Face id of a language model; without one, and without an adapter of the decoder
    that ships, the tagger that ships reads. With `base_url` it names the tokenizer that renders the prompts here;
    without it the server renders them as chats. At most `concurrency` requests are in
    flight to the server. Without `constrained` the model answers in free text. `read` says who reads: rules
    and model together, or one of them. `combination` is a file of weights, by default the one beside adapter or model.
    With `strict_vocabulary` a model that reads whole reports names no place that the vocabulary lacks; its prompts show
    the most similar reports of the annotated file `examples`. With `thinking` a model on a server thinks first.
    """

    model: str | None = None
    adapter: Path | None = None
    base_url: str | None = None
    served_model: str | None = None
    download: bool = False
    concurrency: int = CONCURRENCY
    constrained: bool = True
    read: Reads = "both"
    combination: Path | None = None
    strict_vocabulary: bool = False
    examples: Path | None = None
    thinking: bool = False


def local_extractor(choice: ModelChoice) -> "ModelExtractor":
    """The tagger, or a language model run by transformers, alone."""
    if choice.model is None and choice.adapter is None:
        from selip_extract.extractors.tagger import TaggerExtractor

        return TaggerExtractor()
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

    without_files = ReportForm(None, strict_vocabulary=choice.strict_vocabulary, examples=_examples(choice))
    form = without_files if choice.model is None else _files(choice)[2]
    assert choice.base_url is not None, "extractor_maker has checked it"
    rendered = choice.model is not None
    engine = EndpointEngine(
        choice.base_url, choice.served_model, rendered, choice.concurrency, thinking=choice.thinking
    )
    return LanguageModelExtractor(engine, form, choice.constrained)


def _files(choice: ModelChoice) -> "tuple[Path, PreTrainedTokenizerFast, AnswerForm]":
    """The model's folder, its tokenizer and its answer form."""
    from selip_extract.llm.answer_forms import form_of
    from selip_extract.llm.model_files import load_tokenizer

    folder = _folder(choice)
    tokenizer = load_tokenizer(folder)
    form = form_of(tokenizer, strict_vocabulary=choice.strict_vocabulary, examples=_examples(choice))
    return folder, tokenizer, form


def _examples(choice: ModelChoice) -> "ShownExamples | None":
    if choice.examples is None:
        return None
    from selip_extract.llm.shown_examples import shown_examples

    return shown_examples(choice.examples)


def _folder(choice: ModelChoice) -> Path:
    from selip_extract.llm.model_files import MODEL_FOLDER
    from selip_shared.hugging_face import model_folder

    return MODEL_FOLDER if choice.model is None else model_folder(choice.model, choice.download)


def combination_of(choice: ModelChoice) -> "Combination":
    """The weights that the user named, those beside the adapter or the model, or else those for an unknown model."""
    from selip_extract.extractors.combination import DEFAULT, FILE_NAME, load_combination

    if choice.combination is not None:
        return load_combination(choice.combination)
    if choice.base_url is not None and choice.model is None:
        return DEFAULT
    from selip_extract.tagger.model_files import TAGGER_FOLDER

    model = TAGGER_FOLDER if choice.model is None else _folder(choice)
    beside = (choice.adapter or model) / FILE_NAME
    return load_combination(beside) if beside.exists() else DEFAULT


def _reading_as_chosen(make: "Callable[[ModelChoice], ModelExtractor]", choice: ModelChoice) -> Extractor:
    """The model alone, the rules alone, or both."""
    if choice.read == "rules":
        return _rules(choice)
    if choice.read == "model":
        return make(choice)
    from selip_extract.extractors.both import DoubleExtractor

    combination = combination_of(choice)
    return DoubleExtractor(make(choice), combination)


def _rules(_choice: ModelChoice) -> Extractor:
    from selip_extract.extractors.rules import RuleExtractor

    return RuleExtractor()


AUTO = "auto"

# The imports of an extractor wait until it is made: listing the names stays quick.
EXTRACTORS: dict[str, Callable[[ModelChoice], Extractor]] = {
    "both": partial(_reading_as_chosen, local_extractor),
    "model": local_extractor,
    "rules": _rules,
    "vllm": partial(_reading_as_chosen, _vllm_extractor),
    "endpoint": partial(_reading_as_chosen, _endpoint_extractor),
}


REASON_MEANING = {
    "server": "a server is named",
    "tagger": "the tagger that ships needs no GPU",
    "no GPU": "there is no GPU",
    "no vLLM": "there is a GPU, but vLLM is not installed",
    "vLLM": "there are a GPU and vLLM",
}
"""Why an extractor is the best on a machine."""


def automatic(choice: ModelChoice) -> tuple[str, str]:
    """The name of the best extractor that can run on this machine, and the reason."""
    if choice.base_url is not None:
        return "endpoint", REASON_MEANING["server"]
    if choice.model is None and choice.adapter is None:
        return "both", REASON_MEANING["tagger"]
    import torch

    if not torch.cuda.is_available():
        return "both", REASON_MEANING["no GPU"]
    if find_spec("vllm") is None:
        return "both", REASON_MEANING["no vLLM"]
    return "vllm", REASON_MEANING["vLLM"]


def extractor_maker(name: str, choice: ModelChoice) -> Callable[[], Extractor]:
    """A function that makes the extractor of that name.

    Raises SelipError before anything is loaded where there is no such extractor or the choice does not fit it.
    """
    if name not in EXTRACTORS:
        raise SelipError(f"There is no extractor {name}: name one of {', '.join((AUTO, *EXTRACTORS))}.")
    if name == "rules" and choice != ModelChoice():
        raise SelipError("The rules use no language model: leave out its options, or use another extractor.")
    if name in ("model", "rules") and choice.read not in ("both", name):
        raise SelipError(f"--extractor {name} reads with nothing else: leave out --read {choice.read}.")
    if (name == "endpoint") != (choice.base_url is not None):
        raise SelipError("--extractor endpoint and --base-url belong together: give both or neither.")
    if name == "endpoint" and choice.adapter is not None:
        raise SelipError("A server loads its own adapter: start the server with it and name it with --served-model.")
    if name == "vllm" and find_spec("vllm") is None:
        raise SelipError("vLLM is not installed: install selip[gpu], or use another extractor.")
    if name == "vllm" and choice.model is None and choice.adapter is None:
        raise SelipError("vLLM runs language models: name one with --model, or an adapter of the decoder that ships.")
    if choice.examples is not None and choice.model is None and choice.base_url is None:
        raise SelipError("--examples are shown to a large language model: name one with --model or --base-url.")
    if choice.thinking and (choice.base_url is None or choice.model is not None):
        raise SelipError(
            "--thinking is for a model on a server that renders its prompts: start it with its reasoning parser, and"
            " give --base-url without --model."
        )
    _examples(choice)
    if choice.adapter is not None and not choice.adapter.is_dir():
        raise SelipError(f"There is no adapter folder {choice.adapter}: name one that selip-finetune has written.")
    if choice.model is not None and not Path(choice.model).is_dir():
        from selip_shared.hugging_face import model_folder

        model_folder(choice.model, choice.download)
    return partial(EXTRACTORS[name], choice)
