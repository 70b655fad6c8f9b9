"""The lexicon: what the words of a head-MRI report stand for, read from the TOML files in words/ and from sites.csv.

Each file says in its first lines what belongs in it and how to add to it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, cast, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat

from selip_contracts.findings import Count
from selip_contracts.vocabulary import (
    CHANGES,
    SITES,
    Enhancement,
    Modality,
    Side,
    Signal,
    cached_until_sites_change,
    parts,
)
from selip_extract.language.first_characters import filtered, first_characters
from selip_shared.errors import SelipError
from selip_shared.toml_files import read_toml

Kind = Literal[
    "site", "layer", "side", "post_side", "sequence", "signal", "enhancement", "restriction",
    "change", "negation", "abnormal", "normal", "lesion", "cue", "verb", "elsewhere", "size", "date",
    "mark", "punctuation", "stop", "other",
]  # fmt: skip
# The default model's tokens are numbered in this order.
Cue = Literal[
    "部分", "其中", "其余", "上述", "前者", "后者", "仅", "同上", "除", "外", "均", "亦", "另", "相应", "中心", "边缘",
    "周围", "其内", "伴", "分别", "或", "较大", "本次", "前片", "较前", "位于", "可疑", "为著", "以", "受累", "于",
    "信号",
]  # fmt: skip
CUES: tuple[Cue, ...] = get_args(Cue)
Relaxation = Literal["long", "slightly_long", "equal", "slightly_short", "short", "mixed"]
"""How long T1 or T2 is said to be: 长T1, 稍短T2."""

LOBE_CHARACTERS = {form: site.name for site in SITES.values() for form in site.surface_forms if len(form) == 1}
"""Forms of a single character: they name a lobe only beside another lobe or a side (额颞叶, 左额、右颞)."""

BETWEEN_WORDS = ",;:()"
"""No word holds one of these marks, so what stands between two of them is segmented by itself."""

SITES_FILE = "sites.csv"

# Kinds whose words all mean the same; a layer and a word without a meaning stand for themselves.
_ONLY_VALUE: dict[Kind, str] = {
    "restriction": "受限", "negation": "未见", "abnormal": "异常", "normal": "正常", "lesion": "灶", "verb": "见",
}  # fmt: skip
_NOT_SEGMENTED = re.compile(r"[A-Z0-9.+]")
_NO_PART_OF_A_WORD = re.compile(rf"[{re.escape(BETWEEN_WORDS)}。!?]")
_PLACEHOLDER = re.compile(r"\{([^\W\d][^{}]*)\}")


class Meaning(NamedTuple):
    """What a word stands for: a kind and the canonical value within it; A|B stands for both A and B."""

    kind: Kind
    value: str


def _known_sites(value: str) -> str:
    for site in value.split("|"):
        if site not in SITES:
            raise ValueError(f"there is no site {site!r} in {SITES_FILE}")
    return value


def _known_changes(value: str) -> str:
    for change in value.split("|"):
        if change not in CHANGES:
            raise ValueError(f"there is no change {change!r}")
    return value


def _as_it_is_read(form: str) -> str:
    words = _PLACEHOLDER.sub("", form)
    read = "".join(unicodedata.normalize("NFKC", words).upper().split())
    if not form:
        raise ValueError("an empty form")
    if words != read:
        raise ValueError(f"{form!r} is never met, since texts are read in half width, capitals and without blanks")
    if mark := _NO_PART_OF_A_WORD.search(form):
        raise ValueError(f"{form!r} is never met, since every word ends at {mark[0]!r}")
    return form


Form = Annotated[str, AfterValidator(_as_it_is_read)]
Forms = Annotated[tuple[Form, ...], Field(min_length=1)]
ChangeNames = Annotated[str, AfterValidator(_known_changes)]
"""A change, or several as A|B."""
SiteName = Annotated[str, AfterValidator(_known_sites)]
SiteNames = Annotated[frozenset[SiteName], Field(min_length=1)]
Expressions = Annotated[tuple[str, ...], Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteGroups(_Table):
    """What the lexer must know of sites besides their names: words/sites.toml says what each group is for."""

    whole_brain: SiteNames
    layers: SiteNames
    layers_of_lobes: SiteNames
    outside_the_brain: SiteNames
    qualifiers: SiteNames
    regions: SiteNames
    linings: SiteNames
    cortex: Forms


class DescriptionWords(_Table):
    """Words that describe a lesion; all but the forms of `lesion` and `count` are regular expressions."""

    morphology: str
    other_shape: str
    margin: str
    margin_unclear: str
    lesion: Forms
    lesion_unless: str
    count: dict[Count, Forms]
    number: str
    several: str


class Patterns(_Table):
    """Names that vary, as regular expressions over the normalized text; {name} is any entry of the list `name`."""

    sequence: dict[Modality, Expressions] = {}
    side: dict[Side, Expressions] = {}
    elsewhere: dict[Literal["他处", "血管", "躯体", "指令"], Expressions] = {}
    other: dict[Literal["标题", "其他序列", "血管强化"], Expressions] = {}


class WordFile(_Table):
    """One file: by kind and value the surface forms. In a form {name} is any word of the list `name`.

    {脑膜} is any form of that site in sites.csv, {parts of 血管} any form of the sites within it.
    """

    site: dict[SiteName, Forms] = {}
    layer: Forms | None = None
    side: dict[Side | Literal["同侧", "对侧"], Forms] = {}
    post_side: dict[Literal["左侧", "右侧"], Forms] = {}
    sequence: dict[Modality, Forms] = {}
    signal: dict[Signal, Forms] = {}
    enhancement: dict[Enhancement | Literal["无"], Forms] = {}
    restriction: Forms | None = None
    change: dict[ChangeNames, Forms] = {}
    negation: Forms | None = None
    abnormal: Forms | None = None
    normal: Forms | None = None
    lesion: Forms | None = None
    cue: dict[Cue, Forms] = {}
    verb: Forms | None = None
    elsewhere: dict[Literal["他处", "血管", "躯体", "指令"], Forms] = {}
    other: Forms | dict[Literal["至"], Forms] | None = None

    lists: dict[str, tuple[str, ...]] = {}
    patterns: Patterns = Patterns()
    # Each of these stands in one file.
    relaxation: dict[Relaxation, Forms] | None = None
    site_groups: SiteGroups | None = None
    unit_mm: dict[Form, PositiveFloat] | None = None
    doubt: Expressions | None = None
    doubt_of_lesion: Expressions | None = None
    doubt_behind: Expressions | None = None
    negation_behind: Expressions | None = None
    description: DescriptionWords | None = None

    def entries(self) -> Iterator[tuple[Meaning, str]]:
        """Every form as it is written in the file, with its meaning."""
        for kind in get_args(Kind):
            found: Mapping[str, Forms] | Forms | None = getattr(self, kind, None)
            if isinstance(found, Mapping):
                yield from ((Meaning(kind, value), form) for value, forms in found.items() for form in forms)
            else:
                yield from ((Meaning(kind, _ONLY_VALUE.get(kind, form)), form) for form in found or ())


@dataclass(frozen=True)
class Lexicon:
    """All files together."""

    words: Mapping[str, Meaning]
    """Words that are found by segmentation."""
    names: Mapping[str, Meaning]
    """Names with letters or digits, which are found by a pattern."""
    patterns: tuple[tuple[Meaning, str], ...]
    """Names that vary: a regular expression for each meaning, in the order in which they are tried."""
    relaxation: Mapping[str, Relaxation]
    site_groups: SiteGroups
    unit_mm: Mapping[str, float]
    """The millimetres of each unit."""
    doubt: re.Pattern[str]
    """What makes uncertain all that its clause states."""
    doubt_of_lesion: re.Pattern[str]
    """What makes a lesion uncertain in the clause that introduces it."""
    doubt_behind: re.Pattern[str]
    """A clause that makes uncertain what the clause before it states."""
    negation_behind: re.Pattern[str]
    """What denies the word before it and ends its clause."""
    description: DescriptionWords


class _Forms:
    """The meanings of the forms of all files, each form with one meaning."""

    def __init__(self) -> None:
        self.meanings: dict[str, Meaning] = {}
        self._written: dict[str, str] = {}

    def add_written(self, form: str, meaning: Meaning, file: str) -> None:
        """Add a form that is written out; SelipError where it is there already."""
        if form in self.meanings:
            before = f"{self.meanings[form].kind} {self.meanings[form].value} in {self._written[form]}"
            raise SelipError(f"{file}: {form!r} is there already, as {before}: remove one of them.")
        self.meanings[form] = meaning
        self._written[form] = file

    def add_composed(self, form: str, template: str, meaning: Meaning, file: str) -> None:
        """Add a form of a template; SelipError where it is written out or has another meaning already."""
        before = self.meanings.setdefault(form, meaning)
        if form in self._written:
            raise SelipError(
                f"{file}: {form!r} of {template!r} is also written out in {self._written[form]}: remove it."
            )
        if before != meaning:
            raise SelipError(f"{file}: {form!r} of {template!r} is there already, as {before.kind} {before.value}.")


@cached_until_sites_change()
def lexicon() -> Lexicon:
    """The lexicon of the package."""
    return read_lexicon(files("selip_extract.language").joinpath("words"))


def words() -> Mapping[str, Meaning]:
    """Every word that is found by segmentation, and what it stands for."""
    return lexicon().words


def read_lexicon(folder: Path | Traversable) -> Lexicon:
    """The lexicon of sites.csv and of all files of the folder; SelipError with the file where one is not valid."""
    read = {
        file.name: read_toml(file, WordFile)
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".toml")
    }
    forms = _Forms()
    for form, sites in _forms_of_sites().items():
        forms.add_written(form, Meaning("site", "|".join(sites)), SITES_FILE)
    for name, file in read.items():
        for meaning, form in file.entries():
            if "{" not in form:
                forms.add_written(form, meaning, name)
    for name, file in read.items():
        for meaning, form in file.entries():
            for composed in _composed(form, file.lists, name) if "{" in form else ():
                forms.add_composed(composed, form, meaning, name)
    return Lexicon(
        words={form: meaning for form, meaning in forms.meanings.items() if not _NOT_SEGMENTED.search(form)},
        names={form: meaning for form, meaning in forms.meanings.items() if _NOT_SEGMENTED.search(form)},
        patterns=tuple(pattern for name, file in read.items() for pattern in _patterns(file, name)),
        relaxation=_relaxation(read),
        site_groups=_only(read, "site_groups")[1],
        unit_mm=_only(read, "unit_mm")[1],
        doubt=_any_expression(read, "doubt"),
        doubt_of_lesion=_any_expression(read, "doubt_of_lesion"),
        doubt_behind=_any_expression(read, "doubt_behind"),
        negation_behind=_any_expression(read, "negation_behind"),
        description=_description(read),
    )


def _forms_of_sites() -> dict[str, list[str]]:
    """The forms of sites.csv with the sites that list them: one that two sites list names both."""
    found: dict[str, list[str]] = {}
    for site in SITES.values():
        for form in site.surface_forms:
            try:
                _as_it_is_read(form)
            except ValueError as error:
                raise SelipError(f"{SITES_FILE}: {site.name}: {error}; correct the file.") from error
            if form not in LOBE_CHARACTERS:
                found.setdefault(form, []).append(site.name)
    return found


def _composed(template: str, lists: Mapping[str, tuple[str, ...]], file: str) -> Iterator[str]:
    """Every form that a template stands for."""
    pieces = _PLACEHOLDER.split(template)
    choices = [[piece] if i % 2 == 0 else _choices(piece, lists, file) for i, piece in enumerate(pieces)]
    return map("".join, product(*choices))


def _choices(name: str, lists: Mapping[str, tuple[str, ...]], file: str) -> list[str]:
    """The words that {name} stands for."""
    if name in lists:
        return [word for entry in lists[name] for word in (_composed(entry, {}, file) if "{" in entry else (entry,))]
    whole = name.removeprefix("parts of ")
    if whole not in SITES:
        raise SelipError(f"{file}: {{{name}}} is neither a list of this file nor a site: correct it.")
    sites = [whole] if whole == name else parts(whole)
    return [form for site in sites for form in SITES[site].surface_forms]


def _patterns(file: WordFile, name: str) -> Iterator[tuple[Meaning, str]]:
    """The regular expressions of a file, their lists put in."""
    for kind in Patterns.model_fields:
        for value, expressions in getattr(file.patterns, kind).items():
            whole = "|".join(_expression(expression, file, name) for expression in expressions)
            yield Meaning(kind, value), whole  # type: ignore[arg-type]  # the fields are kinds


def _expression(expression: str, file: WordFile, name: str) -> str:
    """A regular expression with its lists put in."""
    whole = _PLACEHOLDER.sub(lambda found: f"(?:{'|'.join(_choices(found[1], file.lists, name))})", expression)
    try:
        first_characters(whole)
    except ValueError as error:
        raise SelipError(f"{name}: the pattern {error}: correct it.") from error
    return whole


def _only(read: Mapping[str, WordFile], field: str) -> tuple[str, Any]:
    """The file that has this field, and the field."""
    found = [(name, getattr(file, field)) for name, file in read.items() if getattr(file, field) is not None]
    if len(found) != 1:
        raise SelipError(f"[{field}] stands in {len(found)} files of the lexicon: write it in one.")
    return found[0]


def _relaxation(read: Mapping[str, WordFile]) -> dict[str, Relaxation]:
    name, table = _only(read, "relaxation")
    found: dict[str, Relaxation] = {}
    for relaxation, forms in table.items():
        for form in forms:
            if form in found:
                raise SelipError(f"{name}: {form!r} is there already, as {found[form]}: remove one of them.")
            found[form] = relaxation
    return found


def _any_expression(read: Mapping[str, WordFile], field: str) -> re.Pattern[str]:
    """The regular expressions of a field as one."""
    name, expressions = _only(read, field)
    return filtered("|".join(_expression(expression, read[name], name) for expression in expressions))


def _description(read: Mapping[str, WordFile]) -> DescriptionWords:
    name, table = _only(read, "description")
    fields = ("morphology", "margin", "number", "several")
    expressions = {field: _expression(getattr(table, field), read[name], name) for field in fields}
    return cast(DescriptionWords, table.model_copy(update=expressions))
