import random
from itertools import pairwise
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from selip_contracts.vocabulary import SITES
from selip_extract.language.lexer import lex, normalized
from selip_extract.language.lexicon import LOBE_CHARACTERS
from selip_extract.language.tokens import LexedReport, Token
from selip_extract.pseudo_reports.writing.report import write_study

REPORT_CHARACTERS = (
    "左右双两侧额顶颞枕叶脑室旁桥份偏皮层下长短等稍略T1T2WIFLAIRDWIADC高低信号呈见未异常强化增强后"
    "，。；、：（）1.5×cm㎜①⑵ﬁ　\n"
)


def _tokens(text: str) -> list[Token]:
    return [token for sentence in lex(text).sentences for token in sentence]


def _said(text: str, *kinds: str) -> list[tuple[str, str]]:
    return [(t.kind, t.value) for t in _tokens(text) if t.kind in kinds]


def _check_offsets(read: LexedReport) -> None:
    tokens = [token for sentence in read.sentences for token in sentence]
    spans = [(t.start, t.end) for t in tokens]
    assert all(0 <= start < end <= len(read.text) for start, end in spans)
    # a sequence may be read before its signal, though it stands behind it or, as a side may, at the head of a table
    starts = [
        [t.start for t in sentence if t.kind not in ("sequence", "post_side") and t.value != "、"]
        for sentence in read.sentences
    ]
    assert all(inside == sorted(inside) for inside in starts)
    openings = [sentence[0].start for sentence in read.sentences]
    assert openings == sorted(openings)
    distinct = sorted(set(spans))
    shared = [read.read[b[0] : a[1]] for a, b in pairwise(distinct) if b[0] < a[1]]
    # one character may belong to two tokens: 侧 of 双侧脑室旁 (also as 側), and one that stands for several, such as ¼
    assert all(len(c) == 1 and (c in "侧側" or len(normalize("NFKC", c)) > 1) for c in shared)


@given(st.text())
@example("")
@example("0¼")
def test_any_text_is_lexed_with_offsets_into_itself(text: str) -> None:
    _check_offsets(lex(text))


@given(st.text(st.sampled_from(REPORT_CHARACTERS), max_size=60))
def test_scraps_of_reports_are_lexed_with_offsets_into_themselves(text: str) -> None:
    _check_offsets(lex(text))


@given(st.integers(0, 10_000))
def test_reports_are_lexed_with_offsets_into_themselves(seed: int) -> None:
    _check_offsets(lex(write_study(random.Random(seed)).text))


FORMS = [(site.name, form) for site in SITES.values() for form in site.surface_forms if form not in LOBE_CHARACTERS]


@pytest.mark.parametrize("around", ["{}", "、{}、", "见{}，"])
def test_every_surface_form_names_its_site(around: str) -> None:
    wrong = {}
    for site, form in FORMS:
        expected = ["侧脑室前角旁", "侧脑室后角旁"] if form == "侧脑室前后角旁" else [site]
        found = [t.value for t in _tokens(around.format(form)) if t.kind == "site"]
        if found != expected:
            wrong[form] = found
    assert not wrong


@pytest.mark.parametrize(
    ("text", "sequence", "signal"),
    [
        ("长T1", "T1", "低"),
        ("短T1", "T1", "高"),
        ("长T2", "T2", "高"),
        ("短T2", "T2", "低"),
        ("稍长T1", "T1", "稍低"),
        ("略长T1", "T1", "稍低"),
        ("稍短T1", "T1", "稍高"),
        ("稍长T2", "T2", "稍高"),
        ("稍短T2", "T2", "稍低"),
        ("等T1", "T1", "等"),
        ("等T2", "T2", "等"),
        ("等长T1", "T1", "稍低"),
        ("等长T2", "T2", "稍高"),
        ("明显长T2", "T2", "高"),
        ("混杂T2", "T2", "混杂"),
        ("长T1WI", "T1", "低"),
        ("长 t1", "T1", "低"),
        ("长Ｔ１", "T1", "低"),
    ],
)
def test_long_and_short_name_a_sequence_and_a_signal(text: str, sequence: str, signal: str) -> None:
    assert _tokens(text + "信号")[:2] == [
        Token("sequence", sequence, 0, len(text)),
        Token("signal", signal, 0, len(text)),
    ]


@pytest.mark.parametrize(
    "text", ["长T1、T2信号", "长T1长T2信号", "长T1、长T2信号", "长T1及长T2异常信号", "长T1T2信号影"]
)
def test_long_t1_and_t2_in_one_phrase(text: str) -> None:
    said = [("sequence", "T1"), ("signal", "低"), ("sequence", "T2"), ("signal", "高")]
    assert _said(text, "sequence", "signal") == said


@pytest.mark.parametrize(
    ("text", "signals"),
    [
        ("等高", "稍高"),
        ("略高", "稍高"),
        ("稍高", "稍高"),
        ("等低", "稍低"),
        ("略低", "稍低"),
        ("稍低", "稍低"),
        ("明显高", "高"),
        ("极高", "高"),
        ("明亮高", "高"),
        ("高", "高"),
        ("低", "低"),
        ("呈等", "等"),
        ("高低混杂", "混杂"),
        ("混杂", "混杂"),
        ("不均匀", "混杂"),
        ("不均匀高", "高"),
        ("混杂高", "高"),
        ("不均匀低", "低"),
        ("呈等或稍高", "等 稍高"),
        ("呈等、高", "等 高"),
        ("高、低", "高 低"),
    ],
)
def test_degrees_of_a_signal(text: str, signals: str) -> None:
    assert [value for _, value in _said(f"T2WI{text}信号", "signal")] == signals.split()


@pytest.mark.parametrize(
    ("sequence", "names"),
    [
        ("T1", "T1WI T1 T1加权 T1加权像 T1-FLAIR T1FLAIR"),
        ("T2", "T2WI T2 T2加权 T2加权像 T2压脂 FS-T2WI T2-FS"),
        ("FLAIR", "FLAIR T2-FLAIR T2FLAIR flair 压水序列 水抑制 黑水像 T2压水像 T2水抑制序列"),
        ("DWI", "DWI 弥散加权 弥散加权成像 扩散加权像 b=1000 b=1000图像 DWI（b=1000）"),
        ("ADC", "ADC ADC图 表观弥散系数图"),
        ("T1CE", "增强 增强后 增强扫描 增强扫描后 注入Gd-DTPA后 注射对比剂后 T1+C 增强T1WI T1WI增强 CE-T1WI"),
        ("SWI", "SWI 磁敏感成像 磁敏感加权成像 T2* T2*WI GRE SWAN"),
    ],
)
def test_names_of_the_sequences(sequence: str, names: str) -> None:
    read = {name: _said(name + "呈高信号", "sequence") for name in names.split()}
    assert read == {name: [("sequence", sequence)] for name in names.split()}


def test_blanks_inside_a_name_do_not_matter() -> None:
    assert _said("T1 FLAIR呈低信号，T2 FLAIR呈高信号", "sequence") == [("sequence", "T1"), ("sequence", "FLAIR")]


def test_two_sequences_around_a_stroke() -> None:
    assert _said("T2/FLAIR高信号", "sequence") == [("sequence", "T2"), ("sequence", "FLAIR")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("明显强化", "明显强化"),
        ("轻度强化", "轻度强化"),
        ("明显均匀强化", "均匀强化"),
        ("明显不均匀强化", "不均匀强化"),
        ("明显环形强化", "环形强化"),
        ("脑回样强化", "强化"),
        ("线样强化", "强化"),
        ("结节样强化", "强化"),
    ],
)
def test_a_pattern_wins_over_a_degree_of_enhancement(text: str, value: str) -> None:
    assert _said("增强后呈" + text, "enhancement") == [("enhancement", value)]


@pytest.mark.parametrize("text", ["未见强化", "无强化", "强化不明显", "未见明显强化", "未见异常强化"])
def test_no_enhancement_is_a_negation(text: str) -> None:
    assert [kind for kind, _ in _said("增强后" + text, "negation", "enhancement")] == ["negation", "enhancement"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("左侧额颞叶", "左侧 额叶 颞叶"),
        ("左额叶", "左侧 额叶"),
        ("左额颞顶叶", "左侧 额叶 颞叶 顶叶"),
        ("额、颞、顶叶", "额叶 颞叶 顶叶"),
        ("左额、右颞叶", "左侧 额叶 右侧 颞叶"),
        ("双侧脑室旁", "双侧 侧脑室旁"),
        ("双侧侧脑室旁", "双侧 侧脑室旁"),
        ("左侧脑室后角旁", "左侧 侧脑室后角旁"),
        ("侧脑室后角内", "侧脑室"),
        ("左侧脑室后角内", "左侧 侧脑室"),
        ("双侧侧脑室前后角旁", "双侧 侧脑室前角旁 侧脑室后角旁"),
        ("左侧颞部硬膜下", "左侧 硬膜下"),
        ("右侧额顶部硬膜下", "右侧 硬膜下"),
        ("顶部头皮", "头皮"),
        ("左额镰旁", "左侧 大脑镰"),
        ("镰旁", "大脑镰"),
        ("双侧额叶皮层下", "双侧 额叶"),
        ("双侧额顶叶皮层下及半卵圆中心", "双侧 额叶 顶叶 半卵圆中心"),
        ("双侧皮层下", "双侧 皮层下"),
        ("双侧大脑半球皮层下", "双侧 皮层下"),
        ("右侧额骨", "右侧 颅骨"),
        ("两侧额叶", "双侧 额叶"),
        ("左右侧额叶", "双侧 额叶"),
        ("双下肢无力，左侧肢体麻木", ""),
        ("自中脑经导水管周围至脑桥背侧见异常信号", "中脑 导水管周围 脑桥"),
        ("从左侧额叶经胼胝体至右侧额叶见异常信号", "左侧 额叶 胼胝体 右侧 额叶"),
        ("血肿破入右侧侧脑室", "右侧"),
        ("以左侧为著", ""),
        ("双侧额叶（左侧为著）", "双侧 额叶"),
        ("双侧额叶（左侧明显）", "双侧 额叶"),
        ("双侧额叶（右＞左）", "双侧 额叶"),
        ("双侧额叶（右侧多于左侧）", "双侧 额叶"),
        ("与侧脑室垂直", ""),
        ("脑外伤后", ""),
    ],
)
def test_sites_and_sides(text: str, said: str) -> None:
    assert [value for _, value in _said(text, "site", "side")] == said.split()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("左、右侧额叶", "双侧 额叶"),
        ("双侧额叶皮质、皮质下", "双侧 额叶"),
        ("双侧侧脑室前、后角旁", "双侧 侧脑室前角旁 侧脑室后角旁"),
    ],
)
def test_sites_and_sides_with_a_mark_inside_a_word(text: str, said: str) -> None:
    assert [value for _, value in _said(text, "site", "side")] == said.split()


def test_a_midline_shift_has_no_side() -> None:
    assert _said("中线左移", "site", "side", "change") == [("site", "中线结构"), ("change", "移位")]


@pytest.mark.parametrize("text", ["脑桥左侧份", "脑桥偏左", "额叶（左侧）", "额叶(左侧)"])
def test_a_side_may_follow_its_site(text: str) -> None:
    assert _said(text, "side", "post_side") == [("post_side", "左侧")]


def test_a_list_ends_with_a_word_that_is_also_a_signal() -> None:
    assert _said("左侧额叶、顶叶等处见T1WI呈等信号", "signal") == [("signal", "等")]


def test_sentences_end_at_stops_and_numbers() -> None:
    text = "1.左侧额叶约1.5cm。（2）右侧颞叶\n③脑桥"
    sides = [[t.value for t in s if t.kind in ("side", "site")] for s in lex(text).sentences]
    assert sides == [["左侧", "额叶"], ["右侧", "颞叶"], ["脑桥"]]


def test_half_width_reads_like_full_width() -> None:
    wide = "左侧额叶（壳核）见T2WI高信号，大小约1.2×1.0cm；增强后：未见强化。"
    narrow = wide.translate(str.maketrans("，；：（）×。", ",;:()*!"))
    assert lex(narrow).sentences == lex(wide).sentences
    assert lex("Ｔ２ＷＩ").sentences == lex("T2WI").sentences == lex("t2wi").sentences


@pytest.mark.parametrize("text", ["2023-05-11", "2023年5月11日", "2023年5月"])
def test_dates_are_no_sizes(text: str) -> None:
    assert [t.kind for t in _tokens(f"与{text}片比较")][1] == "date"
    assert not _said(text, "size")


@pytest.mark.parametrize("text", ["2.1×1.8cm", "21mm×18mm", "2.1*1.8*1.5厘米", "3mm", "1-2mm"])
def test_sizes(text: str) -> None:
    assert _tokens("约" + text)[1:] == [Token("size", "size", 1, 1 + len(text))]


@pytest.mark.parametrize(
    ("text", "form"), [("Ｔ２ ＷＩ", "T2WI"), ("ﬂair", "FLAIR"), ("①　㎜", "①MM"), ("a\r\nb", "A\n\nB")]
)
def test_normalized_text(text: str, form: str) -> None:
    assert normalized(text) == form
