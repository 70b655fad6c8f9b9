"""Reports out of sentence templates, in styles that the generator does not write, with the truth that they state."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Annotated, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from selip_contracts.vocabulary import ENHANCEMENTS, MODALITIES, SIGNALS, SITES, Change, Modality, Side, unlisted
from selip_extract.language.lexicon import LOBE_CHARACTERS, lexicon
from selip_extract.pseudo_reports.lesion_archetypes import SignalValue
from selip_extract.pseudo_reports.sample_study import GeneralChange, SampledSite, sample_changes, sample_lesion
from selip_extract.pseudo_reports.writing.as_typed import as_typed
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft, Mention
from selip_extract.pseudo_reports.writing.references.ways import put_references
from selip_extract.pseudo_reports.writing.report import WrittenReport
from selip_extract.pseudo_reports.writing.sequences import (
    degree_word,
    put_enhancement_word,
    put_sequence,
    relaxation_word,
    signal_word,
)
from selip_extract.pseudo_reports.writing.sites import put_sites, site_word
from selip_extract.tagger.places import side_named
from selip_extract.training.style_dropout import seen_phrases
from selip_shared.toml_files import read_toml

_Words = Annotated[tuple[str, ...], Field(min_length=1)]
_Labels = Annotated[tuple[str, ...], Field(min_length=4, max_length=4)]
_CHOICE = re.compile(r"\(([^()]*)\)")
_WORD = re.compile(r"\$([a-z]+)")
_PART = re.compile(
    r"\[(?P<group>[a-z])(?P<one>1?)\]|\[(?P<named>[a-z])=(?P<ahead>=|左侧|右侧|双侧|左|右)?(?:(?P<within>[^\]~]*)~)?(?P<words>[^\]]+)\]"
    r"|\^(?P<behind>[^^]+)\^|\{=(?P<change>[^}]+)\}|(?P<both>\[lrd\])|(?P<apart>\[l,r\])|<(?P<sequence>\w+)>|#(?P<label>[a-d])|~(?P<side>[lr])"
    r"|\{(?P<value>[A-Z0-9+]+)(?P<mood>[!?]?)(?::(?P<form>[drs]))?(?:@(?P<groups>[a-z]+))?\}"
)
_REFERENCE_SHARE = 0.15
"""The share of sentences that refer to lesions by label, size, order or side as pseudo-reports do."""
_UNSIDED_SHARE = 0.4
"""How often a site that is named again is named without its side."""
_SHORT_SIDE_SHARE = 0.25
_SIGNAL_WEIGHTS = dict(zip(SIGNALS, (30, 16, 14, 14, 20, 6), strict=True))
_RESTRICTED = ("弥散受限", "扩散受限", "弥散明显受限", "扩散轻度受限", "水分子弥散受限", "弥散受限改变")
_DENIED = ("弥散未见受限", "未见弥散受限", "弥散无受限", "无扩散受限", "弥散不受限", "扩散未见明显受限")
_ORDERS: tuple[tuple[Side, Side], ...] = (("左侧", "右侧"), ("右侧", "左侧"))
_HEMISPHERES: tuple[Side, ...] = ("左侧", "右侧", "双侧")
_BRACKETS = (("（", "）"), ("（", "）"), ("(", ")"), ("［", "］"), ("：", "，"))
_NEGATIONS = ("未见", "未见明显", "无", "未见明确", "无明显", "未见确切", "不伴", "没有", "未见显著")
_ABSENT = (
    "异常信号", "高信号", "异常高信号", "信号改变", "异常", "低信号", "异常信号影", "信号异常",
    "急性期梗死样高信号", "梗死样高信号", "出血样低信号", "急性期异常信号",
)  # fmt: skip
_ABSENT_ENHANCEMENT = ("强化", "异常强化", "明确强化", "明显强化")
_NEGATIVE_ENHANCEMENT = ("不强化", "强化不明显", "无强化", "未强化")
_NEGATIVE = ("（-）", "阴性", "(-)", "（—）")
"""Behind the name of a sequence."""
_NEGATIVE_SHARE = 0.2
_NOT_LOW = ("T1", "ADC", "SWI")
"""ADC不低, SWI信号不低; of other sequences 不高."""
_SIGNS: dict[SignalValue, tuple[str, ...]] = {
    "高": ("↑", "↑", "（+）", "(+)", "阳性", "高亮", "亮", "亮信号"),
    "低": ("↓", "↓", "暗", "黑", "暗信号", "减低"),
}
_DEGREE_OF_SEQUENCE_SHARE = 0.08
"""How often 低T1 is written for 长T1."""


class _Style(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    weight: PositiveInt
    sentences: _Words


class _Templates(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    words: dict[str, _Words]
    labels: tuple[_Labels, ...]
    style: tuple[_Style, ...]


@cache
def _templates() -> _Templates:
    return read_toml(files("selip_extract.training").joinpath("report_templates.toml"), _Templates)


@cache
def template_sentences(held_out: bool) -> tuple[tuple[str, ...], ...]:
    """The sentences of each style that are learnt, or those that are kept out of training."""
    return tuple(seen_phrases(style.sentences, held_out) for style in _templates().style)


def _sentence(rng: random.Random, held_out: bool) -> str:
    (style,) = rng.choices(template_sentences(held_out), [style.weight for style in _templates().style])
    return rng.choice(style)


@dataclass
class _Sentence:
    """A sentence while it is written: its sites by group, and what is stated of which groups."""

    draft: Draft
    mentions: dict[str, list[Mention]] = field(default_factory=dict)
    sequences: dict[Modality, CharSpan] = field(default_factory=dict)
    said: list["_Said"] = field(default_factory=list)
    first: str = ""
    last: str = ""
    change: Change | None = None

    def state(
        self,
        groups: str,
        modality: Modality | None,
        value: SignalValue | Change | None,
        span: CharSpan,
        negation: CharSpan | None = None,
        doubted: bool = False,
    ) -> None:
        """Note a statement of the sites of the groups, by default of those named last, or next where none is."""
        groups = groups or self.last
        mentions = [m for group in groups for m in self.mentions.get(group, ())]
        open_groups = "".join(group for group in groups if group not in self.mentions)
        self.said.append(_Said(mentions, open_groups, not groups, modality, value, span, negation, doubted))


class _Said(NamedTuple):
    """A statement: of which sites, and of which groups whose sites are still to be named."""

    mentions: list[Mention]
    open_groups: str
    of_next: bool
    modality: Modality | None
    value: SignalValue | Change | None
    span: CharSpan
    negation: CharSpan | None
    doubted: bool


def write_template_report(rng: random.Random, held_out: bool = False) -> WrittenReport:
    """A report of one to four sentences; with `held_out` of sentences that are kept out of training."""
    draft = Draft(rng)
    stop = rng.choices(("。", "；", "\n", "，"), (80, 10, 6, 4))[0]
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4))):
        draft.begin_lesion()
        lesions = [sample_lesion(rng, MODALITIES) for _ in range(3)] if draft.chance(_REFERENCE_SHARE) else []
        if not lesions or not put_references(draft, lesions):
            put_sentence(draft, _sentence(rng, held_out))
        draft.put(stop)
    text, facts, _ = as_typed(rng, draft.text, draft.facts)
    return WrittenReport(text, facts)


def put_sentence(draft: Draft, template: str) -> None:
    """Write one sentence: report_templates.toml says what a template may hold."""
    rng = draft.rng
    words, labels = _templates().words, rng.choice(_templates().labels)
    while match := _CHOICE.search(template):
        template = template[: match.start()] + rng.choice(match[1].split("|")) + template[match.end() :]
    template = _WORD.sub(lambda found: rng.choice(words[found[1]]), template)
    sentence = _Sentence(draft)
    at = 0
    for match in _PART.finditer(template):
        draft.put(template[at : match.start()])
        at = match.end()
        if match["group"] == "h":
            _put_hemisphere(sentence)
        elif match["group"]:
            # of a list of sites that is named again only the first would be
            again = template.count(f"[{match['group']}") > 1
            _put_group(sentence, match["group"], again or bool(match["one"]))
        elif match["named"]:
            _put_named(sentence, match)
        elif match["change"]:
            _put_change(sentence, match["change"])
        elif match["behind"]:
            _put_side_behind(sentence, match["behind"])
        elif match["both"]:
            _put_both_sides(sentence)
        elif match["apart"]:
            _put_one_on_each_side(sentence)
        elif match["side"]:
            _put_side(sentence, match["side"])
        elif match["label"]:
            draft.put(labels["abcd".index(match["label"])])
        elif match["sequence"]:
            modality = cast(Modality, match["sequence"])
            sentence.sequences[modality] = put_sequence(draft, modality)
        else:
            _put_value(sentence, match)
    draft.put(template[at:])
    for said in sentence.said:
        groups = sentence.first if said.of_next else said.open_groups
        mentions = [*said.mentions, *(m for group in groups for m in sentence.mentions[group])]
        sequence = None if said.modality is None else sentence.sequences.get(said.modality)
        draft.state(mentions, said.modality, said.value, said.span, sequence, said.negation, said.doubted)


def _put_group(sentence: _Sentence, group: str, one: bool) -> None:
    draft = sentence.draft
    if group in sentence.mentions:
        again = sentence.mentions[group][0]
        named = "" if again.side_span is None else draft.text[slice(*again.side_span)]
        side = "" if _is_unique(sentence, again) and draft.chance(_UNSIDED_SHARE) else named
        side_span = draft.put(side) if side else None
        span = draft.put(draft.text[slice(*again.site_span)])
        sentence.mentions[group] = [Mention(again.site, span, side_span, draft.words)]
    elif group == "g":
        change = _sample_change(draft.rng)
        sentence.change = change.change
        sentence.mentions[group] = put_sites(draft, [SampledSite(change.side, change.site)], plain=True)
    else:
        sites = list(sample_lesion(draft.rng, MODALITIES).sites)[: 1 if one else 3]
        sentence.mentions[group] = put_sites(draft, sites)
    sentence.first, sentence.last = sentence.first or group, group


def _put_named(sentence: _Sentence, match: re.Match[str]) -> None:
    """左侧额叶中央前回: a site by its own words, behind the words of what it lies in."""
    draft, group = sentence.draft, match["named"]
    if match["ahead"] == "=":
        (before,) = sentence.mentions[sentence.last]
        side, side_span = before.site.side, before.side_span
    else:
        side = side_named(match["ahead"] or "")
        side_span = draft.put(match["ahead"]) if side else None
    draft.put(match["within"] or "")
    mention = Mention(SampledSite(side, _site_of(match["words"])), draft.put(match["words"]), side_span, draft.words)
    sentence.mentions[group] = [mention]
    sentence.first, sentence.last = sentence.first or group, group


def _site_of(words: str) -> str:
    meaning = lexicon().words.get(words) or lexicon().names.get(words)
    named = LOBE_CHARACTERS.get(words) or (meaning.value if meaning and meaning.kind == "site" else None)
    return named or unlisted(words)


def _put_change(sentence: _Sentence, words: str) -> None:
    """四脑室受压: a change of the sites named last, by its own words."""
    span = sentence.draft.put(words)
    sentence.state(sentence.last, None, cast(Change, lexicon().words[words].value), span)


def _put_side_behind(sentence: _Sentence, words: str) -> None:
    """垂体左份, 额叶（双侧）: the side of the site named last, also in what has been stated of it."""
    (mention,) = sentence.mentions[sentence.last]
    sided = replace(
        mention, site=SampledSite(side_named(words), mention.site.site), side_span=sentence.draft.put(words)
    )
    sentence.mentions[sentence.last] = [sided]
    sentence.said = [
        said._replace(mentions=[sided if m is mention else m for m in said.mentions]) for said in sentence.said
    ]


def _is_unique(sentence: _Sentence, mention: Mention) -> bool:
    """Whether the sentence names the site of the mention with one side alone."""
    named = {m.site.side for found in sentence.mentions.values() for m in found if m.site.site == mention.site.site}
    return len(named) == 1


def _put_both_sides(sentence: _Sentence) -> None:
    """双侧海马: the groups l and r are one side and the other, d both."""
    draft = sentence.draft
    site = next(_paired_sites(draft.rng))
    both = draft.put_one(("双侧", "双侧", "两侧"))
    span = draft.put(site_word(draft.rng, site))
    left, right = draft.rng.choice(_ORDERS)
    sides: tuple[tuple[str, Side, CharSpan | None], ...] = (("l", left, None), ("r", right, None), ("d", "双侧", both))
    for group, side, side_span in sides:
        sentence.mentions[group] = [Mention(SampledSite(side, site), span, side_span, draft.words)]
    sentence.first, sentence.last = sentence.first or "d", "d"


def _put_one_on_each_side(sentence: _Sentence) -> None:
    """右侧小脑半球、左侧枕叶: the groups l and r are a site on one side and another one on the other."""
    draft = sentence.draft
    sites = _paired_sites(draft.rng)
    first = next(sites)
    second = next(site for site in sites if site != first)
    left, right = draft.rng.choice(_ORDERS)
    sentence.mentions["l"] = put_sites(draft, [SampledSite(left, first)], plain=True)
    draft.put_one(("、", "及", "和", "与"))
    sentence.mentions["r"] = put_sites(draft, [SampledSite(right, second)], plain=True)
    sentence.first, sentence.last = sentence.first or "lr", "lr"


def _put_hemisphere(sentence: _Sentence) -> None:
    """右侧大脑半球（额叶、岛叶）: the side stands outside of the brackets."""
    draft = sentence.draft
    side = draft.rng.choice(_HEMISPHERES)
    opening, closing = draft.rng.choice(_BRACKETS)
    side_span = draft.put(side)
    draft.put(draft.rng.choice(("大脑半球", "大脑半球", "大脑", "幕上", "大脑半球多处")) + opening)
    sentence.mentions["h"] = []
    sites = dict.fromkeys(islice(_paired_sites(draft.rng), draft.rng.choice((1, 2, 2, 3))))
    for at, site in enumerate(sites):
        draft.put("、" if at else "")
        span = draft.put(site_word(draft.rng, site))
        sentence.mentions["h"].append(Mention(SampledSite(side, site), span, side_span, draft.words))
    draft.put(closing)
    sentence.first, sentence.last = sentence.first or "h", "h"


def _paired_sites(rng: random.Random) -> Iterator[str]:
    while True:
        for sampled in sample_lesion(rng, MODALITIES).sites:
            if SITES[sampled.site].laterality == "paired":
                yield sampled.site


def _put_side(sentence: _Sentence, group: str) -> None:
    """左侧: the side of one of the groups of a paired site, which is then named by it."""
    draft = sentence.draft
    (mention,) = sentence.mentions[group]
    assert mention.site.side is not None
    word = mention.site.side[:1] if draft.chance(_SHORT_SIDE_SHARE) else mention.site.side
    sentence.mentions[group] = [replace(mention, side_span=draft.put(word))]


def _sample_change(rng: random.Random) -> GeneralChange:
    while True:
        for change in sample_changes(rng):
            if change.change != "其他":
                return change


def _put_value(sentence: _Sentence, match: re.Match[str]) -> None:
    draft, rng = sentence.draft, sentence.draft.rng
    groups, doubted = match["groups"] or "", match["mood"] == "?"
    if match["value"] == "G":
        span = draft.put(rng.choice(_change_forms(cast(Change, sentence.change))))
        sentence.state("g", None, sentence.change, span)
        return
    absent = match["mood"] == "!"
    if match["value"] == "R":
        span = draft.put(rng.choice(_DENIED if absent else _RESTRICTED))
        for modality, value in (("DWI", "高"), ("ADC", "低")):
            said = None if absent else cast(SignalValue, value)
            sentence.state(groups, cast(Modality, modality), said, span, span if absent else None, doubted)
        return
    modalities = cast(list[Modality], match["value"].split("+"))
    negation: CharSpan | None = None
    if absent:
        named = sentence.sequences.get(modalities[0])
        span, negation = _put_absence(draft, modalities[0], named is not None and named[1] == len(draft.text))
        stated = None
    else:
        stated = rng.choice(tuple(_SIGNS)) if match["form"] == "s" else _value(rng, modalities[0])
        span = _put_present(draft, modalities[0], stated, match["form"])
    for modality_ in modalities:
        sentence.state(groups, modality_, stated, span, negation, doubted)


def _put_absence(draft: Draft, modality: Modality, behind_its_name: bool) -> tuple[CharSpan, CharSpan]:
    if behind_its_name and draft.chance(_NEGATIVE_SHARE):
        span = draft.put_one(_NEGATIVE)
        return span, span
    if modality == "T1CE" and draft.chance(0.3):
        span = draft.put_one(_NEGATIVE_ENHANCEMENT)
        return span, span
    if modality != "T1CE" and draft.chance(_NEGATIVE_SHARE / 2):
        draft.put_maybe(0.3, ("信号",))
        negation = draft.put("不")
        return draft.put("低" if modality in _NOT_LOW else "高"), negation
    negation = draft.put_one(_NEGATIONS)
    return draft.put_one(_ABSENT_ENHANCEMENT if modality == "T1CE" else _ABSENT), negation


def _put_present(draft: Draft, modality: Modality, value: SignalValue, form: str | None) -> CharSpan:
    rng = draft.rng
    if modality == "T1CE":
        return put_enhancement_word(draft, value)
    if form == "s":
        return draft.put_one(_SIGNS[value])
    if form == "r":
        inverted = draft.chance(_DEGREE_OF_SEQUENCE_SHARE)
        return draft.put((degree_word(rng, value) if inverted else relaxation_word(rng, modality, value)) + modality)
    return draft.put(degree_word(rng, value) if form == "d" else signal_word(rng, value))


def _value(rng: random.Random, modality: Modality) -> SignalValue:
    if modality == "T1CE":
        return rng.choice(ENHANCEMENTS)
    return rng.choices(SIGNALS, list(_SIGNAL_WEIGHTS.values()))[0]


@cache
def _change_forms(change: Change) -> tuple[str, ...]:
    return tuple(w for w, m in lexicon().words.items() if m.kind == "change" and m.value == change)
