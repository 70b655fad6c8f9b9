"""The seam between the pipeline and what reads a report: a new extractor is one file and one line in EXTRACTORS."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from selip_contracts.findings import Study
from selip_extract.extraction import NO_USAGE, Review, Status, Usage
from selip_shared.errors import SelipError

if TYPE_CHECKING:
    from selip_extract.extractors.language_model import LanguageModelReader


@dataclass(frozen=True)
class Reading:
    """What an extractor read in one text; under another status than ok its study is not stored."""

    study: Study
    reply: str | None = None
    status: Status = "ok"
    note: str | None = None
    review: tuple[Review, ...] = ()
    usage: Usage = NO_USAGE


class Extractor(Protocol):
    """Reads texts; what it finds in one text does not depend on the others. Safe to call from several threads."""

    name: str

    @property
    def batch_size(self) -> int:
        """How many reports should be in work at once."""
        ...

    def fingerprint(self) -> dict[str, str]:
        """What decides the findings: model_hash, task_version, grammar_version, engine, seed, settings.

        Where a column of the table `runs` has the name of a key it takes its value.
        """
        ...

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text, in the order of the texts."""
        ...


@dataclass(frozen=True)
class ModelChoice:
    """Which language model, as the user names it: None is the one that ships."""

    model: Path | None = None


def local_reader(choice: ModelChoice) -> "LanguageModelReader":
    """The model through transformers."""
    from selip_extract.answer_forms import form_of
    from selip_extract.engines.transformers_engine import TransformersEngine
    from selip_extract.extractors.language_model import LanguageModelReader
    from selip_extract.model_files import MODEL_FOLDER, load_tokenizer

    folder = choice.model or MODEL_FOLDER
    tokenizer = load_tokenizer(folder)
    form = form_of(tokenizer)
    return LanguageModelReader(TransformersEngine(folder, tokenizer, form.at_once), form)


def _double(model: "LanguageModelReader") -> Extractor:
    from selip_extract.extractors.both import DoubleReader

    return DoubleReader(model)


def _rules(_choice: ModelChoice) -> Extractor:
    from selip_extract.extractors.rules import RuleReader

    return RuleReader()


DEFAULT_EXTRACTOR = "both"
# What an extractor needs is imported when it is made: a list of extractors costs nothing.
EXTRACTORS: dict[str, Callable[[ModelChoice], Extractor]] = {
    "both": lambda choice: _double(local_reader(choice)),
    "model": local_reader,
    "rules": _rules,
}


def extractor_maker(name: str, choice: ModelChoice) -> Callable[[], Extractor]:
    """What makes the extractor of that name.

    Raises SelipError at once, before anything is loaded, where there is no such extractor or folder.
    """
    if name not in EXTRACTORS:
        raise SelipError(f"There is no extractor {name}: name one of {', '.join(EXTRACTORS)}.")
    if choice.model is not None and not choice.model.is_dir():
        raise SelipError(f"There is no model folder {choice.model}: name one that holds a model, or leave --model out.")
    return partial(EXTRACTORS[name], choice)
