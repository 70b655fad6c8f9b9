"""One lesion as a radiologist writes it: an introduction of its places, then its signal on each sequence."""

from collections.abc import Mapping, Sequence

from selip_contracts.vocabulary import Change, Modality
from selip_extract.pseudo_reports.sample_study import SampledLesion
from selip_extract.pseudo_reports.wording import (
    SEQUENCE_WORDS,
    CharSpan,
    Draft,
    Mention,
    Value,
    degree_word,
    put_places,
    put_sequences,
    put_size,
    signal_word,
)
from selip_extract.pseudo_reports.write_signals import (
    MORPHOLOGIES,
    Signals,
    put_absent,
    put_earlier_signal,
    put_idiom_words,
    put_one_each,
    put_signals,
    separate,
    state,
)

_MARGINS = ("边界清", "边界清楚", "边界不清", "边界欠清", "境界清楚", "边缘光整", "边界模糊", "边缘模糊", "边缘欠规则", "形态不规则", "边界尚清", "部分边界不清", "部分边缘模糊")  # fmt: skip
_EFFECTS = (
    "周围见片状水肿", "周围未见水肿", "周围见大片状水肿带", "占位效应明显", "无明显占位效应", "周围伴指状水肿", "部分病灶相互融合", "部分病灶融合", "部分病灶长轴与侧脑室垂直",
    "宽基底与硬脑膜相连", "可见脑膜尾征", "呈对称性分布", "以左侧为著", "右侧为著", "数目较前增多", "范围较前缩小", "较前相仿", "较前片大致相仿", "大致对称", "与侧脑室长轴垂直", "灶周见轻度水肿",
    "内部信号欠均匀", "内见分隔", "较前增大", "呈蝶翼样分布", "沿脑回分布", "局部脑沟变浅不明显", "局部皮层未见增厚", "其内见流空血管影", "壁厚薄不均", "未见明显占位效应", "形态同前",
)  # fmt: skip
_NOUNS = ("异常信号", "异常信号影", "异常信号灶", "异常信号影", "病灶", "病变", "异常信号区")
_OPENINGS = ("见", "见", "见", "可见", "内见", "内可见", "示", "见有", "有", "处见", "区见", "")


def put_lesion(draft: Draft, lesion: SampledLesion, signals: Signals, absent: Sequence[Modality]) -> list[Mention]:
    """Write the lesion in one sentence, without its full stop; the mentions of its places."""
    signals = dict(signals)
    mentions = _put_introduction(draft, lesion, signals)
    _put_attributes(draft, lesion)
    if signals and draft.chance(0.03):
        put_earlier_signal(draft)
    if len(mentions) > 1 and draft.chance(0.08):
        put_one_each(draft, mentions, signals)
    put_signals(draft, mentions, signals)
    if absent:
        put_absent(draft, mentions, absent)
    draft.cut()
    return mentions


def _put_introduction(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    """The lesion's places and, in many frames, its first signals, which are taken out of `signals`."""
    rng = draft.rng
    first = [m for m in signals if m != "T1CE" and len(signals[m]) == 1]
    frames = ["noun"] * 5 + ["subject"] * 2 + ["colon"]
    if "T1" in first and "T2" in first:
        frames += ["idiom"] * 7 + ["reversed", "levels", "named"]
    if first:
        frames += ["sequence"] * 2 + ["direct"] * 3 + ["changed", "placed last"]
    frame = rng.choice(frames)
    if frame in _FRAMES_OF_T1_AND_T2:
        return _FRAMES_OF_T1_AND_T2[frame](draft, lesion, signals)
    if frame in _FRAMES_OF_ONE_SEQUENCE:
        return _FRAMES_OF_ONE_SEQUENCE[frame](draft, lesion, signals, rng.choice(first))
    if frame == "changed":
        return _put_changed(draft, lesion)
    mentions = put_places(draft, lesion.places)
    if frame == "subject":
        draft.maybe(0.5, "病灶", "病变", "结节", "肿块", "灶", "病灶，", "占位", "囊性灶", "血肿，", "原病灶", "陈旧灶")
    elif frame == "colon":
        draft.maybe(0.4, "病灶", "见异常信号", "病变")
        draft.put("：")
    else:
        draft.one(*_OPENINGS[:-1])
        _put_description(draft, lesion)
        draft.one(*((lesion.noun,) if lesion.noun and draft.chance(0.4) else _NOUNS))
        separate(draft)
    return mentions


def _put_description(draft: Draft, lesion: SampledLesion) -> None:
    rng = draft.rng
    if lesion.count and draft.chance(0.6):
        draft.put({"单发": rng.choice(("单发", "一", "一枚", "一个")), "多发": rng.choice(("多发", "多个", "数个", "多发大小不等", "弥漫")), "散在": rng.choice(("散在", "散在多发", "少许"))}[lesion.count])  # fmt: skip
    draft.put(lesion.morphology if lesion.morphology and draft.chance(0.5) else rng.choice(MORPHOLOGIES))


def _put_attributes(draft: Draft, lesion: SampledLesion) -> None:
    rng = draft.rng
    if lesion.size_mm and draft.chance(0.5):
        put_size(draft, lesion.size_mm)
        separate(draft)
    if draft.chance(0.25):
        draft.put(lesion.margin or rng.choice(_MARGINS))
        separate(draft)
    if draft.chance(0.15):
        draft.one(*_EFFECTS)
        separate(draft)


def _idiom_of(draft: Draft, signals: Signals) -> list[tuple[Modality, Value]]:
    pair: list[tuple[Modality, Value]] = [(m, signals.pop(m)[0]) for m in ("T1", "T2")]
    return pair[::-1] if draft.chance(0.05) else pair


def _put_idiom(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    mentions = put_places(draft, lesion.places)
    if draft.chance(0.3):
        draft.one("见", "可见", "内见")
        _put_description(draft, lesion)
        draft.one("异常信号", "病灶", "影", "异常信号影", "软化灶", "结节", "肿块")
        separate(draft)
        if lesion.size_mm and draft.chance(0.3):
            put_size(draft, lesion.size_mm)
            separate(draft)
        draft.one("呈", "呈", "为", "均呈", "表现为", "信号呈")
    else:
        draft.one(*_OPENINGS)
        _put_description(draft, lesion)
    put_idiom_words(draft, mentions, _idiom_of(draft, signals))
    separate(draft)
    return mentions


def _put_reversed(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    """The signal stands before its places: 可见片状长T1长T2信号，位于左侧额叶."""
    draft.one("可见", "见", "脑内见", "另见", "颅内可见")
    _put_description(draft, lesion)
    facts = len(draft.facts)
    put_idiom_words(draft, (Mention(lesion.places[0], (0, 0), None),), _idiom_of(draft, signals))
    said = draft.facts[facts:]
    del draft.facts[facts:]
    draft.one("的病灶位于", "，位于", "，累及", "分布于", "，分布于", "位于", "，主要位于", "，见于", "，病变累及")
    mentions = put_places(draft, lesion.places)
    for fact in said:
        state(draft, mentions, fact.modality, fact.value, fact.spot, fact.sequence)
    separate(draft)
    return mentions


def _put_levels(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    """左侧额叶见片状T1低T2高信号."""
    rng = draft.rng
    mentions = put_places(draft, lesion.places)
    draft.one(*_OPENINGS)
    _put_description(draft, lesion)
    for modality, value in _idiom_of(draft, signals):
        if value == "等":
            sequence = draft.put(modality)
            spot = draft.put("等信号")
        elif value == "混杂":
            sequence = draft.put(modality)
            spot = draft.put("混杂信号")
        else:
            sequence = draft.put(modality)
            spot = draft.put(degree_word(rng, value))
        draft.maybe(0.2, "、", "，")
        state(draft, mentions, modality, value, spot, sequence)
    draft.one("信号", "信号影", "信号灶", "异常信号")
    separate(draft)
    return mentions


def _put_named(draft: Draft, lesion: SampledLesion, signals: Signals) -> list[Mention]:
    """左侧额叶结节，大小约…，呈长T1长T2信号."""
    mentions = put_places(draft, lesion.places)
    draft.one("结节", "肿块", "病灶", "团块影", "软化灶", "囊性病变", "占位性病变", "病变", "血肿", "斑片影")
    separate(draft)
    if lesion.size_mm and draft.chance(0.4):
        put_size(draft, lesion.size_mm)
        separate(draft)
    draft.one("呈", "为", "表现为", "信号呈", "")
    put_idiom_words(draft, mentions, _idiom_of(draft, signals))
    separate(draft)
    return mentions


def _put_changed(draft: Draft, lesion: SampledLesion) -> list[Mention]:
    """双侧上颌窦黏膜增厚，内见T2高信号: a change of the places leads their signals in."""
    rng = draft.rng
    mentions = put_places(draft, lesion.places)
    change: Change = rng.choice(("增厚", "积液", "肿胀", "萎缩", "扩大"))
    words = {"增厚": ("增厚", "黏膜增厚", "黏膜增厚"), "积液": ("积液", "少量积液"), "肿胀": ("肿胀", "皮层肿胀", "脑回肿胀"), "萎缩": ("萎缩", "体积缩小"), "扩大": ("扩大", "增大")}[change]  # fmt: skip
    spot = draft.one(*words)
    state(draft, mentions, None, change, spot)
    draft.one("，", "，", "并", "伴", "，内见", "，其内", "，呈", "，信号异常，", "，内", "")
    return mentions


def _put_placed_last(draft: Draft, lesion: SampledLesion, signals: Signals, modality: Modality) -> list[Mention]:
    """FLAIR呈稍高信号的小灶位于左侧桥臂."""
    rng = draft.rng
    value = signals.pop(modality)[0]
    sequence = put_sequences(draft, (modality,))[modality]
    draft.one("呈", "呈", "见", "上见", "示", "")
    draft.maybe(0.4, *MORPHOLOGIES)
    spot = draft.put(signal_word(rng, value))
    draft.one("的病灶位于", "的小灶位于", "病灶位于", "，位于", "，分布于", "者位于", "，见于", "，累及", "的结节位于")
    mentions = put_places(draft, lesion.places)
    state(draft, mentions, modality, value, spot, sequence)
    separate(draft)
    return mentions


def _alike(draft: Draft, signals: Signals, modality: Modality, share: float) -> list[Modality]:
    """The sequences with the same single value that are said together with `modality`."""
    value = signals[modality]
    return [
        m for m in sorted(signals, key=list(SEQUENCE_WORDS).index)
        if m == modality or (m != "T1CE" and modality != "T1CE" and signals[m] == value and draft.chance(share))
    ]  # fmt: skip


def _put_shared_signal(
    draft: Draft, mentions: Sequence[Mention], signals: Signals, spots: Mapping[Modality, CharSpan]
) -> None:
    """The signal that the sequences named at `spots` share; it is told then."""
    value = signals[next(iter(spots))][0]
    spot = draft.put(signal_word(draft.rng, value))
    for modality, sequence in spots.items():
        del signals[modality]
        state(draft, mentions, modality, value, spot, sequence)
    separate(draft)


def _put_sequence_first(draft: Draft, lesion: SampledLesion, signals: Signals, modality: Modality) -> list[Mention]:
    """DWI示左侧额叶斑片状高信号."""
    together = _alike(draft, signals, modality, 0.5)
    spots = put_sequences(draft, together)
    draft.one("示", "示", "示", "：", "上", "可见", "上见", "显示", "于", "像示", "见", "，")
    mentions = put_places(draft, lesion.places)
    draft.one("见", "", "呈", "可见", "见")
    _put_description(draft, lesion)
    _put_shared_signal(draft, mentions, signals, spots)
    return mentions


def _put_direct(draft: Draft, lesion: SampledLesion, signals: Signals, modality: Modality) -> list[Mention]:
    """右侧乳突小房内见少许T2WI高信号."""
    together = _alike(draft, signals, modality, 0.5)
    mentions = put_places(draft, lesion.places)
    draft.one(*_OPENINGS)
    if draft.chance(0.7):
        _put_description(draft, lesion)
    spots = put_sequences(draft, together)
    if draft.chance(0.1):
        draft.one("呈", "上", "序列")
    _put_shared_signal(draft, mentions, signals, spots)
    return mentions


_FRAMES_OF_T1_AND_T2 = {"idiom": _put_idiom, "reversed": _put_reversed, "levels": _put_levels, "named": _put_named}
_FRAMES_OF_ONE_SEQUENCE = {"sequence": _put_sequence_first, "direct": _put_direct, "placed last": _put_placed_last}
