"""Lesions referred to by labels, size, order and side: ①, 大者, 后两处, 均, 同上，惟, 对侧, 余上述部位."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from selip_contracts.vocabulary import SITES, Modality, Side, Signal, ancestors
from selip_extract.pseudo_reports.sample_study import SampledLesion, SampledSite
from selip_extract.pseudo_reports.writing.collective import ABSENT, WrittenLesion, put_predicate, some_signal
from selip_extract.pseudo_reports.writing.draft import Draft, LesionWords, Mention
from selip_extract.pseudo_reports.writing.references.corrections import (
    put_corrected_value,
    put_exception_before,
    put_exception_behind,
)
from selip_extract.pseudo_reports.writing.references.exclusions import put_only_on_sequence, put_only_one
from selip_extract.pseudo_reports.writing.references.labels import put_bracketed, put_label_list, put_labelled
from selip_extract.pseudo_reports.writing.references.lesion_parts import put_parts_of_lesion
from selip_extract.pseudo_reports.writing.references.lists import (
    put_by_value,
    put_listed_by_value,
    put_nested_brackets,
    put_numbered,
    put_same_list,
)
from selip_extract.pseudo_reports.writing.references.margins import put_margins
from selip_extract.pseudo_reports.writing.references.parts import (
    put_described_sites,
    put_named_site,
    put_random_value,
    put_site_list,
    some_sequences,
)
from selip_extract.pseudo_reports.writing.references.sides import put_largest_of_both_sides, put_sized_sides
from selip_extract.pseudo_reports.writing.references.site_parts import put_parts_of_site
from selip_extract.pseudo_reports.writing.references.wording import REFERENCES
from selip_extract.pseudo_reports.writing.sequences import put_sequence, put_sequences, signal_word, size_text
from selip_extract.pseudo_reports.writing.shapes import note_description
from selip_extract.pseudo_reports.writing.sites import site_word

REFERENCE_SHARE = REFERENCES.share
_UNEQUAL: tuple[Signal, ...] = ("高", "稍高", "稍低", "低")
_OPPOSITE: dict[Side | None, Side] = {"左侧": "右侧", "右侧": "左侧"}
_ORDINALS = {"first": (0,), "last": (2,), "first two": (0, 1), "last two": (1, 2)}


def put_references(draft: Draft, lesions: Sequence[SampledLesion]) -> list[WrittenLesion]:
    """Write sites of the lesions in one of these ways, without the last full stop; none where no way fits."""
    sites = _separate(lesions)
    fitting = [name for name, way in _WAYS.items() if way.fits(sites)]
    # Few ways fit a site alone: without this they would be written more often than all others together.
    if not fitting or (len(sites) == 1 and draft.chance(0.71)):
        return []
    # and the way that needs three sites would hardly be written at all
    name = draft.rng.choice(fitting + [name for name in fitting if _WAYS[name].sites > 2])
    draft.families.add(name)
    start = len(draft.facts)
    _WAYS[name].put(draft, sites)
    written: dict[SampledSite, WrittenLesion] = {}
    for fact in draft.facts[start:]:
        written.setdefault(fact.mention.site, WrittenLesion([fact.mention])).facts.append(fact)
    return list(written.values())


def _separate(lesions: Sequence[SampledLesion]) -> list[SampledSite]:
    """Up to four sites of the lesions, none of which contains another; paired ones with a side."""
    found: list[SampledSite] = []
    for site in (site for lesion in lesions for site in lesion.sites):
        related = {site.site, *ancestors(site.site)}
        if any(other.site in related or site.site in ancestors(other.site) for other in found):
            continue
        if SITES[site.site].laterality == "paired" and site.side is None:
            site = SampledSite("双侧", site.site)
        found.append(site)
    return found[:4]


def _put_largest(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """脑内多发结节，大者位于左侧海马，T2WI呈稍高信号，增强后明显强化；右侧顶叶者T2WI呈低信号."""
    modality, further = some_sequences(draft, 2)
    draft.put_one(REFERENCES.many)
    nodules = "结节" in draft.parts[-1]
    draft.put("，")
    bracketed = draft.chance(0.25)
    draft.put("大者（") if bracketed else draft.put_one(REFERENCES.largest)
    largest = put_named_site(draft, sites[0])
    draft.put("）" if bracketed else "")
    largest.words.lesion = "结节" if nodules else None
    draft.put("，")
    if draft.chance(0.4):
        size = (draft.rng.randint(12, 30), draft.rng.randint(8, 12))
        draft.put("约" + size_text(draft.rng, size) + "，")
        largest.words.size_mm = tuple(map(float, size))
    put_random_value(draft, [largest], modality)
    draft.put("，")
    put_random_value(draft, [largest], "T1CE" if draft.chance(0.4) else further)
    draft.put("；")
    other = put_named_site(draft, sites[1])
    draft.put_one(REFERENCES.smaller)
    other.words.lesion = largest.words.lesion
    note_description(draft, [other])
    put_random_value(draft, [other], modality)


def _put_largest_of_list(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶、右侧顶叶见多发结节，T2WI呈高信号，最大者位于右侧顶叶，约22×19mm，增强后明显强化，其余病灶未见强化."""
    rng = draft.rng
    first, second = some_sequences(draft, 2)
    mentions = put_described_sites(draft, sites, REFERENCES.many_at_sites)
    for mention in mentions:
        mention.words.count = "多发"
    draft.put("，")
    put_random_value(draft, mentions, first)
    draft.put("，")
    draft.put_one(REFERENCES.largest)
    largest = put_named_site(draft, rng.choice(sites))
    size = (rng.randint(12, 30), rng.randint(8, 12))
    draft.put("，约" + size_text(rng, size) + "，")
    largest.words.size_mm = tuple(map(float, size))
    modality: Modality = "T1CE" if draft.chance(0.6) else second
    put_random_value(draft, [largest], modality)
    draft.put(rng.choice("，；"))
    draft.put_one(REFERENCES.others)
    others = [m for m in mentions if m.site != largest.site]
    put_predicate(draft, others, modality, ABSENT if modality == "T1CE" else some_signal(draft, modality), False)


def _put_ordinals(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """右侧岛叶、左侧枕叶、脑桥各见一灶，T2WI均呈高信号，后两处FLAIR呈稍高信号."""
    rng = draft.rng
    first, second = some_sequences(draft, 2)
    mentions = put_site_list(draft, sites[:3])
    draft.put_one(REFERENCES.each_one)
    for mention in mentions:
        mention.words.count = "单发"
    note_description(draft, mentions)
    draft.put("，")
    put_sequence(draft, first)
    put_predicate(draft, mentions, first, some_signal(draft, first), True)
    draft.put("，")
    which = rng.choice(tuple(_ORDINALS))
    draft.put_one(REFERENCES.ordinals[which])
    put_random_value(draft, [mentions[i] for i in _ORDINALS[which]], second)


def _left_and_right(sites: Sequence[SampledSite]) -> list[SampledSite]:
    """The first two paired sites, one on the left and one on the right."""
    paired = [site for site in sites if SITES[site.site].laterality == "paired"]
    first: Side = "右侧" if paired[0].side == "右侧" else "左侧"
    return [SampledSite(first, paired[0].site), SampledSite(_OPPOSITE[first], paired[-1].site)]


def _put_all_after_split(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶及右侧枕叶见片状DWI高信号，SWI左侧病灶呈低信号，右侧病灶呈等信号，T2WI均呈稍高信号."""
    rng = draft.rng
    first, split, last = some_sequences(draft, 3)
    mentions = put_site_list(draft, _left_and_right(sites), rng.choice(("及", "、", "和")))
    draft.put_one(REFERENCES.openings)
    shape = rng.choice(REFERENCES.two_shapes)
    draft.put(shape)
    for mention in mentions:
        mention.words.morphology = shape
    sequence = put_sequence(draft, first)
    value = some_signal(draft, first)[0]
    draft.state(mentions, first, value, draft.put(signal_word(rng, value)), sequence)
    draft.put("，")
    put_sequence(draft, split)
    noun = rng.choice(REFERENCES.of_a_side)
    for i, mention in enumerate(mentions):
        draft.put("，" if i else "")
        draft.put(str(mention.site.side) + noun)
        put_predicate(draft, [mention], split, some_signal(draft, split), False)
    draft.put("，")
    put_sequence(draft, last)
    put_predicate(draft, mentions, last, some_signal(draft, last), True)


def _put_contrasted(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """双侧海马信号异常，FLAIR左侧高信号、右侧稍高信号."""
    rng = draft.rng
    draft.begin_lesion()
    draft.put("双侧")
    site = next(site.site for site in sites if SITES[site.site].laterality == "paired")
    site_span = draft.put(site_word(rng, site))
    draft.put_one(REFERENCES.both_abnormal)
    draft.put("，")
    (modality,) = some_sequences(draft, 1)
    sequence = put_sequence(draft, modality)
    sides: tuple[Side, ...] = rng.choice((("左侧", "右侧"), ("右侧", "左侧")))
    values = rng.sample(("高", "稍高", "等", "稍低", "低"), 2)
    verb = rng.choice(("", "呈", "为"))
    for i, side in enumerate(sides):
        if i:
            draft.put_one(REFERENCES.contrast_joins)
        mention = Mention(SampledSite(side, site), site_span, draft.put(side), draft.words)
        draft.put(verb)
        draft.state([mention], modality, values[i], draft.put(values[i] + "信号"), sequence)  # type: ignore[arg-type]


def _put_compared(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """双侧海马T2WI信号不对称，右侧高于左侧，均呈稍高信号."""
    draft.begin_lesion()
    side_span = draft.put("双侧")
    site = next(site.site for site in sites if SITES[site.site].laterality == "paired")
    mention = Mention(SampledSite("双侧", site), draft.put(site_word(draft.rng, site)), side_span, draft.words)
    (modality,) = some_sequences(draft, 1)
    sequence = put_sequence(draft, modality)
    draft.put_one(REFERENCES.unequal)
    draft.put("，")
    draft.put_one(REFERENCES.compared)
    value = draft.rng.choice(_UNEQUAL)
    draft.put("，均呈")
    draft.state([mention], modality, value, draft.put(signal_word(draft.rng, value)), sequence)


def _put_same_except(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧岛叶T1WI等信号，T2WI稍高信号；右侧楔前叶另见结节，T1WI、T2WI同上，惟SWI呈低信号."""
    first, second, other = some_sequences(draft, 3)
    one = put_named_site(draft, sites[0])
    draft.put("结节")
    one.words.lesion = "结节"
    start = len(draft.facts)
    put_random_value(draft, [one], first)
    draft.put("，")
    put_random_value(draft, [one], second)
    shared = draft.facts[start:]
    draft.put("；")
    two = put_named_site(draft, sites[1])
    draft.put_one(REFERENCES.same_nouns)
    note_description(draft, [two])
    draft.put("，")
    spans = put_sequences(draft, (first, second))
    same = draft.put_one(REFERENCES.same)
    for fact in shared:
        if fact.modality:
            draft.state([two], fact.modality, fact.value, same, spans[fact.modality], uncertain=fact.uncertain)
    draft.put("，")
    draft.put_one(REFERENCES.exceptions)
    put_random_value(draft, [two], other)


def _put_relative_side(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶T2WI呈高信号，对侧枕叶见FLAIR稍高信号."""
    rng = draft.rng
    one, two = _left_and_right(sites)
    first, second = some_sequences(draft, 2)
    opposite = one.site == two.site or draft.chance(0.5)
    mention = put_named_site(draft, one)
    put_random_value(draft, [mention], first)
    draft.put("，")
    side_span = draft.put_one(REFERENCES.other_side if opposite else REFERENCES.same_side)
    site = SampledSite(two.side if opposite else one.side, two.site)
    named = Mention(site, draft.put(site_word(rng, site.site)), side_span, LesionWords())
    draft.put_one(REFERENCES.openings)
    sequence = put_sequence(draft, second)
    value = some_signal(draft, second)[0]
    draft.state([named], second, value, draft.put(signal_word(rng, value)), sequence)


def _put_rest(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """FLAIR上双侧海马呈高信号，左侧扣带回呈稍高信号；DWI上双侧海马呈高信号，余上述部位为等信号."""
    first, second = some_sequences(draft, 2)
    put_sequence(draft, first)
    lead = draft.rng.choice(REFERENCES.on_sequence)
    draft.put(lead)
    mentions: list[Mention] = []
    for i, site in enumerate(sites[:3]):
        draft.put("，" if i else "")
        mentions.append(put_named_site(draft, site))
        put_predicate(draft, mentions[-1:], first, some_signal(draft, first), False)
    draft.put("；")
    put_sequence(draft, second)
    draft.put(lead)
    again = put_named_site(draft, mentions[0].site)
    put_predicate(draft, [again], second, some_signal(draft, second), False)
    draft.put("，")
    draft.put_one(REFERENCES.rest)
    put_predicate(draft, mentions[1:], second, some_signal(draft, second), False)


def _put_sizes(draft: Draft, sites: Sequence[SampledSite]) -> None:
    """左侧额叶及右侧顶叶各见一枚结节，大小分别约12×10mm、8×6mm，T2WI均呈高信号."""
    rng = draft.rng
    (modality,) = some_sequences(draft, 1)
    mentions = put_site_list(draft, sites[:2], rng.choice(("及", "、", "和")))
    draft.put("各见一枚结节，")
    draft.put_one(REFERENCES.sizes_leads)
    for i, mention in enumerate(mentions):
        size = (rng.randint(8, 40), rng.randint(4, 8))
        draft.put(("、" if i else "") + size_text(rng, size))
        mention.words.size_mm = tuple(map(float, size))
        mention.words.lesion, mention.words.count = "结节", "单发"
    draft.put("，")
    put_sequence(draft, modality)
    put_predicate(draft, mentions, modality, some_signal(draft, modality), True)


class _Way(NamedTuple):
    """A way of writing, the sites that it needs at least, and whether one of them must be paired."""

    put: Callable[[Draft, Sequence[SampledSite]], None]
    sites: int = 2
    paired: bool = False

    def fits(self, sites: Sequence[SampledSite]) -> bool:
        paired = any(SITES[site.site].laterality == "paired" for site in sites)
        return len(sites) >= self.sites and (paired or not self.paired)


_WAYS = {
    "labels": _Way(put_labelled),
    "label list": _Way(put_label_list),
    "the largest": _Way(_put_largest),
    "the largest of a list": _Way(_put_largest_of_list),
    "ordinals": _Way(_put_ordinals, sites=3),
    "all after a split": _Way(_put_all_after_split, paired=True),
    "left and right contrasted": _Way(_put_contrasted, sites=1, paired=True),
    "sides compared": _Way(_put_compared, sites=1, paired=True),
    "the same except": _Way(_put_same_except),
    "other and same side": _Way(_put_relative_side, paired=True),
    "the rest": _Way(_put_rest),
    "sizes of several": _Way(_put_sizes),
    "bracketed labels": _Way(put_bracketed),
    "only one": _Way(put_only_one),
    "only on one sequence": _Way(put_only_on_sequence, sites=1),
    "parts of a lesion": _Way(put_parts_of_lesion, sites=1),
    "sized sides": _Way(put_sized_sides, sites=1, paired=True),
    "list by value": _Way(put_listed_by_value),
    "list of the same": _Way(put_same_list),
    "by value": _Way(put_by_value),
    "numbered": _Way(put_numbered),
    "nested brackets": _Way(put_nested_brackets),
    "corrected value": _Way(put_corrected_value, sites=1),
    "exception before": _Way(put_exception_before, paired=True),
    "exception behind": _Way(put_exception_behind),
    "the largest of both sides": _Way(put_largest_of_both_sides, sites=1, paired=True),
    "parts of a site": _Way(put_parts_of_site, sites=1),
    "margins told apart": _Way(put_margins),
}
