"""A report's text as typed tokens: which words name a site, a side, a sequence, a signal, and where they stand."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from selip_extract.language.lexicon import LOBES, Kind, Meaning, joined, segmenter, words


class Token(NamedTuple):
    """One typed word: characters [start, end) of the report's text."""

    kind: Kind
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class LexedReport:
    """The tokens of a report, sentence by sentence."""

    text: str
    sentences: tuple[tuple[Token, ...], ...]


_SUFFIX = r"(?:加权成像|加权图像|加权像|加权序列|加权|WI|W(?![A-Z]))?(?:序列|图像|成像|像|图|相)?"
_LENGTH = "长短混杂|明显长|明显短|显著长|稍长|略长|等长|较长|微长|偏长|稍短|略短|等短|较短|偏短|混杂长|混杂|不均匀长|不均匀短|不均匀|长短不均|长|短|等"
_UNIT = "(?:CM|MM|厘米|毫米|公分)"
_NUMBER = r"\d+(?:\.\d+)?"
# What can begin a match: most places of a text are passed by without trying the alternatives one by one.
_BEGINNINGS = r"(?=[A-Z0-9.+(\-①-⑳。\n!?{平长短混明显稍略等较微偏不增静经注团压水抑黑脂第额颞顶枕岛])"
_PATTERN = re.compile(
    _BEGINNINGS
    + "(?:"
    + "|".join(
        (
            r'(?P<code>\{[^{}\n]*"[^\n]*\})',
            r"(?P<heading>平扫[+加及](?:增强|强化)(?:扫描)?(?:\+MR[AV])?)",
            rf"(?P<length>(?:{_LENGTH})(?:(?:[、或/至~\-,]|或者)?(?:{_LENGTH}))?T[12](?!\*)(?:WI|加权)?(?:[、,及和/]?T2(?!\*)(?:WI)?(?=信号|异常|影|改变|灶|病|斑|片|结))?)",
            r"(?P<date>(?:19|20)\d\d[-./年]\d{1,2}(?:[-./月]\d{1,2}日?|月)?|(?:19|20)\d\d年|\d{1,2}月\d{1,2}日|(?:19|20)\d{6})",
            rf"(?P<size>{_NUMBER}{_UNIT}?(?:[×X*✕]{_NUMBER}{_UNIT}?)+|{_NUMBER}(?:[-~]{_NUMBER})?{_UNIT})",
            r"(?P<T1CE>T1(?:WI)?\+C|C\+T1(?:WI)?|T1C(?:E|WI|\+)?(?![A-Z])|CE-?T1(?:WI)?|T1(?:WI)?[-]?(?:增强|强化扫描)(?:扫描|像|序列)?后?|增强(?:扫描|后)?T1(?:WI)?(?:序列|像)?|(?:静脉|经静脉)?(?:注[入射]|静注|团注)[^,。;、]{0,14}?后(?:扫描)?|GD-?DTPA增强(?:扫描)?后?)",
            rf"(?P<T1f>T1[-_]?FLAIR{_SUFFIX})",
            rf"(?P<FLAIR>(?:T2(?:WI)?[-_]?)?FLAIR{_SUFFIX}|T2(?:WI)?[-]?(?:压水|水抑制|黑水|抑水)(?:序列|成像|像|相)?|(?:压水|水抑制|抑水|黑水)T2(?:WI)?(?:序列|像)?)",
            rf"(?P<SWI>T2\*{_SUFFIX}|T2星{_SUFFIX}|GRE-?T2\*?{_SUFFIX}|GRE{_SUFFIX}|E?SWI{_SUFFIX}|E?SWAN{_SUFFIX})",
            r"(?P<DWI>E?DWI(?:\(B[^()]{0,16}\)|\(弥散[^()]{0,8}\))?(?:序列|图像|成像|像|图)?|B值?=?\d{3,4}(?:S/MM[2²])?(?:的?DWI)?(?:序列|图像|成像|像|图)?)",
            r"(?P<ADC>ADC(?:MAP|图像|图|序列|像)?)",
            rf"(?P<T1>T1{_SUFFIX})",
            rf"(?P<T2>(?:FS-?|压脂-?|脂肪抑制)?T2(?:WI)?[-/]?(?:FS|STIR|压脂|脂肪抑制|抑脂)?{_SUFFIX})",
            r"(?P<ventricle>第?[34]脑室)",
            r"(?P<angle>CPA(?:区|池)?)",
            r"(?P<order>IGNORE[A-Z]*|DISREGARD[A-Z]*)",
            r"(?P<elsewhere>\d?D?-?TOF-?MRA|MRA|MRV|CTA)",
            r"(?P<mark>(?<![^。;\n:,])(?:\(\d{1,2}\)|\d{1,2}[.、)](?!\d)|[①-⑳]))",
            r"(?P<lobes>[额颞顶枕岛](?:[、及和,]?[额颞顶枕岛])++(?:叶|部|区)?+(?![骨窦角肌底极]))",
            r"(?P<lobe>(?<=[左右双侧两])[额颞顶枕岛](?=[、及和][左右双两]))",
            r"(?P<stop>[。\n!?]|(?<!\d)\.|\.(?!\d))",
            r"(?P<other>[A-Z0-9.+]+)",
        )
    )
    + ")"
)
_LENGTH_PARTS = re.compile(rf"({_LENGTH})(?:[、或/至~\-,]|或者)?({_LENGTH})?T([12])(?:WI|加权)?(.*)")
_PUNCTUATION = {
    ",": ",", ";": ";", ":": ":", "、": "、", "(": "(", ")": ")", "/": "、", "及": "、", "和": "、", "与": "、",
    "[": "(", "]": ")", "+": "、", "同": "、", "以及": "、", "并累及": "、",
}  # fmt: skip
_BRAIN_AS_A_WHOLE = frozenset(("大脑半球", "脑实质"))
_PLACES: frozenset[Kind] = frozenset(("site", "layer"))
_HOLDERS: frozenset[Kind] = frozenset(("site", "layer", "other", "lesion"))
_LAYER_SITES = frozenset(("皮层下", "脑白质"))
_OUTSIDE_THE_BRAIN = frozenset(
    (
        "硬膜下",
        "硬膜外",
        "头皮",
        "颅骨",
        "脑膜",
        "软脑膜",
        "大脑凸面",
        "大脑镰",
        "蛛网膜下腔",
        "脑沟",
        "颅底",
        "脑外间隙",
    )
)
_OPPOSITE = {"左侧": "右侧", "右侧": "左侧"}
_PLACING_SITES = frozenset((*LOBES.values(), "大脑半球", "大脑凸面"))

# Words of the lexicon end at these marks, so what stands between two of them is segmented by itself; and hospitals
# write the same clauses over and over.
BETWEEN_WORDS = ",;:()"
_BLOCKS = re.compile(f"[{BETWEEN_WORDS}]|[^{BETWEEN_WORDS}]+")
BLOCKS_REMEMBERED = 1 << 14


class _NormalForms(dict[int, str]):
    """By code point what a character becomes: NFKC capitals, no blanks; `resized` are those that do not stay one."""

    def __init__(self) -> None:
        super().__init__({c: chr(c) for c in range(0x2460, 0x2474)})
        self.resized: set[str] = set()

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in "\r\n\u2028\u0085":
            form = "\n"
        else:
            forms = unicodedata.normalize("NFKC", character).upper()
            form = "".join(c for c in forms if not (c.isspace() or unicodedata.category(c)[0] == "C"))
        if len(form) != 1:
            self.resized.add(character)
        self[code] = form
        return form


_NORMAL_FORMS = _NormalForms()


def _normalized(text: str) -> tuple[str, Sequence[int]]:
    """The text in NFKC capitals without blanks, and for each of its characters the place in the original."""
    normal = text.translate(_NORMAL_FORMS)
    if _NORMAL_FORMS.resized.isdisjoint(text):
        return normal, range(len(text) + 1)
    places = [place for place, character in enumerate(text) for _ in _NORMAL_FORMS[ord(character)]]
    return normal, [*places, len(text)]


def _value_of_length(length: str, weighting: str) -> str:
    if length == "等":
        return "等"
    if length in ("混杂", "不均匀", "长短混杂", "长短不均"):
        return "混杂"
    high = ("长" in length) == (weighting == "2")
    slight = length[0] in "稍略等较微偏"
    return ("稍" if slight else "") + ("高" if high else "低")


def _long_and_short(match: re.Match[str]) -> Iterator[Token]:
    """长T1, 等或稍长T1 and 长T1、T2 as sequence and signal, by rule 4 of the annotation."""
    start, end = match.span("length")
    parts = _LENGTH_PARTS.fullmatch(match["length"])
    assert parts is not None
    first, second, weighting, rest = parts.groups()
    weightings = [weighting, "2"] if rest else [weighting]
    for w in weightings:
        yield Token("sequence", f"T{w}", start, end)
        for length in filter(None, (first, second)):
            yield Token("signal", _value_of_length(length, w), start, end)


def _pattern_tokens(match: re.Match[str]) -> Iterator[Token]:
    kind = match.lastgroup
    start, end = match.span()
    match kind:
        case "length":
            yield from _long_and_short(match)
        case "lobes" | "lobe":
            found = match[0]
            lobes = [i for i, c in enumerate(found) if c in LOBES]
            for i in lobes:
                to = end if i == lobes[-1] else start + i + 1
                yield Token("site", LOBES[found[i]], start + i, to)
        case "ventricle":
            yield Token("site", "三脑室" if "3" in match[0] else "四脑室", start, end)
        case "angle":
            yield Token("site", "桥小脑角区", start, end)
        case "T1f":
            yield Token("sequence", "T1", start, end)
        case "T1" | "T2" | "FLAIR" | "DWI" | "ADC" | "SWI" | "T1CE":
            yield Token("sequence", kind, start, end)
        case "code":
            yield Token("other", "代码", start, end)
        case "heading":
            yield Token("other", "标题", start, end)
        case "order":
            yield Token("elsewhere", "指令", start, end)
        case "date" | "size" | "mark" | "stop" | "elsewhere" | "other":
            yield Token(kind, kind, start, end)
        case _:
            raise AssertionError(kind)


def _word_tokens(text: str, start: int, end: int) -> Iterator[Token]:
    """The tokens of a stretch without letters and digits."""
    for block in _BLOCKS.findall(text, start, end):
        for kind, value, at, to in _block_tokens(block):
            yield Token(kind, value, start + at, start + to)
        start += len(block)


@lru_cache(BLOCKS_REMEMBERED)
def _block_tokens(block: str) -> tuple[Token, ...]:
    """The tokens of a stretch without marks, segmented by the lexicon; offsets refer to the stretch."""
    return tuple(_segmented(block))


def _segmented(text: str) -> Iterator[Token]:
    meanings = words()
    at = 0
    for cut in segmenter().cut(joined(text), HMM=False):
        to = at + len(cut)
        word = text[at:to]
        meaning: Meaning | None = meanings.get(word)
        if meaning is None:
            mark = _PUNCTUATION.get(word)
            yield Token("punctuation", mark, at, to) if mark else Token("other", word, at, to)
        elif meaning.kind == "enhancement" and meaning.value == "无":
            yield Token("negation", "未见", at, to)
            yield Token("enhancement", "强化", at, to)
        elif "|" in meaning.value:
            for value in meaning.value.split("|"):
                yield Token(meaning.kind, value, at, to)
        else:
            yield Token(*meaning, at, to)
        at = to


def _raw_tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    done = 0
    for match in _PATTERN.finditer(text):
        if match.start() > done:
            tokens += _word_tokens(text, done, match.start())
        tokens += _pattern_tokens(match)
        done = match.end()
    if done < len(text):
        tokens += _word_tokens(text, done, len(text))
    return tokens


def _resolved(tokens: list[Token], text: str) -> list[Token]:
    """The tokens after what their neighbours say of them: layers, placements, sides before and after a site."""
    found: list[Token] = []
    for token, following in zip(tokens, [*tokens, None][1:], strict=True):
        match token.kind:
            case "site":
                token = _resolved_site(token, found, text)
            case "side":
                token = _resolved_side(token, found, following, text)
            case "post_side" if not _follows(token, found, _PLACES, "("):
                token = token._replace(kind="side")
            case "layer" if not _follows(token, found, _PLACES):
                token = token._replace(kind="other")
            # 等 alone also ends a list (额叶等处): it is a signal only right after a verb or a sequence
            case "other" if token.value == "等" and _adjoining(token, found) and _opens_a_signal(found):
                token = token._replace(kind="signal")
            case "cue" if token.value == "其内" and token.end - token.start == 1 and _follows(token, found, _HOLDERS):
                token = token._replace(kind="other")
        found.append(token)
    return found


def _adjoining(token: Token, found: list[Token]) -> Token | None:
    """The token before, if nothing stands in between."""
    return found[-1] if found and found[-1].end == token.start else None


def _follows(token: Token, found: list[Token], kinds: frozenset[Kind], mark: str | None = None) -> bool:
    before = _adjoining(token, found)
    return before is not None and (before.kind in kinds or before.value == mark)


def _resolved_site(token: Token, found: list[Token], text: str) -> Token:
    if _borders(found):
        return token._replace(kind="other")
    if len(found) > 1 and found[-1].value == ")" and found[-2].kind == "post_side":
        return token._replace(kind="layer") if token.value in _LAYER_SITES else token
    before = _adjoining(token, found)
    if before is None:
        return token
    if before.kind == "side" and text[before.end - 1] == "侧" and text.startswith("脑室", token.start):
        name = "侧脑室" if token.value == "脑室系统" else token.value
        return Token("site", name, token.start - 1, token.end)
    if token.value in _LAYER_SITES and before.kind in _PLACES:
        if before.value in _BRAIN_AS_A_WHOLE:
            found[-1] = before._replace(kind="other")
        elif before.kind == "layer" or before.value not in _LAYER_SITES:
            return token._replace(kind="layer")
    elif token.value in _OUTSIDE_THE_BRAIN:
        _forget_placement(found)
    return token


def _relative_side(token: Token, found: list[Token], text: str) -> Token:
    """同侧 and 对侧 as the side they mean after the last one named."""
    one_sided = [
        t.value
        for t in found
        if t.kind in ("side", "post_side") and t.value in _OPPOSITE and text[t.start : t.end] not in ("同侧", "对侧")
    ]
    if not one_sided:
        return token._replace(kind="other")
    return token._replace(value=one_sided[-1] if token.value == "同侧" else _OPPOSITE[one_sided[-1]])


def _resolved_side(token: Token, found: list[Token], following: Token | None, text: str) -> Token:
    if token.value in ("同侧", "对侧"):
        return _relative_side(token, found, text)
    if following is not None and following.start == token.end and following.kind in _PLACES:
        return token
    before = _adjoining(token, found)
    bracketed = before is not None and before.value == "(" and len(found) > 1 and found[-2].kind in _PLACES
    if bracketed or (token.value != "双侧" and _follows(token, found, _PLACES)):
        return token._replace(kind="post_side")
    return token._replace(kind="other") if token.end - token.start == 1 else token


def _borders(found: list[Token]) -> bool:
    """Whether the next site only says where a lesion borders or drains: 破入侧脑室, 汇入左侧横窦."""
    before = [t for t in found[-2:] if t.kind != "side"][-1:]
    return bool(before) and before[0] == Token("other", "至", before[0].start, before[0].end)


def _opens_a_signal(found: list[Token]) -> bool:
    last = found[-1]
    if last.value == "、" and len(found) > 1:
        return found[-2].kind == "signal"
    return last.kind in ("verb", "cue", "sequence", "signal")


def _forget_placement(found: list[Token]) -> None:
    """A lobe that only places what lies outside the brain (额颞部硬膜下) is no site: rule 15 of the annotation."""
    at = len(found) - 1
    while at >= 0 and found[at].kind == "site" and found[at].value in _PLACING_SITES:
        found[at] = found[at]._replace(kind="other")
        at -= 1
        if at > 0 and found[at].value == "、" and found[at - 1].kind == "site":
            at -= 1


def lex(text: str) -> LexedReport:
    """The report's sentences as typed tokens whose offsets refer to `text` itself."""
    normal, places = _normalized(text)
    sentences: list[tuple[Token, ...]] = []
    current: list[Token] = []
    for token in _resolved(_raw_tokens(normal), normal):
        if token.kind in ("stop", "mark"):
            if current:
                sentences.append(tuple(current))
            current = []
        else:
            start, end = places[token.start], places[token.end - 1] + 1
            moved = (start, end) != (token.start, token.end)
            current.append(token._replace(start=start, end=end) if moved else token)
    if current:
        sentences.append(tuple(current))
    return LexedReport(text, tuple(sentences))
