"""A pseudo-report: a random study written as findings text, together with the truth it states."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from selip_contracts.findings import AnnotatedReport, Evidence, Finding, GeneralFinding, Span, SpanRole, Study
from selip_contracts.vocabulary import CHANGES, SITES, Change, Modality
from selip_extract.language.evidence import Description, described
from selip_extract.language.study import assembled
from selip_extract.pseudo_reports.sample_study import GeneralChange, SampledSite, SampledStudy, sample_study
from selip_extract.pseudo_reports.wording import (
    CharSpan,
    Draft,
    Fact,
    Mention,
    Value,
    put_places,
    put_sequences,
    site_word,
)
from selip_extract.pseudo_reports.write_block import put_block
from selip_extract.pseudo_reports.write_collective import WrittenLesion
from selip_extract.pseudo_reports.write_signals import put_negative, state

_NORMAL_BRAIN = (
    "双侧大脑半球对称，灰白质对比正常，脑实质内未见异常信号影", "脑实质内未见明显异常信号", "脑实质形态、信号未见异常，灰白质界限清晰", "双侧大脑半球结构对称，灰白质分界清楚",
    "余脑实质未见异常信号", "脑实质内未见异常信号灶", "所示脑实质未见异常", "右侧大脑半球、小脑及脑干未见异常信号", "双侧大脑半球形态对称，未见局灶性信号改变", "小脑、脑干形态信号未见异常",
    "左侧大脑半球未见明确异常信号", "幕上脑实质未见异常信号", "余未见异常", "其余脑实质信号未见异常", "脑实质信号均匀", "小脑半球未见异常信号", "髓鞘化程度与年龄相符",
)  # fmt: skip
_NORMAL_REST = (
    "脑室、脑池大小及形态正常", "中线结构居中", "中线结构无移位", "中线居中", "脑室系统形态大小未见异常", "脑沟、脑池无增宽或变窄", "脑室系统未见扩张", "脑沟裂未见增宽", "三脑室、四脑室不大，中线结构居中",
    "双侧侧脑室、三脑室及四脑室大小、形态如常，无移位", "幕上脑室未见扩张", "环池显示清晰", "小脑扁桃体位置正常", "垂体不大，信号均匀，垂体柄居中，视交叉无受压", "双侧内听道对称，无扩大", "垂体未见增大", "鞍区结构清楚",
    "颅骨骨质信号正常，头皮软组织无肿胀", "双侧乳突小房及各副鼻窦内未见积液", "双侧眼球大小对称，眼眶内未见异常", "双侧海绵窦对称", "双侧海马形态对称", "四脑室未见受压", "脑沟、裂、池无增宽", "乳突气房含气良好",
    "双侧上颌窦、筛窦黏膜未见增厚", "透明隔居中", "脑干周围脑池显示清楚", "所见副鼻窦及乳突未见异常", "双侧桥小脑角区未见异常，内听道无扩大", "中线结构未见明显移位", "灰白质分界清", "双侧侧脑室对称，无扩大及受压",
)  # fmt: skip
_ELSEWHERE = (
    "MRA：双侧颈内动脉、大脑前动脉、大脑中动脉及基底动脉显影良好，未见狭窄及动脉瘤", "头颅MRA：双侧大脑中动脉、大脑后动脉走行自然，管壁光滑，未见狭窄、扩张及动脉瘤样突起",
    "颈椎扫描：C4/5、C5/6椎间盘T2WI信号减低，向后突出，硬膜囊受压", "所见颈3椎体水平颈髓内见条状长T2信号", "颈部扫描野内未见肿大淋巴结", "MRV示上矢状窦、横窦血流信号连续", "所扫颈椎椎体缘骨质增生",
    "MRA示颅内动脉粗细均匀", "颈4/5椎间盘突出，T2WI呈低信号", "MRA：右侧椎动脉纤细，基底动脉走行自然", "诊断意见：请结合临床", "腮腺未见异常", "所示颈髓信号未见异常",
)  # fmt: skip
_HEADINGS = (
    "头颅平扫：", "头颅MRI平扫加增强：", "平扫及增强扫描：", "头颅平扫+增强：", "对比{date}片：", "与{date}MRI比较：", "与{date}旧片对照：", "临床：头晕2天。", "患儿，女，6岁，抽搐1天。", "肺癌脑转移放疗后复查，与{date}片比较：", "扫描序列：T1WI、T2WI、FLAIR、DWI。", "心肺复苏术后第5天。", "胶质瘤术后复查：", "脑外伤后3天。",
    "MRI平扫示：", "平扫：", "突发右侧肢体无力3小时。", "检查所见：", "颅脑MR平扫：", "复查，与前片比较：", "扫描技术：轴位T1WI、T2WI，矢状位T1WI。", "头痛1周。", "男，65岁。", "急诊：", "术后改变，",
)  # fmt: skip
_CHANGE_WORDS: dict[Change, tuple[str, ...]] = {
    "扩大": ("扩大", "轻度扩大", "明显扩大", "稍扩大", "增大"), "变窄": ("变窄", "变小", "狭小"), "增宽": ("增宽", "增宽、加深", "增宽加深", "稍增宽", "明显增宽"),
    "变浅": ("变浅", "变浅消失", "变平"), "萎缩": ("萎缩", "体积缩小", "轻度萎缩", "变薄"), "肿胀": ("肿胀", "脑回肿胀", "稍肿胀", "肿大"), "增厚": ("增厚", "黏膜增厚", "粘膜增厚", "黏膜轻度增厚", "软组织增厚"),
    "移位": ("移位", "右移", "左移", "向左侧移位", "移位约5mm", "偏移", "右移约4mm"), "受压": ("受压", "受压变形", "轻度受压", "受推移"), "积液": ("积液", "少量积液", "少许积液"), "积气": ("积气",),
    "缺损": ("缺损", "局部缺损", "骨质缺损"), "占位": ("占位", "占位性病变"), "狭窄": ("狭窄", "轻度狭窄", "重度狭窄", "局限性狭窄"), "闭塞": ("闭塞", "未显影"), "扩张": ("扩张", "轻度扩张", "积水", "扩张积水"),
}  # fmt: skip
# 其他 is for what people annotate: there is no one word for it to be written with
assert set(_CHANGE_WORDS) == set(CHANGES) - {"其他"}
_PAIRED = tuple(s for s in SITES if SITES[s].laterality == "paired")
_EARLIER_SEQUENCES: tuple[tuple[Modality, ...], ...] = (("T2", "FLAIR"), ("DWI",), ("T1",), ("FLAIR",))
_HALF_WIDTH = str.maketrans("，；：（）", ",;:()")
_SLIPS = str.maketrans({"像": "象", "黏": "粘", "圆": "园", "欠": "久", "界": "介", "糊": "湖"})


@dataclass(frozen=True)
class WrittenReport:
    """A pseudo-report and the statements in it, in the order of the writing."""

    text: str
    facts: tuple[Fact, ...]

    @property
    def study(self) -> Study:
        """The distinct findings, negatives and changes with their evidence."""
        findings = (self._finding(f, f.modality) for f in self.facts if f.modality is not None)
        return assembled(findings, (self._change(f) for f in self.facts if f.modality is None))

    def annotated(self, report_id: str) -> AnnotatedReport:
        """The report in the annotated form."""
        return AnnotatedReport(report_id=report_id, findings_text=self.text, study=self.study)

    def _finding(self, fact: Fact, modality: Modality) -> Finding:
        evidence = self._evidence(fact)
        ends = {span.role: span.end for span in evidence.spans}
        return Finding(
            modality=modality,
            side=fact.mention.place.side,
            site=fact.mention.place.site,
            signal=cast(Value | None, fact.value),
            present=fact.value is not None,
            certainty="可疑" if fact.uncertain else "肯定",
            evidence=evidence,
            **(described(self.text, ends["site"], ends["signal"], evidence.end) if fact.value else Description()),
        )

    def _change(self, fact: Fact) -> GeneralFinding:
        place = fact.mention.place
        return GeneralFinding(
            side=place.side, site=place.site, change=cast(Change, fact.value), evidence=self._evidence(fact)
        )

    def _evidence(self, fact: Fact) -> Evidence:
        value: SpanRole = "change" if fact.modality is None else "signal"
        roles: tuple[tuple[SpanRole, CharSpan | None], ...] = (
            ("site", fact.mention.site), ("side", fact.mention.side), ("sequence", fact.sequence), (value, fact.spot), ("negation", fact.negation),
        )  # fmt: skip
        spans = tuple(Span(role=role, start=spot[0], end=spot[1]) for role, spot in roles if spot)
        start, end = min(s.start for s in spans), max(s.end for s in spans)
        return Evidence(text=self.text[start:end], start=start, end=end, spans=spans)


def write_study(rng: random.Random) -> WrittenReport:
    """Draw a study from `rng` and write it."""
    return write_report(rng, sample_study(rng))


def write_report(rng: random.Random, study: SampledStudy) -> WrittenReport:
    """Write the study as one findings text."""
    draft = Draft(rng)
    draft.runs_on = rng.random() < 0.35
    stop = rng.choices(("。", "；", "，"), (84, 12, 4))[0]
    numbered = len(study.lesions) > 1 and rng.random() < 0.08
    _put_opening(draft, study)
    changes = _put_lesions(draft, study, stop, numbered)
    _put_closing(draft, changes, study.modalities)
    text = draft.text
    if rng.random() < 0.2:
        text = text.translate(_HALF_WIDTH)
    if rng.random() < 0.1:
        text = text.translate(_SLIPS)
    return WrittenReport(text, tuple(draft.facts))


def _put_opening(draft: Draft, study: SampledStudy) -> None:
    rng = draft.rng
    if rng.random() < 0.3:
        draft.put(rng.choice(_HEADINGS).format(date=_date(rng)))
    often = 4 if draft.runs_on else 1
    if (not study.lesions and not study.changes) or rng.random() < 0.1 * often:
        _put_normal(draft, _NORMAL_BRAIN)
    if (not study.lesions and rng.random() < 0.7) or rng.random() < 0.06:
        _put_clear(draft, study.modalities)
    if rng.random() < 0.12 * often:
        _put_normal(draft, _NORMAL_REST)


def _put_closing(draft: Draft, changes: Sequence[GeneralChange], modalities: Sequence[Modality]) -> None:
    """The general changes, and among them what is normal, clear or of other body parts."""
    rng = draft.rng
    closing: list[Callable[[], None]] = [lambda: _put_changes(draft, changes)]
    closing += [lambda: _put_normal(draft, _NORMAL_REST)] * rng.choice((0, 1, 1, 2, 3))
    if rng.random() < 0.2:
        closing.append(lambda: _put_clear(draft, modalities))
    if rng.random() < 0.25:
        closing.append(lambda: _put_normal_sites(draft))
    if rng.random() < 0.15:
        closing.append(lambda: _put_normal(draft, _NORMAL_BRAIN))
    rng.shuffle(closing)
    for close in closing:
        close()
    if rng.random() < 0.1:
        draft.cut()
        draft.put("。" + rng.choice(_ELSEWHERE) + "。")
    if rng.random() < 0.1:
        draft.cut()


def _date(rng: random.Random) -> str:
    year, month, day = rng.randint(2015, 2026), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice((f"{year}-{month:02}-{day:02}", f"{year}年{month}月", f"{year}.{month}.{day}", f"{year}-{month}", f"{year}年{month}月{day}日"))  # fmt: skip


def _put_lesions(draft: Draft, study: SampledStudy, stop: str, numbered: bool) -> list[GeneralChange]:
    """Write the lesions, with some changes before and among them; the changes that are left."""
    rng = draft.rng
    lesions, changes = list(study.lesions), list(study.changes)
    if not lesions:
        return changes
    if numbered:
        for i, lesion in enumerate(lesions, 1):
            draft.put(rng.choice((f"{i}.", f"{i}、", f"（{i}）")))
            put_block(draft, [lesion], "。")
        return changes
    told: list[WrittenLesion] = []
    while lesions:
        if changes and rng.random() < (0.7 if draft.runs_on else 0.3):
            _put_changes(draft, [changes.pop()])
        count = rng.choice((1, 2, 2, 3, 3, 4))
        if rng.random() < 0.12:
            _put_earlier(draft)
        told = put_block(draft, lesions[:count], stop, told)
        lesions = lesions[count:]
        if lesions and rng.random() < 0.2:
            _put_normal(draft, _NORMAL_REST)
    if stop == "，":
        draft.cut()
        draft.end()
    return changes


def _put_earlier(draft: Draft) -> None:
    """A sentence about an earlier study, which states nothing now."""
    rng = draft.rng
    if rng.random() < 0.4:
        draft.put(rng.choice(("前片示", "{date}片：", "{date}MR报告：", "与{date}片比较，原片示", "上次检查示")).format(date=_date(rng)))  # fmt: skip
        for i in range(rng.choice((1, 1, 2))):
            draft.put("，" if i else "")
            put_places(draft, [SampledSite(rng.choice(("左侧", "右侧", "双侧")), rng.choice(_PAIRED))], plain=True)
            put_sequences(draft, rng.choice(_EARLIER_SEQUENCES))
            draft.one("呈高信号", "高信号", "高信号影", "呈低信号", "稍高信号")
        draft.one("。本次检查：", "。本次复查：", "。现片示：", "，本次")
        return
    draft.one("原", "前片", "上次检查", "既往")
    draft.put(rng.choice(("左侧", "右侧", "双侧")) + site_word(rng, rng.choice(_PAIRED)))
    draft.one("病灶此次未见显示", "病灶较前缩小", "病灶范围同前", "病灶已基本吸收", "病灶大致同前", "病灶本次未见明确显示")  # fmt: skip
    draft.put("。")


def _put_normal(draft: Draft, sentences: Sequence[str]) -> None:
    draft.put(draft.rng.choice(sentences))
    draft.end()


def _put_normal_sites(draft: Draft) -> None:
    """A list of places with nothing to see."""
    rng = draft.rng
    sites = rng.sample(list(SITES), rng.choice((1, 2, 2, 3, 4, 5)))
    paired = [s for s in sites if SITES[s].laterality == "paired"]
    midline = [s for s in sites if SITES[s].laterality != "paired"]
    side = rng.choice(("双侧", "左侧", "双侧", "右侧"))
    words = [(side if i == 0 else "") + site_word(rng, s) for i, s in enumerate(paired)] + [
        site_word(rng, s) for s in midline
    ]
    draft.put("、".join(words))
    draft.one(
        "未见异常", "形态信号未见异常", "未见异常信号", "信号正常", "显示清晰", "形态如常", "未见明显异常信号影", "未见受压", "未见受累", "未见扩大", "未见增厚", "未见明显异常", "形态正常", "未见包绕", "信号未见异常改变", "未见明显扩张及狭窄",
    )  # fmt: skip
    draft.one("。", "，", "；")


def _put_changes(draft: Draft, changes: Sequence[GeneralChange]) -> None:
    rng = draft.rng
    rest = [c for c in changes if c.change in _CHANGE_WORDS]
    while rest:
        change = rest.pop(0)
        together = [change, *(c for c in rest if c.change == change.change and rng.random() < 0.6)]
        together = [
            c
            for i, c in enumerate(together)
            if SampledSite(c.side, c.site) not in [SampledSite(d.side, d.site) for d in together[:i]]
        ]
        rest = [c for c in rest if c not in together]
        draft.maybe(0.06, "邻近", "局部", "相应")
        mentions = put_places(draft, [SampledSite(c.side, c.site) for c in together], plain=True)
        draft.maybe(0.1, "内", "均", "明显", "稍", "对称性", "局限性")
        spot = draft.one(*_CHANGE_WORDS[change.change])
        state(draft, mentions, None, change.change, spot)
        draft.one("，", "。", "，", "；") if rest else draft.end()


def _put_clear(draft: Draft, modalities: Sequence[Modality]) -> None:
    """A sequence on which the brain as a whole, or one place, is explicitly clear."""
    rng = draft.rng
    subject = rng.choice(("脑实质", "脑实质", "脑实质", "脑膜", None, "大脑半球"))
    if subject is None:
        place = SampledSite("双侧", rng.choice(_PAIRED))
    else:
        place = SampledSite("双侧" if subject == "大脑半球" else None, subject)
    chosen = rng.sample(list(modalities), min(len(modalities), rng.choice((1, 1, 1, 2, 3))))
    spots = put_sequences(draft, chosen) if rng.random() < 0.55 else None
    if spots:
        draft.maybe(0.4, "示", "：", "序列示", "上")
    if place.site == "脑实质":
        start = draft.put(rng.choice(("脑实质", "脑内", "脑实质", "颅内", "余脑实质")))
        mentions = [Mention(place, start, None)]
        draft.maybe(0.4, "内")
        if not spots and rng.random() < 0.4:
            draft.one("未见异常信号，", "未见明显异常信号，", "形态信号正常，")
    else:
        mentions = put_places(draft, [place], plain=True)
    if spots:
        put_negative(draft, mentions, chosen, opened=True)
    else:
        for i, modality in enumerate(chosen):
            if i:
                draft.put("，")
            put_negative(draft, mentions, (modality,))
    draft.end()
