"""What is said of a lesion once holds for all its findings: those of later sentences name its site alone."""

import re
from collections.abc import Container, Sequence
from itertools import takewhile

from selip_contracts.findings import Finding
from selip_extract.language.laterality import LateralisedSite
from selip_extract.language.lesion_words import (
    NO_WORDS,
    LesionNumber,
    LesionWords,
    clause_end,
    clause_start,
    introduction,
    lesion_at,
    words_of,
)
from selip_extract.language.tokens import Token
from selip_extract.rules.lesions.margins import margin_of
from selip_extract.rules.lesions.second_lesions import second_lesion
from selip_extract.rules.lesions.smaller_lesions import smaller_lesion
from selip_extract.rules.lookahead import is_mark
from selip_extract.rules.mentions import Location, StatedMargin, StatedWords
from selip_extract.rules.references.phrases import phrases
from selip_extract.rules.references.site_references import WHOLE_BRAIN
from selip_extract.rules.sentence import Sentence

# 脑内见4个转移瘤，分别位于左侧额叶、…; 最大一枚位于…; ①右侧顶叶: the site is that of a lesion of the group
_LABELLED = "[①-⑳Ⅰ-Ⅻ]|(?:病?灶|结节)?[0-9A-D一二三四]灶?(?=位|$|：|:|（)|第[一二三四1-9]"
_OF_THE_GROUP = re.compile(f"分别|分布|{_LABELLED}|位于|见于|累及|包括|其中|[最较][大多]|大者")
_LABEL = re.compile("[①-⑳Ⅰ-Ⅻ第]|(?:病?灶|结节)?[0-9A-D一二三四]")
_OF_THE_SAME_LESION = frozenset(("predominance", "spread"))
_OF_A_PART = re.compile("中[心央]|边缘|周[边围缘]|外周|内[部侧壁]|[囊内外]壁")
_SIMILAR = re.compile("(?:类似|相似|同样|相同|相仿)的?(?:异常)?(?:病[灶变]|信号|改变|表现|结节|影)")
"""左侧桥臂亦见类似病灶: it looks like the one before."""
_ONE_OF_THEM = re.compile("(?:[大小]者|其[中余]|另?[一二三两][枚个处])[^；;。：:\n]*$")
_NOUN_ALONE = re.compile("(?:脑内|颅内)?(?:多发)?[一-龥]{1,8}(?:瘤|灶|结节|血肿|肿块|占位|囊肿|脓肿)")
"""转移瘤，共3枚，右侧额叶2枚…: the first clause names the lesions, those behind their sites."""
_ENUMERATED = frozenset(("site", "side", "post_side", "layer"))
_LIST_MARKS = frozenset(("、", ",", "以及"))
_REMARK = re.compile(
    "(?:(?:以上|上述|前述|各|所有|全部)(?:各|全部)?(?:病灶|病变|灶|结节)|(?<=[。；;\n]))[均都皆](?:为|呈|系)?([^。；;\n]{1,40})"
)
_OF_A_SEQUENCE = re.compile("T[12]|FLAIR|DWI|ADC|SWI|信号|强化|受限", re.IGNORECASE)
Introduction = tuple[int, LesionWords]
"""Where the site ends that is named, and what is said of its lesion there."""


def with_descriptions(
    findings: Sequence[Finding],
    sentences: Sequence[Sentence],
    margins: Sequence[StatedMargin] = (),
    statements: Sequence[StatedWords] = (),
) -> list[Finding]:
    """The findings; a present one has the form, number, noun and margin that are said of the lesion at its site.

    Where it is not known of which lesions the margins are stated, those of other findings at a site hold for it, too.
    """
    present = [finding for finding in findings if finding.present]
    if not present:
        return list(findings)
    margins = margins or [StatedMargin(_location(f), _stated_at(f), f.margin) for f in present if f.margin]
    introductions = _introductions(sentences, {_location(finding) for finding in present})
    text = sentences[0].text if sentences else ""
    remarks = _remarks_on_all(text) if present else []
    described = list(findings)
    for signal, i in sorted((_stated_at(finding), i) for i, finding in enumerate(findings)):
        if findings[i].present:
            described[i] = _described(findings[i], signal, introductions, margins, statements, remarks, text)
    return described


def _remarks_on_all(text: str) -> list[Introduction]:
    """附：以上病灶均为单发, 。均呈类圆形: where a remark on all lesions before it begins, and what it says of them."""
    found = []
    for remark in _REMARK.finditer(text):
        clauses = takewhile(lambda clause: not _OF_A_SEQUENCE.search(clause), re.split("[，,]", remark[1]))
        found.append((remark.start(), words_of("，".join(clauses))))
    return found


def _stated_at(finding: Finding) -> int:
    """Where the signal stands: what is said of a lesion holds for what the text says after it."""
    return next((s.start for s in finding.evidence.spans if s.role == "signal"), 0) if finding.evidence else 0


def _site_span(finding: Finding) -> tuple[int, int]:
    """Where the site is named."""
    spans = finding.evidence.spans if finding.evidence else ()
    return next(((s.start, s.end) for s in spans if s.role == "site"), (0, 0))


def _location(finding: Finding) -> Location:
    return finding.side, finding.site_name


def _introductions(sentences: Sequence[Sentence], locations: Container[Location]) -> dict[Location, list[Introduction]]:
    """For each of the locations the mentions that say something of its lesion, in the order of the text."""
    found: dict[Location, list[Introduction]] = {}
    listed, end, last = NO_WORDS, 0, NO_WORDS
    for sentence in sentences:
        text = sentence.text
        listed = listed if any(map(str.isalnum, text[end : sentence.tokens[0].start])) else NO_WORDS
        end = sentence.tokens[-1].end
        here = [site for site in sentence.sites.values() if (site.side, site.site) in locations]
        of_the_last = _of_the_last(sentence) if here else frozenset()
        told = _former_and_latter(sentence) if here else {}
        for site in here:
            said = _named_by_site(sentence, site) or introduction(text, _end_of_list(sentence, site))
            said = said.or_else(_named_before(sentence, site))
            if said == NO_WORDS and (site.side, site.site) in found:
                continue  # 其中左侧额叶者DWI呈高信号
            said = said.or_else(_group(sentence, site)).or_else(listed)
            said = told.get((site.side, site.site), NO_WORDS).or_else(said)
            if site.index in of_the_last:
                said = said.or_else(last)
            elif _SIMILAR.search(text, site.token.end, clause_end(text, site.token.end)):
                said = said.or_else(last._replace(number=NO_WORDS.number))
            elif _is_one_of_them(text, site.token.start) or text.startswith("部分", site.token.end):
                said = said.or_else(_introduced_before(sentence, site)._replace(number=NO_WORDS.number))
            if said != NO_WORDS:
                last = said
                found.setdefault((site.side, site.site), []).append((site.token.end, said))
        if sentence.tokens[-1].value == ":" and _names_whole_brain(sentence, len(sentence.tokens)):
            listed = _of_each(words_of(text[sentence.tokens[0].start : end]))
    return found


def _introduced_before(sentence: Sentence, site: LateralisedSite) -> LesionWords:
    """What the sentence says last of a lesion at a site before this one."""
    ends = [s.token.end for s in sentence.sites.values() if s.index < site.index]
    return next((said for end in reversed(ends) if (said := introduction(sentence.text, end)) != NO_WORDS), NO_WORDS)


def _is_one_of_them(text: str, site_start: int) -> bool:
    """见两枚结节，大者约16mm，位于左侧海马: whether the site is that of one of the lesions before."""
    start = clause_start(text, site_start)
    if text.startswith("位于", start) and start:
        start = clause_start(text, start - 1)
    return _ONE_OF_THEM.search(text, start, site_start) is not None


def _end_of_list(sentence: Sentence, site: LateralisedSite) -> int:
    """小脑蚓，左侧及右侧颞部见点状灶: where the list of sites ends that the site stands in."""
    end = last = site.token.end
    for token in sentence.tokens[site.index + 1 :]:
        if token.start != last or not (token.kind in _ENUMERATED or token.value in _LIST_MARKS):
            break
        last = token.end
        end = last if token.kind == "site" else end
    return end


def _of_the_last(sentence: Sentence) -> frozenset[int]:
    """以双侧壳核为著, 累及双侧额叶: the tokens whose lesion is that of the site before."""
    whole = ((at, phrase) for at, phrase in phrases(sentence).items() if phrase.kind in _OF_THE_SAME_LESION)
    return frozenset([i for at, phrase in whole for i in range(at, phrase.end)])


def _former_and_latter(sentence: Sentence) -> dict[Location, LesionWords]:
    """左侧丘脑、右侧放射冠梗死灶，前者呈斑点状，后者呈小片状: what is said of each of the two sites before."""
    tokens = sentence.tokens
    pair = [next((t for t in tokens if t.value == word), None) for word in ("前者", "后者")]
    if pair[0] is None or pair[1] is None:
        return {}
    sites = [s for s in sentence.sites.values() if s.token.end <= pair[0].start and not s.is_qualifier]
    if len(sites) != 2:
        return {}
    return {
        (site.side, site.site): words_of(sentence.text[token.end : clause_end(sentence.text, token.end)])
        for site, token in zip(sites, pair, strict=True)
        if token is not None and not _names_a_sequence_next(sentence, token)
    }


def _names_a_sequence_next(sentence: Sentence, token: Token) -> bool:
    """前者SWI内见点状低信号: what is said holds for one sequence."""
    end = clause_end(sentence.text, token.end)
    return any(t.kind == "sequence" for t in sentence.tokens if token.end <= t.start < end)


def _names_whole_brain(sentence: Sentence, end: int) -> bool:
    """Whether the first tokens, up to `end`, name no site but the brain as a whole."""
    return all(site.site in WHOLE_BRAIN for i, site in sentence.sites.items() if i < end)


def _named_by_site(sentence: Sentence, site: LateralisedSite) -> LesionWords | None:
    """右侧听神经瘤: the name of the lesion begins with that of its site."""
    lesion = lesion_at(sentence.text, site.token.start)
    if lesion is None or len(lesion) <= site.token.end - site.token.start:
        return None
    return LesionWords(lesion=lesion).or_else(introduction(sentence.text, site.token.end))


def _named_before(sentence: Sentence, site: LateralisedSite) -> LesionWords:
    """What is said of a lesion before its site: 肿块位于左侧颞叶, 软化灶：右侧额叶, 转移瘤，共3枚，分别见于….

    It may be a heading in brackets: 【软化灶】右侧额叶. Only 分别 reaches back over a comma.
    """
    tokens, at = sentence.tokens, site.index - 1
    while at >= 0 and (tokens[at].kind in _ENUMERATED or tokens[at].value == "、"):
        at -= 1
    if at > 0 and tokens[at].value == "位于" and tokens[at - 1].value == ":":
        at -= 1
    if at < 1 or tokens[at].value not in ("位于", ":", "】"):
        return NO_WORDS
    each = tokens[at - 1].value == "分别"
    lead = [*takewhile(lambda token: each or not is_mark(token), reversed(tokens[:at]))]
    if not lead or any(token.kind == "site" for token in lead):
        return NO_WORDS
    return words_of(sentence.text[lead[-1].start : tokens[at].start])


def _group(sentence: Sentence, site: LateralisedSite) -> LesionWords:
    """What the sentence says of all lesions before it comes to this one."""
    tokens = sentence.tokens
    if not any(map(is_mark, tokens[: site.index])):
        return NO_WORDS
    first = [*takewhile(lambda token: not is_mark(token), tokens)]
    negated = any(token.kind == "negation" for token in first)
    if not first or negated or not _names_whole_brain(sentence, len(first)):
        return NO_WORDS
    clause = [*takewhile(lambda token: not is_mark(token), reversed(tokens[: site.index]))]
    begin = clause[-1].start if clause else site.token.start
    heads = len(tokens) > len(first) and tokens[len(first)].value == ":"
    heads = heads or _NOUN_ALONE.fullmatch(sentence.text, first[0].start, first[-1].end) is not None
    together = _OF_THE_GROUP.search(sentence.text, begin, site.token.start)
    if not heads and together is None:
        return NO_WORDS
    said = words_of(sentence.text[first[0].start : first[-1].end])
    return said if together is not None and _LABEL.match(together[0]) is None else _of_each(said)


def _of_each(said: LesionWords) -> LesionWords:
    """颅内见3枚病灶：①左侧额叶…: the number of a group that is told apart is that of none of its lesions."""
    return said if said.number.exact is None else said._replace(number=NO_WORDS.number)


def _described(
    finding: Finding,
    signal: int,
    introductions: dict[Location, list[Introduction]],
    margins: Sequence[StatedMargin],
    statements: Sequence[StatedWords],
    remarks: Sequence[Introduction],
    text: str,
) -> Finding:
    """The finding, whose signal stands at `signal`, with what is said of the lesion at its site."""
    where = _location(finding)
    _, at = _site_span(finding)
    second = second_lesion(text, at, signal)
    if second is not None:
        (morphology, (kind, exact), lesion), size, margin, is_component = second
        update = {"morphology": morphology, "count": kind, "number": exact, "lesion": lesion}
        if is_component:
            return finding.model_copy(update=update | {"margin": margin_of(finding, text, at, signal, margins)})
        return finding.model_copy(update=update | {"size_mm": size, "margin": margin})
    if finding.lesion == "水肿":
        return finding
    stated = LesionWords(finding.morphology, LesionNumber(finding.count, finding.number), finding.lesion)
    here = introductions.setdefault(where, [])
    if stated != NO_WORDS and not any(end <= at for end, _ in here):
        here.insert(0, (at, stated._replace(morphology=None) if finding.modality == "T1CE" else stated))
    end, before = next(((end, said) for end, said in reversed(here) if end <= at), (0, NO_WORDS))
    own = introduction(text, at) if at != end else NO_WORDS
    said = stated.or_else(before if own == NO_WORDS else own)
    of_a_part = _OF_A_PART.match(text, clause_start(text, signal)) is not None
    if before.morphology is None and stated.morphology is not None and finding.modality != "T1CE" and not of_a_part:
        # 左侧额叶见两处病灶，…，大者呈团块状T1稍低信号，增强后…: the first form holds for what follows
        here[:] = [(e, s._replace(morphology=stated.morphology) if s is before else s) for e, s in here]
    if said.morphology is None and said.lesion is None:
        # 双侧额叶见多发点状…，除左侧额叶病灶DWI呈高信号
        both = next((said for end, said in reversed(introductions.get(("双侧", where[1]), [])) if end <= at), NO_WORDS)
        said = said._replace(morphology=both.morphology, lesion=both.lesion)
    for start, remark in remarks:
        if at < start:
            said = said.or_else(remark)
    since = end if own == NO_WORDS else at
    following = next((e for e, _ in here if e > at), len(text))
    for location, start, words in statements:
        if location == where and since < start < following:
            said = said.or_else(words)
    described: dict[str, object] = {
        "morphology": said.morphology,
        "count": said.number.kind,
        "number": said.number.exact,
        "lesion": said.lesion,
        "margin": margin_of(finding, text, at, signal, margins),
    }
    smaller = smaller_lesion(text, _site_span(finding), signal) if "小" in text else None
    if smaller is not None:
        described |= {"morphology": smaller.morphology, "size_mm": smaller.size_mm or finding.size_mm}
        described |= {"count": None, "number": None}
    changed = {name: value for name, value in described.items() if value != getattr(finding, name)}
    return finding.model_copy(update=changed) if changed else finding
