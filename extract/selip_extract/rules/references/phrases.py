"""Phrases of several tokens that refer as a whole: 前两枚, 与左侧顶叶病灶相同, 以额颞叶为著, 亦然."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from selip_extract.language.first_characters import filtered
from selip_extract.rules.lookahead import VALUES
from selip_extract.rules.sentence import Sentence

PhraseKind = Literal["ordinal", "as_nth", "comparison", "predominance", "spread", "likewise", "by_value", "left_out"]

Chosen = tuple[int, ...]
"""The indices of the lesions that are meant, in the order in which they were mentioned; -1 is the last."""


class Phrase(NamedTuple):
    """A phrase that ends before the token at `end`; an ordinal selects the lesions `chosen`."""

    kind: PhraseKind
    end: int
    chosen: Chosen = ()


_COUNTER = "(?:个|枚|处|者|灶|区|部位)(?:病灶|病变|结节|肿块|灶|者)?"
_TWO_OR_MORE = "二两三四五六"
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, **{str(n): n for n in range(1, 7)}}
_NOUN = "影?(?:灶|区|者|处|病灶|病变|结节|部位)"
_WITH_VALUE = rf"(?:[A-Z](?:[^,，;；:：。\n高低])*?[稍略]?[高低]信号|(?:明显|轻度|环形|不?均匀)?强化){_NOUN}"
_PATTERN = re.compile(
    # with what a phrase begins, or what stands right before it: most places of a text are ruled out by one of the two
    r"(?:(?=[前后末同第首最与和似以信亦也(（])|(?<=[,，;；。\n述上各中除此该]))"
    rf"(?:(?P<first>前(?P<n>[{_TWO_OR_MORE}]){_COUNTER})"
    rf"|(?P<last>[后末](?P<m>[{_TWO_OR_MORE}]){_COUNTER})"
    rf"|(?P<as_nth>同第(?P<j>[一二三四五六])(?:个|枚|处|者|灶|区)(?:病灶|结节)?)"
    rf"|(?P<nth>(?P<k>第[一二三四五六1-6](?:[、和及与][一二三四五六1-6])*{_COUNTER}(?:[、和及与]第[一二三四五六1-6]{_COUNTER})*))"
    rf"|(?P<one>[首]{_COUNTER})"
    rf"|(?P<final>(?:最后一|最末一?|末){_COUNTER})"
    rf"|(?P<comparison>[与同和似][^,，;；:：。\n呈示见为与同和似前较]{{2,16}}?(?:相同|一致|相仿|相似|相近|类似|相当))"
    rf"|(?<=信号改变|信号表现|信号特点|信号特征)(?P<same>同[^,，;；:：。\n同上前]{{2,12}})(?=[,，;；。:：]|$)"
    rf"|(?P<same_as>信号(?:大致|基本|均|亦)?同(?![上前])[^,，;；:：。\n同第]{{2,14}}?(?:者|灶|病灶|病变|结节|肿块|处)?)(?=[,，;；。:：]|$)"
    rf"|(?P<predominance>以(?![及内外上下往前后来至])[^,，;；:：。\n]{{2,16}}?(?:为著|为主|为甚|为重|较著|显著|明显)(?:[,，](?:其次|次之?)[为是][^,，;；:：。\n]{{2,16}}?(?=[,，;；。]|$))?)"
    rf"|(?<=[,，])(?P<worst>[^,，;；:：。\n以]{{2,12}}?(?:较重|较著|为著|为甚|尤著|尤甚|较明显|更明显|更重))(?=[,，;；。]|$)"
    rf"|(?<=[,，])(?P<spread>(?:(?:病变|病灶|肿瘤|肿块)(?=[^,，;；。]{{0,4}}(?:累及|侵及|波及|延及|侵犯)))?(?:并|且)?(?:跨越?(?:过)?中线|越过中线)?(?:向[上下内外前后]{{1,2}}方?)?(?:主要(?:位于|见于|分布于?|集中于)|(?:主要)?(?:累及|侵及|波及|延及|侵犯)|(?<=[上下内外前后方])(?:延伸)?[达至])[^,，;；:：。\n]{{2,16}}?)(?=[,，;；。]|$)"
    rf"|(?P<by_value>(?<=[述上各中除此该])(?=[A-Za-z强明轻环不均弥扩磁压])[^,，;；:：。\n高低]{{0,12}}(?:[稍略]?[高低]信号|强化){_NOUN}|(?<=[,，;；。\n]){_WITH_VALUE}(?=[TFDAS增均亦]))"
    rf"|(?P<left_out>[(（](?:(?:除|不含|不包括)[^()（），,;；。]{{1,16}}外?|[^()（），,;；。]{{2,16}}?(?:者|病灶)?除外)[)）])"
    rf"|(?P<likewise>(?<=[A-Za-z像列图上])亦?同(?=[,，;；。]|$)|亦然|亦如此|亦是如此|也是如此|同样如此|(?<=侧)同样(?=[,，。;；]|$)|(?:亦|也|同样)可?(?:见|有)(?=[,，。;；]|$)))"
)
_NUMBERS = re.compile("[一二三四五六1-6]")
_HINT = filtered(
    "[A-Za-z像列图上]亦?同|(?:信号|强化)影?[灶区者处病结部]|侧同样|第|及|侵|较重|更重|明显|[著甚]|[前后末第首](?:[一二两三四五六]|[个枚处者])|最后|最末|相同|一致|相仿|相似|相近|类似|相当|[变现点征号]同|信号.{0,2}同|以|亦|如此|[(（][除不]|除外|主要"
)
_KINDS: Mapping[str, PhraseKind] = {
    "worst": "predominance", "same": "comparison", "same_as": "comparison", "comparison": "comparison",
    "predominance": "predominance", "spread": "spread", "by_value": "by_value", "likewise": "likewise",
    "as_nth": "as_nth", "left_out": "left_out",
}  # fmt: skip
"""By the group of the pattern; all others are ordinals."""
_TOLD = frozenset(("change", "lesion", "abnormal", "sequence", "negation"))
_NAMING: frozenset[str] = frozenset(("comparison", "predominance", "spread", "left_out"))


@lru_cache(1 << 6)
def phrases(sentence: Sentence) -> Mapping[int, Phrase]:
    """The phrases of a sentence, by the index of their first token.

    Asked for twice: for the clauses of a sentence, and for what describes its lesions.
    """
    start, end = sentence.tokens[0].start, sentence.tokens[-1].end
    return {} if _HINT.search(sentence.text, start, end) is None else dict(_found(sentence, start, end))


def _found(sentence: Sentence, start: int, end: int) -> Iterator[tuple[int, Phrase]]:
    at = 0
    tokens = sentence.tokens
    for match in _PATTERN.finditer(sentence.text, start, end):
        while at < len(tokens) and tokens[at].start < match.start():
            at += 1
        to = at
        while to < len(tokens) and tokens[to].start < match.end():
            to += 1
        kind = _KINDS.get(match.lastgroup or "", "ordinal")
        names = any(t.kind == "site" for t in tokens[at:to])
        states = any(t.kind in VALUES or (match["worst"] and t.kind in _TOLD) for t in tokens[at:to])
        if to == at or (kind in _NAMING and (states or not names)):
            continue
        yield at, _phrase(kind, match, to)


def _phrase(kind: PhraseKind, found: re.Match[str], end: int) -> Phrase:
    match kind:
        case "ordinal":
            return Phrase(kind, end, _chosen(found))
        case "as_nth":
            return Phrase(kind, end, (_DIGITS[found["j"]] - 1,))
        case _:
            return Phrase(kind, end)


def _chosen(match: re.Match[str]) -> Chosen:
    if match["first"]:
        return tuple(range(_DIGITS[match["n"]]))
    if match["last"]:
        return tuple(range(-_DIGITS[match["m"]], 0))
    if match["nth"]:
        return tuple(_DIGITS[number] - 1 for number in _NUMBERS.findall(match["k"]))
    return (0,) if match["one"] else (-1,)
