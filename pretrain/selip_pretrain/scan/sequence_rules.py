"""Recognition of the sequence of a series by the rules in sequence_rules.toml: the first that fits decides."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import opencc
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from selip_contracts.vocabulary import Modality
from selip_shared.errors import SelipError
from selip_shared.toml_files import open_toml

Exclusion = Literal["other_modality", "localizer", "angiography", "reformat", "other_sequence"]

_TOKENS = re.compile(r"c-(?![a-z0-9])|\+[a-z0-9*#]+|[a-z0-9*#]+\+(?![a-z0-9])|[a-z0-9*#]+|[㐀-鿿*]+")
_PLUS = re.compile(r"(?<![a-z0-9])(t1|c|ce|gd|gad)\s?\(\s?\+\s?\)|(?<![a-z0-9])(c)\s\+(?![\s]?[a-z0-9])")
_AGENT = "(?:c|ce|gd|gad)"
_MINUS = re.compile(
    rf"(?<![a-z0-9+]){_AGENT}\s?\(\s?-\s?\)|\(\s?-\s?\)\s?{_AGENT}(?![a-z0-9])"
    rf"|(?<![a-z0-9+]){_AGENT}-(?![a-z0-9])|(?<=t1){_AGENT}-(?![a-z0-9])|(?<![a-z0-9)*-])-\s?{_AGENT}(?![a-z0-9])"
)
"""C-, -C, C(-), Gd-: without contrast; a hyphen between two words, as in T1-C and C-spine, is none of these."""
_EITHER = re.compile(r"(?<=t1)-c(?![a-z0-9+])|(?<=t1w)-c(?![a-z0-9+])")
_LINES = re.compile(r"\n|\s:\s")
"""What words on both sides of do not belong together: in POST : Processed no image is post-processed."""
_DASHES = str.maketrans("‐‑‒–—−", "------")
_CAMEL = re.compile(r"(?<=[a-z])(?<!Ai)(?=[A-Z])|(?<=[a-z0-9])(?=[A-Z][a-z])")
"""Where AxT1 is two words; AiCE, a reconstruction of Canon, is one, and no contrast."""


@dataclass(frozen=True)
class SeriesAttributes:
    """The attributes that rules compare; a number is None where the file does not state it, TI 0 without inversion."""

    texts: tuple[str, ...]
    """Series description, then protocol name, each possibly empty; of NIfTI first what is searched of the file name."""
    file_name: str = ""
    """Of NIfTI the file name without its ending."""
    dicom_modality: str = ""
    """The tag Modality: MR, CT and others; empty where it is not stated."""
    manufacturer: str = ""
    body_part: str = ""
    study: tuple[str, ...] = ()
    """What names the whole examination: study description, requested procedure, protocol name."""
    image_type: tuple[str, ...] = ()
    scanning_sequence: tuple[str, ...] = ()
    tr_ms: float | None = None
    te_ms: float | None = None
    ti_ms: float = 0
    b_value: float | None = None
    diffusion: bool = False
    """Whether the tags say that it is a diffusion series, at whatever b-value."""
    directional: bool = False
    """Whether the tags say that the diffusion weighting is along one direction, as in no trace image."""
    contrast: bool = False
    contrast_denied: bool = False
    """Whether the tag of the contrast agent says that there was none."""


def _ascending(limits: tuple[float, float]) -> tuple[float, float]:
    if not limits[0] <= limits[1]:
        raise ValueError("the lower limit must come first")
    return limits


def _patterns_of(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"{text!r} is not a regular expression ({error})") from error
    return texts


def _with_something_to_match(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if not "".join(_tokens(word, from_pattern=True)).strip("*$"):
            raise ValueError(f"{word!r} holds no letter or digit")
    return words


Words = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_with_something_to_match)]
Patterns = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_patterns_of)]
Values = Annotated[tuple[str, ...], Field(min_length=1)]
Limits = Annotated[tuple[float, float], AfterValidator(_ascending)]


class Rule(BaseModel):
    """A rule: the conditions that a series must meet, and what it then is. The fields: sequence_rules.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    modality: Modality | None = None
    # Earlier versions said set_aside.
    exclude: Exclusion | None = Field(default=None, validation_alias=AliasChoices("exclude", "set_aside"))
    uninformative: Literal[True] | None = None
    hint: str | None = None
    words: Words | None = None
    and_words: Words | None = None
    without_words: Words | None = None
    file_name: Patterns | None = None
    without_dicom_modality: Values | None = None
    manufacturer: Words | None = None
    body_part: Words | None = None
    without_body_part: Words | None = None
    study: Words | None = None
    without_study: Words | None = None
    image_type: Values | None = None
    without_image_type: Values | None = None
    scanning_sequence: Values | None = None
    without_scanning_sequence: Values | None = None
    tr_ms: Limits | None = None
    te_ms: Limits | None = None
    ti_ms: Limits | None = None
    b_value: Limits | None = None
    has_b_value: bool | None = None
    diffusion: bool | None = None
    contrast: bool | None = None
    contrast_denied: bool | None = None

    @model_validator(mode="after")
    def _decides_by_something(self) -> Self:
        if sum(outcome is not None for outcome in (self.modality, self.exclude, self.uninformative)) != 1:
            raise ValueError("a rule needs either modality or exclude")
        if not self.model_fields_set - {"name", "modality", "exclude", "uninformative", "hint", "without_words"}:
            raise ValueError("a rule needs a condition, e.g. words")
        return self

    def fits(self, attributes: SeriesAttributes, text: str) -> bool:
        """Whether all conditions hold, those on words in `text`; a condition on a number that is not stated fails."""
        study = "\n".join(attributes.study)
        return (
            _fits(text, self.words, self.without_words)
            and _fits(text, self.and_words)
            and (self.file_name is None or found_pattern(attributes.file_name, self.file_name) is not None)
            and _among((attributes.dicom_modality,), None, self.without_dicom_modality)
            and _fits(attributes.manufacturer, self.manufacturer)
            and _fits(attributes.body_part, self.body_part, self.without_body_part)
            and _fits(study, self.study, self.without_study)
            and _among(attributes.image_type, self.image_type, self.without_image_type)
            and _among(attributes.scanning_sequence, self.scanning_sequence, self.without_scanning_sequence)
            and (self.contrast is None or attributes.contrast == self.contrast)
            and (self.contrast_denied is None or attributes.contrast_denied == self.contrast_denied)
            and (self.diffusion is None or attributes.diffusion == self.diffusion)
            and (self.has_b_value is None or (attributes.b_value is not None) == self.has_b_value)
            and _within(attributes.tr_ms, self.tr_ms)
            and _within(attributes.te_ms, self.te_ms)
            and _within(attributes.ti_ms, self.ti_ms)
            and _within(attributes.b_value, self.b_value)
        )


class FileNames(BaseModel):
    """How the names of NIfTI files are read, as described in sequence_rules.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ignored: Patterns | None = None
    derived: Patterns | None = None


class SequenceRules:
    """An ordered list of rules, and how the names of NIfTI files are read."""

    def __init__(self, rules: Sequence[Rule], file_names: FileNames | None = None) -> None:
        self.rules = tuple(rule for rule in rules if not rule.uninformative)
        self._uninformative = tuple(rule for rule in rules if rule.uninformative)
        self._file_names = FileNames() if file_names is None else file_names

    def recognise(self, attributes: SeriesAttributes) -> Rule | None:
        """The first rule that fits; None where none does."""
        text = self.searched_text(attributes)
        return next((rule for rule in self.rules if rule.fits(attributes, text)), None)

    def searched_text(self, attributes: SeriesAttributes) -> str:
        """The texts in which words are searched, a line each.

        The first text, and the next ones until some rule finds its words and needs no hint: a protocol name may be that
        of the whole examination. Of the next ones, those that are uninformative are left out.
        """
        texts: list[str] = []
        for position, text in enumerate(attributes.texts):
            if not text or (position > 0 and any(rule.fits(attributes, text) for rule in self._uninformative)):
                continue
            texts.append(text)
            searched = "\n".join(texts)
            named = next((rule for rule in self.rules if rule.words and rule.fits(attributes, searched)), None)
            if named is not None and named.hint is None:
                return searched
        return "\n".join(texts)

    def file_text(self, name: str) -> str:
        """The part of a NIfTI file's name in which words are searched."""
        for pattern in self._file_names.ignored or ():
            name = re.sub(pattern, " ", name, flags=re.IGNORECASE)
        return name

    def is_derived(self, name: str) -> bool:
        """Whether a NIfTI file was computed from another one, by its name."""
        return found_pattern(name, self._file_names.derived or ()) is not None


def read_rules(path: Path | None = None) -> SequenceRules:
    """The rules in a file, by default sequence_rules.toml; SelipError with rule and line where one is not valid."""
    source = files("selip_pretrain.scan").joinpath("sequence_rules.toml") if path is None else path
    name = "sequence_rules.toml" if path is None else str(path)
    text, table = open_toml(source)
    groups = _word_groups(table.pop("words", {}), name)
    file_names = _file_names(table.pop("file_names", {}), name)
    rows = table.get("rule")
    if set(table) != {"rule"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SelipError(f"The rules {name} must be a list of [[rule]] entries and nothing else: remove the rest.")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*rule\s*\]\]", line)]
    rules: list[Rule] = []
    for row, line in zip(rows, lines, strict=False):
        rule = _rule(_with_groups(row, groups, f"{name}, line {line}"), f"{name}, line {line}")
        if any(rule.name == earlier.name for earlier in rules):
            raise SelipError(f"{name}, line {line}: there is already a rule {rule.name!r}; give it another name.")
        rules.append(rule)
    return SequenceRules(rules, file_names)


def _word_groups(table: object, name: str) -> dict[str, list[str]]:
    if not isinstance(table, dict) or not all(
        isinstance(words, list) and all(isinstance(word, str) for word in words) for words in table.values()
    ):
        raise SelipError(f'The [words] of the rules {name} must be lists of words, e.g. head = ["brain*"].')
    return table


def _file_names(table: object, name: str) -> FileNames:
    try:
        return FileNames.model_validate(table)
    except ValidationError as error:
        raise SelipError(f"[file_names] of the rules {name} is not valid ({_fault(error)}).") from error


def _with_groups(row: dict[str, Any], groups: dict[str, list[str]], location: str) -> dict[str, Any]:
    """The rule with the words of a group in place of its name, e.g. @head."""
    expanded: dict[str, Any] = {}
    for field, value in row.items():
        expanded[field] = value
        if isinstance(value, list) and any(str(word).startswith("@") for word in value):
            expanded[field] = []
            for word in value:
                if str(word).startswith("@") and word[1:] not in groups:
                    raise SelipError(f"{location}: there is no group {word[1:]!r} in [words]; write its words there.")
                expanded[field] += groups[word[1:]] if str(word).startswith("@") else [word]
    return expanded


def _rule(row: dict[str, Any], location: str) -> Rule:
    try:
        return Rule.model_validate(row)
    except ValidationError as error:
        raise SelipError(
            f"{location}: the rule {row.get('name', 'without a name')!r} is not valid ({_fault(error)})."
        ) from error


def _fault(error: ValidationError) -> str:
    """The first fault, with the field that has it."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    return f"{field}: {first['msg']}" if field else first["msg"].removeprefix("Value error, ")


def _within(value: float | None, limits: tuple[float, float] | None) -> bool:
    return limits is None or (value is not None and limits[0] <= value <= limits[1])


def _fits(text: str, wanted: tuple[str, ...] | None, unwanted: tuple[str, ...] | None = None) -> bool:
    return (wanted is None or _contains(text, wanted)) and (unwanted is None or not _contains(text, unwanted))


def _among(values: Iterable[str], wanted: tuple[str, ...] | None, unwanted: tuple[str, ...] | None) -> bool:
    upper = {value.upper() for value in values}
    return (wanted is None or not upper.isdisjoint(value.upper() for value in wanted)) and (
        unwanted is None or upper.isdisjoint(value.upper() for value in unwanted)
    )


def found_word(text: str, words: tuple[str, ...]) -> str | None:
    """The part of a text that is one of the words, in the form in which it is compared; None where there is none."""
    matches = (_matcher(words)(form) for form in _forms(text))
    return next((match[0].strip() for match in matches if match), None)


def found_pattern(name: str, patterns: tuple[str, ...]) -> str | None:
    """The part of a file name that one of the regular expressions fits; None where none does."""
    matches = (re.search(pattern, name) for pattern in patterns)
    return next((match[0] for match in matches if match), None)


def _contains(text: str, words: tuple[str, ...]) -> bool:
    return found_word(text, words) is not None


@cache
def _forms(text: str) -> tuple[str, ...]:
    """The text as words between blanks: as written, and with AxT1 split into two words; lines do not join."""
    forms = (text, _CAMEL.sub(" ", text))
    lines = ([f" {' '.join(_tokens(line))} " for line in _LINES.split(form)] for form in forms)
    return tuple(dict.fromkeys("".join(each) for each in lines))


@cache
def _matcher(words: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    """A function that searches one of the words in a form of a text."""
    return re.compile("|".join(_expression(word) for word in words)).search


def _expression(word: str) -> str:
    tokens = _tokens(word.removesuffix("$"), from_pattern=True)
    parts = [re.escape(token).replace(r"\*", "[^ ]*").replace(r"\#", "[0-9]+") for token in tokens]
    # Chinese is written without blanks: a Chinese word may be anywhere in a run of characters.
    chinese = ["㐀" <= token.strip("*")[:1] <= "鿿" for token in tokens]
    before = "" if chinese[0] else " "
    after = "" if chinese[-1] else " "
    # Each line begins and ends with a blank.
    after += "(?= |$)" if word.endswith("$") else ""
    between = [" ?" if left or right else " " for left, right in pairwise(chinese)]
    return before + "".join(part + gap for part, gap in zip(parts, [*between, ""], strict=True)) + after


@cache
def _simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def _tokens(text: str, *, from_pattern: bool = False) -> list[str]:
    """Words in lower case, half width, without accents, simplified; +C and C- are one word each, T2* is T2 star."""
    plain = unicodedata.normalize("NFKD", text).lower().translate(_DASHES)
    if not plain.isascii():
        plain = _simplified().convert("".join(letter for letter in plain if not unicodedata.combining(letter)))
    if not from_pattern:
        plain = re.sub(r"(?<=t2)\s?\*|(?<=t2w)\s?\*", "star ", plain).replace("*", " ").replace("#", " ")
        plain = _EITHER.sub(" c- c+ ", plain)
        plain = _MINUS.sub(" c- ", _PLUS.sub(r"\1 c+ ", plain))
    return _TOKENS.findall(plain)
