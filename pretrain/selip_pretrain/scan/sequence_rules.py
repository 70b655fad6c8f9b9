"""Recognition of the sequence of a series by the rules in sequence_rules.toml: the first that fits decides."""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from selip_contracts.vocabulary import Modality
from selip_shared.errors import SelipError

Exclusion = Literal["localizer", "angiography", "reformat", "other_sequence"]

_TOKENS = re.compile(r"\+[a-z0-9*]+|[a-z0-9*]+\+(?![a-z0-9])|[a-z0-9*]+|[㐀-鿿*]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[a-z0-9])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class SeriesAttributes:
    """The attributes that rules compare; a number is None where the file does not state it, TI 0 without inversion."""

    texts: tuple[str, ...]
    """Series description, then protocol name; or the file name without its ending."""
    image_type: tuple[str, ...] = ()
    scanning_sequence: tuple[str, ...] = ()
    tr_ms: float | None = None
    te_ms: float | None = None
    ti_ms: float = 0
    b_value: float | None = None
    contrast: bool = False


def _ascending(limits: tuple[float, float]) -> tuple[float, float]:
    if not limits[0] <= limits[1]:
        raise ValueError("the lower limit must come first")
    return limits


def _with_something_to_match(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if not "".join(_tokens(word, from_pattern=True)).strip("*"):
            raise ValueError(f"{word!r} holds no letter or digit")
    return words


Words = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_with_something_to_match)]
Values = Annotated[tuple[str, ...], Field(min_length=1)]
Limits = Annotated[tuple[float, float], AfterValidator(_ascending)]


class Rule(BaseModel):
    """A rule: the conditions that a series must meet, and what it then is. The fields: sequence_rules.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    modality: Modality | None = None
    # Earlier versions said set_aside.
    exclude: Exclusion | None = Field(default=None, validation_alias=AliasChoices("exclude", "set_aside"))
    words: Words | None = None
    and_words: Words | None = None
    without_words: Words | None = None
    image_type: Values | None = None
    scanning_sequence: Values | None = None
    tr_ms: Limits | None = None
    te_ms: Limits | None = None
    ti_ms: Limits | None = None
    b_value: Limits | None = None
    contrast: bool | None = None

    @model_validator(mode="after")
    def _decides_by_something(self) -> Self:
        if (self.modality is None) == (self.exclude is None):
            raise ValueError("a rule needs either modality or exclude")
        if not self.model_fields_set - {"name", "modality", "exclude", "without_words"}:
            raise ValueError("a rule needs a condition, e.g. words")
        return self

    def fits(self, attributes: SeriesAttributes, text: str) -> bool:
        """Whether all conditions hold, those on words in `text`; a condition on a number that is not stated fails."""
        return (
            (self.words is None or _contains(text, self.words))
            and (self.and_words is None or _contains(text, self.and_words))
            and (self.without_words is None or not _contains(text, self.without_words))
            and (self.image_type is None or _overlaps(attributes.image_type, self.image_type))
            and (self.scanning_sequence is None or _overlaps(attributes.scanning_sequence, self.scanning_sequence))
            and (self.contrast is None or attributes.contrast == self.contrast)
            and _within(attributes.tr_ms, self.tr_ms)
            and _within(attributes.te_ms, self.te_ms)
            and _within(attributes.ti_ms, self.ti_ms)
            and _within(attributes.b_value, self.b_value)
        )


class SequenceRules:
    """An ordered list of rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)

    def recognise(self, attributes: SeriesAttributes) -> Rule | None:
        """The first rule that fits; None where none does.

        Words are searched in the first text in which some rule finds its words: a protocol name may be that of the
        whole examination.
        """
        texts = (t for t in attributes.texts if any(rule.words and rule.fits(attributes, t) for rule in self.rules))
        text = next(texts, "")
        return next((rule for rule in self.rules if rule.fits(attributes, text)), None)


def read_rules(path: Path | None = None) -> SequenceRules:
    """The rules in a file, by default sequence_rules.toml; SelipError with rule and line where one is not valid."""
    source = files("selip_pretrain.scan").joinpath("sequence_rules.toml") if path is None else path
    name = "sequence_rules.toml" if path is None else str(path)
    try:
        text = source.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise SelipError(f"The rules {name} cannot be opened ({error.strerror}): name another file.") from error
    except UnicodeDecodeError as error:
        raise SelipError(f"The rules {name} are not in UTF-8: save the file in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SelipError(f"The rules {name} are not valid TOML: {error}.") from error
    rows = table.get("rule")
    if set(table) != {"rule"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SelipError(f"The rules {name} must be a list of [[rule]] entries and nothing else: remove the rest.")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*rule\s*\]\]", line)]
    rules: list[Rule] = []
    for row, line in zip(rows, lines, strict=False):
        rule = _rule(row, f"{name}, line {line}")
        if any(rule.name == earlier.name for earlier in rules):
            raise SelipError(f"{name}, line {line}: there is already a rule {rule.name!r}; give it another name.")
        rules.append(rule)
    return SequenceRules(rules)


def _rule(row: dict[str, Any], location: str) -> Rule:
    try:
        return Rule.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        fault = f"{field}: {first['msg']}" if field else first["msg"].removeprefix("Value error, ")
        raise SelipError(
            f"{location}: the rule {row.get('name', 'without a name')!r} is not valid ({fault})."
        ) from error


def _within(value: float | None, limits: tuple[float, float] | None) -> bool:
    return limits is None or (value is not None and limits[0] <= value <= limits[1])


def _overlaps(values: Iterable[str], wanted: Iterable[str]) -> bool:
    return not {value.upper() for value in wanted}.isdisjoint(value.upper() for value in values)


def _contains(text: str, words: tuple[str, ...]) -> bool:
    matches = _matcher(words)
    return any(matches(form) for form in _forms(text))


@cache
def _forms(text: str) -> tuple[str, ...]:
    """The text as words between blanks: as written, and with AxT1 split into two words."""
    return tuple(dict.fromkeys(f" {' '.join(_tokens(form))} " for form in (text, _CAMEL.sub(" ", text))))


@cache
def _matcher(words: tuple[str, ...]) -> Callable[[str], object]:
    """A function that searches one of the words in a form of a text."""
    return re.compile("|".join(_expression(word) for word in words)).search


def _expression(word: str) -> str:
    tokens = _tokens(word, from_pattern=True)
    parts = [re.escape(token).replace(r"\*", "[^ ]*") for token in tokens]
    # Chinese is written without blanks: a Chinese word may be anywhere in a run of characters.
    chinese = ["㐀" <= token.strip("*")[:1] <= "鿿" for token in tokens]
    before = "" if chinese[0] else " "
    after = "" if chinese[-1] else " "
    between = [" ?" if left or right else " " for left, right in pairwise(chinese)]
    return before + "".join(part + gap for part, gap in zip(parts, [*between, ""], strict=True)) + after


def _tokens(text: str, *, from_pattern: bool = False) -> list[str]:
    """Words in lower case and half width; +C is one word, and the asterisk of T2* becomes star."""
    plain = unicodedata.normalize("NFKC", text).lower()
    if not from_pattern:
        plain = re.sub(r"(?<=t2)\s?\*", "star ", plain).replace("*", " ")
    return _TOKENS.findall(plain)
