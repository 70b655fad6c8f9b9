"""The clauses of a lesion: its signal on each sequence, and where nothing is seen."""

from collections.abc import Iterable, Sequence

from selip_contracts.vocabulary import Change, Modality, Signal
from selip_extract.pseudo_reports.wording import (
    ENHANCEMENT_WORDS,
    LENGTH_WORDS,
    SEQUENCE_WORDS,
    CharSpan,
    Draft,
    Fact,
    Mention,
    Value,
    degree_word,
    put_sequences,
    signal_word,
)

Values = tuple[Value, ...]
Signals = dict[Modality, Values]

MORPHOLOGIES = (
    "斑片状", "片状", "点状", "斑点状", "大片状", "小片状", "团块状", "结节状", "条片状", "类圆形", "卵圆形", "小圆形", "条状", "不规则形", "囊状",
    "点片状", "斑点及斑片状", "线状", "弧形", "新月形", "小斑片状", "环状", "桑葚状", "帽状", "晕状", "斑点状、小片状", "卵圆形、斑片状", "脑回样", "裂隙状", "梭形", "",
    "絮状", "类圆形小", "大小不等的片状", "大小不等圆形", "对称性片状", "不规则团块状", "薄层", "弥漫性", "楔形", "融合大片状", "分叶状",
)  # fmt: skip
_PLAIN: tuple[Signal, ...] = ("高", "稍高", "等", "稍低", "低")


def state(
    draft: Draft,
    mentions: Iterable[Mention],
    modality: Modality | None,
    value: Value | Change | None,
    spot: CharSpan,
    sequence: CharSpan | None = None,
    negation: CharSpan | None = None,
    uncertain: bool = False,
) -> None:
    """Record one statement for each of the mentions."""
    draft.facts += [Fact(m, modality, value, spot, sequence, negation, uncertain) for m in mentions]


def separate(draft: Draft) -> None:
    """A comma, seldom something else."""
    mark = draft.rng.choices(("，", "；", "、"), (92, 5, 3))[0]
    draft.put("，" if draft.joined else mark)


def put_idiom_words(draft: Draft, mentions: Sequence[Mention], signals: Sequence[tuple[Modality, Value]]) -> None:
    """长T1长T2信号, with its variants."""
    rng = draft.rng
    (m1, s1), (m2, s2) = signals
    long1, long2 = (rng.choice(LENGTH_WORDS[m, s]) for m, s in ((m1, s1), (m2, s2)))
    if long1 == long2 and m1 == "T1" and draft.chance(0.25):
        spot = draft.put(f"{long1}T1" + rng.choice(("、", "、", "及", "")) + "T2")
        spots = (spot, spot)
    else:
        one = draft.put(long1 + m1)
        draft.maybe(0.3, "、", "、", "及", "，")
        spots = (one, draft.put(long2 + m2))
    draft.one("信号", "信号", "信号", "信号影", "信号灶", "异常信号", "异常信号影", "病灶", "改变")
    for (modality, value), spot in zip(signals, spots, strict=True):
        state(draft, mentions, modality, value, spot, spot)


def put_earlier_signal(draft: Draft) -> None:
    """What an earlier study showed, which states nothing now: 原DWI高信号，现…."""
    rng = draft.rng
    modality: Modality = rng.choice(("T1", "T2", "FLAIR", "DWI", "ADC"))
    if draft.chance(0.2):
        before = draft.one("原", "前片", "2024-01-09 MR报告：")
        put_sequences(draft, ("FLAIR", "T2"))
        draft.put(signal_word(rng, rng.choice(_PLAIN)))
        quoted = before[1] - before[0] > len("前片")
        draft.one("水肿现已消失，" if quoted else "水肿已消失，", "现已消退，", "，现未见显示，", "灶本次未见显示，")
        return
    draft.one("原", "前片", "上次检查", "前次片", "原先", "2023-11-20片", "2024年3月片")
    put_sequences(draft, (modality,))
    draft.one("呈", "", "为", "示")
    draft.put(signal_word(rng, rng.choice(_PLAIN)))
    draft.one("，现", "，本次", "，现片", "灶现", "，目前", "，此次", "，本次检查")


def put_one_each(draft: Draft, mentions: Sequence[Mention], signals: Signals) -> None:
    """T1WI依次呈等、低、稍低信号: each place has its own."""
    rng = draft.rng
    sequences: tuple[Modality, ...] = ("T1", "T2", "FLAIR", "DWI")
    free = [m for m in sequences if m not in signals]
    if not free:
        return
    modality = rng.choice(free)
    sequence = put_sequences(draft, (modality,))[modality]
    draft.maybe(0.3, "上")
    draft.one("依次呈", "分别呈", "依次为", "分别为")
    whole = rng.random() < 0.3
    for i, mention in enumerate(mentions):
        if i:
            draft.put("、")
        value = rng.choice(_PLAIN)
        spot = draft.put(value + ("信号" if whole or i == len(mentions) - 1 else ""))
        state(draft, (mention,), modality, value, spot, sequence)
    separate(draft)


def put_signals(draft: Draft, mentions: Sequence[Mention], signals: Signals) -> None:
    """The clauses of the remaining sequences: `mentions` is their subject, `signals` is emptied."""
    rng = draft.rng
    order = sorted(signals, key=list(SEQUENCE_WORDS).index)
    order = [m for m in order if m != "T1CE"]
    if draft.chance(0.25):
        rng.shuffle(order)
    while order:
        modality = order.pop(0)
        values = signals[modality]
        other = order[0] if order else None
        if (
            modality == "DWI"
            and values == ("高",)
            and signals.get("ADC") == ("低",)
            and "ADC" in order
            and draft.chance(0.35)
        ):
            order.remove("ADC")
            _put_restriction(draft, mentions)
        elif len(values) == 2:
            alike = [modality, *(m for m in order if signals[m] == values and draft.chance(0.5))]
            if (
                modality == "T1"
                and other == "T2"
                and len(signals["T2"]) == 2
                and "混杂" not in (*values, *signals["T2"])
                and draft.chance(0.5)
            ):
                order.remove("T2")
                _put_two_idioms(draft, mentions, signals)
            else:
                order = [m for m in order if m not in alike]
                _put_two_values(draft, mentions, alike, values)
        elif other and len(signals[other]) == 1 and signals[other] != values and draft.chance(0.06):
            order.pop(0)
            _put_respectively(draft, mentions, ((modality, values[0]), (other, signals[other][0])))
        else:
            alike = [modality, *(m for m in order if signals[m] == values and draft.chance(0.65))]
            order = [m for m in order if m not in alike]
            put_value(draft, mentions, alike, values[0])
        separate(draft)
    if "T1CE" in signals:
        put_enhancement(draft, mentions, signals["T1CE"])
        separate(draft)
    signals.clear()


def put_value(
    draft: Draft, mentions: Sequence[Mention], modalities: Sequence[Modality], value: Value, uncertain: bool = False
) -> None:
    """T2WI及FLAIR均呈高信号."""
    rng = draft.rng
    draft.maybe(0.06, "相应", "病灶", "该病灶", "病变")
    spots = put_sequences(draft, modalities)
    if list(modalities) == ["DWI"] and value == "高" and draft.chance(0.12):
        draft.one("", "示", "呈", "上", "序列")
        spot = draft.one("弥散受限", "扩散受限", "明显弥散受限", "受限", "弥散受限改变")
        state(draft, mentions, "DWI", "高", spot, spots["DWI"], uncertain=uncertain)
        return
    draft.maybe(0.15, "均", "亦", "也", "均")
    draft.one("呈", "呈", "呈", "呈", "为", "示", "表现为", "见", "上呈", "", "显示为", "可见")
    draft.maybe(0.1, *MORPHOLOGIES)
    spot = draft.put(signal_word(rng, value))
    for m in modalities:
        state(draft, mentions, m, value, spot, spots[m], uncertain=uncertain)


def put_enhancement(draft: Draft, mentions: Sequence[Mention], values: Values, opened: bool = False) -> None:
    """增强后病灶呈环形强化; `opened` where the sequence has been named already."""
    sequence = None
    if not opened:
        sequence = draft.one(*SEQUENCE_WORDS["T1CE"])
        draft.maybe(0.1, "：", "，", "示")
        draft.maybe(0.3, "病灶", "病变", "肿块", "结节", "其", "该病灶" if draft.chance(0.2) else "病灶")
    draft.one("呈", "见", "可见", "", "", "呈")
    spot = draft.one(*ENHANCEMENT_WORDS[values[0]])
    state(draft, mentions, "T1CE", values[0], spot, sequence)
    if len(values) > 1:
        draft.one("，其内结节", "，内部见", "，部分", "、部分呈", "，中心")
        spot = draft.one(*ENHANCEMENT_WORDS[values[1]])
        state(draft, mentions, "T1CE", values[1], spot, sequence)


def _put_restriction(draft: Draft, mentions: Sequence[Mention]) -> None:
    draft.maybe(0.15, "DWI及ADC图示", "DWI、ADC图呈", "DWI与ADC提示")
    spot = draft.one("弥散受限", "扩散受限", "弥散明显受限", "呈弥散受限改变", "弥散受限信号", "扩散明显受限", "水分子弥散受限")  # fmt: skip
    state(draft, mentions, "DWI", "高", spot)
    state(draft, mentions, "ADC", "低", spot)


def _put_two_values(draft: Draft, mentions: Sequence[Mention], modalities: Sequence[Modality], values: Values) -> None:
    """Centre and rim, parts, or 等、高信号."""
    rng = draft.rng
    first, second = values
    styles = ["rim"] * 4 + ["centre"] * 2 + ["parts"] * 2 + ["inside", "ring"]
    if len(modalities) == 1:
        styles += ["around"]
    if first in _PLAIN and second in _PLAIN:
        styles += ["both"] * 2
    style = rng.choice(styles)
    spots = again = put_sequences(draft, modalities)
    draft.maybe(0.1, "均", "亦")
    between = rng.choice(("、", "，", "，", "，" if draft.joined else "；"))
    if draft.chance(0.04):
        draft.put(rng.choice(("由", "前片呈", "前片为")) + signal_word(rng, rng.choice(_PLAIN)))
        draft.one("转为", "变为", "，现呈", "，本次呈", "，现为")
    if style == "both":
        draft.one("呈", "呈", "为")
        one = draft.put(first)
        draft.one("、", "或", "、", "至", "或")
        two = draft.put(second + "信号")
    else:
        lead, join = {
            "rim": (("呈", "为", "呈"), tuple(f"{between}{w}" for w in ("边缘呈", "周边呈", "边缘见环状", "周边见", "其边缘呈", "边缘", "壁呈", "环壁呈"))),
            "centre": (("中心呈", "中央呈", "中心部分呈", "中央区呈", "中心"), tuple(f"{between}{w}" for w in ("边缘呈", "周边呈", "周围呈", "外周呈", "边缘"))),
            "parts": (("部分呈", "部分为", "一部分呈"), (f"{between}部分呈", f"{between}部分为", f"{between}另一部分呈")),
            "inside": (("呈", "为"), ("，其内见斑片状", "，内见点状", "，其内可见", "，其间见", "，内伴")),
            "ring": (("呈", "为"), ("，周围见环状", "，周边环绕", "，外周见", "，周围环以")),
            "around": (("呈",), (f"，周围水肿{rng.choice(('呈', '见'))}", "，周围水肿带呈", "，周围胶质增生带", "，灶周水肿呈")),
        }[style]  # fmt: skip
        draft.one(*lead)
        one = draft.put(signal_word(rng, first))
        draft.one(*join)
        if style in ("around", "ring") and draft.chance(0.6):
            again = put_sequences(draft, modalities[:1])
            draft.maybe(0.4, "呈")
        two = draft.put(signal_word(rng, second))
    for value, spot, named in ((first, one, spots), (second, two, again)):
        for m in named:
            state(draft, mentions, m, value, spot, named[m])


def _put_two_idioms(draft: Draft, mentions: Sequence[Mention], signals: Signals) -> None:
    """中心呈长T1长T2信号，壁呈等T1短T2信号."""
    (a1, b1), (a2, b2) = signals["T1"], signals["T2"]
    draft.one("中心呈", "中央呈", "呈", "实性部分呈", "囊性部分呈", "囊内呈")
    put_idiom_words(draft, mentions, (("T1", a1), ("T2", a2)))
    draft.one("，壁呈", "，边缘呈", "，周边呈", "，其内见小囊状", "，其内见", "，囊壁呈", "，内见斑片状")
    put_idiom_words(draft, mentions, (("T1", b1), ("T2", b2)))


def _put_respectively(draft: Draft, mentions: Sequence[Mention], pair: Sequence[tuple[Modality, Value]]) -> None:
    """T1WI、T2WI分别呈低、高信号."""
    rng = draft.rng
    (m1, s1), (m2, s2) = pair
    spots = put_sequences(draft, (m1, m2))
    draft.one("分别呈", "依次呈", "分别为")
    one = draft.put("等" if s1 == "等" else "混杂" if s1 == "混杂" else degree_word(rng, s1))
    draft.one("、", "及", "、", "和")
    two = draft.put((s2 if s2 in ("等", "混杂") else degree_word(rng, s2)) + "信号")
    state(draft, mentions, m1, s1, one, spots[m1])
    state(draft, mentions, m2, s2, two, spots[m2])


_NEGATIONS = ("未见", "未见", "未见明显", "未见明确", "未见异常", "无", "未见确切", "未见显著", "均未见", "亦未见", "不伴")  # fmt: skip


def put_absent(draft: Draft, mentions: Sequence[Mention], modalities: Sequence[Modality]) -> None:
    """The sequences on which nothing is seen, stated as such."""
    rest = list(modalities)
    if "DWI" in rest and "ADC" in rest and draft.chance(0.5):
        rest = [m for m in rest if m not in ("DWI", "ADC")]
        _put_no_restriction(draft, mentions)
        separate(draft)
    high = [m for m in rest if m in ("T2", "FLAIR", "DWI")]
    if len(high) > 1 and draft.chance(0.6):
        put_negative(draft, mentions, high)
        separate(draft)
        rest = [m for m in rest if m not in high]
    for modality in rest:
        put_negative(draft, mentions, (modality,))
        separate(draft)


def put_negative(
    draft: Draft, mentions: Sequence[Mention], modalities: Sequence[Modality], opened: bool = False
) -> None:
    """DWI未见高信号; `opened` where the sequence has been named already."""
    spots = {} if opened else put_sequences(draft, modalities)
    if not opened:
        draft.maybe(0.15, "上", "均", "病灶", "亦", "示", "，", "：", "像上")
    modality = modalities[0]
    if modality == "T1CE" and draft.chance(0.15):
        spot = negation = draft.one("强化不明显", "无强化", "未强化", "不强化")
    elif modality == "DWI" and len(modalities) == 1 and draft.chance(0.25):
        negation = draft.one(*_NEGATIONS)
        spot = draft.one("弥散受限", "扩散受限", "弥散受限征象", "受限", "弥散受限信号")
    else:
        negation = draft.one(*_NEGATIONS)
        spot = draft.one(*{
            "T1CE": ("强化", "异常强化", "强化", "强化灶", "明显强化", "异常强化影"),
            "ADC": ("信号减低", "低信号", "异常低信号", "信号降低"),
            "SWI": ("低信号", "异常低信号", "低信号灶", "异常信号"),
            "T1": ("异常信号", "高信号", "信号改变"),
        }.get(modality, ("高信号", "高信号", "异常高信号", "高信号影", "信号增高", "异常信号", "高信号灶")))  # fmt: skip
    for m in modalities:
        state(draft, mentions, m, None, spot, spots.get(m), negation)


def _put_no_restriction(draft: Draft, mentions: Sequence[Mention]) -> None:
    if draft.chance(0.6):
        draft.one("弥散", "扩散")
        negation = draft.one("未见", "未见明显", "无", "未见明确")
        spot = draft.put("受限")
    elif draft.chance(0.5):
        negation = draft.one("未见", "无", "未见明显")
        spot = draft.one("弥散受限", "扩散受限", "弥散受限征象")
    else:
        draft.one("DWI及ADC图", "DWI、ADC图", "DWI和ADC")
        draft.maybe(0.2, "上")
        negation = draft.one("未见", "均未见", "未见明显")
        spot = draft.one("弥散受限", "异常信号", "弥散异常", "异常")
    state(draft, mentions, "DWI", None, spot, None, negation)
    state(draft, mentions, "ADC", None, spot, None, negation)
