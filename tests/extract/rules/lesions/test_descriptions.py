import pytest

from selip_extract.extractors.rules import RuleExtractor
from tests.extract.rules.sentences import findings


def test_a_description_holds_for_the_findings_of_later_sentences() -> None:
    text = "左侧额叶见一类圆形肿块，边界清楚，T1WI呈低信号，周围见水肿。右侧颞叶T2WI呈高信号。左侧额叶病灶明显强化。"
    (reading,) = RuleExtractor().read([text])
    said = {f.site: (f.morphology, f.count, f.lesion, f.margin) for f in reading.study.findings}
    assert said == {"额叶": ("类圆形", "单发", "肿块", "边界清楚"), "颞叶": (None, None, None, None)}
    assert len(reading.study.findings) == 3


def test_a_sequence_may_show_another_shape() -> None:
    (reading,) = RuleExtractor().read(["左侧颞叶见片状长T2信号，DWI呈脑回样高信号，FLAIR呈高信号。"])
    assert {f.modality: f.morphology for f in reading.study.findings} == {
        "T2": "片状", "DWI": "脑回样", "FLAIR": "片状",
    }  # fmt: skip


def test_words_of_a_traditional_text_are_those_of_the_mended_one() -> None:
    (reading,) = RuleExtractor().read(["左側額葉見斑片狀長T2訊號，邊界不清。"])
    (finding,) = reading.study.findings
    assert (finding.morphology, finding.margin) == ("斑片状", "边界不清")
    assert finding.evidence is not None
    assert "額葉" in finding.evidence.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("左侧额叶见3枚结节，T2WI呈高信号。", ("多发", 3)),
        ("左侧额叶见约１２个点状T2高信号。", ("多发", 12)),
        ("左侧额叶见两处T2高信号。", ("多发", 2)),
        ("左侧额叶见一枚结节，T2WI呈高信号。", ("单发", 1)),
        ("左侧额叶见数枚结节，T2WI呈高信号。", ("多发", None)),
        ("左侧额叶见2～3个结节，T2WI呈高信号。", ("多发", None)),
        ("左侧额叶见十余枚结节，T2WI呈高信号。", ("多发", None)),
        ("左侧额叶散在多个点状T2高信号，共约20个。", ("散在", 20)),
        ("左侧额叶见T2高信号，前两枚病灶DWI呈高信号。", (None, None)),
    ],
)
def test_the_number_of_lesions(text: str, said: tuple[str | None, int | None]) -> None:
    finding = findings(text)["左侧额叶", "T2"]
    assert (finding.count, finding.number) == said


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("颅内3枚转移瘤，分别位于左侧额叶、脑桥、右侧枕叶，T1WI呈低信号。", ("多发", 3)),
        (
            "颅内见3枚转移瘤，编号如下：①左侧额叶，T1WI呈低信号；②脑桥，T1WI呈低信号；③右侧枕叶，T1WI呈低信号。",
            (None, None),
        ),
        ("颅内多发转移瘤：①左侧额叶，T1低信号；②脑桥，T1低信号；③右侧枕叶，T1低信号。", ("多发", None)),
    ],
)
def test_what_is_said_of_a_group_holds_for_each_of_its_lesions(
    text: str, number: tuple[str | None, int | None]
) -> None:
    said = {site: (f.count, f.number, f.lesion) for (site, _), f in findings(text).items()}
    assert said == dict.fromkeys(("左侧额叶", "脑桥", "右侧枕叶"), (*number, "转移瘤"))


def test_the_smaller_of_two_lesions_has_a_size_and_a_form_of_its_own() -> None:
    found = findings("左侧额叶两处病灶，大者26×20mm，呈团块状T1稍低信号；小者约6mm，T2呈低信号。")
    assert [(f.morphology, f.size_mm) for f in found.values()] == [("团块状", (26, 20)), (None, (6,))]
    found = findings("左侧额叶见两枚结节，大者11mm，小者6mm，T1呈等信号。")
    assert [f.size_mm for f in found.values()] == [(11,)]


def test_a_sequence_keeps_the_shape_that_it_alone_states() -> None:
    found = findings("左侧额叶见团块状长T1长T2信号，SWI内见点状低信号，FLAIR呈高信号。")
    assert {modality: f.morphology for (_, modality), f in found.items()} == {
        "T1": "团块状", "T2": "团块状", "SWI": "点状", "FLAIR": "团块状",
    }  # fmt: skip


def test_a_shape_behind_a_list_is_that_of_all_its_sites() -> None:
    found = findings("脑桥，左侧颞叶以及额叶见多发点状病灶，T2WI呈高信号。")
    assert {site: (f.morphology, f.count) for (site, _), f in found.items()} == dict.fromkeys(
        ("脑桥", "左侧颞叶", "左侧额叶"), ("点状", "多发")
    )


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("左侧额叶见类园形肿块，T2WI呈高信号。", "类圆形"),
        ("左侧额叶见肿块，增强呈不规则环形强化。", None),
        ("左侧额叶多发病灶呈簇状分布，T2WI呈高信号。", None),
        ("左侧外囊形态不规则，T2WI呈高信号。", None),
        ("左侧额叶见一枚菜花状肿块，T2WI呈高信号。", "菜花状"),
    ],
)
def test_words_for_a_shape(text: str, shape: str | None) -> None:
    assert [f.morphology for f in findings(text).values()] == [shape]


def test_oedema_has_no_size_of_the_lesion() -> None:
    (reading,) = RuleExtractor().read(["左侧额叶见肿块，约4cm，T1WI呈低信号，瘤周见指状水肿，FLAIR呈高信号。"])
    assert [(f.modality, f.lesion, f.morphology, f.size_mm) for f in reading.study.findings] == [
        ("T1", "肿块", None, (40,)), ("FLAIR", "水肿", "指状", ()),
    ]  # fmt: skip


def test_what_a_clause_of_its_own_says_of_the_lesion() -> None:
    finding = findings("左侧额叶见肿块，大小约4cm，呈分叶状，界清，T1WI呈低信号。")["左侧额叶", "T1"]
    assert (finding.morphology, finding.lesion, finding.margin, finding.size_mm) == ("分叶状", "肿块", "界清", (40,))
    assert findings("左侧额叶见片状SWI低信号，为钙化。")["左侧额叶", "SWI"].lesion == "钙化"


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("左侧额叶见疑似小结节，T2WI呈高信号。", "可疑"),
        ("左侧额叶见线样T2高信号，不除外血管影。", "可疑"),
        ("左侧额叶T2高信号为磁敏感伪影。", "可疑"),
        ("左侧额叶见T2高信号，系流动伪影所致。", "可疑"),
        ("左侧额叶见点状T2高信号，伪影可能。", "可疑"),
        ("左侧额叶见结节状T2高信号，考虑脑膜瘤可能。", "肯定"),
        ("左侧额叶见片状T2高信号，脱髓鞘待排。", "肯定"),
    ],
)
def test_a_doubted_disease_leaves_the_signal_certain(text: str, certainty: str) -> None:
    assert findings(text)["左侧额叶", "T2"].certainty == certainty


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("左侧额叶结节约9mm；脑桥结节约6mm；均呈长T1信号。", {"左侧额叶": (9,), "脑桥": (6,)}),
        ("左侧额叶、脑桥各见一枚血肿，前者约2cm，后者约1cm，均呈短T1信号。", {"左侧额叶": (20,), "脑桥": (10,)}),
        (
            "左侧颞叶见两枚结节，大者约2cm，位于左侧海马，呈长T1长T2信号；小者约6mm，位于左侧颞极皮层下，T1WI低信号。",
            {"左侧海马": (20,), "左侧颞叶": (6,)},
        ),
        (
            "病灶A位于左侧额叶，病灶B位于脑桥，长径依次为9mm、6mm；T1WI：A、B均呈低信号。",
            {"左侧额叶": (9,), "脑桥": (6,)},
        ),
        (
            "左侧额叶及脑桥各一脑膜瘤，左侧者约9mm，二者T1WI均呈低信号。",
            {"左侧额叶": (9,), "脑桥": ()},
        ),
        (
            "左侧额叶、脑桥各见结节，左侧额叶者约9mm，脑桥者约6mm，T1WI均呈低信号。",
            {"左侧额叶": (9,), "脑桥": (6,)},
        ),
        ("双侧大脑半球多发结节，T1WI低信号，较大者位于左侧顶叶，约16mm。", {"双侧大脑半球": (), "左侧顶叶": (16,)}),
    ],
)
def test_a_value_of_lesions_that_were_told_apart_by_size(text: str, sizes: dict[str, tuple[float, ...]]) -> None:
    assert {site: f.size_mm for (site, modality), f in findings(text).items() if modality == "T1"} == sizes


@pytest.mark.parametrize(
    ("text", "lesion"),
    [
        ("肿块位于左侧颞叶，大小约35mm×28mm，T1WI呈等信号。", "肿块"),
        ("软化灶：右侧额叶，T1WI低信号。", "软化灶"),
        ("转移瘤，共3枚，分别见于右侧额叶、左侧顶叶，T1WI呈等信号。", "转移瘤"),
        ("双侧大脑半球多发转移瘤：右额12×10mm、左顶9×8mm，均呈T1WI低信号。", "转移瘤"),
        ("右侧听神经瘤，T1WI低信号。", "听神经瘤"),
        ("右侧额颞叶脑挫裂伤，呈多发斑片状异常信号，T1WI呈混杂信号。", "脑挫裂伤"),
    ],
)
def test_the_noun_may_stand_before_its_site_or_begin_with_it(text: str, lesion: str) -> None:
    assert {finding.lesion for finding in findings(text).values()} == {lesion}


def test_a_lesion_of_both_sides_looks_the_same_where_one_is_an_exception() -> None:
    found = findings("双侧额叶见多发点状FLAIR高信号，除左侧额叶病灶DWI呈高信号外，余病灶DWI均未见高信号。")
    assert found["左侧额叶", "DWI"].morphology == "点状"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("左侧额叶T2WI呈高信号。附：以上病灶均为单发，边界清；双侧乳突积液。", (None, "单发", None)),
        ("左侧额叶、脑桥T2WI高信号。均呈类圆形，FLAIR呈高信号。", ("类圆形", None, None)),
        ("左侧额叶见线状T2低信号，未见出血灶。", ("线状", None, None)),
        ("左侧额叶软化灶，T1WI低信号，周边胶质增生呈T2高信号。", (None, None, "胶质增生")),
        ("左侧额叶病灶（椭圆，边界清）呈T2高信号。", ("椭圆", None, None)),
        ("左侧额叶（中央前回）：陈旧梗死，楔形，T2WI高信号。", ("楔形", None, "梗死")),
        ("左侧额叶：T2WI高信号；椭圆形；12×7mm；ADC低信号。", ("椭圆形", None, None)),
        ("左侧额叶各一脑膜瘤，T2WI高信号。", (None, "单发", "脑膜瘤")),
        ("左侧额叶见T2高信号、增强后结节状强化。", (None, None, None)),
    ],
)
def test_where_a_description_stands(text: str, said: tuple[str | None, str | None, str | None]) -> None:
    finding = next(f for (_, sequence), f in findings(text).items() if sequence == "T2")
    assert (finding.morphology, finding.count, finding.lesion) == said


def test_lesions_of_one_site_on_both_sides_are_described_behind_their_sides() -> None:
    found = findings("脑桥左份可见不规则斑片状病灶，呈T2高信号；右份见另一枚，点状，仅DWI呈高信号。")
    assert {site: f.morphology for (site, _), f in found.items()} == {"左侧脑桥": "不规则斑片状", "右侧脑桥": "点状"}


def test_a_site_in_the_name_of_a_lesion_that_is_seen_at_others() -> None:
    found = findings("左侧桥小脑角区及右侧内听道各见一听神经瘤，前者呈冰淇淋样，后者呈柱状，均呈T2稍高信号。")
    assert {site: (f.morphology, f.lesion) for (site, _), f in found.items()} == {
        "左侧桥小脑角区": ("冰淇淋样", "听神经瘤"), "右侧内听道": ("柱状", "听神经瘤"),
    }  # fmt: skip
    assert set(findings("左侧听神经瘤，T2WI呈高信号。")) == {("左侧听神经", "T2")}


def test_lesions_of_the_brain_that_are_counted_one_site_after_the_other() -> None:
    found = findings("脑内见四枚结节，两枚位于左侧额叶，一枚位于右侧颞叶，一枚位于脑桥，均呈T2WI高信号。")
    assert {site: (f.number, f.lesion) for (site, _), f in found.items()} == {
        "左侧额叶": (2, "结节"), "右侧颞叶": (1, "结节"), "脑桥": (1, "结节"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "lesions"),
    [
        (
            "【出血灶】左侧壳核，T1WI高信号。\n【软化灶】右侧丘脑，T1WI低信号。",
            {"左侧壳核": "出血灶", "右侧丘脑": "软化灶"},
        ),
        ("左侧颞叶见两枚结节，大者约16mm，位于左侧海马，呈长T1信号；小者约5mm。", {"左侧海马": "结节"}),
        ("右侧桥小脑角区听神经瘤，T1WI等信号。", {"右侧桥小脑角区": "听神经瘤"}),
        ("左侧侧脑室见脉络丛囊肿，T1WI低信号。", {"左侧侧脑室": "囊肿"}),
        ("左侧额叶结节：类圆形，T1WI低信号。", {"左侧额叶": "结节"}),
    ],
)
def test_the_noun_of_a_heading_and_of_a_group_is_that_of_its_sites(text: str, lesions: dict[str, str]) -> None:
    assert {site: f.lesion for (site, _), f in findings(text).items()} == lesions
