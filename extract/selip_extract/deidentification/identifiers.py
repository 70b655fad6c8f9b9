"""What in a report tells who the patient is, or who signed it: its characters, and the neutral words in their place.

The words and expressions are in identifiers.toml.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from selip_extract.language.lexicon import words
from selip_shared.toml_files import read_toml

MASKED = "\0"
"""What is masked already reads so, that no later expression matches it."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Mask(NamedTuple):
    """Characters [start, end) of a text and what is to stand there instead."""

    start: int
    end: int
    replacement: str


Identifier = Literal["姓名", "编号", "证件号", "电话", "出生日期", "邮箱", "地址"]


def replacement_of(identifier: Identifier) -> str:
    """What stands in the place of an identifier: 〔姓名〕."""
    return f"〔{identifier}〕"


def _without_repetition(words: tuple[str, ...]) -> tuple[str, ...]:
    for i, word in enumerate(words):
        if not word.strip():
            raise ValueError("an empty word")
        if word in words[:i]:
            raise ValueError(f"{word!r} is there already")
    return words


Words = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_without_repetition)]


class MaskRule(BaseModel):
    """One expression: the group `it` is masked as an identifier, or becomes another text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identifier: Identifier | None = None
    becomes: str | None = None
    expression: str

    @model_validator(mode="after")
    def _says_what_stands_instead(self) -> Self:
        if (self.identifier is None) == (self.becomes is None):
            raise ValueError("a mask has either identifier or becomes")
        return self

    @property
    def flags(self) -> re.RegexFlag:
        """Case matters in names alone."""
        return re.NOFLAG if self.identifier == "姓名" else re.IGNORECASE

    @property
    def replacement(self) -> str:
        """What stands in place of the group `it`, as a template of re."""
        return self.becomes or "" if self.identifier is None else replacement_of(self.identifier)


class IdentifierFile(BaseModel):
    """identifiers.toml: its first lines say what each table is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: dict[str, Words]
    words: dict[str, Words]
    parts: dict[str, str | tuple[str, ...]]
    mask: tuple[MaskRule, ...]

    @model_validator(mode="after")
    def _every_expression_is_valid(self) -> Self:
        for label, of in ((label, kind) for kind, labels in self.labels.items() for label in labels):
            if others := [kind for kind, labels in self.labels.items() if label in labels and kind != of]:
                raise ValueError(f"{label!r} is in {of} and in {others[0]}: remove one of them")
        for rule, pattern in self.patterns:
            if "it" not in pattern.groupindex:
                raise ValueError(f"{rule.expression!r} has no group (?P<it>...), which is what is masked")
        return self

    @cached_property
    def patterns(self) -> tuple[tuple[MaskRule, re.Pattern[str]], ...]:
        """Every rule with its expression compiled; ValueError where one is not valid."""
        return tuple((rule, self._compiled(rule)) for rule in self.mask)

    def _compiled(self, rule: MaskRule) -> re.Pattern[str]:
        try:
            return re.compile(self.expanded(rule.expression), rule.flags)
        except re.error as error:
            raise ValueError(f"{rule.expression!r} is not a regular expression ({error})") from error
        except RecursionError as error:
            raise ValueError(f"a part of {rule.expression!r} contains itself") from error

    def expanded(self, expression: str) -> str:
        """The expression with its labels, words and parts put in."""
        return _PLACEHOLDER.sub(lambda found: self._expansion(found[1]), expression)

    def _expansion(self, name: str) -> str:
        if name in self.labels:
            return rf"(?<![A-Za-z]){_any_of(self.labels[name], _with_blanks)}"
        if name in self.words:
            return _any_of(self.words[name], re.escape)
        if name not in self.parts:
            raise ValueError(f"there is no label, word or part {name!r}")
        part = self.parts[name]
        return self.expanded(part) if isinstance(part, str) else _any_of(part, self.expanded, longest_first=False)


def _any_of(words: Iterable[str], form: Callable[[str], str], *, longest_first: bool = True) -> str:
    ordered = sorted(words, key=len, reverse=True) if longest_first else words
    return f"(?:{'|'.join(map(form, ordered))})"


def _with_blanks(label: str) -> str:
    return " *".join(map(re.escape, label))


def read_identifiers(file: Path | Traversable) -> IdentifierFile:
    """The words and expressions of a file; SelipError where it is not valid."""
    return read_toml(file, IdentifierFile)


@cache
def shipped_identifiers() -> IdentifierFile:
    """The file of the package, read where it is first needed: that takes a tenth of a second."""
    return read_identifiers(files("selip_extract.deidentification").joinpath("identifiers.toml"))


class _OneWidth(dict[int, str]):
    """By code point the character to read it as: half width, every blank a space, every dash a hyphen."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if 0xFF01 <= code <= 0xFF5E:
            read = chr(code - 0xFEE0)
        elif character in "\n\r":
            read = "\n"
        elif character.isspace() or character in "\u200b\u200c\u200d\u2060\ufeff\u00ad":
            read = " "
        else:
            read = "-" if character in "‐‑‒–—―−" else character
        self[code] = read
        return read


_ONE_WIDTH = _OneWidth()


def identifiers(text: str) -> list[Mask]:
    """Everything in the text that is to be masked, in order and without overlap."""
    rest = text.translate(_ONE_WIDTH)
    masks: list[Mask] = []

    def take(pattern: re.Pattern[str], replacement: str) -> list[Mask]:
        """Mask what it matches in what is left."""
        nonlocal rest
        found = [Mask(*match.span("it"), match.expand(replacement)) for match in pattern.finditer(rest)]
        for start, end, _ in found:
            rest = rest[:start] + MASKED * (end - start) + rest[end:]
        masks.extend(found)
        return found

    names: set[str] = set()
    for rule, pattern in shipped_identifiers().patterns:
        found = take(pattern, rule.replacement)
        if rule.identifier == "姓名":
            names |= {name.strip() for mask in found for name in re.split("[/、,，]", text[mask.start : mask.end])}
    for name in sorted(filter(_is_a_name_anywhere, names), key=len, reverse=True):
        take(re.compile(f"(?P<it>{re.escape(name)})"), replacement_of("姓名"))
    return sorted(masks)


def _is_a_name_anywhere(name: str) -> bool:
    """Whether these characters are no part of the lexicon's words: then they are masked without a label, too."""
    if len(name) < (2 if name[:1] in shipped_identifiers().words["surname"] else 3):
        return False
    return not any(name in word or (len(word) > 1 and word in name) for word in words())
