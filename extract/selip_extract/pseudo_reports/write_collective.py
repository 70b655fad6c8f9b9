"""One sequence over several lesions: the same for all, exceptions, remainders, parts of one lesion."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from selip_contracts.vocabulary import ENHANCEMENTS, MODALITIES, SIGNALS, SITES, Modality
from selip_extract.pseudo_reports.sample_study import SampledLesion
from selip_extract.pseudo_reports.wording import Draft, Fact, Mention, put_places, put_sequences, signal_word, site_word
from selip_extract.pseudo_reports.write_signals import (
    MORPHOLOGIES,
    Signals,
    Values,
    put_absent,
    put_enhancement,
    put_negative,
    put_signals,
    put_value,
    state,
)

# the larger parts by which one lesion inside may be called: 小脑病灶
_WHOLES = frozenset(("小脑", "脑干", "基底节区", "颞叶", "额叶", "胼胝体", "内囊"))
_OTHERS = tuple("其余病灶 余病灶 余病灶 其余 余 其余各病灶 其他病灶 余者 其余者 其余均".split())
ABSENT: Values = ()


@dataclass
class WrittenLesion:
    """A lesion already told: its mentions and what has been said of it."""

    mentions: list[Mention]
    said: list[Fact] = field(default_factory=list)

    @property
    def modalities(self) -> set[Modality | None]:
        """The sequences that have been told of some of its places."""
        return {fact.modality for fact in self.said}

    @property
    def alike(self) -> bool:
        """Whether the same has been said of all its places, and for certain."""
        of_each = [{(f.modality, f.value) for f in self.said if f.mention.place == m.place} for m in self.mentions]
        return bool(of_each[0]) and all(s == of_each[0] for s in of_each) and not any(f.uncertain for f in self.said)


def _some_of(draft: Draft, mentions: Sequence[Mention]) -> list[Mention]:
    """At least one of the mentions and, where there are several, not all of them; in their order."""
    chosen = draft.rng.sample(range(len(mentions)), draft.rng.randint(1, max(1, len(mentions) - 1)))
    return [mentions[i] for i in sorted(chosen)]


def put_reference(
    draft: Draft, mentions: Sequence[Mention], known: Iterable[Mention], noun: bool = True
) -> list[Mention]:
    """Name places told before, sometimes without their side; the new mentions."""
    by_place = {m.place: m for m in mentions}
    sites = [m.place.site for m in known]
    wholes = [w for m in known if (w := SITES[m.place.site].parent) in _WHOLES]
    (place,) = by_place if len(by_place) == 1 else (None,)
    if (
        place
        and (whole := SITES[place.site].parent) in _WHOLES
        and wholes.count(whole) == 1
        and whole not in sites
        and draft.chance(0.3)
    ):
        draft.put(SITES[whole].surface_forms[0])
        draft.one("病灶", "病灶", "病变", "结节")
        return [by_place[place]]
    if draft.chance(0.35) and all(sites.count(p.site) == 1 for p in by_place):
        named = []
        for i, (place, old) in enumerate(by_place.items()):
            if i:
                draft.one("、", "及")
            named.append(Mention(place, draft.put(site_word(draft.rng, place.site)), old.side))
    else:
        named = put_places(draft, [*by_place], plain=True)
    if noun:
        draft.one("病灶", "病灶", "病灶", "病变", "者", "", "灶", "结节" if draft.chance(0.3) else "病灶")
    return named


def some_signal(draft: Draft, modality: Modality) -> Values:
    """Any one value of the sequence."""
    rng = draft.rng
    if modality == "T1CE":
        return (rng.choice(ENHANCEMENTS),)
    return (rng.choice(SIGNALS),)


def put_subset(draft: Draft, told: WrittenLesion, alone: bool) -> None:
    """其中左侧桥臂病灶DWI呈稍高信号; 部分病灶DWI呈高信号. `alone`: its sentence tells of no other lesion."""
    said = {f.modality for f in told.said}
    free = [m for m in MODALITIES if m not in said]
    if not free or len(told.mentions) < 2 or not draft.chance(0.3):
        if free and len(told.mentions) == 1 and draft.chance(0.05):
            _put_some(draft, told, draft.rng.choice(free))
        return
    if draft.chance(0.3):
        _put_some(draft, told, draft.rng.choice(free))
        return
    if draft.chance(0.4):
        if not alone:
            return
        draft.one("，", "，", "；")
        put_collective(draft, [told], (), draft.rng.choice(free), [told])
        return
    draft.one("，", "；", "。", "，")
    subset = _some_of(draft, told.mentions)
    draft.one("其中", "其中", "其中", "")
    named = put_reference(draft, subset, told.mentions)
    chosen = draft.rng.sample(free, min(len(free), draft.rng.choice((1, 1, 2))))
    signals: Signals = {m: some_signal(draft, m) for m in chosen}
    start = len(draft.facts)
    draft.joined = True
    if draft.chance(0.1):
        put_absent(draft, named, chosen)
    else:
        put_signals(draft, named, signals)
    draft.joined = False
    draft.cut()
    told.said += draft.facts[start:]


def _put_some(draft: Draft, told: WrittenLesion, modality: Modality) -> None:
    draft.one("，", "；", "，")
    draft.one("部分病灶", "部分病灶", "部分", "个别病灶", "部分结节", "少数病灶")
    value = some_signal(draft, modality)
    start = len(draft.facts)
    if modality == "T1CE":
        put_enhancement(draft, told.mentions, value)
        draft.facts[start:] = [replace(f, uncertain=True) for f in draft.facts[start:]]
    else:
        put_value(draft, told.mentions, (modality,), value[0], uncertain=True)
    told.said += draft.facts[start:]


def put_open(draft: Draft, modality: Modality) -> tuple[int, int]:
    """Name the sequence of which a predicate is to follow: DWI示."""
    spot = put_sequences(draft, (modality,))[modality]
    draft.maybe(0.5, *(("示", "：", "，") if modality == "T1CE" else ("示", "上", "：", "序列", "像")))
    return spot


def put_said(draft: Draft, named: Sequence[Mention], modality: Modality, values: Values, together: bool) -> None:
    """The predicate of a sequence that has been named: 呈高信号, 未见强化."""
    if together:
        draft.one("均", "均", "皆", "")
    if values == ABSENT:
        put_negative(draft, named, (modality,), opened=True)
    elif modality == "T1CE":
        put_enhancement(draft, named, values, opened=True)
    else:
        draft.one("呈", "呈", "为", "见", "表现为")
        draft.maybe(0.1, *MORPHOLOGIES)
        spot = draft.put(signal_word(draft.rng, values[0]))
        state(draft, named, modality, values[0], spot)


def put_collective(
    draft: Draft,
    untold: Sequence[WrittenLesion],
    lesions: Sequence[SampledLesion],
    modality: Modality,
    told: Sequence[WrittenLesion],
) -> None:
    """One sequence over all lesions told: the same for all, exceptions, remainders, or one by one.

    Where some of the lesions told have been told of this sequence already, the others are named.
    """
    everything = [m for t in untold for m in t.mentions]
    known = [m for t in told for m in t.mentions]
    start = len(draft.facts)
    rng = draft.rng
    one, two = rng.sample([some_signal(draft, modality) for _ in range(3)] + [ABSENT], 2)
    own = [x.signals[modality][:1] for x in lesions if modality in x.signals]
    if own and draft.chance(0.5):
        one = own[0]
    places = [m.place for m in known]
    style = rng.choice(("all", "all", "rest", "rest", "rest", "except", "except", "each", "only"))
    parts = _some_of(draft, everything)
    others = [m for m in everything if m not in parts]
    if len(set(places)) < len(places) or not others:
        style = "all"
    if len(everything) < len(known):
        _put_some_by_name(draft, everything, known, modality, one)
    elif style == "all":
        _put_all_alike(draft, everything, modality, one)
    elif style == "except":
        _put_exception(draft, parts, others, modality, (one, two))
    else:
        _put_one_by_one(draft, parts, others, modality, (one, two), style)
    for lesion in untold:
        lesion.said += [
            fact for fact in draft.facts[start:] if fact.mention.place in {m.place for m in lesion.mentions}
        ]


def _put_some_by_name(
    draft: Draft, mentions: Sequence[Mention], known: Sequence[Mention], modality: Modality, values: Values
) -> None:
    """左侧额叶及右侧丘脑病灶DWI呈高信号."""
    leads = draft.chance(0.5)
    if leads:
        put_open(draft, modality)
    named = put_reference(draft, mentions, known)
    if not leads:
        put_open(draft, modality)
    put_said(draft, named, modality, values, len(mentions) > 1)


def _put_all_alike(draft: Draft, mentions: Sequence[Mention], modality: Modality, values: Values) -> None:
    """上述病灶DWI均呈高信号."""
    several = len(mentions) > 1
    leads = draft.chance(0.5)
    if leads:
        put_open(draft, modality)
    if several:
        draft.one("上述病灶", "以上病灶", "上述病灶", "各病灶", "上述部位", "前述病灶")
    elif draft.chance(0.8):
        draft.one("病灶", "该病灶", "上述病灶")
    if not leads:
        put_open(draft, modality)
    put_said(draft, mentions, modality, values, several)


def _put_exception(
    draft: Draft, parts: Sequence[Mention], others: Sequence[Mention], modality: Modality, values: tuple[Values, Values]
) -> None:
    """除左侧额叶病灶DWI呈高信号外，其余病灶均未见高信号."""
    leads = draft.chance(0.5)
    if leads:
        put_open(draft, modality)
    draft.put("除")
    named = put_reference(draft, parts, [*parts, *others])
    if not leads and draft.chance(0.5):
        leads = True
        put_open(draft, modality)
    put_said(draft, named, modality, values[0], False)
    draft.one("外，", "外", "以外，", "外，")
    draft.one("其余病灶", "上述病灶", "余病灶", "", "余", "其余")
    if not leads:
        put_open(draft, modality)
    put_said(draft, others, modality, values[1], True)


def _put_one_by_one(
    draft: Draft,
    parts: Sequence[Mention],
    others: Sequence[Mention],
    modality: Modality,
    values: tuple[Values, Values],
    style: str,
) -> None:
    """仅左侧额叶病灶DWI呈高信号，其余病灶呈等信号; DWI左侧额叶病灶呈高信号，右侧丘脑病灶呈等信号."""
    everything = [*parts, *others]
    one, two = values
    first_named = draft.chance(0.4)
    if not first_named:
        put_open(draft, modality)
    if style == "only":
        draft.one("仅", "仅", "只有", "仅见")
    named = put_reference(draft, parts, everything)
    if first_named:
        put_open(draft, modality)
    put_said(draft, named, modality, one, False)
    if style == "only" and draft.chance(0.5):
        return
    draft.one("，", "，", "；")
    if style in ("rest", "only"):
        draft.one(*_OTHERS)
        if first_named and draft.chance(0.4):
            put_open(draft, modality)
        put_said(draft, others, modality, two, draft.chance(0.6))
    else:
        named = put_reference(draft, others, everything)
        if first_named and draft.chance(0.4):
            put_open(draft, modality)
        put_said(draft, named, modality, two, False)
