"""Sizes: each belongs to the lesion it is said of. 大小分别约1.2×1.0cm、0.8×0.7cm gives them in order."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from selip_contracts.findings import Finding
from selip_extract.language.lexer import normalized
from selip_extract.language.sizes import millimetres
from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import clause_after, is_mark, sites_ahead
from selip_extract.rules.mentions import Location, Sites
from selip_extract.rules.references.introductions import names_whole_brain
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import State

Size = tuple[float, ...]
"""Millimetres."""
_BEFORE_A_NUMBER = frozenset("( 约 大小 大小约 为 径 直径 范围 长径 长约".split())
_OF_NO_LESION = re.compile("层[厚距]|间[隔距]|移")
_OF_AN_EARLIER_STUDY = re.compile(r"[(（]前[^)）]*$|(?:片|(?<!依)次)(?:约|为)?$")


def state_size(state: State, sentence: Sentence, at: int) -> State:
    """约1.2×0.8cm: the size of the lesions in focus."""
    tokens, token = sentence.tokens, sentence.tokens[at]
    clause = tokens[state.clause.start : at]
    begin = clause[0].start if clause else token.start
    if (
        any(t.kind == "change" for t in clause)
        or _is_around(tokens[:at])
        or _OF_NO_LESION.search(sentence.text, begin, token.start)
    ):
        return state
    if _OF_AN_EARLIER_STUDY.search(sentence.text, begin, token.start):
        return state
    size = millimetres(normalized(sentence.words(at)))
    stated = tuple((site.location, size) for site in _sites(state, sentence, at))
    return replace(state, sizes=(*state.sizes, *stated))


def _sites(state: State, sentence: Sentence, at: int) -> Sites:
    """The sites of the lesion that has the size."""
    tokens = sentence.tokens
    largest_one = _largest_one(sentence, at)
    if largest_one:
        return largest_one
    sites = state.focus.sites or state.announced.sites or state.current_lesion.sites
    if names_whole_brain(sites):
        sites = sites_ahead(sentence, at) or sites
    before = at - 1
    while before >= 0 and sentence.words(before) in _BEFORE_A_NUMBER | {"（"}:
        before -= 1
    if len(sites) > 1 and before >= 0 and tokens[before].kind in ("site", "layer", "post_side"):
        return sites[-1:] if tokens[before + 1].value == "(" else sites
    earlier = sum(t.kind == "size" for t in tokens[state.clause.start : at])
    count = earlier + 1 + sum(t.kind == "size" for t in clause_after(tokens, at))
    return sites[earlier : earlier + 1] if count == len(sites) > 1 else sites


def _is_around(before: Sequence[Token]) -> bool:
    """周围见片状水肿，范围约4cm."""
    described = takewhile(lambda t: t.kind not in ("site", "sequence", "signal"), reversed(before))
    return any(token.value == "周围" for token in described)


def _largest_one(sentence: Sentence, at: int) -> Sites:
    """较大者位于左侧顶叶，约2.2cm: the sites of the clause that says where the largest lies."""
    tokens = sentence.tokens
    last = next((i for i in range(at - 1, -1, -1) if tokens[i].kind in ("site", "sequence", "signal")), None)
    if last is None or tokens[last].kind != "site":
        return ()
    start = next((i + 1 for i in range(last, -1, -1) if is_mark(tokens[i])), 0)
    if not any(token.value == "较大" for token in tokens[start:last]):
        return ()
    return tuple(sentence.mention(s) for i, s in sentence.sites.items() if start <= i < at and not s.is_qualifier)


def largest(sizes: Iterable[tuple[Location, Size]]) -> dict[Location, Size]:
    """The size of each location: of several the one with most dimensions, then the largest."""
    found: dict[Location, Size] = {}
    for location, size in sizes:
        found[location] = max(found.get(location, ()), size, key=lambda s: (len(s), max(s, default=0)))
    return found


def with_size(finding: Finding, sizes: Mapping[Location, Size]) -> Finding:
    """A present finding with the size of its site."""
    if not finding.present:
        return finding
    size = sizes.get((finding.side, finding.site_name), ())
    return finding if finding.size_mm == size else finding.model_copy(update={"size_mm": size})
