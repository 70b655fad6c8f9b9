"""Sites and sides: a list of sites as a radiologist writes it, each side said once for the sites that share it."""

import random
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from selip_contracts.vocabulary import SIDES, SITES, Side, site_and_words
from selip_extract.language.lexicon import LOBE_CHARACTERS
from selip_extract.pseudo_reports.phrases import (
    Names,
    PhraseFile,
    Phrases,
    SiteName,
    SiteNames,
    Templates,
    each_of,
    known_sites,
    load,
    placeholders,
)
from selip_extract.pseudo_reports.sample_study import SampledSite, Share
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Mention

_OfEachSide = Annotated[dict[Side, Phrases], AfterValidator(each_of(SIDES))]


class _SitePhrases(PhraseFile):
    never_written: Names
    last_joins: Phrases
    joins: Phrases
    sides_after_sites: Annotated[Templates, AfterValidator(placeholders("side"))]
    both_sides_after_sites: Phrases
    layers: Phrases
    layered_gyri: SiteNames
    parts: Phrases
    outside_brain: SiteNames
    neighbouring_lobes: Phrases
    regions_before_parts: SiteNames
    opening_brackets: Phrases
    excluded_share: Share
    with_excluded_parts: SiteNames
    excluded: Annotated[Templates, AfterValidator(placeholders("site"))]
    bracket_joins: Phrases
    lobe_joins: Phrases
    sides: _OfEachSide
    short_sides: _OfEachSide
    families: dict[SiteName, Annotated[Phrases, AfterValidator(known_sites)]]


_PHRASES = load(_SitePhrases, "sites")
_LOBE_CHARACTER = {lobe: c for c, lobe in LOBE_CHARACTERS.items()}
_LAYERED = _PHRASES.layered_gyri | _LOBE_CHARACTER.keys()
_NEVER_WRITTEN = _PHRASES.never_written | LOBE_CHARACTERS.keys()


def site_word(rng: random.Random, site: str) -> str:
    """One of the site's surface forms, the first most often; of an unlisted site its words."""
    if words := site_and_words(site)[1]:
        return words
    forms = [f for f in SITES[site].surface_forms if f not in _NEVER_WRITTEN and "前后角" not in f]
    return forms[0] if rng.random() < 0.7 else rng.choice(forms)


def _arranged(rng: random.Random, sites: Sequence[SampledSite]) -> list[SampledSite]:
    """An order in which no side carries over to a paired site that has none."""
    order = list(sites)
    if rng.random() < 0.5:
        rng.shuffle(order)
    if rng.random() < 0.6:
        first = {s.side: i for i, s in reversed(list(enumerate(order)))}
        order.sort(key=lambda s: first[s.side])
    unsided = [s for s in order if s.side is None and SITES[s.site].laterality != "midline"]
    return unsided + [s for s in order if s not in unsided]


def _count_fusible(sites: Sequence[SampledSite], start: int) -> int:
    """How many lobes of one side follow one another from index `start`."""
    end = start
    while end < len(sites) and sites[end].site in _LOBE_CHARACTER and sites[end].side == sites[start].side:
        end += 1
    return end - start


def put_sites(draft: Draft, sites: Sequence[SampledSite], plain: bool = False) -> list[Mention]:
    """Write the sites as a list, in which a side carries over to the sites that share it; the mentions in text order.

    `plain` keeps to the shortest wording.
    """
    rng = draft.rng
    order = _arranged(rng, sites)
    repeats_side = rng.random() < 0.15
    mentions: list[Mention] = []
    last_side: Side | None = None
    last_side_span: CharSpan | None = None
    i = 0
    while i < len(order):
        site = order[i]
        midline = SITES[site.site].laterality == "midline"
        fused = _count_fusible(order, i)
        if i:
            last = i + (fused if fused > 1 else 1) >= len(order)
            draft.put_one(_PHRASES.last_joins if last else _PHRASES.joins)
        side_follows = site.side is not None and rng.random() < _side_follows(site, midline) and fused <= 1
        side_span = None
        if site.side is None or side_follows:
            if not midline:
                last_side = None
        elif site.side != last_side or repeats_side or midline:
            short = rng.random() < 0.15
            side_span = draft.put_one((_PHRASES.short_sides if short else _PHRASES.sides)[site.side])
            last_side, last_side_span = site.side, side_span
        else:
            side_span = last_side_span
        region, members = _family(order, i) if not side_follows else ("", 0)
        if members and rng.random() < 0.5:
            mentions += _put_family(draft, region, order[i : i + members], side_span)
            i += members
        elif fused > 1 and rng.random() < 0.75:
            mentions += _put_fused_lobes(draft, order[i : i + fused], side_span)
            i += fused
        else:
            mentions.append(_put_site(draft, site, side_span, side_follows, plain))
            i += 1
    return mentions


def _side_follows(site: SampledSite, midline: bool) -> float:
    """How often a side stands behind its site: 脑桥偏左, 额叶（左）, 小脑半球双侧."""
    return (0.7 if midline else 0.05) if site.side in ("左侧", "右侧") else 0.0 if midline else 0.03


def _put_site(draft: Draft, site: SampledSite, side_span: CharSpan | None, side_follows: bool, plain: bool) -> Mention:
    rng = draft.rng
    parent = SITES[site.site].parent
    if site.site in _PHRASES.outside_brain and not plain and rng.random() < 0.5:
        lobes = rng.sample(_PHRASES.neighbouring_lobes, rng.choice((1, 1, 2)))
        draft.put("".join(lobes) + "部")
    if parent in _PHRASES.regions_before_parts and not side_follows and not plain and rng.random() < 0.2:
        draft.put(SITES[parent].surface_forms[0])
        bracketed = rng.random() < 0.8
        if bracketed:
            draft.put_one(_PHRASES.opening_brackets)
        site_span = draft.put(site_word(rng, site.site))
        if bracketed:
            draft.put("）")
        return Mention(site, site_span, side_span, draft.words)
    site_span = draft.put(site_word(rng, site.site))
    if site.site in _LAYERED and rng.random() < 0.22:
        draft.put_one(_PHRASES.layers)
    elif not plain and not side_follows and rng.random() < 0.08:
        draft.put_one(_PHRASES.parts)
    elif site.site in _PHRASES.with_excluded_parts and not plain and draft.chance(_PHRASES.excluded_share):
        _put_excluded_part(draft, site.site)
    if side_follows:
        assert site.side is not None
        behind = _PHRASES.both_sides_after_sites if site.side == "双侧" else _PHRASES.sides_after_sites
        side_span = draft.put(rng.choice(behind).format(side=site.side[0]))
    return Mention(site, site_span, side_span, draft.words)


def _put_excluded_part(draft: Draft, site: str) -> None:
    """大脑半球（不含枕叶）: no finding is of that part."""
    draft.families.add("excluded part")
    inside = [name for name, known in SITES.items() if known.parent == site]
    part = site_word(draft.rng, draft.rng.choice(inside))
    draft.put(draft.rng.choice(_PHRASES.excluded).format(site=part))


def _family(sites: Sequence[SampledSite], start: int) -> tuple[str, int]:
    """The region that holds the two or more sites of one side from index `start`, and their number; ("", 0) if none."""
    for region, members in _PHRASES.families.items():
        end = start
        while end < len(sites) and sites[end].site in members and sites[end].side == sites[start].side:
            end += 1
        if end - start > 1:
            return region, end - start
    return "", 0


def _put_family(draft: Draft, region: str, sites: Sequence[SampledSite], side_span: CharSpan | None) -> list[Mention]:
    """右侧基底节区（苍白球、壳核）."""
    draft.put(SITES[region].surface_forms[0] + "（")
    mentions = []
    for i, site in enumerate(sites):
        if i:
            draft.put_one(_PHRASES.bracket_joins)
        mentions.append(Mention(site, draft.put(site_word(draft.rng, site.site)), side_span, draft.words))
    draft.put("）")
    return mentions


def _put_fused_lobes(draft: Draft, sites: Sequence[SampledSite], side_span: CharSpan | None) -> list[Mention]:
    """右侧额顶叶."""
    rng = draft.rng
    join = rng.choice(_PHRASES.lobe_joins)
    mentions = []
    for i, site in enumerate(sites):
        last = i == len(sites) - 1
        if i:
            draft.put("、" if join == "及" and not last else join)
        span = draft.put(_LOBE_CHARACTER[site.site] + ("叶" if last else ""))
        mentions.append(Mention(site, span, side_span, draft.words))
    if rng.random() < 0.25:
        draft.put_one(_PHRASES.layers)
    return mentions
