"""Sizes: each belongs to the lesion it is said of. 大小分别约1.2×1.0cm、0.8×0.7cm gives them in order."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from selip_contracts.findings import Finding
from selip_extract.language.lexer import normalized
from selip_extract.language.sizes import Size, is_of_an_earlier_study, is_of_the_present, largest_size, millimetres
from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lesions.second_lesions import is_of_a_second_lesion
from selip_extract.rules.lookahead import clause_after, is_mark, sites_ahead
from selip_extract.rules.mentions import Location, Sites, distinct
from selip_extract.rules.references.introductions import names_whole_brain
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Standing, State

_OEDEMA = "水肿"
_POINTING = frozenset(("前者", "后者", "上述", "其余", "较大"))
_BEFORE_A_NUMBER = frozenset("( 约 大小 大小约 为 径 直径 范围 长径 长约 厚约 厚度 厚".split())
_OF_NO_LESION = re.compile("层[厚距]|间[隔距]|移")
_MAX_LEAD = 12
"""Characters before a number in which words say what it is a size of."""
# 前后径约5.1cm，左右径约3.9cm: dimensions of one lesion
_DIMENSION = re.compile("(前后|左右|上下|头尾|横|纵|长|短|宽|厚|高|深)[径度]?(?:分别)?(?:约|为)*$")
_OF_THE_OTHER = re.compile("(?:另外?一?[枚个处者]|较?小者)(?:[长直]?径|大小|范围)?(?:约|为)*$")
_OF_ONE = re.compile("(?:[大小]者|一[枚个]|一处)(?:[长直]?径|大小|范围)?(?:约|为)*$")
"""大者约1.6cm，位于左侧海马: where the lesion lies that has the size is said behind it."""
_CORRECTED = re.compile("(?:应为|更正为|实为|改为)约?$")
_IN_ORDER = re.compile("依次|分别")
_OF_A_RANGE = re.compile("[最较][大小]|[大小]者")


def state_size(state: State, sentence: Sentence, at: int) -> State:
    """约1.2×0.8cm: the size of the lesions in focus."""
    token = sentence.tokens[at]
    if not is_of_a_lesion(sentence.text, sentence.tokens, state.clause.start, at) or is_of_a_second_lesion(
        sentence, at
    ):
        return state
    size = millimetres(normalized(sentence.words(at)))
    here = [site.location for site in _sites(state, sentence, at)]
    before = state.sizes
    if _is_led_by(_CORRECTED, sentence.text, token):
        before = tuple((location, known) for location, known in before if location not in here)
    elif here and _is_further_dimension(sentence, at) and [location for location, _ in before[-len(here) :]] == here:
        before, joined = before[: -len(here)], before[-len(here) :]
        return replace(state, sizes=(*before, *((location, (*known, *size)) for location, known in joined)))
    return replace(state, sizes=(*before, *((location, size) for location in here)))


def is_of_a_lesion(text: str, tokens: Sequence[Token], start: int, at: int) -> bool:
    """Whether the size is that of a lesion in its clause, which begins at `start`; not the oedema's, nor a shift's."""
    clause, token = tokens[start:at], tokens[at]
    begin = clause[0].start if clause else token.start
    return not (
        (any(t.kind == "change" for t in clause) and not is_of_the_present(text, token.start))
        or is_around(tokens[:at])
        or _OF_NO_LESION.search(text, begin, token.start)
        or is_of_an_earlier_study(text, begin, token.start, token.end)
    )


def _is_led_by(pattern: re.Pattern[str], text: str, token: Token) -> re.Match[str] | None:
    return pattern.search(text, max(0, token.start - _MAX_LEAD), token.start)


def _is_further_dimension(sentence: Sentence, at: int) -> bool:
    """Whether the number is another dimension of the size before it: 长约2.2cm，宽约0.5cm."""
    tokens = sentence.tokens
    before = next((token for token in reversed(tokens[:at]) if token.kind in ("size", "site", "sequence")), None)
    if before is None or before.kind != "size":
        return False
    own, other = (_is_led_by(_DIMENSION, sentence.text, token) for token in (tokens[at], before))
    if own is not None and sentence.text[before.end] in "(（":  # 41mm×23mm（高约30mm）
        return True
    return own is not None and other is not None and own[1] != other[1]


def _sites(state: State, sentence: Sentence, at: int) -> Sites:
    """The sites of the lesion that has the size; none where several sizes do not fit the number of sites."""
    tokens = sentence.tokens
    if [token.value for token in tokens[at + 1 : at + 3]] == [",", "位于"] and _is_led_by(
        _OF_ONE, sentence.text, tokens[at]
    ):
        return sites_ahead(sentence, at)
    if _is_led_by(_OF_THE_OTHER, sentence.text, tokens[at]):
        sized, sites = {location for location, _ in state.sizes}, state.current_lesion.sites
        return tuple([site for site in sites if site.location not in sized]) or sites
    largest_one = _largest_one(sentence, at)
    if largest_one:
        return largest_one
    denied = state.standing is Standing.NORMAL and state.own.sites  # 左侧未见囊肿，长径约8mm: of the one that was seen
    sites = () if denied else state.focus.sites or state.announced.sites
    sites = sites or _continued(state, sentence, at)
    if names_whole_brain(sites):
        sites = sites_ahead(sentence, at) or sites
    before = at - 1
    while before >= 0 and sentence.words(before) in _BEFORE_A_NUMBER | {"（"}:
        before -= 1
    if before >= 0 and tokens[before].kind == "side":
        return _on_side(sites, tokens[before].value)
    if len(sites) > 1 and before >= 0 and tokens[before].kind in ("site", "layer", "post_side"):
        return sites[-1:] if tokens[before + 1].value == "(" else sites
    return _in_order(sites, sentence, state.clause.start, at)


def _continued(state: State, sentence: Sentence, at: int) -> Sites:
    """The sites of the lesion before; none where the sentence is about others (硬膜下积液：右侧有，厚约6mm)."""
    sites = state.current_lesion.sites
    named = {s.site for i, s in sentence.sites.items() if i < at and not s.is_qualifier}
    return () if named and named.isdisjoint([site.site for site in sites]) else sites


def _on_side(sites: Sites, side: str) -> Sites:
    """厚度左侧约9mm，右侧约5mm: the sites on this side, and those on both, which have the larger size."""
    here = tuple([site for site in sites if site.side in (side, "双侧")])
    one = tuple([site._replace(side=side) for site in here if site.side == "双侧"])  # type: ignore[arg-type]
    return (*here, *one) or sites


def _in_order(sites: Sites, sentence: Sentence, start: int, at: int) -> Sites:
    """大小分别约1.2cm、0.8cm: each site has its own; one size is that of all."""
    tokens = sentence.tokens
    end = at + 1 + sum(1 for _ in clause_after(tokens, at))
    sizes = [
        i
        for i in range(start, end)
        if tokens[i].kind == "size"
        and not _is_further_dimension(sentence, i)
        and is_of_a_lesion(sentence.text, tokens, start, i)
    ]
    count, earlier = len(sizes), sum(i < at for i in sizes)
    last = tokens[max([at, *sizes])]
    if at not in sizes or count == 1:
        return sites
    if len(sites) < 2:
        named = distinct(
            sentence.mention(site) for i, site in sentence.sites.items() if i < at and not site.is_qualifier
        )
        in_order = _IN_ORDER.search(sentence.text, tokens[start].start, tokens[at].start)
        return named[earlier : earlier + 1] if in_order and len(named) == count else sites
    if _OF_A_RANGE.search(sentence.text, tokens[start].start, last.start):
        return sites
    return sites[earlier : earlier + 1] if count == len(sites) else ()


def is_around(before: Sequence[Token]) -> bool:
    """周围见片状水肿，范围约4cm: whether the last words before are of the surroundings."""
    described = [
        *takewhile(
            lambda t: t.kind not in ("site", "sequence", "signal") and t.value not in _POINTING, reversed(before)
        )
    ]
    denied = any(token.kind == "negation" for token in described)
    return not denied and any(token.value == "周围" for token in described)


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
    """The size of each location, and of both sides of a site: the one with most dimensions, then the largest."""
    found: dict[Location, Size] = {}
    for location, size in sizes:
        found[location] = largest_size((found.get(location, ()), size))
    for side, site in list(found):
        if side == "左侧" and ("右侧", site) in found:
            found.setdefault(("双侧", site), largest_size((found["左侧", site], found["右侧", site])))
    return found


def with_sizes(findings: Iterable[Finding], sizes: Mapping[Location, Size]) -> list[Finding]:
    """Findings without a size have that of their site, wherever it stands; not the oedema around another lesion."""
    found = list(findings)
    if not sizes:
        return found
    lesions = {(f.side, f.site_name) for f in found if f.lesion != _OEDEMA}
    return [
        f if f.size_mm or (f.lesion == _OEDEMA and (f.side, f.site_name) in lesions) else with_size(f, sizes)
        for f in found
    ]


def with_size(finding: Finding, sizes: Mapping[Location, Size]) -> Finding:
    """A present finding with the size of its site."""
    if not finding.present or finding.lesion == _OEDEMA:
        return finding
    size = sizes.get((finding.side, finding.site_name), ())
    return finding if finding.size_mm == size else finding.model_copy(update={"size_mm": size})
