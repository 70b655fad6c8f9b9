"""囊壁见附壁结节，约6mm，T1等: a lesion beside another or within it has its own words, size and margin."""

import re
from typing import NamedTuple

from selip_extract.language.lesion_words import LesionWords, clause_end, introduction, margin_in, words_of
from selip_extract.language.lexer import normalized
from selip_extract.language.sizes import Size, largest_size, millimetres, size_pattern
from selip_extract.rules.sentence import Sentence

_FIRST = "其|病[灶变]|肿[块物瘤]|结节|血肿|囊[肿壁腔变液]?|残腔|术[腔区]|脓[肿腔]|空洞|瘤[体腔]?|灶|腔|此|该处"
_INTRODUCTION = re.compile(
    rf"(?<=[，,；;。\n])(?:增强[扫描后]*)?(?:{_FIRST})?[的内外前后上下左右侧缘周]{{0,3}}(?:旁|[内外]侧|内|壁|[边侧]?缘|周[围边]?|邻近|中[心央]|[前后上下]方|表面)[部处]?"
    "[可另亦尚并还又新]*(?P<what>[见有]?[^，,；;。：:\n]*)"
)
_COMPONENT = re.compile("出血灶?|囊变|坏死|钙化灶?|头节|积液|积血")
"""其内见出血，增强后…: what the first lesion holds; the clauses that follow are of the first again."""
_SUBJECT = re.compile(
    "(?<=[，,；;])(?:增强[扫描后]*)?(?P<subject>病[灶变]|肿[块物瘤]|囊[肿壁腔液]|囊性部分|实性部分|残腔|术腔|脓[肿腔]|瘤体|血肿)"
)
_END = re.compile("[。\n左右双两]")


class SecondLesion(NamedTuple):
    """What is said of the second lesion; its size in mm. A component has the size and margin of what it is part of."""

    words: LesionWords
    size_mm: Size
    margin: str | None
    is_component: bool


def second_lesion(text: str, site_end: int, at: int) -> SecondLesion | None:
    """The lesion beside that of the site, where what stands at `at` is said of it."""
    start = max(site_end, text.rfind("。", 0, at) + 1, text.rfind("\n", 0, at) + 1)
    found = None
    for second in _INTRODUCTION.finditer(text, start, clause_end(text, at)):
        if second.start() < at and words_of(second["what"]).lesion not in (None, "水肿"):
            found = second
    if found is None:
        return None
    words = introduction(text, found.start("what"))
    part = found["what"][:1] not in ("见", "有")  # 壁结节明显强化
    component = part or _COMPONENT.fullmatch(words.lesion or "") is not None
    if component and found.end() <= at:
        return None
    others = (s for s in _SUBJECT.finditer(text, found.end()) if s["subject"] not in (words.lesion or ""))
    ends = [mark.start() for mark in (_END.search(text, found.end()), next(others, None)) if mark]
    end = min(ends, default=len(text))
    if end <= at:
        return None
    passage = text[found.start() : end]
    sizes = [millimetres(size[0]) for size in size_pattern().finditer(normalized(passage))]
    return SecondLesion(words, largest_size(sizes), margin_in(passage), component)


def is_of_a_second_lesion(sentence: Sentence, at: int) -> bool:
    """Whether the token at index `at` describes a lesion beside that of the last site."""
    site_end = max((s.token.end for i, s in sentence.sites.items() if i < at), default=sentence.tokens[0].start)
    return second_lesion(sentence.text, site_end, sentence.tokens[at].start) is not None
