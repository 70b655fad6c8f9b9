"""The text as it should have been written: no markup, broken lines joined, blanks as punctuation, simplified, slips.

The mended text has as many characters as the stored one, so that an offset means the same in both.
"""

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import opencc
from pydantic import BaseModel, ConfigDict, model_validator

from selip_extract.language.constructions.tables import with_bars
from selip_extract.language.lexicon import words
from selip_extract.language.markup import without_markup
from selip_shared.toml_files import read_toml

Span = tuple[int, int]


class Mended(NamedTuple):
    """A text to read, and the spans [start, end) of the words in it that were mended by guess."""

    text: str
    slips: tuple[Span, ...]


class _Slips(BaseModel):
    """The tables of slips.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    words: dict[str, str]
    letters: dict[str, str]

    @model_validator(mode="after")
    def _same_length(self) -> "_Slips":
        for wrong, right in (self.words | self.letters).items():
            if len(wrong) != len(right) or wrong == right:
                raise ValueError(f"{wrong} and {right} must be different words of the same length")
        return self


def mended(text: str) -> Mended:
    """The text to read instead of `text`, character for character."""
    read = _joined_lines(_commas_for_blanks(with_bars(simplified(without_markup(text)))))
    found = [(m.start(), m.end()) for m in _slip_pattern().finditer(read)]
    for start, end in found:
        read = read[:start] + slips()[read[start:end]] + read[end:]
    return Mended(read, tuple(found))


# --- traditional characters


@cache
def _simplified_forms() -> dict[str, str]:
    """The simplified form of each traditional character; one whose form is longer stays as it is."""
    characters = list(map(chr, range(0x3400, 0xA000)))
    forms = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {c: form for c, form in zip(characters, forms, strict=True) if form != c and len(form) == 1}


@cache
def _traditional() -> re.Pattern[str]:
    return re.compile(f"[{''.join(_simplified_forms())}]")


def simplified(text: str) -> str:
    """The text in simplified characters, as many as before."""
    return _traditional().sub(lambda found: _simplified_forms()[found[0]], text)


# --- lines that are broken inside a sentence or a word

_BREAK = re.compile(r"[^\S\n]*\r?\n\s*")
_UNFINISHED = re.compile(
    r"(?:左侧?|右侧?|双侧?|两侧|未|未见|未见明显|未见明确|无|不|稍|略|较|等|轻度|明显|均匀|不均匀|呈|见|可见|示|显示|为|及|和|与|、|，|,|：|:|（|\(|约|于|位于|之|的"
    r"|长|短|[额顶颞枕岛]|斑片?|片|点|小片?|T[12](?:WI?)?|FLAIR|DWI|ADC图?|SWI|黏|粘|异常|信|低|高|序|依次|分别|均|仅)$",
    re.IGNORECASE,
)
_CONTINUING = re.compile(
    r"(?:呈|见|可见|黏膜|粘膜|信号|高信号|低信号|等信号|异常信号|影|灶|状|侧|叶|区|强化|受压|扩大|增宽|变窄|移位|增厚|受限|及|、|，|,|。|；)"
)
# lines of a template: 部位：左侧小脑半球 / 大小：18mm×11mm / T1WI：低
_KEY = (
    r"(?:(?:病变|病灶)?(?:部位|位置)|病灶\w*|大小|最大径|直径|数目|数量|形态|形状|边界|边缘|T[12](?:-?\w){0,8}|FLAIR\w{0,2}|DWI\w{0,2}"
    r"|ADC\w{0,2}|SWI\w{0,2}|增强\w{0,2}|强化\w{0,2})"
)
_FIELD = re.compile(
    rf"(?:^|\n)[ \t]*(?:\d{{1,2}}[.、]|[（(]\d{{1,2}}[）)])?[ \t]*{_KEY}[：:][^：:\n]{{1,40}}$", re.IGNORECASE
)
_NEXT_FIELD = re.compile(rf"(?!部位|位置|病灶|病变){_KEY}[：:]", re.IGNORECASE)
_ANY_FIELD = re.compile(r"\w{1,8}[：:]")
_ITEM = re.compile(r"(?:\d{1,2}[.、)）]|[(（]\d{1,2}[)）]|[①-⑳Ⅰ-Ⅻ]|[(（][Ⅰ-Ⅻ][)）]|【|\[)")
_SEQUENCE = re.compile(
    r"(?:T[12]|弥散|扩散|磁敏感)加权|加权(?:成像|图像|序列|像)|T[12]WI|T[12]\*?|FLAIR|DWI|ADC|SWI", re.IGNORECASE
)
_ENDED = re.compile(r"[。；;!?！？]$")
_CLAUSE_MARK = re.compile(r"[,，;；。:：\n]")
_PLACED = re.compile("位于|累及|见于|分布|侵|平扫|增强")
_INCOMPLETE = frozenset(("site", "layer", "side", "verb", "negation"))
_ROW = re.compile(r"\n?[^\n|]*\|")
"""The line behind a break is a row of a table."""
_MAX_WORD = 6
_MIN_WRAPPED = 18
_MIN_CLAUSE = 3
_MAX_CLAUSE = 60
_MAX_BEHIND = 24
"""Characters before a break, and behind it, that tell whether the sentence goes on."""


def _joined_lines(text: str) -> str:
    """A line break inside a sentence becomes blanks, which mean nothing."""
    if "\n" not in text:
        return text
    read = text
    wrapped, first_bar = _is_wrapped(text), text.find("|")
    for match in _BREAK.finditer(text):
        start, end = match.span()
        if first_bar >= 0 and (first_bar < start or _ROW.match(text, end)):
            continue
        if _NEXT_FIELD.match(text, end) and _FIELD.search(text[max(0, text.rfind("\n", 0, start)) : start]):
            start -= text[start - 1] in "。；;"
            read = read[:start] + "，" + " " * (end - start - 1) + read[end:]
        elif (
            start > 0
            and end < len(text)
            and _is_inside(text[max(0, start - _MAX_CLAUSE) : start], text[end : end + _MAX_BEHIND], wrapped)
        ):
            read = read[:start] + " " * (end - start) + read[end:]
    return read


def _is_wrapped(text: str) -> bool:
    """Whether the lines were broken at a fixed length: all but the last have it."""
    lengths = [len(line.rstrip()) for line in text.splitlines()[:-1]]
    return len(lengths) > 1 and min(lengths) >= _MIN_WRAPPED and max(lengths) - min(lengths) <= 1


def _is_inside(before: str, after: str, wrapped: bool) -> bool:
    """Whether the sentence goes on behind the break between `before` and `after`."""
    if _ENDED.search(before) or _ITEM.match(after) or (_ANY_FIELD.match(after) and not wrapped):
        return False
    if wrapped or _UNFINISHED.search(before) or _CONTINUING.match(after):
        return True
    return _word_across(before, after) or _lacks_predicate(before)


def _lacks_predicate(before: str) -> bool:
    """Whether the clause ends with a side, a site, a sequence or a verb of which something is still to be said."""
    clause = _CLAUSE_MARK.split(before)[-1].strip()
    if len(clause) < _MIN_CLAUSE or _PLACED.search(clause):
        return False
    known = words()
    last = next((word for at in range(_MAX_WORD, 0, -1) if (word := clause[-at:]) in known), "")
    return bool(last) and known[last].kind in _INCOMPLETE


def _word_across(before: str, after: str) -> bool:
    """Whether a word of the lexicon or the name of a sequence stands across the break."""
    joined, at = before + after, len(before)
    if any(m.start() < at < m.end() for m in _SEQUENCE.finditer(joined)):
        return True
    known = words()
    return any(
        joined[start:end] in known and known[joined[start:end]].kind != "other"
        for start in range(max(0, at - _MAX_WORD), at)
        for end in range(at + 1, min(len(joined), start + _MAX_WORD) + 1)
    )


# --- blanks where punctuation should stand

_BLANKS = re.compile(r"(?<=[\u4e00-\u9fff])[^\S\n]+(?=[\u4e00-\u9fffA-Za-z])")
_STATED = re.compile(
    r"(?:信号|影|灶|扩大|扩张|增宽|变窄|异常|居中|移位|受压|强化|增厚|减低|降低|增高|升高|清晰|清楚|正常|对称|受限|萎缩|积液|肿胀|狭窄|缺损|规则|良好|如常|偏移)$"
)
_GOES_ON = re.compile("[影灶改区的]")


def _commas_for_blanks(text: str) -> str:
    """A blank after a statement becomes a comma."""

    def comma(match: re.Match[str]) -> str:
        stated = _STATED.search(text, max(0, match.start() - 4), match.start())
        if stated is None or _GOES_ON.match(text, match.end()):
            return match[0]
        return "，" + match[0][1:]

    return _BLANKS.sub(comma, text)


# --- slips


@cache
def slips() -> dict[str, str]:
    """The word that is meant by each slip of slips.toml."""
    table = read_toml(files("selip_extract.language.constructions").joinpath("slips.toml"), _Slips)
    return table.words | table.letters


@cache
def _slip_pattern() -> re.Pattern[str]:
    table = read_toml(files("selip_extract.language.constructions").joinpath("slips.toml"), _Slips)
    words, letters = (
        "|".join(map(re.escape, sorted(forms, key=len, reverse=True))) for forms in (table.words, table.letters)
    )
    # the first characters alone rule out most places of a text
    first = re.escape("".join({slip[0] for slip in table.words | table.letters}))
    return re.compile(rf"(?=[{first}])(?:(?<![异正](?=常))(?:{words})|(?<![A-Za-z0-9])(?:{letters})(?![A-Za-z0-9]))")
