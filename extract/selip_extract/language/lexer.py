"""The lexer: a report's text as typed tokens, each a word that names a site, a side, a sequence, a signal and so on."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import takewhile

from selip_contracts.vocabulary import ancestors, cached_until_sites_change
from selip_extract.language.constructions.closed_clauses import with_closed_clauses
from selip_extract.language.constructions.compared_sequences import with_compared_sequences
from selip_extract.language.constructions.completed_sites import with_parts_in_a_list, with_territories
from selip_extract.language.constructions.compound_values import with_compound_values
from selip_extract.language.constructions.corrections import with_corrections
from selip_extract.language.constructions.damaged_text import without_damaged_sentences
from selip_extract.language.constructions.impressions import without_impressions
from selip_extract.language.constructions.mending import mended
from selip_extract.language.constructions.negation import with_negations
from selip_extract.language.constructions.other_sites import (
    is_a_neighbour,
    with_excluded_parts,
    without_regions,
    without_slices,
)
from selip_extract.language.constructions.sections import (
    with_other_parts_apart,
    with_own_date,
    without_orders,
    without_other_exams,
)
from selip_extract.language.constructions.tables import with_tables
from selip_extract.language.constructions.unlisted_sites import with_unlisted_sites
from selip_extract.language.constructions.verdicts import SHORT_SIGNALS, short_signal, with_verdicts
from selip_extract.language.constructions.word_order import (
    with_both_sides,
    with_bracketed_sequences,
    with_bracketed_sides,
    with_pairs,
    with_symmetry,
    with_usual_order,
)
from selip_extract.language.laterality import PARTS_OF_A_SITE, relative_side
from selip_extract.language.lexicon import BETWEEN_WORDS, LOBE_CHARACTERS, Kind, Meaning, lexicon
from selip_extract.language.relaxation import relaxation_tokens, tokens_of_times_behind
from selip_extract.language.segmenter import segmenter
from selip_extract.language.token_patterns import name_meaning, token_pattern
from selip_extract.language.tokens import LexedReport, Token

_PUNCTUATION = {
    ",": ",", ";": ";", ":": ":", "、": "、", "(": "(", ")": ")", "/": "、", "及": "、", "和": "、", "与": "、",
    "[": "(", "]": ")", "+": "、", "同": "、", "—": "、",
}  # fmt: skip
_SITE_OR_LAYER: frozenset[Kind] = frozenset(("site", "layer"))
_DEPENDENT: frozenset[Kind] = frozenset(("site", "side", "post_side", "other", "layer", "signal", "cue"))
"""What the neighbours of a token may change."""
# 内 right after one of these belongs to it (侧脑室内) and is no cue
_OUTER: frozenset[Kind] = frozenset(("site", "layer", "other", "lesion"))
_STATING: frozenset[Kind] = frozenset(
    ("sequence", "verb", "signal", "abnormal", "lesion", "restriction", "enhancement", "change")
)
_SIDE: frozenset[Kind] = frozenset(("side",))
_SIDE_CHARACTERS = {"左": "左侧", "右": "右侧", "两": "双侧", "双": "双侧"}
_OF_A_LAYER = frozenset(("对称性", "多发", "散在", "大片", "大片状"))  # 额叶对称性脑白质
_BESIDE = frozenset(("中线旁", "近中线", "中线两旁", "处", ""))
"""Words that may stand between a lobe and the site outside the brain that it locates."""
_READINGS = (
    with_tables,
    with_own_date,
    without_impressions,
    with_corrections,
    with_verdicts,
    with_excluded_parts,
    without_slices,
    without_regions,
    with_territories,
    with_compared_sequences,
    with_parts_in_a_list,
    with_unlisted_sites,
    with_negations,
    with_compound_values,
    without_other_exams,
    with_closed_clauses,
    without_damaged_sentences,
)
"""What the words around a token make of it, one construction after the other."""
_EYES = {"左眼": "左侧", "右眼": "右侧", "双眼": "双侧"}
_TRENDS = frozenset("减低 降低 下降 减弱 增高 升高 减少 增加".split())
_BEHIND_BOTH = PARTS_OF_A_SITE | {"均", "分别"}

_MORE_THERE = re.compile(r"(?:[较更尤稍略]?(?:明显|显著|重|多|甚|著|大)|[>＞]{1,2}[左右]侧?)\)")
_BLOCKS = re.compile(f"[{BETWEEN_WORDS}]|[^{BETWEEN_WORDS}]+")
BLOCK_CACHE_SIZE = 1 << 14
"""So many blocks are segmented once: reports repeat the same clauses."""
_Word = tuple[Kind, str, int, int]
"""As a token, but its offsets refer to its block."""
_new_token: Callable[[_Word], Token] = partial(tuple.__new__, Token)
"""As Token(...), without the function in Python that a NamedTuple is made by."""


class _NormalForms(dict[int, str]):
    """The normal form of each code point: NFKC capitals, no blanks; `resized` are characters that do not stay one."""

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


_UNUSUAL = re.compile("[^一-龥A-Z0-9、。]")
"""A character that may have another normal form."""


def normalized(text: str) -> str:
    """The text in NFKC capitals without blanks."""
    return _UNUSUAL.sub(lambda found: _NORMAL_FORMS[ord(found[0])], text)


def _placed(sentences: Iterable[Sequence[Token]], text: str) -> Iterator[Sequence[Token]]:
    """The sentences with offsets that refer to `text` and no longer to its normal form."""
    if _NORMAL_FORMS.resized.isdisjoint(text):
        yield from sentences
        return
    offsets = [offset for offset, character in enumerate(text) for _ in _NORMAL_FORMS[ord(character)]]
    offsets.append(len(text))
    for sentence in sentences:
        yield [_new_token((kind, value, offsets[start], offsets[end - 1] + 1)) for kind, value, start, end in sentence]


def _lobe_tokens(match: re.Match[str]) -> Iterator[Token]:
    start, end = match.span()
    lobes = [i for i, c in enumerate(match[0]) if c in LOBE_CHARACTERS]
    for i in lobes:
        to = end if i == lobes[-1] else start + i + 1
        yield Token("site", LOBE_CHARACTERS[match[0][i]], start + i, to)


def _pattern_tokens(match: re.Match[str]) -> Iterable[Token]:
    row = match.lastgroup
    match row:
        case "stop" | "other" | "size" | "date" | "mark":
            return (Token(row, row, *match.span()),)
        case "relaxation":
            return relaxation_tokens(match)
        case "times_behind":
            return tokens_of_times_behind(match)
        case "lobes" | "lobe":
            return _lobe_tokens(match)
        case "hemisphere":
            side, site = _SIDE_CHARACTERS[match[0][2]], match[0][:2] + "半球"
            return Token("side", side, *match.span()), Token("site", site, *match.span())
        case "code":
            return (Token("other", row, *match.span()),)
        case _:
            return (Token(*name_meaning(match), *match.span()),)


def _word_tokens(text: str, start: int, end: int) -> list[Token]:
    """The tokens of a part without letters and digits."""
    found: list[Token] = []
    for block in _BLOCKS.findall(text, start, end):
        found += [_new_token((kind, value, start + at, start + to)) for kind, value, at, to in _block_words(block)]
        start += len(block)
    return found


@cached_until_sites_change(BLOCK_CACHE_SIZE)
def _block_words(block: str) -> tuple[_Word, ...]:
    """The words of a block between two marks, segmented by the lexicon."""
    return tuple(_segmented(block))


def _segmented(text: str) -> Iterator[_Word]:
    meanings = lexicon().words
    at = 0
    for cut in segmenter().cut(text):
        to = at + len(cut)
        word = text[at:to]
        meaning: Meaning | None = meanings.get(word)
        if meaning is None:
            mark = _PUNCTUATION.get(word)
            yield ("punctuation", mark, at, to) if mark else ("other", word, at, to)
        elif meaning.kind == "enhancement" and meaning.value == "无":
            yield "negation", "未见", at, to
            yield "enhancement", "强化", at, to
        elif "|" in meaning.value:
            for value in meaning.value.split("|"):
                yield meaning.kind, value, at, to
        else:
            yield *meaning, at, to
        at = to


def _raw_tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    done = 0
    for match in token_pattern().finditer(text):
        start, end = match.span()
        if start > done:
            tokens += _word_tokens(text, done, start)
        tokens += _pattern_tokens(match)
        done = end
    if done < len(text):
        tokens += _word_tokens(text, done, len(text))
    return tokens


def _resolved(tokens: list[Token], text: str) -> list[Token]:
    """The tokens with kinds that depend on their neighbours: layers, qualifiers, sides before and after a site."""
    found: list[Token] = []
    for at, token in enumerate(tokens):
        if token.kind not in _DEPENDENT:
            found.append(token)
            continue
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        match token.kind:
            case "site":
                token = _resolved_site(token, found, text)
            case "side":
                token = _resolved_side(token, found, following, text)
            case "post_side" if not (found and found[-1].kind in _SITE_OR_LAYER) and not _follows(
                token, found, _SIDE, "("
            ):
                token = token._replace(kind="side")
            case "other" if token.value in PARTS_OF_A_SITE and following is not None and following.kind == "post_side":
                if _follows(token, found, _SITE_OR_LAYER):
                    token = token._replace(kind="layer")
            case "layer" if token.value in lexicon().site_groups.cortex and _follows(token, found, _SIDE):
                token = token._replace(kind="site", value="大脑皮层")
            case "layer" if token.value in lexicon().site_groups.cortex and _heads_a_list(tokens, at):
                token = token._replace(kind="site", value="大脑皮层")
            case "layer" if not _follows(token, found, _SITE_OR_LAYER):
                token = token._replace(kind="other")
            case "other" if token.value in SHORT_SIGNALS and _adjoining(token, found):
                signal = short_signal(token, found, following)
                token = token if signal is None else token._replace(kind="signal", value=signal)
            case "signal" if _is_trend(token, found, text):
                token = token._replace(kind="other")
            case "cue" if token.value == "其内" and token.end - token.start == 1 and _follows(token, found, _OUTER):
                token = token._replace(kind="other")
        found.append(token)
    return found


def _heads_a_list(tokens: list[Token], at: int) -> bool:
    """皮质及胼胝体…, DWI示皮层、丘脑…: a layer of no site stands first in a list of sites."""
    before = tokens[at - 1] if at else None
    if before is not None and before.kind not in ("verb", "sequence", "stop") and before.value not in (",", ";", ":"):
        return False
    following = [t for t in tokens[at + 1 : at + 4] if t.kind != "side"]
    if len(following) < 2 or following[0].value != "、" or following[1].kind != "site":
        return False
    return following[1].value not in lexicon().site_groups.layers


def _adjoining(token: Token, found: list[Token]) -> Token | None:
    """The token before, if it ends where this one starts."""
    return found[-1] if found and found[-1].end == token.start else None


def _follows(token: Token, found: list[Token], kinds: frozenset[Kind], mark: str | None = None) -> bool:
    before = _adjoining(token, found)
    return before is not None and (before.kind in kinds or before.value == mark)


def _resolved_site(token: Token, found: list[Token], text: str) -> Token:
    if found and found[-1].end == token.start:
        _read_side_before(token, found, text)
        if _places_in_bracket(token, found, text):
            found[-1] = found[-1]._replace(kind="post_side")
            return token._replace(kind="other", value="")
    if is_a_neighbour(token, found, text):
        return token._replace(kind="other")
    if len(found) > 1 and found[-1].value == ")" and found[-2].kind == "post_side":
        return token._replace(kind="layer") if token.value in lexicon().site_groups.layers else token
    if token.value in lexicon().site_groups.layers and _is_bracketed(found):
        return token._replace(kind="layer")
    before = _adjoining(token, found)
    if before is None:
        return token
    if before.kind == "side" and text[before.end - 1] == "侧" and text.startswith("脑室", token.start):
        name = "侧脑室" if token.value == "脑室系统" else token.value
        return Token("site", name, token.start - 1, token.end)
    if (
        token.value in lexicon().site_groups.layers
        and (before.value in PARTS_OF_A_SITE or before.value in _OF_A_LAYER)
        and _follows(before, found[:-1], _SITE_OR_LAYER)
    ):
        return token._replace(kind="layer")
    if token.value in lexicon().site_groups.layers and before.kind in _SITE_OR_LAYER:
        if before.value in lexicon().site_groups.whole_brain:
            found[-1] = before._replace(kind="other")
        elif before.kind == "layer" or before.value not in lexicon().site_groups.layers:
            return token._replace(kind="layer")
    elif token.value in lexicon().site_groups.layers_of_lobes and _is_of_a_lobe(before):
        return token._replace(kind="layer")
    elif token.value in lexicon().site_groups.outside_the_brain:
        _drop_qualifiers(found)
    return token


def _read_side_before(token: Token, found: list[Token], text: str) -> None:
    """右眼玻璃体: which eye, where a part of it follows."""
    side = _EYES.get(text[found[-1].start : found[-1].end])
    if side is not None and "眼眶" in (token.value, *ancestors(token.value)):
        found[-1] = found[-1]._replace(kind="side", value=side)


def _places_in_bracket(token: Token, found: list[Token], text: str) -> bool:
    """大脑镰旁（左侧额部）: a lobe that only says where a site outside the brain lies."""
    if found[-1].kind != "side" or len(found) < 3 or found[-2].value != "(" or text[token.end : token.end + 1] != ")":
        return False
    return _is_of_a_lobe(token) and found[-3].value in lexicon().site_groups.outside_the_brain


def _is_bracketed(found: list[Token]) -> bool:
    """额叶（皮层下、深部白质）: nothing but layers stand between the site and the end of `found`, in a bracket."""
    before = [*takewhile(lambda t: t.kind in ("layer", "other") or t.value == "、", reversed(found))]
    opening = found[: len(found) - len(before)][-2:]
    if len(opening) < 2 or opening[1].value != "(":
        return False
    return opening[0].kind in _SITE_OR_LAYER and opening[0].value not in lexicon().site_groups.whole_brain


def _is_of_a_lobe(token: Token) -> bool:
    lobes = LOBE_CHARACTERS.values()
    return token.kind == "site" and (token.value in lobes or any(region in lobes for region in ancestors(token.value)))


def _resolved_side(token: Token, found: list[Token], following: Token | None, text: str) -> Token:
    if token.value in ("同侧", "对侧"):
        return relative_side(token, found, text)
    if following is not None and following.kind in _SITE_OR_LAYER:
        return token
    before = _adjoining(token, found)
    # 额叶（左侧）, 额叶（仅左侧）
    opening = found[-3:-1] if before is not None and before.value == "仅" else found[-2:]
    bracketed = before is not None and len(opening) > 1 and opening[1].value == "("
    bracketed = bracketed and opening[0].kind in _SITE_OR_LAYER
    if bracketed and _MORE_THERE.match(text, token.end):
        return token._replace(kind="other")
    if bracketed or (_follows(token, found, _SITE_OR_LAYER) and (token.value != "双侧" or _is_stated(following))):
        return token._replace(kind="post_side")
    adjoins = following is not None and following.start == token.end
    signal = following is not None and adjoins and (following.kind in ("signal", "lesion") or following.value == "等")
    return token._replace(kind="other") if token.end - token.start == 1 and not signal else token


def _is_stated(following: Token | None) -> bool:
    """黑质两侧T2WI均呈低信号, 海马双侧萎缩, 侧脑室双侧均扩大: nothing else is named behind the side."""
    return following is not None and (following.kind in _STATING or following.value in _BEHIND_BOTH)


def _is_trend(token: Token, found: list[Token], text: str) -> bool:
    """DWI高信号较前减低: how the signal has changed that was stated."""
    before = _adjoining(token, found)
    if before is None or before.value != "较前" or text[token.start : token.end] not in _TRENDS:
        return False
    clause = takewhile(lambda t: t.kind not in ("stop", "mark") and t.value not in (",", ";", ":"), reversed(found))
    return any(t.kind == "signal" for t in clause)


@cache
def _qualifiers() -> frozenset[str]:
    return lexicon().site_groups.qualifiers | frozenset(LOBE_CHARACTERS.values())


def _drop_qualifiers(found: list[Token]) -> None:
    """A lobe that only says where something outside the brain lies (额颞部硬膜下) is no site: annotation rule 15."""
    at = len(found) - 1
    while at > 0 and ((found[at].kind == "other" and found[at].value in _BESIDE) or found[at].value == "部分"):
        at -= 1
    while at >= 0 and found[at].kind == "site" and found[at].value in _qualifiers():
        found[at] = found[at]._replace(kind="other")
        at -= 1
        if at > 0 and found[at].value == "、" and found[at - 1].kind == "site":
            at -= 1


def lex(text: str) -> LexedReport:
    """The report's sentences as tokens, whose offsets refer to `text` itself."""
    read = mended(text)
    normal = normalized(read.text)
    tokens = _raw_tokens(normal)
    for reading in _READINGS:
        tokens = reading(tokens, normal)
    tokens = with_other_parts_apart(without_orders(tokens, normal))
    for reading in (with_usual_order, with_bracketed_sequences, with_bracketed_sides, with_both_sides, with_pairs):
        tokens = reading(tokens, normal)
    tokens = with_symmetry(_resolved(tokens, normal), normal)
    sentences = _placed(_sentences(tokens), read.text)
    return LexedReport(text, read.text, tuple(map(tuple, sentences)), read.slips)


def _sentences(tokens: Iterable[Token]) -> Iterator[Sequence[Token]]:
    """The tokens of each sentence, or item of a list, without the mark that ends or opens it."""
    sentence: list[Token] = []
    for token in tokens:
        if token.kind not in ("stop", "mark"):
            sentence.append(token)
        elif sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence
