"""One sequence over several lesions: the same for all, exceptions, remainders, parts of one lesion."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from selip_contracts.vocabulary import ENHANCEMENTS, MODALITIES, SIGNALS, SITES, Modality
from selip_extract.pseudo_reports.lesion_archetypes import SignalValues
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, SiteNames, load
from selip_extract.pseudo_reports.sample_study import SampledLesion
from selip_extract.pseudo_reports.writing.absences import put_absence, put_absent
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Fact, Mention
from selip_extract.pseudo_reports.writing.sequence_relations import Signals
from selip_extract.pseudo_reports.writing.sequences import put_sequence, signal_word
from selip_extract.pseudo_reports.writing.shapes import put_shape
from selip_extract.pseudo_reports.writing.signals import put_enhancement, put_signals, put_value
from selip_extract.pseudo_reports.writing.sites import put_sites, site_word


class _CollectivePhrases(PhraseFile):
    regions: SiteNames
    region_nouns: Phrases
    site_joins: Phrases
    nouns: Phrases
    nouns_with_nodule: Phrases
    separators: Phrases
    subset_joins: Phrases
    among_them: Phrases
    some_joins: Phrases
    some: Phrases
    all_lesions: Phrases
    one_lesion: Phrases
    all: Phrases
    sequence_leads: Phrases
    enhancement_leads: Phrases
    verbs: Phrases
    excepted: Phrases
    others_after_exception: Phrases
    only: Phrases
    others: Phrases


_PHRASES = load(_CollectivePhrases, "collective")
ABSENT: SignalValues = ()


@dataclass
class WrittenLesion:
    """A lesion in the text: its mentions, and the facts that have been stated of it."""

    mentions: list[Mention]
    facts: list[Fact] = field(default_factory=list)

    @property
    def modalities(self) -> set[Modality | None]:
        """The sequences of its facts."""
        return {fact.modality for fact in self.facts}

    @property
    def is_uniform(self) -> bool:
        """Whether the same has been stated of all its sites, and for certain."""
        of_each = [{(f.modality, f.value) for f in self.facts if f.mention.site == m.site} for m in self.mentions]
        return bool(of_each[0]) and all(s == of_each[0] for s in of_each) and not any(f.uncertain for f in self.facts)


def _some_of(draft: Draft, mentions: Sequence[Mention]) -> list[Mention]:
    """A random part of the mentions, in their order: at least one and, of several, not all."""
    chosen = draft.rng.sample(range(len(mentions)), draft.rng.randint(1, max(1, len(mentions) - 1)))
    return [mentions[i] for i in sorted(chosen)]


def put_reference(
    draft: Draft, mentions: Sequence[Mention], known: Iterable[Mention], noun: bool = True
) -> list[Mention]:
    """Name the sites of `mentions` again, sometimes without their side; the new mentions. `known`: all so far."""
    by_site = {m.site: m for m in mentions}
    sites = [m.site.site for m in known]
    regions = [r for m in known if (r := SITES[m.site.site].parent) in _PHRASES.regions]
    (site,) = by_site if len(by_site) == 1 else (None,)
    if (
        site
        and (region := SITES[site.site].parent) in _PHRASES.regions
        and regions.count(region) == 1
        and region not in sites
        and draft.chance(0.3)
    ):
        draft.put(SITES[region].surface_forms[0])
        draft.put_one(_PHRASES.region_nouns)
        return [by_site[site]]
    if draft.chance(0.35) and all(sites.count(s.site) == 1 for s in by_site):
        named = []
        for i, (site, old) in enumerate(by_site.items()):
            if i:
                draft.put_one(_PHRASES.site_joins)
            named.append(Mention(site, draft.put(site_word(draft.rng, site.site)), old.side_span, old.words))
    else:
        named = [replace(m, words=by_site[m.site].words) for m in put_sites(draft, [*by_site], plain=True)]
    if noun:
        draft.put_one(_PHRASES.nouns_with_nodule if draft.chance(0.3) else _PHRASES.nouns)
        for mention in named:
            mention.words.add(lesion="结节" if draft.parts[-1] == "结节" else None)
    return named


def some_signal(draft: Draft, modality: Modality) -> SignalValues:
    """A random value of the sequence."""
    rng = draft.rng
    if modality == "T1CE":
        return (rng.choice(ENHANCEMENTS),)
    return (rng.choice(SIGNALS),)


def put_subset(draft: Draft, written: WrittenLesion, alone: bool) -> None:
    """其中左侧桥臂病灶DWI呈稍高信号; 部分病灶DWI呈高信号. `alone`: no other lesion in its sentence."""
    free = [m for m in MODALITIES if m not in written.modalities]
    if not free or len(written.mentions) < 2 or not draft.chance(0.3):
        if free and len(written.mentions) == 1 and draft.chance(0.05):
            _put_some(draft, written, draft.rng.choice(free))
        return
    if draft.chance(0.3):
        _put_some(draft, written, draft.rng.choice(free))
        return
    if draft.chance(0.4):
        if not alone:
            return
        draft.put_one(_PHRASES.separators)
        put_collective(draft, [written], (), draft.rng.choice(free), [written])
        return
    draft.put_one(_PHRASES.subset_joins)
    subset = _some_of(draft, written.mentions)
    draft.put_one(_PHRASES.among_them)
    named = put_reference(draft, subset, written.mentions)
    chosen = draft.rng.sample(free, min(len(free), draft.rng.choice((1, 1, 2))))
    signals: Signals = {m: some_signal(draft, m) for m in chosen}
    start = len(draft.facts)
    draft.joined = True
    if draft.chance(0.1):
        put_absent(draft, named, chosen)
    else:
        put_signals(draft, named, signals)
    draft.joined = False
    draft.strip_separators()
    written.facts += draft.facts[start:]


def _put_some(draft: Draft, written: WrittenLesion, modality: Modality) -> None:
    """部分病灶DWI呈高信号: which of the sites it is said of remains open."""
    draft.put_one(_PHRASES.some_joins)
    draft.put_one(_PHRASES.some)
    value = some_signal(draft, modality)
    start = len(draft.facts)
    if modality == "T1CE":
        put_enhancement(draft, written.mentions, value)
        draft.facts[start:] = [replace(f, uncertain=True) for f in draft.facts[start:]]
    else:
        put_value(draft, written.mentions, (modality,), value[0], uncertain=True)
    written.facts += draft.facts[start:]


def put_sequence_lead(draft: Draft, modality: Modality) -> CharSpan:
    """Name the sequence whose predicate follows: DWI示."""
    span = put_sequence(draft, modality)
    draft.put_maybe(0.5, _PHRASES.enhancement_leads if modality == "T1CE" else _PHRASES.sequence_leads)
    return span


def put_predicate(
    draft: Draft, named: Sequence[Mention], modality: Modality, values: SignalValues, together: bool
) -> None:
    """The predicate of a sequence that has been named: 呈高信号, 未见强化."""
    if together:
        draft.put_one(_PHRASES.all)
    if values == ABSENT:
        put_absence(draft, named, (modality,), sequence_named=True)
    elif modality == "T1CE":
        put_enhancement(draft, named, values, sequence_named=True)
    else:
        draft.put_one(_PHRASES.verbs)
        morphology = put_shape(draft, 0.1)
        span = draft.put(signal_word(draft.rng, values[0]))
        draft.state(named, modality, values[0], span, morphology=morphology)


def put_collective(
    draft: Draft,
    remaining: Sequence[WrittenLesion],
    lesions: Sequence[SampledLesion],
    modality: Modality,
    written: Sequence[WrittenLesion],
) -> None:
    """One sequence over the `remaining` lesions: the same for all, exceptions, remainders, or one by one.

    Where they are not all lesions of the text so far (`written`), they are named.
    """
    all_mentions = [m for lesion in remaining for m in lesion.mentions]
    known = [m for lesion in written for m in lesion.mentions]
    start = len(draft.facts)
    rng = draft.rng
    one, two = rng.sample([some_signal(draft, modality) for _ in range(3)] + [ABSENT], 2)
    own = [x.signals[modality][:1] for x in lesions if modality in x.signals]
    if own and draft.chance(0.5):
        one = own[0]
    sites = [m.site for m in known]
    style = rng.choice(("all", "all", "rest", "rest", "rest", "except", "except", "each", "only"))
    parts = _some_of(draft, all_mentions)
    others = [m for m in all_mentions if m not in parts]
    if len(set(sites)) < len(sites) or not others:
        style = "all"
    if len(all_mentions) < len(known):
        _put_some_by_name(draft, all_mentions, known, modality, one)
    elif style == "all":
        _put_all_alike(draft, all_mentions, modality, one)
    elif style == "except":
        _put_exception(draft, parts, others, modality, (one, two))
    else:
        _put_one_by_one(draft, parts, others, modality, (one, two), style)
    for lesion in remaining:
        lesion.facts += [fact for fact in draft.facts[start:] if fact.mention.site in {m.site for m in lesion.mentions}]


def _put_some_by_name(
    draft: Draft, mentions: Sequence[Mention], known: Sequence[Mention], modality: Modality, values: SignalValues
) -> None:
    """左侧额叶及右侧丘脑病灶DWI呈高信号."""
    leads = draft.chance(0.5)
    if leads:
        put_sequence_lead(draft, modality)
    named = put_reference(draft, mentions, known)
    if not leads:
        put_sequence_lead(draft, modality)
    put_predicate(draft, named, modality, values, len(mentions) > 1)


def _put_all_alike(draft: Draft, mentions: Sequence[Mention], modality: Modality, values: SignalValues) -> None:
    """上述病灶DWI均呈高信号."""
    several = len(mentions) > 1
    leads = draft.chance(0.5)
    if leads:
        put_sequence_lead(draft, modality)
    if several:
        draft.put_one(_PHRASES.all_lesions)
    elif draft.chance(0.8):
        draft.put_one(_PHRASES.one_lesion)
    if not leads:
        put_sequence_lead(draft, modality)
    put_predicate(draft, mentions, modality, values, several)


def _put_exception(
    draft: Draft,
    parts: Sequence[Mention],
    others: Sequence[Mention],
    modality: Modality,
    values: tuple[SignalValues, SignalValues],
) -> None:
    """除左侧额叶病灶DWI呈高信号外，其余病灶均未见高信号."""
    leads = draft.chance(0.5)
    if leads:
        put_sequence_lead(draft, modality)
    draft.put("除")
    named = put_reference(draft, parts, [*parts, *others])
    if not leads and draft.chance(0.5):
        leads = True
        put_sequence_lead(draft, modality)
    put_predicate(draft, named, modality, values[0], False)
    draft.put_one(_PHRASES.excepted)
    draft.put_one(_PHRASES.others_after_exception)
    if not leads:
        put_sequence_lead(draft, modality)
    put_predicate(draft, others, modality, values[1], True)


def _put_one_by_one(
    draft: Draft,
    parts: Sequence[Mention],
    others: Sequence[Mention],
    modality: Modality,
    values: tuple[SignalValues, SignalValues],
    style: str,
) -> None:
    """仅左侧额叶病灶DWI呈高信号，其余病灶呈等信号; DWI左侧额叶病灶呈高信号，右侧丘脑病灶呈等信号."""
    all_mentions = [*parts, *others]
    one, two = values
    first_named = draft.chance(0.4)
    if not first_named:
        put_sequence_lead(draft, modality)
    if style == "only":
        draft.put_one(_PHRASES.only)
    named = put_reference(draft, parts, all_mentions)
    if first_named:
        put_sequence_lead(draft, modality)
    put_predicate(draft, named, modality, one, False)
    if style == "only" and draft.chance(0.5):
        return
    draft.put_one(_PHRASES.separators)
    if style in ("rest", "only"):
        draft.put_one(_PHRASES.others)
        if first_named and draft.chance(0.4):
            put_sequence_lead(draft, modality)
        put_predicate(draft, others, modality, two, draft.chance(0.6))
    else:
        named = put_reference(draft, others, all_mentions)
        if first_named and draft.chance(0.4):
            put_sequence_lead(draft, modality)
        put_predicate(draft, named, modality, two, False)
