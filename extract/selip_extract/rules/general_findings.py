"""General changes (扩大, 受压, 积液 …): read by rule, since they belong to no sequence."""

import re
from collections.abc import Iterable, Iterator
from typing import cast

from selip_contracts.findings import Evidence, GeneralFinding
from selip_contracts.vocabulary import Change, site_and_words
from selip_extract.language.evidence import span
from selip_extract.language.laterality import LateralisedSite
from selip_extract.language.tokens import Token
from selip_extract.rules.prior_study import prior_words
from selip_extract.rules.sentence import Sentence

_PREDICATES = frozenset(
    ("change", "negation", "normal", "signal", "sequence", "abnormal", "enhancement", "verb", "lesion")
)
_ENDING = frozenset(("周围", "受累"))
_LESION_CUES = frozenset(("周围", "边缘", "中心", "较大"))
_VALUES = frozenset(("signal", "enhancement", "restriction", "abnormal"))
"""What a negation before them denies: it reaches no further (DWI未见高信号脑沟增宽)."""
_PRESSING = re.compile("压迫|推压|推挤|挤压")


def read_changes(sentences: Iterable[Sentence]) -> list[GeneralFinding]:
    """Every change that a clause states of the sites named before it, and 病灶压迫中脑 of the site after it."""
    return [
        change
        for sentence in sentences
        if any(token.kind == "change" for token in sentence.tokens) or _presses(sentence)
        for change in _sentence_changes(sentence)
    ]


def _presses(sentence: Sentence) -> bool:
    return _PRESSING.search(sentence.text, sentence.tokens[0].start, sentence.tokens[-1].end) is not None


def _sentence_changes(sentence: Sentence) -> Iterator[GeneralFinding]:
    text, tokens = sentence.text, sentence.tokens
    prior = prior_words(text, tokens)
    named: list[LateralisedSite] = []
    negated = of_lesion = encased = False
    pressing: Token | None = None
    for at, token in enumerate(tokens):
        if token.kind == "site":
            if named and any(t.kind in _PREDICATES or t.value in _ENDING for t in tokens[named[-1].index : at]):
                named = []
            site = sentence.sites[at]
            of_lesion = False
            if pressing is not None and not negated:
                yield _change(sentence, site, pressing._replace(value="受压"))
            elif not site.is_qualifier and not encased:
                named.append(site)
        elif token.kind == "punctuation" and token.value in (",", ";"):
            negated, pressing, encased = False, None, False
            named = [] if token.value == ";" else named
        elif token.kind == "negation":
            negated = True
        elif token.kind in _VALUES:
            negated = False
        elif token.kind == "cue" and _names_the_brain(text, token):
            named, of_lesion = [LateralisedSite(at, token, "脑实质", None, None, False)], False
        elif token.kind == "lesion" or (token.kind == "cue" and token.value in _LESION_CUES):
            of_lesion = True
        elif token.kind == "cue" and text.startswith("包绕", token.start):
            encased = True
        elif token.kind == "change" and not negated and at not in prior and token.value:
            for site in () if of_lesion or text.startswith("的", token.end) else named:
                yield _change(sentence, site, token)
        elif pressing is not None and token.kind not in ("side", "layer", "punctuation", "other"):
            pressing = None
        if token.kind in ("change", "other", "verb", "cue") and _PRESSING.fullmatch(text, token.start, token.end):
            pressing = token


def _names_the_brain(text: str, token: Token) -> bool:
    """周围脑实质受压: the brain next to a lesion."""
    return token.value == "周围" and text.endswith(("脑实质", "脑组织"), token.start, token.end)


def _change(sentence: Sentence, site: LateralisedSite, token: Token) -> GeneralFinding:
    name = sentence.tokens[site.index]
    spans = [span("site", name.start, name.end), span("change", token.start, token.end)]
    if site.side_token is not None:
        spans.append(span("side", site.side_token.start, site.side_token.end))
    start, end = min(s.start for s in spans), max(s.end for s in spans)
    evidence = Evidence(text=sentence.text[start:end], start=start, end=end, spans=tuple(spans))
    site_name, words = site_and_words(site.site)
    return GeneralFinding(
        side=site.side, site=site_name, site_text=words, change=cast(Change, token.value), evidence=evidence
    )
