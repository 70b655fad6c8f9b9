"""Margins: each belongs to the lesion it is said of. 前者边界模糊，后者边界清楚 gives each its own."""

import re
from collections.abc import Iterable

from selip_contracts.findings import Finding
from selip_extract.language.lesion_words import clause_start, is_corrected
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lesions.second_lesions import is_of_a_second_lesion
from selip_extract.rules.lesions.sizes import is_around
from selip_extract.rules.mentions import Location, Sites, StatedMargin
from selip_extract.rules.references.introductions import referents
from selip_extract.rules.references.site_references import all_above
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import State

# 中心坏死区边界不规则, 囊壁内缘光滑
_OF_A_PART = re.compile("中[心央]|坏死区|囊[壁性变腔液内]|实[性质]|周边|环壁|壁结节|内[缘侧壁]|部分(?!边)")

_NAMING = frozenset(("site", "side", "post_side", "sequence"))
_POINTING = frozenset(("上述", "前者", "后者", "其余", "除"))


def state_margin(state: State, sentence: Sentence, at: int) -> State:
    """边界清楚: the margin, which ends at `at`, of the lesions that the clause refers to."""
    start, words = sentence.tokens[at].start, sentence.margins[at]
    beside = sentence.text.find("与", clause_start(sentence.text, start), start) >= 0  # 与周围组织分界不清
    if (is_around(sentence.tokens[:at]) and not beside) or is_of_a_second_lesion(sentence, at):
        return replace(state, margins=(*state.margins, StatedMargin(None, start, words)))
    before, sites = state.margins, _sites(state, sentence, at)
    if before and is_corrected(sentence.text, before[-1].start, start):
        before = tuple(margin for margin in before if margin.start != before[-1].start)
    return replace(state, margins=(*before, *(StatedMargin(site.location, start, words) for site in sites)))


def _sites(state: State, sentence: Sentence, at: int) -> Sites:
    """The sites of the clause; 其余病灶 are those of which no margin has been stated, 边缘均清 those of all lesions."""
    before = sentence.tokens[:at]
    if "均" in sentence.margins[at] and not any(t.kind in _NAMING or t.value in _POINTING for t in before):
        return all_above(state, sentence.tokens[at].start).sites
    if not state.refers_to_rest:
        return referents(state, sentence, at, True).sites
    told = {margin.location for margin in state.margins}
    return tuple(site for site in state.focus.sites if site.location not in told) or state.focus.sites


def margin_of(finding: Finding, text: str, site_end: int, signal: int, stated: Iterable[StatedMargin]) -> str | None:
    """The margin of a finding: one of its site, not that of another; its site ends at `site_end`.

    Of several it has the one in the clause of its signal, else the first after its site that is not of a part.
    """
    location: Location = finding.side, finding.site_name
    own = [margin for margin in stated if margin.location == location]
    if not own:
        of_another = any(margin.words == finding.margin for margin in stated)
        return None if of_another else finding.margin
    here = clause_start(text, signal)

    def rank(margin: StatedMargin) -> tuple[bool, bool, bool]:
        clause = clause_start(text, margin.start)
        return clause != here, _OF_A_PART.search(text, clause, margin.start) is not None, margin.start < site_end

    return min(own, key=rank).words
