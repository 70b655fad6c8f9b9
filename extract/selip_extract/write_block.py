"""Several lesions as a radiologist writes them: one after another, compared, excepted, and referred back to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from selip_contracts.vocabulary import ENHANCEMENTS, MODALITIES, SIGNALS, SITES, Modality, Side
from selip_extract.sample_study import Lesion, Place
from selip_extract.wording import (
    Draft,
    Fact,
    Mention,
    put_places,
    put_sequences,
    signal_word,
    site_word,
)
from selip_extract.write_lesion import put_lesion
from selip_extract.write_signals import (
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
_COLLECTIVE: tuple[Modality, ...] = ("DWI", "T1CE", "ADC", "SWI", "FLAIR")
_ABSENT: Values = ()


@dataclass
class Told:
    """A lesion already told: its mentions and what has been said of it."""

    mentions: list[Mention]
    said: list[Fact] = field(default_factory=list)


def put_block(draft: Draft, lesions: Sequence[Lesion], stop: str) -> None:
    """Write the lesions as sentences, each ended by `stop`."""
    deferred = [
        m for m in _COLLECTIVE if draft.chance(0.22) and sum(m in x.signals or m in x.absent for x in lesions) > 0
    ]
    if len(lesions) > 1 and draft.chance(0.1) and all(len(x.signals) > 1 for x in lesions):
        if draft.chance(0.2):
            _put_listed(draft, lesions, stop)
        else:
            _put_by_sequence(draft, lesions, stop)
        return
    told: list[Told] = []
    if len(lesions) > 1 and draft.chance(0.14):
        told += _put_two_together(draft, lesions[0], lesions[1])
        _end(draft, stop)
        lesions = lesions[2:]
    for lesion in lesions:
        own = {m: v for m, v in lesion.signals.items() if m not in deferred} or dict(lesion.signals)
        absent = [m for m in lesion.absent if m not in deferred and m not in own]
        if told and draft.chance(0.18):
            draft.maybe(0.5, "另", "另于", "此外，", "另见", "并可见", "余", "此外")
        if draft.chance(0.03) and any(p.side == "双侧" for p in lesion.places):
            told.append(_put_side_by_side(draft, lesion, own))
        elif told and told[-1].said and draft.chance(0.1):
            told.append(_put_same_signal(draft, lesion, told[-1]))
        else:
            start = len(draft.facts)
            late = own.pop("T1CE", None) if len(own) > 1 and draft.chance(0.12) else None
            mentions = put_lesion(draft, lesion, own, absent)
            if late is not None:
                _put_mass_effect(draft)
                put_enhancement(draft, mentions, late)
            told.append(Told(mentions, draft.facts[start:]))
            _put_subset(draft, told[-1])
        _end(draft, stop if draft.chance(0.85) else "；")
    for modality in deferred:
        if draft.chance(0.9):
            _put_collective(draft, told, lesions, modality)
            _end(draft, stop if draft.chance(0.8) else "；")


def _end(draft: Draft, stop: str) -> None:
    draft.cut()
    draft.put(stop)


def _put_mass_effect(draft: Draft) -> None:
    """A clause about a neighbour, after which the lesion goes on: 左侧侧脑室受压，增强后…."""
    draft.one("，", "，", "；")
    mentions = put_places(
        draft, [Place(draft.rng.choice(("左侧", "右侧")), draft.rng.choice(("侧脑室", "外侧裂", "大脑脚")))], plain=True
    )
    spot = draft.one("受压", "受压变形", "轻度受压", "受推移")
    state(draft, mentions, None, "受压", spot)
    draft.put("，")
    draft.maybe(0.4, "中线结构无移位，", "边界不清，", "垂体柄显示不清，", "脑室系统不大，")


def _put_same_signal(draft: Draft, lesion: Lesion, model: Told) -> Told:
    """右侧额叶亦见小片状异常信号，信号特点同上: what was said of the one before holds here too."""
    mentions = put_places(draft, lesion.places)
    draft.one("亦见", "亦可见", "也见", "另见", "可见", "见")
    if draft.chance(0.2):
        spot = draft.one("相同信号灶", "类似信号", "相同信号影", "类似异常信号", "类似信号灶")
    else:
        draft.one("类似", "小片状", "小", "斑片状", "片状", "点状", "较小", "相同")
        draft.one("病灶", "病灶", "囊状病灶", "灶", "异常信号影", "异常信号灶", "结节")
        draft.put("，")
        spot = draft.one("信号同上", "信号特点同上", "信号特征同上", "信号同前", "信号表现同上", "信号与上述病灶相同", "信号同上述病灶", "信号与前者相同", "信号特征同前述病灶", "信号与前述病灶相仿", "各序列信号同上", "信号改变同上", "信号与之相仿", "信号特点同前", "信号相同")  # fmt: skip
    start = len(draft.facts)
    first = model.said[0].mention
    for fact in model.said:
        if fact.mention is first and fact.modality:
            state(draft, mentions, fact.modality, fact.value, spot)
    return Told(mentions, draft.facts[start:])


def _put_side_by_side(draft: Draft, lesion: Lesion, signals: Signals) -> Told:
    """双侧硬膜下见新月形异常信号，右侧T1WI呈高信号，左侧T1WI呈低信号."""
    rng = draft.rng
    both = put_places(draft, [p for p in lesion.places if p.side == "双侧"], plain=True)
    draft.one("见", "可见", "均见")
    draft.one("异常信号", "新月形异常信号影", "片状异常信号", "病灶", "斑片状异常信号")
    draft.put("，")
    start = len(draft.facts)
    sides: tuple[Side, ...] = rng.choice((("左侧", "右侧"), ("右侧", "左侧")))
    for side in sides:
        if side != sides[0]:
            draft.one("，", "；", "，")
        spot = draft.put(side)
        draft.maybe(0.3, "病灶", "者")
        own: Signals = {
            m: _some_signal(draft, m) if side != sides[0] and draft.chance(0.7) else v for m, v in signals.items()
        }
        put_signals(draft, [Mention(Place(side, m.place.site), m.site, spot) for m in both], own)
        draft.cut()
    return Told(both, draft.facts[start:])


def _put_listed(draft: Draft, lesions: Sequence[Lesion], stop: str) -> None:
    """T2WI高信号：双侧额叶、左侧放射冠; FLAIR等信号：脑桥."""
    for modality in MODALITIES:
        if modality == "T1CE":
            continue
        involved = [x for x in lesions if modality in x.signals and draft.chance(0.8)]
        for lesion in involved:
            value = lesion.signals[modality][0]
            sequence = put_sequences(draft, (modality,))[modality]
            spot = draft.put(signal_word(draft.rng, value))
            draft.put("：")
            state(draft, put_places(draft, lesion.places, plain=True), modality, value, spot, sequence)
            draft.put(stop)


def _some_of(draft: Draft, mentions: Sequence[Mention]) -> list[Mention]:
    """At least one of the mentions and, where there are several, not all of them; in their order."""
    chosen = draft.rng.sample(range(len(mentions)), draft.rng.randint(1, max(1, len(mentions) - 1)))
    return [mentions[i] for i in sorted(chosen)]


def _put_reference(
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


def _some_signal(draft: Draft, modality: Modality) -> Values:
    rng = draft.rng
    if modality == "T1CE":
        return (rng.choice(ENHANCEMENTS),)
    return (rng.choice(SIGNALS),)


def _put_subset(draft: Draft, told: Told) -> None:
    """其中左侧桥臂病灶DWI呈稍高信号; 部分病灶DWI呈高信号."""
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
        draft.one("，", "，", "；")
        start = len(draft.facts)
        _put_collective(draft, [told], (), draft.rng.choice(free))
        told.said += draft.facts[start:]
        return
    draft.one("，", "；", "。", "，")
    subset = _some_of(draft, told.mentions)
    draft.one("其中", "其中", "其中", "")
    named = _put_reference(draft, subset, told.mentions)
    chosen = draft.rng.sample(free, min(len(free), draft.rng.choice((1, 1, 2))))
    signals: Signals = {m: _some_signal(draft, m) for m in chosen}
    start = len(draft.facts)
    if draft.chance(0.1):
        put_absent(draft, named, chosen)
    else:
        put_signals(draft, named, signals)
    draft.cut()
    told.said += draft.facts[start:]


def _put_some(draft: Draft, told: Told, modality: Modality) -> None:
    draft.one("，", "；", "，")
    draft.one("部分病灶", "部分病灶", "部分", "个别病灶", "部分结节", "少数病灶")
    value = _some_signal(draft, modality)
    start = len(draft.facts)
    if modality == "T1CE":
        put_enhancement(draft, told.mentions, value)
        draft.facts[start:] = [replace(f, uncertain=True) for f in draft.facts[start:]]
    else:
        put_value(draft, told.mentions, (modality,), value[0], uncertain=True)


def _put_open(draft: Draft, modality: Modality) -> tuple[int, int]:
    spot = put_sequences(draft, (modality,))[modality]
    draft.maybe(0.5, *(("示", "：", "，") if modality == "T1CE" else ("示", "上", "：", "序列", "像")))
    return spot


def _put_said(draft: Draft, named: Sequence[Mention], modality: Modality, values: Values, together: bool) -> None:
    """The predicate of a sequence that has been named: 呈高信号, 未见强化."""
    if together:
        draft.one("均", "均", "皆", "")
    if values == _ABSENT:
        put_negative(draft, named, (modality,), opened=True)
    elif modality == "T1CE":
        put_enhancement(draft, named, values, opened=True)
    else:
        draft.one("呈", "呈", "为", "见", "表现为")
        draft.maybe(0.1, *MORPHOLOGIES)
        spot = draft.put(signal_word(draft.rng, values[0]))
        state(draft, named, modality, values[0], spot)


def _put_collective(draft: Draft, told: Sequence[Told], lesions: Sequence[Lesion], modality: Modality) -> None:
    """One sequence over all lesions told: the same for all, exceptions, remainders, or one by one."""
    everything = [m for t in told for m in t.mentions]
    rng = draft.rng
    one, two = rng.sample([_some_signal(draft, modality) for _ in range(3)] + [_ABSENT], 2)
    own = [x.signals[modality][:1] for x in lesions if modality in x.signals]
    if own and draft.chance(0.5):
        one = own[0]
    if one == two or len(everything) == 1:
        two = one
    style = rng.choice(("all", "rest", "rest", "rest", "except", "except", "each", "only")) if one != two else "all"
    parts = _some_of(draft, everything) if len(everything) > 1 else everything
    others = [m for m in everything if m not in parts]
    if style == "all" or not others:
        _put_all_alike(draft, everything, modality, one)
    elif style == "except":
        _put_exception(draft, parts, others, modality, (one, two))
    else:
        _put_one_by_one(draft, parts, others, modality, (one, two), style)


def _put_all_alike(draft: Draft, mentions: Sequence[Mention], modality: Modality, values: Values) -> None:
    """上述病灶DWI均呈高信号."""
    several = len(mentions) > 1
    leads = draft.chance(0.5)
    if leads:
        _put_open(draft, modality)
    if several:
        draft.one("上述病灶", "以上病灶", "上述病灶", "各病灶", "上述部位", "前述病灶")
    elif draft.chance(0.8):
        draft.one("病灶", "该病灶", "上述病灶")
    if not leads:
        _put_open(draft, modality)
    _put_said(draft, mentions, modality, values, several)


def _put_exception(
    draft: Draft, parts: Sequence[Mention], others: Sequence[Mention], modality: Modality, values: tuple[Values, Values]
) -> None:
    """除左侧额叶病灶DWI呈高信号外，其余病灶均未见高信号."""
    leads = draft.chance(0.5)
    if leads:
        _put_open(draft, modality)
    draft.put("除")
    named = _put_reference(draft, parts, [*parts, *others])
    if not leads and draft.chance(0.5):
        leads = True
        _put_open(draft, modality)
    _put_said(draft, named, modality, values[0], False)
    draft.one("外，", "外", "以外，", "外，")
    draft.one("其余病灶", "上述病灶", "余病灶", "", "余", "其余")
    if not leads:
        _put_open(draft, modality)
    _put_said(draft, others, modality, values[1], True)


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
        _put_open(draft, modality)
    if style == "only":
        draft.one("仅", "仅", "只有", "仅见")
    named = _put_reference(draft, parts, everything)
    if first_named:
        _put_open(draft, modality)
    _put_said(draft, named, modality, one, False)
    if style == "only" and draft.chance(0.5):
        return
    draft.one("，", "，", "；")
    if style in ("rest", "only"):
        draft.one("其余病灶", "余病灶", "其余", "余", "其余各病灶", "其他病灶", "余者", "其余者", "其余均" if draft.chance(0.5) else "余病灶")  # fmt: skip
        if first_named and draft.chance(0.4):
            _put_open(draft, modality)
        _put_said(draft, others, modality, two, draft.chance(0.6))
    else:
        named = _put_reference(draft, others, everything)
        if first_named and draft.chance(0.4):
            _put_open(draft, modality)
        _put_said(draft, named, modality, two, False)


def _put_two_together(draft: Draft, first: Lesion, second: Lesion) -> list[Told]:
    """左侧额叶及右侧丘脑见异常信号，前者呈…，后者呈…."""
    taken = {p.site for p in first.places}
    apart = tuple(p for p in second.places if p.site not in taken)
    if not apart:
        start = len(draft.facts)
        mentions = put_lesion(draft, first, dict(first.signals), first.absent)
        return [Told(mentions, draft.facts[start:])]
    places_one, places_two = first.places[:2], apart[:2]
    one = put_places(draft, places_one, plain=True)
    draft.one("及", "、", "和", "，")
    two = put_places(draft, _sided(places_two), plain=True)
    draft.one("见", "可见", "分别见", "各见")
    draft.one("异常信号", "异常信号影", "片状异常信号", "病灶", "类圆形病灶", "大小不等异常信号灶", "囊性病灶")
    former = draft.chance(0.6) and len(one) == 1 == len(two)
    draft.one("，", "，", "：", "。") if former else draft.one("：", "：", "，", "；")
    told: list[Told] = []
    for i, (lesion, mentions) in enumerate(((first, one), (second, two))):
        if i:
            draft.one("，", "；", "；")
        if former:
            draft.put(("前者", "后者")[i])
            named = mentions
        else:
            named = _put_reference(draft, mentions, [*one, *two])
        start = len(draft.facts)
        put_signals(draft, named, dict(lesion.signals))
        put_absent(draft, named, lesion.absent)
        draft.cut()
        told.append(Told(mentions, draft.facts[start:]))
    if draft.chance(0.4):
        draft.one("。", "；", "，")
        _put_collective_pair(draft, told, former)
    return told


def _sided(places: Sequence[Place]) -> list[Place]:
    """Places whose sides are said, so that none carries over from what stands before."""
    return [p if p.side else Place("双侧", p.site) for p in places]


def _put_collective_pair(draft: Draft, told: Sequence[Told], former: bool) -> None:
    """增强后前者呈环形强化，后者未见强化; 两者DWI均呈高信号."""
    free = [m for m in MODALITIES if all(f.modality != m for t in told for f in t.said)]
    if not free:
        draft.one("二者边界清", "两者大小相仿")
        return
    modality = draft.rng.choice(free)
    values = (_some_signal(draft, modality), _some_signal(draft, modality), _ABSENT)
    if former and draft.chance(0.7):
        leads = draft.chance(0.7)
        if leads:
            _put_open(draft, modality)
        for word, lesion, value in zip(
            draft.rng.choice((("前者", "后者"), ("前者", "后者"), ("前一病灶", "后一病灶"))),
            told,
            draft.rng.sample(values, 2),
            strict=True,
        ):
            if lesion is not told[0]:
                draft.one("，", "，", "；")
            draft.put(word)
            if not leads:
                _put_open(draft, modality)
            _put_said(draft, lesion.mentions, modality, value, False)
        return
    draft.one("两者", "二者", "上述病灶", "两病灶")
    _put_open(draft, modality)
    _put_said(draft, [m for t in told for m in t.mentions], modality, draft.rng.choice(values), True)


def _put_by_sequence(draft: Draft, lesions: Sequence[Lesion], stop: str) -> None:
    """T1WI示左侧额叶呈低信号，右侧丘脑呈稍低信号；T2WI…."""
    told: dict[int, list[Mention]] = {}
    modalities = [m for m in MODALITIES if any(m in x.signals for x in lesions)]
    for modality in modalities:
        involved = [i for i, x in enumerate(lesions) if modality in x.signals]
        sequence = put_sequences(draft, (modality,))[modality]
        draft.one("：", "示", "上", "：", "，", "见")
        for n, i in enumerate(involved):
            if n:
                draft.one("，", "，", "；", "、")
            lesion = lesions[i]
            if i in told and draft.chance(0.4):
                named = _put_reference(draft, told[i], [m for t in told.values() for m in t], noun=draft.chance(0.5))
            else:
                named = put_places(draft, lesion.places, plain=draft.chance(0.5))
            told.setdefault(i, named)
            if modality == "T1CE":
                put_enhancement(draft, named, lesion.signals[modality][:1], opened=True)
            else:
                draft.one("呈", "呈", "见", "为", "", "可见")
                draft.maybe(0.35, *MORPHOLOGIES)
                value = lesion.signals[modality][0]
                spot = draft.put(signal_word(draft.rng, value))
                state(draft, named, modality, value, spot, sequence)
        draft.put(stop if draft.chance(0.4) else "；")
    _end(draft, stop) if draft.parts[-1] == "；" else None
