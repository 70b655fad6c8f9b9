"""What the words around a statement say of its lesion: form, number, noun, margin and size."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from typing import NamedTuple, TypedDict

from selip_contracts.findings import Count
from selip_extract.language.first_characters import filtered
from selip_extract.language.lexer import normalized
from selip_extract.language.lexicon import lexicon
from selip_extract.language.sizes import (
    Size,
    is_of_an_earlier_study,
    largest_size,
    millimetres,
    size_pattern,
    size_sign_pattern,
    spoken_number,
)
from selip_extract.language.tokens import Token

# what follows the signal and still describes the same lesion, often its size and margin
_WITHOUT_ANOTHER_SITE = re.compile(r"[^。；;\n左右双两]{0,60}")
_CLAUSE_MARK = re.compile("[，,；;。：:\n]")
_SENTENCE_MARKS = frozenset("；;。：:\n")
_MAX_CLAUSE = 200
"""Characters behind a mark in which its clause may state a value; a text with no nearer mark is read from its start."""
_MAX_DESCRIBING_CLAUSES = 4
# nouns that follow are of the surroundings: 周围见片状水肿
_AROUND = re.compile("周围|周边|灶[周旁]|瘤[周旁]|其旁|邻近|相邻|伴|其内|(?<![脑颅])内见")
_NO_OEDEMA = re.compile("未见|无|不明显|不著")
# a clause that names another place, a sequence, a part of the lesion or a diagnosis does not go on introducing it
_OF_SOMETHING_ELSE = re.compile(
    "[左右双TFDAS]|两[侧者]|(?<!异常)信号|强化|受限|周|邻近|相邻|伴|内|压|(?<!局)部|壁|前片|较前|其[余中]|余|前者|后者|"
    "考虑|可能|提示|符合|疑|似|倾向|待|除外|排除"
)
# 左侧桥小脑角区占位，部分伸入内听道，呈冰淇淋状: where it extends to is an aside
_EXTENDING = re.compile("[^，,；;。：:\n]*(?:伸入|突入|突向|凸向|凸入|延伸|延及|跨越|长入|生长)")
# ，为钙化。, 。此系血肿 names the lesion of the clauses before
_NAMED_BEHIND = re.compile(
    r"[^；;。：:\n左右双两]*?(?:[，,]此?|。此)(?:即?为|系|属)([^，,；;。：:\n]{1,12})(?=[，,；;。\n]|$)"
)
# 边界清楚（应为边界不清）
_CORRECTED = re.compile("更正|应该?[为是]|改为|实为|不对|说错|口误|而是")
# 大小分别约1.2cm、0.8cm: which of the sizes is that of the lesion, one clause does not tell
_OF_SEVERAL = re.compile("分别|依次")
_UP_TO_ANOTHER = re.compile("(?:(?!未见|[、，]?(?:周边|边缘|中[心央]|外周|囊壁))(?![见伴左右双两]).|未见)+")
_SHAPE_OF_ENHANCEMENT = re.compile("[一-龥]{1,4}[状样形](?=强化)")
_DENIED = filtered("(?:未见|未发现|没有|无明[显确]|(?<![大小有])无(?=出血|钙化|囊变|坏死|结节|肿块|占位))[^，,；;。]*")
"""未见出血灶: what is not there describes no lesion."""
_HEADING_END = re.compile("[)）]?[:：]")
_MAX_FORM = 12
_MAX_LABEL = 6
"""Characters of a clause in which the word for the surroundings may stand behind a label: 病灶A周围见水肿."""
_NOTHING_BUT = re.compile("^[呈为]|(?:改变|外观|表现)$")
_BRACKET = re.compile(r"(?:病灶|病变|灶)?[（(\[]([^（(\[)）\]TFDAS左右双两]{1,30})[)）\]]")
_VALUE_HEADS = ("大小", "范围", "直径", "长径", "边界", "边缘", "形态", "数目")
_OF_A_MARGIN = re.compile("[界缘面廓]")
"""The last characters of the words for a margin."""
_WITHIN_A_MARGIN = re.compile("[:：]")
_QUOTATION_MARKS = dict.fromkeys(map(ord, '“”"'))
_GENERIC_ENDING = re.compile("(?<=..)性?(?:病变|病灶|灶|影|带|区)+$")
_ENDS_OF_FORMS = frozenset("状样形性变观现")
_SAID_OF_A_FORM = re.compile(
    "(?:该|上述|以上|[两三]者)?(?:病[灶变]|肿[块物瘤]|结节|囊肿|血肿|占位|灶)?的?(?:整体|大体)?(?:形态|形状|外形)?(?:分别|依次|[均都皆各])*(?:呈|为)?"
)
_SHAPE_ENDINGS = frozenset('状样形性层则圆漫”"')


class LesionDescription(TypedDict, total=False):
    """What the words around a statement say of the lesion, under the names of the finding's fields; sizes in mm."""

    morphology: str | None
    count: Count | None
    number: int | None
    size_mm: Size
    margin: str | None
    lesion: str | None


class LesionNumber(NamedTuple):
    """How many lesions: 单发, 多发 or 散在, and the number where the report gives one."""

    kind: Count | None
    exact: int | None


_NO_NUMBER = LesionNumber(None, None)


class LesionWords(NamedTuple):
    """What one passage says of a lesion; nothing, where all is left out."""

    morphology: str | None = None
    number: LesionNumber = _NO_NUMBER
    lesion: str | None = None

    def or_else(self, other: "LesionWords") -> "LesionWords":
        """What this passage says, and of what it leaves open what the other says."""
        if other == NO_WORDS:
            return self
        if self == NO_WORDS:
            return other
        number = LesionNumber(self.number.kind or other.number.kind, self.number.exact or other.number.exact)
        return LesionWords(self.morphology or other.morphology, number, self.lesion or other.lesion)


NO_WORDS = LesionWords()


@dataclass(frozen=True)
class _Patterns:
    morphology: re.Pattern[str]
    other_shape: re.Pattern[str]
    count: re.Pattern[str]
    number: re.Pattern[str]
    several: re.Pattern[str]
    margin: re.Pattern[str]
    lesion: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    words = lexicon().description
    lesion = rf"(?:{_any_of(words.lesion)})(?!{words.lesion_unless})"
    expressions = (
        words.morphology,
        words.other_shape,
        _any_of(_counts()),
        words.number,
        words.several,
        words.margin,
        lesion,
    )
    return _Patterns(*map(filtered, expressions))


@cache
def _counts() -> dict[str, Count]:
    return {form: count for count, forms in lexicon().description.count.items() for form in forms}


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


@lru_cache(1 << 6)
def describe_lesion(text: str, site_end: int, signal: Token, end: int) -> LesionDescription:
    """What is said of the lesion of a site and a signal; `end` is where the evidence ends.

    Form, number and noun stand where the site is introduced or in the clause of the signal, which alone says what the
    lesion looks like on one sequence; size and margin anywhere between the two or behind.
    """
    start = clause_start(text, signal.start)
    before = text[max(start, site_end) if site_end <= signal.start else start : signal.start]
    before = _SHAPE_OF_ENHANCEMENT.sub("", before)  # 部分呈点状强化、部分环形强化
    here = words_of(before + text[signal.start : signal.end] + _behind(text, signal.end))
    named, adjoining = _named_behind(text, signal.end), lesion_at(text, signal.end)
    oedema = _oedema(text, max(start, site_end), signal) if site_end <= signal.start and not named else None
    if oedema:
        return LesionDescription(morphology=here.morphology or oedema.morphology, lesion="水肿")
    of_surroundings = _AROUND.match(text, start) is not None  # 周边胶质增生呈FLAIR高信号
    bracket = _in_bracket(text, site_end)
    introduced = bracket.or_else(introduction(text, site_end))
    around = text[min(site_end, signal.end) : signal.end] + _after(text, end)
    said = bracket.or_else(here).or_else(introduced).or_else(_form_behind(text, signal.end))
    number = introduced.or_else(here).number
    if number.exact and text.startswith((":", "："), clause_end(text, signal.end)):
        number = _NO_NUMBER  # DWI高信号见于三处：… names each of them
    lesion = adjoining or (here.lesion if of_surroundings else None) or introduced.lesion or here.lesion or named
    return LesionDescription(
        morphology=said.morphology,
        count=number.kind,
        number=number.exact,
        size_mm=() if lesion == "水肿" else _size(around),
        margin=margin_in(around),
        lesion=lesion,
    )


@lru_cache(1 << 8)
def introduction(text: str, site_end: int) -> LesionWords:
    """What is said of a lesion from its site on, as in 左侧额叶见一肿块，大小约2cm，呈分叶状，T1WI…."""
    heading = _HEADING_END.match(text, site_end)  # 右侧额叶（中央前回）：肿物，…
    start = heading.end() if heading else site_end
    end = clause_end(text, start)
    said = words_of(text[start:end])
    if said.morphology is not None and f"{said.morphology}强化" in text[start:end]:
        said = said._replace(morphology=None)  # 见T2高信号、增强后结节状强化
    for _ in range(_MAX_DESCRIBING_CLAUSES):
        if end >= len(text) or (text[end] in _SENTENCE_MARKS and not _heads_an_account(text, end, said)):
            break
        start, end = end + 1, clause_end(text, end + 1)
        if _EXTENDING.match(text, start):
            continue
        if _OF_SOMETHING_ELSE.search(text, start, end):
            break
        said = said.or_else(words_of(text[start:end]))
    return said


def _form_behind(text: str, signal_end: int) -> LesionWords:
    """DWI高信号；椭圆形；12×7mm, 高信号，呈“熊猫脸”样改变: the next clause, where it is nothing but a form."""
    start = clause_end(text, signal_end) + 1
    return LesionWords(form_alone(text[start : clause_end(text, start)]))


def form_alone(clause: str) -> str | None:
    """The form in the words of a clause that says nothing else: 椭圆形, 呈“熊猫脸”样改变."""
    said = words_of(clause) if 1 < len(clause) < _MAX_FORM else NO_WORDS
    return said.morphology if said.morphology == _NOTHING_BUT.sub("", clause) else None


def _in_bracket(text: str, site_end: int) -> LesionWords:
    """额叶（皮层下，点状）: what the bracket behind a site says of its lesion."""
    bracket = _BRACKET.match(text, site_end)
    return NO_WORDS if bracket is None else words_of(bracket[1])


def _heads_an_account(text: str, at: int, said: LesionWords) -> bool:
    """大小：18mm×15mm，类球形, 结节：类球形: the colon names the lesion or an attribute, and what follows is of it."""
    return text[at] in ":：" and (said.lesion is not None or text.endswith(_VALUE_HEADS, 0, at))


def _behind(text: str, end: int) -> str:
    """The rest of the clause, without the forms of others: 环形强化、小者结节状强化, 高信号右侧见片状影."""
    behind = _UP_TO_ANOTHER.match(text, end, clause_end(text, end))
    return _SHAPE_OF_ENHANCEMENT.sub("", behind[0]) if behind else ""


def _oedema(text: str, start: int, signal: Token) -> LesionWords | None:
    """What is said of the oedema whose signal it is: 周围见片状T2高信号水肿, 瘤周见指状水肿，T2WI呈高信号."""
    end = clause_end(text, signal.end)
    if "水肿" in text[start:end]:
        return words_of(text[start:end])
    if start == 0 or text[start - 1] not in "，,":
        return None
    before = clause_start(text, start - 1)
    clause = text[before : start - 1]
    if "水肿" not in clause or _AROUND.search(clause, 0, _MAX_LABEL) is None or _NO_OEDEMA.search(clause):
        return None
    return words_of(clause)


def _named_behind(text: str, end: int) -> str | None:
    named = _NAMED_BEHIND.match(text, end)
    return words_of(named[1]).lesion if named else None


def lesion_at(text: str, start: int) -> str | None:
    """The noun for a lesion that begins at the offset."""
    lesion = _patterns().lesion.match(text, start)
    return lesion[0] if lesion else None


def is_clear(margin: str) -> bool:
    """边界清 and 界尚清 are clear margins, 边缘模糊 and 边界欠清 are not."""
    return re.search(lexicon().description.margin_unclear, margin) is None


def head_noun(lesion: str) -> str:
    """急性梗死灶 and 梗死, 占位性病变 and 占位 name one kind of lesion: the last known noun without 灶, 影, 病变."""
    known = [noun for noun in lexicon().description.lesion if noun in lesion]
    noun = max(known, key=lambda noun: (lesion.rindex(noun) + len(noun), len(noun)), default=lesion)
    return _GENERIC_ENDING.sub("", noun.removeprefix("脑"))


def bare_shape(morphology: str) -> str:
    """线状 and 线样 are one form: the words without their ending, and without the marks of “水母头”样."""
    return morphology.translate(_QUOTATION_MARKS).rstrip("状样形性影")


def margin_in(text: str) -> str | None:
    """边界清: the margin that the text states first, or the one that corrects it."""
    return _stated(_patterns().margin, text)


def may_state_a_margin(text: str) -> bool:
    """Whether a character stands in the text without which it states no margin."""
    return _OF_A_MARGIN.search(text) is not None


def margins_by_end(words: Sequence[str]) -> dict[int, str]:
    """The margins that words in a row state, by the index of the word in which each ends; 边界：清 is 边界清."""
    joined = "".join(words)
    if not may_state_a_margin(joined):
        return {}
    ends = list(accumulate(map(len, words)))
    margins = _patterns().margin.finditer(joined)
    return {bisect_left(ends, match.end()): _WITHIN_A_MARGIN.sub("", match[0]) for match in margins}


def forms_by_end(text: str, ends: Sequence[int], start: int) -> dict[int, list[str]]:
    """The forms of clauses that say nothing else (呈卵圆形, 形态分别为团块状、点状), by the index of their last word.

    The words end at `ends`, and the first one begins at `start`.
    """
    found: dict[int, list[str]] = {}
    while start < ends[-1]:
        end = min(clause_end(text, start), ends[-1])
        if text[end - 1] in _ENDS_OF_FORMS and end in ends:
            said = _SAID_OF_A_FORM.match(text, start, end)
            forms = [form_alone(words) for words in re.split("[、和及与]", text[said.end() if said else start : end])]
            if not all(forms):
                forms = [form_alone(text[text.rfind("、", start, end) + 1 : end])]  # 右侧者约9mm、圆形
            if all(forms):
                found[ends.index(end)] = [form for form in forms if form]
        start = end + 1
    return found


def _stated(pattern: re.Pattern[str], text: str) -> str | None:
    """The first match, or the one behind that corrects it: 3枚（应为4枚）."""
    stated = pattern.search(text)
    if stated is None or not is_corrected(text, stated.end(), len(text)):
        return stated[0] if stated else None
    for following in pattern.finditer(text, stated.end()):
        if is_corrected(text, stated.end(), following.start()):
            stated = following
    return stated[0]


def is_corrected(text: str, start: int, end: int) -> bool:
    """Whether the words between two descriptions say that the second corrects the first: 应为, 更正."""
    return _CORRECTED.search(text, start, end) is not None


@lru_cache(1 << 14)
def words_of(clause: str) -> LesionWords:
    """What the words of a clause say of a lesion."""
    patterns, clause = _patterns(), _DENIED.sub("", clause.replace(" ", ""))
    shape = _stated(patterns.morphology, clause) or _stated(patterns.other_shape, clause)
    lesion = next((m for m in patterns.lesion.finditer(clause) if not _AROUND.search(clause, 1, m.start())), None)
    return LesionWords(_shape(shape) if shape else None, _number(clause), lesion[0] if lesion else None)


def _shape(word: str) -> str:
    """斑片影 and 斑片状影 name one form; 椭圆 is one, too."""
    return word if word[-1] in _SHAPE_ENDINGS else f"{word}状"


def _number(clause: str) -> LesionNumber:
    """3枚: 多发, 3; a number that is not exact (2～3个, 十余枚) is 多发 alone."""
    patterns = _patterns()
    word = patterns.count.search(clause)
    count = _counts()[word[0]] if word else None
    clause = normalized(clause)
    written = _stated(patterns.number, clause)
    if written and _OF_SEVERAL.search(clause) and len(patterns.number.findall(clause)) > 1:
        return _NO_NUMBER  # 分别见1枚、2枚
    if written:
        number = spoken_number(written)
        return LesionNumber(count or ("单发" if number == 1 else "多发"), number)
    if count is None and patterns.several.search(clause):
        return LesionNumber("多发", None)
    return LesionNumber(count, 1 if count == "单发" else None)


@lru_cache(1 << 6)
def _clause_marks(text: str) -> list[int]:
    """The offsets of all marks that end a clause, asked for many times while the findings of a report are read."""
    return [match.start() for match in _CLAUSE_MARK.finditer(text)]


def clause_start(text: str, at: int) -> int:
    """Where the clause begins in which the character stands."""
    marks = _clause_marks(text)
    before = bisect_left(marks, at)
    near = before and marks[before - 1] >= at - _MAX_CLAUSE
    return marks[before - 1] + 1 if near else 0


def clause_end(text: str, at: int) -> int:
    """Where the clause ends in which the character stands: the offset of the mark, or the end of the text."""
    marks = _clause_marks(text)
    following = bisect_left(marks, at)
    return marks[following] if following < len(marks) else len(text)


def _after(text: str, end: int) -> str:
    following = _WITHOUT_ANOTHER_SITE.match(text, end)
    return following[0] if following else ""


def _size(around: str) -> Size:
    """The dimensions in mm: of several, those with most numbers and then the largest; none of an earlier study.

    None where several are those of several lesions.
    """
    if not size_sign_pattern().search(around):
        return ()
    text = normalized(around)
    sizes = [
        millimetres(match[0])
        for match in size_pattern().finditer(text)
        if not is_of_an_earlier_study(text, 0, *match.span())
    ]
    if len(sizes) > 1 and _OF_SEVERAL.search(text):
        return ()
    return largest_size(sizes)
