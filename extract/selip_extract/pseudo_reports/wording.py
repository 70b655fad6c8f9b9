"""How radiologists word places, sequences and signals: a draft of a report that remembers what it has stated."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from selip_contracts.vocabulary import SITES, Change, Enhancement, Modality, Side, Signal
from selip_extract.language.lexicon import LOBE_CHARACTERS
from selip_extract.pseudo_reports.sample_study import SampledSite

CharSpan = tuple[int, int]
Value = Signal | Enhancement


@dataclass(frozen=True)
class Mention:
    """A place and the characters that name its site and its side."""

    place: SampledSite
    site: CharSpan
    side: CharSpan | None


@dataclass(frozen=True)
class Fact:
    """One statement of the draft: a signal (None: explicitly absent) on a sequence, or a general change."""

    mention: Mention
    modality: Modality | None
    value: Value | Change | None
    spot: CharSpan
    sequence: CharSpan | None = None
    negation: CharSpan | None = None
    uncertain: bool = False


@dataclass
class Draft:
    """A report while it is written.

    `joined`: clauses are joined by commas alone, since what follows goes on with the places that the first one named.
    """

    rng: random.Random
    parts: list[str] = field(default_factory=list)
    length: int = 0
    facts: list[Fact] = field(default_factory=list)
    runs_on: bool = False
    joined: bool = False

    def put(self, text: str) -> CharSpan:
        """Append text; the characters it occupies."""
        start = self.length
        self.parts.append(text)
        self.length += len(text)
        return start, self.length

    def one(self, *choices: str) -> CharSpan:
        """Append one of the choices."""
        return self.put(self.rng.choice(choices))

    def maybe(self, chance: float, *choices: str) -> None:
        """Append one of the choices with the given chance."""
        if self.rng.random() < chance:
            self.one(*choices)

    def chance(self, share: float) -> bool:
        """True with the given chance."""
        return self.rng.random() < share

    def end(self) -> None:
        """End a statement: with a full stop, or with a comma in a report that runs on."""
        self.put(self.rng.choices(("，", "；", "。"), (6, 1, 3))[0] if self.runs_on else "。")

    def cut(self) -> None:
        """Take back a last comma, so that a full stop can follow."""
        while self.parts and self.parts[-1] in ("，", "；", "、"):
            self.length -= len(self.parts.pop())

    @property
    def text(self) -> str:
        """All that has been written."""
        return "".join(self.parts)


SIDE_WORDS: dict[Side, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "左侧": (("左侧",), ("左",)),
    "右侧": (("右侧",), ("右",)),
    "双侧": (("双侧", "双侧", "双侧", "两侧", "左右侧", "左侧及右侧", "左右两侧"), ("双", "双", "两")),
}
_POST_SIDES = ("偏{0}", "偏{0}侧", "{0}侧份", "{0}份", "（{0}侧）", "{0}侧", "{0}侧部", "略偏{0}侧", "{0}半侧")
_LAYER_WORDS = ("皮层下", "皮质下", "深部白质", "皮层", "皮质", "皮层及皮层下", "皮质及皮质下", "白质", "皮髓质交界区", "深部", "皮层下白质", "皮层下及深部白质", "脑白质", "皮质、皮质下")  # fmt: skip
_PARTS_OF_A_SITE = ("前部", "后部", "内侧", "外侧部", "内侧份", "深部", "腹侧", "背侧", "上部", "下部", "中央", "头部", "体部", "外侧", "后外侧", "局部", "区域")  # fmt: skip
_LOBE_CHARACTER = {lobe: c for c, lobe in LOBE_CHARACTERS.items()}
_LAYERED = frozenset((*_LOBE_CHARACTER, "中央前回", "中央后回", "楔前叶", "扣带回"))
_OUTSIDE = frozenset(("硬膜下", "硬膜外", "头皮", "颅骨"))
_NEVER_WRITTEN = LOBE_CHARACTERS.keys() | {"余脑实质", "颅内", "脑室", "额骨", "顶骨", "颞骨", "枕骨", "内板下"}


def site_word(rng: random.Random, site: str) -> str:
    """One of the site's surface forms, the first most often."""
    forms = [f for f in SITES[site].surface_forms if f not in _NEVER_WRITTEN and "前后角" not in f]
    return forms[0] if rng.random() < 0.7 else rng.choice(forms)


def _arranged(rng: random.Random, places: Sequence[SampledSite]) -> list[SampledSite]:
    """An order in which no side carries over to a paired site that has none."""
    order = list(places)
    if rng.random() < 0.5:
        rng.shuffle(order)
    if rng.random() < 0.6:
        first = {p.side: i for i, p in reversed(list(enumerate(order)))}
        order.sort(key=lambda p: first[p.side])
    unsided = [p for p in order if p.side is None and SITES[p.site].laterality != "midline"]
    return unsided + [p for p in order if p not in unsided]


def _fusible(places: Sequence[SampledSite], at: int) -> int:
    """How many lobes of one side stand in a row from `at`."""
    end = at
    while end < len(places) and places[end].site in _LOBE_CHARACTER and places[end].side == places[at].side:
        end += 1
    return end - at


def put_places(draft: Draft, places: Sequence[SampledSite], plain: bool = False) -> list[Mention]:
    """Write the places as an enumeration, sides carried over; the mentions in the order of the text.

    `plain` keeps to the shortest wording.
    """
    rng = draft.rng
    order = _arranged(rng, places)
    repeats_side = rng.random() < 0.15
    mentions: list[Mention] = []
    said: Side | None = None
    side_spot: CharSpan | None = None
    at = 0
    while at < len(order):
        place = order[at]
        midline = SITES[place.site].laterality == "midline"
        fused = _fusible(order, at)
        if at:
            last = at + (fused if fused > 1 else 1) >= len(order)
            draft.one(*(("及", "和", "、", "及", "与", "，", "以及") if last else ("、", "、", "、", "，")))
        after = place.side in ("左侧", "右侧") and rng.random() < (0.7 if midline else 0.05) and fused <= 1
        if place.side is None:
            if not midline:
                said = None
            spot = None
        elif after:
            spot = None
            if not midline:
                said = None
        elif place.side != said or repeats_side or midline:
            long, short = SIDE_WORDS[place.side]
            spot = draft.one(*(short if rng.random() < 0.15 else long))
            said, side_spot = place.side, spot
        else:
            spot = side_spot
        whole, family = _family(order, at) if not after else ("", 0)
        if family and rng.random() < 0.5:
            mentions += _put_family(draft, whole, order[at : at + family], spot)
            at += family
        elif fused > 1 and rng.random() < 0.75:
            mentions += _put_fused_lobes(draft, order[at : at + fused], spot)
            at += fused
        else:
            mentions.append(_put_place(draft, place, spot, after, plain))
            at += 1
    return mentions


def _put_place(draft: Draft, place: SampledSite, side: CharSpan | None, after: bool, plain: bool) -> Mention:
    rng = draft.rng
    parent = SITES[place.site].parent
    if place.site in _OUTSIDE and not plain and rng.random() < 0.5:
        lobes = rng.sample(list("额颞顶枕"), rng.choice((1, 1, 2)))
        draft.put("".join(lobes) + "部")
    if parent in ("基底节区", "豆状核", "内囊", "额叶", "颞叶") and not after and not plain and rng.random() < 0.15:
        draft.put(SITES[parent].surface_forms[0])
        if rng.random() < 0.8:
            draft.one("（", "（", "(")
            site = draft.put(site_word(rng, place.site))
            draft.put("）")
        else:
            site = draft.put(site_word(rng, place.site))
        return Mention(place, site, side)
    site = draft.put(site_word(rng, place.site))
    if place.site in _LAYERED and rng.random() < 0.22:
        draft.one(*_LAYER_WORDS)
    elif not plain and not after and rng.random() < 0.08:
        draft.one(*_PARTS_OF_A_SITE)
    if after:
        assert place.side is not None
        side = draft.put(rng.choice(_POST_SIDES).format(place.side[0]))
    return Mention(place, site, side)


_FAMILIES: dict[str, tuple[str, ...]] = {
    "基底节区": ("壳核", "苍白球", "尾状核", "豆状核"), "脑干": ("脑桥", "中脑", "延髓"), "小脑": ("小脑半球", "齿状核", "小脑蚓部"),
    "颞叶": ("海马", "杏仁核"), "内囊": ("内囊前肢", "内囊膝部", "内囊后肢"), "脑白质": ("半卵圆中心", "放射冠"),
}  # fmt: skip


def _family(places: Sequence[SampledSite], at: int) -> tuple[str, int]:
    """A larger part that holds two or three places in a row from `at`, which share a side."""
    for whole, members in _FAMILIES.items():
        end = at
        while end < len(places) and places[end].site in members and places[end].side == places[at].side:
            end += 1
        if end - at > 1:
            return whole, end - at
    return "", 0


def _put_family(draft: Draft, whole: str, places: Sequence[SampledSite], side: CharSpan | None) -> list[Mention]:
    """右侧基底节区（苍白球、壳核）."""
    draft.put(SITES[whole].surface_forms[0] + "（")
    mentions = []
    for i, place in enumerate(places):
        if i:
            draft.one("、", "、", "及")
        mentions.append(Mention(place, draft.put(site_word(draft.rng, place.site)), side))
    draft.put("）")
    return mentions


def _put_fused_lobes(draft: Draft, places: Sequence[SampledSite], side: CharSpan | None) -> list[Mention]:
    rng = draft.rng
    between = rng.choice(("", "", "", "、", "及"))
    mentions = []
    for i, place in enumerate(places):
        if i:
            draft.put("、" if between == "及" and i < len(places) - 1 else between)
        last = i == len(places) - 1
        mentions.append(Mention(place, draft.put(_LOBE_CHARACTER[place.site] + ("叶" if last else "")), side))
    if rng.random() < 0.25:
        draft.one(*_LAYER_WORDS)
    return mentions


SEQUENCE_WORDS: dict[Modality, tuple[str, ...]] = {
    "T1": ("T1WI", "T1WI", "T1WI", "T1", "T1加权像", "T1加权", "T1 FLAIR", "T1WI序列", "T1像"),
    "T2": ("T2WI", "T2WI", "T2WI", "T2", "T2加权像", "T2加权", "T2压脂", "T2WI序列", "T2-FS", "FS-T2WI"),
    "FLAIR": ("FLAIR", "FLAIR", "FLAIR", "T2-FLAIR", "T2FLAIR", "FLAIR序列", "压水序列", "水抑制序列", "黑水像", "压水像", "T2水抑制序列", "FLAIR像", "T2 FLAIR", "T2压水像"),
    "DWI": ("DWI", "DWI", "DWI", "DWI（b=1000）", "弥散加权像", "扩散加权成像", "弥散加权成像", "DWI序列", "DWI图", "b=1000图像", "DWI像"),
    "ADC": ("ADC图", "ADC图", "ADC", "ADC值", "表观弥散系数图", "ADC序列"),
    "T1CE": ("增强后", "增强扫描", "增强后", "增强扫描后", "增强", "注入Gd-DTPA后", "注射对比剂后", "T1+C", "增强检查", "静脉注射对比剂后", "增强T1WI", "T1WI增强", "注射Gd-DTPA后", "强化扫描"),
    "SWI": ("SWI", "SWI", "SWI序列", "磁敏感成像", "磁敏感加权成像", "T2*", "GRE", "T2*WI", "磁敏感序列", "SWAN"),
}  # fmt: skip

_DEGREE: dict[Value, tuple[str, ...]] = {
    "高": ("高", "高", "高", "高", "明显高", "显著高", "极高", "不均匀高", "混杂高", "均匀高", "异常高"),
    "稍高": ("稍高", "稍高", "略高", "等高", "不均匀稍高", "轻度高"),
    "等": ("等",),
    "稍低": ("稍低", "稍低", "略低", "等低"),
    "低": ("低", "低", "低", "明显低", "极低", "不均匀低"),
    "混杂": ("混杂", "高低混杂", "不均匀", "等高混杂", "高低混杂", "混杂"),
}
_CHANGED: dict[Value, tuple[str, ...]] = {
    "高": ("信号增高", "信号升高", "信号明显增高", "信号对称性增高"),
    "稍高": ("信号稍增高", "信号轻度增高", "信号略增高", "信号稍高"),
    "低": ("信号减低", "信号降低", "信号明显减低"),
    "稍低": ("信号稍减低", "信号轻度减低", "信号略低"),
    "等": ("信号与脑实质相似", "与灰质相仿信号", "信号与脑实质相仿"),
    "混杂": ("信号不均匀", "信号混杂", "信号不均"),
}
ENHANCEMENT_WORDS: dict[Value, tuple[str, ...]] = {
    "明显强化": ("明显强化", "明显强化", "显著强化", "强化明显", "明显异常强化", "明显结节状强化"),
    "轻度强化": ("轻度强化", "轻度强化", "轻微强化", "稍强化", "轻度异常强化", "轻度点状强化"),
    "均匀强化": ("均匀强化", "明显均匀强化", "均匀明显强化", "强化均匀", "均匀一致强化"),
    "不均匀强化": ("不均匀强化", "明显不均匀强化", "不均匀明显强化", "强化不均匀", "不均质强化"),
    "环形强化": ("环形强化", "环状强化", "明显环形强化", "花环样强化", "不规则环形强化", "环形强化影"),
    "强化": ("强化", "异常强化", "脑回样强化", "线样强化", "结节状强化", "斑片状强化", "花边样强化", "中度强化", "边缘强化", "结节样强化", "点状强化", "线状强化"),
}  # fmt: skip
LENGTH_WORDS: dict[tuple[Modality, Value], tuple[str, ...]] = {
    ("T1", "低"): ("长", "长", "明显长"), ("T1", "高"): ("短", "短", "明显短"), ("T1", "稍低"): ("稍长", "等长", "略长"),
    ("T1", "稍高"): ("稍短", "略短"), ("T1", "等"): ("等",), ("T1", "混杂"): ("混杂", "长短混杂"),
    ("T2", "高"): ("长", "长", "明显长"), ("T2", "低"): ("短", "短", "明显短"), ("T2", "稍高"): ("稍长", "等长", "略长"),
    ("T2", "稍低"): ("稍短", "略短"), ("T2", "等"): ("等",), ("T2", "混杂"): ("混杂", "长短混杂"),
}  # fmt: skip


def signal_word(rng: random.Random, signal: Value) -> str:
    """A signal as it follows its sequence (高信号, 稍高信号影, 信号减低 …); KeyError for an enhancement."""
    if rng.random() < 0.06:
        return rng.choice(_CHANGED[signal])
    return rng.choice(_DEGREE[signal]) + rng.choice(("信号", "信号", "信号", "信号", "信号", "信号影", "信号改变", "信号灶"))  # fmt: skip


def degree_word(rng: random.Random, signal: Value) -> str:
    """A signal without the word 信号 (高, 稍高 …); KeyError for an enhancement."""
    return rng.choice(_DEGREE[signal])


def put_sequences(draft: Draft, modalities: Sequence[Modality]) -> dict[Modality, CharSpan]:
    """Write the names of the sequences as a list; where each stands."""
    rng = draft.rng
    if list(modalities) == ["T2", "FLAIR"] and rng.random() < 0.35:
        spot = draft.one("T2/FLAIR", "T2WI/FLAIR", "T2、FLAIR")
        return dict.fromkeys(modalities, spot)
    spots: dict[Modality, CharSpan] = {}
    for i, modality in enumerate(modalities):
        if i:
            draft.one("、", "及", "、", "和", "与") if i == len(modalities) - 1 else draft.put("、")
        spots[modality] = draft.one(*SEQUENCE_WORDS[modality])
    return spots


def put_size(draft: Draft, size_mm: Iterable[int]) -> None:
    """Write a size that is given in mm, in mm or cm."""
    rng = draft.rng
    sizes = list(size_mm)
    cross = rng.choice(("×", "×", "*", "x", "X"))
    if rng.random() < 0.5:
        numbers = [f"{mm / 10:g}" for mm in sizes]
        unit = "cm"
    else:
        numbers, unit = [str(mm) for mm in sizes], "mm"
    text = cross.join(numbers) + unit if rng.random() < 0.5 else cross.join(n + unit for n in numbers)
    draft.put(rng.choice(("大小约", "约", "范围约", "大小为", "大小", "最大径约", "较大者约", "大者约", "最大者约", "大小约为")) + text)  # fmt: skip
