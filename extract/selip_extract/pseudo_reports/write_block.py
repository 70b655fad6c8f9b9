"""Several lesions as a radiologist writes them: one after another, compared, and referred back to."""

from collections.abc import Sequence

from selip_contracts.vocabulary import MODALITIES, SITES, Modality, Side
from selip_extract.pseudo_reports.sample_study import SampledLesion, SampledSite
from selip_extract.pseudo_reports.wording import Draft, Mention, put_places, put_sequences, signal_word
from selip_extract.pseudo_reports.write_collective import (
    ABSENT,
    WrittenLesion,
    put_collective,
    put_open,
    put_reference,
    put_said,
    put_subset,
    some_signal,
)
from selip_extract.pseudo_reports.write_lesion import put_lesion
from selip_extract.pseudo_reports.write_signals import (
    MORPHOLOGIES,
    Signals,
    put_absent,
    put_enhancement,
    put_signals,
    state,
)

_COLLECTIVE: tuple[Modality, ...] = ("DWI", "T1CE", "ADC", "SWI", "FLAIR")


def put_block(
    draft: Draft, lesions: Sequence[SampledLesion], stop: str, before: Sequence[WrittenLesion] = ()
) -> list[WrittenLesion]:
    """Write the lesions as sentences, each ended by `stop`; those told `before` and by then."""
    deferred = [
        m for m in _COLLECTIVE if draft.chance(0.26) and sum(m in x.signals or m in x.absent for x in lesions) > 0
    ]
    if len(lesions) > 1 and draft.chance(0.1) and all(len(x.signals) > 1 for x in lesions):
        if draft.chance(0.2):
            return [*before, *_put_listed(draft, lesions, stop)]
        return [*before, *_put_by_sequence(draft, lesions, stop)]
    told = list(before)
    if len(lesions) > 1 and draft.chance(0.14):
        told += _put_two_together(draft, lesions[0], lesions[1])
        _end(draft, stop)
        lesions = lesions[2:]
    for lesion in lesions:
        own = {m: v for m, v in lesion.signals.items() if m not in deferred} or dict(lesion.signals)
        absent = [m for m in lesion.absent if m not in deferred and m not in own]
        alone = not told or draft.parts[-1] == "。"
        if told and draft.chance(0.18):
            draft.maybe(0.5, "另", "另于", "此外，", "另见", "并可见", "余", "此外")
        if draft.chance(0.03) and any(p.side == "双侧" for p in lesion.places):
            told.append(_put_side_by_side(draft, lesion, own))
        elif told and told[-1].alike and draft.facts[-1] is told[-1].said[-1] and draft.chance(0.1):
            told.append(_put_same_signal(draft, lesion, told[-1]))
        else:
            start = len(draft.facts)
            late = own.pop("T1CE", None) if len(own) > 1 and draft.chance(0.12) else None
            mentions = put_lesion(draft, lesion, own, absent)
            if late is not None:
                _put_mass_effect(draft)
                put_enhancement(draft, mentions, late)
            told.append(WrittenLesion(mentions, draft.facts[start:]))
            put_subset(draft, told[-1], alone)
        _end(draft, stop if draft.chance(0.85) else "；")
    for modality in deferred:
        untold = [t for t in told if modality not in t.modalities]
        if untold and draft.chance(0.9):
            if draft.parts[-1] != "。":
                _end(draft, "。")
            put_collective(draft, untold, lesions, modality, told)
            _end(draft, stop if draft.chance(0.8) else "；")
    return told


def _end(draft: Draft, stop: str) -> None:
    draft.cut()
    draft.put(stop)


def _put_mass_effect(draft: Draft) -> None:
    """A clause about a neighbour, after which the lesion goes on: 左侧侧脑室受压，增强后…."""
    draft.one("，", "，", "；")
    mentions = put_places(
        draft,
        [SampledSite(draft.rng.choice(("左侧", "右侧")), draft.rng.choice(("侧脑室", "外侧裂", "大脑脚")))],
        plain=True,
    )
    spot = draft.one("受压", "受压变形", "轻度受压", "受推移")
    state(draft, mentions, None, "受压", spot)
    draft.put("，")
    draft.maybe(0.4, "中线结构无移位，", "边界不清，", "垂体柄显示不清，", "脑室系统不大，")


def _put_same_signal(draft: Draft, lesion: SampledLesion, model: WrittenLesion) -> WrittenLesion:
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
    first = model.said[0].mention.place
    for fact in model.said:
        if fact.mention.place == first and fact.modality:
            state(draft, mentions, fact.modality, fact.value, spot)
    return WrittenLesion(mentions, draft.facts[start:])


def _put_side_by_side(draft: Draft, lesion: SampledLesion, signals: Signals) -> WrittenLesion:
    """双侧硬膜下见新月形异常信号，右侧T1WI呈高信号，左侧T1WI呈低信号."""
    rng = draft.rng
    both = put_places(draft, [p for p in lesion.places if p.side == "双侧"], plain=True)
    draft.one("见", "可见", "均见")
    draft.one("异常信号", "新月形异常信号影", "片状异常信号", "病灶", "斑片状异常信号")
    draft.put("，")
    start = len(draft.facts)
    draft.joined = True
    sides: tuple[Side, ...] = rng.choice((("左侧", "右侧"), ("右侧", "左侧")))
    for side in sides:
        if side != sides[0]:
            draft.one("，", "；", "，")
        spot = draft.put(side)
        draft.maybe(0.3, "病灶", "者")
        own: Signals = {
            m: some_signal(draft, m) if side != sides[0] and draft.chance(0.7) else v for m, v in signals.items()
        }
        put_signals(draft, [Mention(SampledSite(side, m.place.site), m.site, spot) for m in both], own)
        draft.cut()
    draft.joined = False
    return WrittenLesion(both, draft.facts[start:])


def _told_since(draft: Draft, start: int, lesions: Sequence[SampledLesion]) -> list[WrittenLesion]:
    """What the facts from `start` on say of each of the lesions that they tell of."""
    found: list[WrittenLesion] = []
    for lesion in lesions:
        said = [fact for fact in draft.facts[start:] if fact.mention.place in lesion.places]
        if said:
            found.append(WrittenLesion(list({fact.mention.place: fact.mention for fact in said}.values()), said))
    return found


def _put_listed(draft: Draft, lesions: Sequence[SampledLesion], stop: str) -> list[WrittenLesion]:
    """T2WI高信号：双侧额叶、左侧放射冠; FLAIR等信号：脑桥."""
    start = len(draft.facts)
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
    return _told_since(draft, start, lesions)


def _put_two_together(draft: Draft, first: SampledLesion, second: SampledLesion) -> list[WrittenLesion]:
    """左侧额叶及右侧丘脑见异常信号，前者呈…，后者呈…."""
    taken = {p.site for p in first.places}
    apart = tuple(p for p in second.places if p.site not in taken)
    if not apart:
        start = len(draft.facts)
        mentions = put_lesion(draft, first, dict(first.signals), first.absent)
        return [WrittenLesion(mentions, draft.facts[start:])]
    places_one, places_two = first.places[:2], apart[:2]
    one = put_places(draft, places_one, plain=True)
    draft.one("及", "、", "和", "，")
    two = put_places(draft, _sided(places_two), plain=True)
    draft.one("见", "可见", "分别见", "各见")
    draft.one("异常信号", "异常信号影", "片状异常信号", "病灶", "类圆形病灶", "大小不等异常信号灶", "囊性病灶")
    former = draft.chance(0.6) and len(one) == 1 == len(two)
    draft.one("，", "，", "：", "。") if former else draft.one("：", "：", "，", "；")
    told: list[WrittenLesion] = []
    for i, (lesion, mentions) in enumerate(((first, one), (second, two))):
        if i:
            draft.one("，", "；", "；")
        if former:
            draft.put(("前者", "后者")[i])
            named = mentions
        else:
            named = put_reference(draft, mentions, [*one, *two])
        start = len(draft.facts)
        draft.joined = True
        put_signals(draft, named, dict(lesion.signals))
        put_absent(draft, named, lesion.absent)
        draft.joined = False
        draft.cut()
        told.append(WrittenLesion(mentions, draft.facts[start:]))
    if draft.chance(0.4):
        draft.one("。", "；", "，")
        _put_collective_pair(draft, told, former)
    return told


def _sided(places: Sequence[SampledSite]) -> list[SampledSite]:
    """Places whose sides are said, so that none carries over from what stands before."""
    return [SampledSite("双侧", p.site) if SITES[p.site].laterality == "paired" and not p.side else p for p in places]


def _put_collective_pair(draft: Draft, told: Sequence[WrittenLesion], former: bool) -> None:
    """增强后前者呈环形强化，后者未见强化; 两者DWI均呈高信号."""
    free = [m for m in MODALITIES if all(f.modality != m for t in told for f in t.said)]
    if not free:
        draft.one("二者边界清", "两者大小相仿")
        return
    modality = draft.rng.choice(free)
    values = (some_signal(draft, modality), some_signal(draft, modality), ABSENT)
    if former and draft.chance(0.7):
        leads = draft.chance(0.7)
        if leads:
            put_open(draft, modality)
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
                put_open(draft, modality)
            put_said(draft, lesion.mentions, modality, value, False)
        return
    draft.one("两者", "二者", "上述病灶", "两病灶")
    put_open(draft, modality)
    put_said(draft, [m for t in told for m in t.mentions], modality, draft.rng.choice(values), True)


def _put_by_sequence(draft: Draft, lesions: Sequence[SampledLesion], stop: str) -> list[WrittenLesion]:
    """T1WI示左侧额叶呈低信号，右侧丘脑呈稍低信号；T2WI…."""
    start = len(draft.facts)
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
                named = put_reference(draft, told[i], [m for t in told.values() for m in t], noun=draft.chance(0.5))
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
    if draft.parts[-1] == "；":
        _end(draft, stop)
    return _told_since(draft, start, lesions)
