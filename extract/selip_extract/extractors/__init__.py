"""The seam between the pipeline and what reads a report: a new extractor is one file and one line in EXTRACTORS."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from selip_contracts.findings import Study
from selip_extract.extraction import Review, Status
from selip_shared.errors import SelipError


@dataclass(frozen=True)
class Reading:
    """What an extractor read in one text; under another status than ok its study is not stored."""

    study: Study
    reply: str | None = None
    status: Status = "ok"
    note: str | None = None
    review: tuple[Review, ...] = ()


class Extractor(Protocol):
    """Reads texts; what it finds in one text does not depend on the others."""

    name: str

    def fingerprint(self) -> dict[str, str]:
        """What decides the findings: model_hash, task_version, grammar_version, engine, seed, settings.

        Where a column of the table `runs` has the name of a key it takes its value.
        """
        ...

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text, in the order of the texts."""
        ...


def _deferred(module: str, name: str) -> Callable[[Path | None], Extractor]:
    """A maker that imports its module only when it is called, so that a list of extractors costs nothing."""

    def make(model: Path | None) -> Extractor:
        return cast(Extractor, getattr(import_module(f"selip_extract.extractors.{module}"), name)(model))

    return make


def _rules(_model: Path | None) -> Extractor:
    return cast(Extractor, import_module("selip_extract.extractors.rules").RuleReader())


DEFAULT_EXTRACTOR = "both"
EXTRACTORS: dict[str, Callable[[Path | None], Extractor]] = {
    "both": _deferred("both", "DoubleReader"),
    "model": _deferred("language_model", "LanguageModelReader"),
    "rules": _rules,
}


def extractor_maker(name: str, model: Path | None) -> Callable[[], Extractor]:
    """What makes the extractor of that name, with the model in a folder or (None) the one that ships.

    Raises SelipError at once, before anything is loaded, where there is no such extractor or folder.
    """
    if name not in EXTRACTORS:
        raise SelipError(f"There is no extractor {name}: name one of {', '.join(EXTRACTORS)}.")
    if model is not None and not model.is_dir():
        raise SelipError(f"There is no model folder {model}: name one that holds a model, or leave --model out.")
    return partial(EXTRACTORS[name], model)
