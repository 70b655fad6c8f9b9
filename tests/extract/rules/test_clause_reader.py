"""What the rules read in the constructions by which radiologists point back, compare, except and quote."""

import pytest

from selip_extract.extractors.rules import RuleExtractor
from selip_extract.language.lexer import lex
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.sentence import sentences


def _found(text: str, present: bool = True) -> set[str]:
    """Findings as 左侧额叶:T2高, or negatives as 左侧额叶:T2."""
    findings = [f for f in read_clauses(sentences(lex(text))) if f.present == present]
    return {f"{f.side or ''}{f.site}:{f.modality}{f.signal or ''}" for f in findings}


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (
            "2022-05-11片：左侧颞叶T2WI呈高信号，右侧枕叶DWI呈高信号。现片示：左侧海马FLAIR呈高信号。",
            "左侧海马:FLAIR高",
        ),
        ("前片示右侧额叶DWI呈高信号，左侧丘脑ADC呈低信号，本次右侧额叶DWI呈等信号。", "右侧额叶:DWI等"),
        ("与2022-05-11片比较：左侧额叶T2WI呈高信号。", "左侧额叶:T2高"),
        ("右侧岛叶病灶，原DWI高信号灶现T2WI上呈稍高信号。", "右侧岛叶:T2稍高"),
        ("右侧岛叶病灶DWI前片呈高信号，现呈等信号。", "右侧岛叶:DWI等"),
        ("垂体柄原病灶T2呈稍高信号。", "垂体柄:T2稍高"),
    ],
)
def test_an_earlier_study_states_nothing(text: str, findings: str) -> None:
    assert _found(text) == set(findings.split())


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("右侧颞叶肿块呈长T1信号，右侧大脑脚受压，增强后明显强化。", "右侧颞叶:T1低 右侧颞叶:T1CE明显强化"),
        ("鞍区肿块呈等T1信号，脑室系统不大，增强后均匀强化。", "鞍区:T1等 鞍区:T1CE均匀强化"),
        ("左侧额叶见长T1信号；左侧海马体积缩小，其内见T2WI高信号。", "左侧额叶:T1低 左侧海马:T2高"),
        ("四脑室扩大，FLAIR见片状低信号位于左侧豆状核。", "左侧豆状核:FLAIR低"),
        ("双侧海马对称，T1见点状高信号，见于脑桥。", "脑桥:T1高"),
        ("颅内可见片状长T1长T2信号，病变累及右侧岛叶。", "右侧岛叶:T1低 右侧岛叶:T2高"),
        ("左侧额叶见高信号，累及顶叶。", ""),
        ("T1高信号：左侧额叶，右侧丘脑；双侧侧脑室扩大。", "左侧额叶:T1高 右侧丘脑:T1高"),
        ("左侧桥臂：边界欠清；T2WI呈高信号。", "左侧桥臂:T2高"),
        ("脑沟轻度增宽，ADC呈稍高信号，累及右侧颞叶，T2WI呈高信号。", "右侧颞叶:ADC稍高 右侧颞叶:T2高"),
        ("脑沟变浅，T2WI呈高信号。", ""),
        ("脑沟占位，T2WI呈高信号。", "脑沟:T2高"),
    ],
)
def test_of_which_place_a_clause_speaks(text: str, findings: str) -> None:
    assert _found(text) == set(findings.split())


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("左侧额叶、右侧丘脑见病灶。除右侧丘脑病灶呈高信号外，其余DWI呈等信号。", "右侧丘脑:DWI高 左侧额叶:DWI等"),
        ("左侧额叶、右侧丘脑见病灶，DWI除左侧额叶未见异常信号外呈混杂信号。", "右侧丘脑:DWI混杂"),
        ("左侧额叶见病灶。右侧丘脑、脑桥见病灶。FLAIR右侧丘脑病灶呈低信号，余者呈高信号。",
         "右侧丘脑:FLAIR低 左侧额叶:FLAIR高 脑桥:FLAIR高"),
        ("左侧额叶见病灶。右侧丘脑见病灶，边界清，上述病灶DWI呈高信号。", "右侧丘脑:DWI高"),
        ("左侧额叶见病灶。右侧丘脑见病灶。上述病灶DWI呈高信号。", "左侧额叶:DWI高 右侧丘脑:DWI高"),
        ("1.左侧额叶见病灶。2.右侧丘脑见病灶。各病灶DWI呈高信号。", "右侧丘脑:DWI高"),
        ("左侧额叶见病灶。脑桥见病灶。左侧额叶病灶均见环形强化。", "左侧额叶:T1CE环形强化"),
        ("左侧额叶及右侧丘脑各见病灶。前者T1WI呈低信号，后者T1WI呈等信号，两者DWI呈高信号。",
         "左侧额叶:T1低 右侧丘脑:T1等 左侧额叶:DWI高 右侧丘脑:DWI高"),
        ("双侧基底节区见病灶，右侧T1WI呈高信号。上述病灶DWI呈等信号。", "右侧基底节区:T1高 双侧基底节区:DWI等"),
        ("左侧额叶（病灶1）、脑桥（病灶2）见结节。T2WI：病灶1呈高信号，病灶2呈等信号。", "左侧额叶:T2高 脑桥:T2等"),
    ],
)  # fmt: skip
def test_how_far_a_word_points_back(text: str, findings: str) -> None:
    assert _found(text) == set(findings.split())


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("右侧额叶、脑桥、左侧丘脑病灶T1WI依次呈等、低、稍低信号，DWI呈高信号。",
         "右侧额叶:T1等 脑桥:T1低 左侧丘脑:T1稍低 右侧额叶:DWI高 脑桥:DWI高 左侧丘脑:DWI高"),
        ("左侧额叶病灶T2、FLAIR分别呈不均匀稍高、等信号。", "左侧额叶:T2稍高 左侧额叶:FLAIR等"),
        ("左侧额叶、脑桥分别见病灶，左侧额叶病灶T1呈低信号。", "左侧额叶:T1低"),
        ("左侧额叶、脑桥分别见长T1信号、等T1信号。", "左侧额叶:T1低 脑桥:T1等"),
        ("左侧额叶病灶T2WI呈高信号，内部信号欠均匀。", "左侧额叶:T2高"),
        ("左侧额叶病灶T2WI信号混杂，T1WI呈低信号。", "左侧额叶:T2混杂 左侧额叶:T1低"),
    ],
)  # fmt: skip
def test_values_in_order(text: str, findings: str) -> None:
    assert _found(text) == set(findings.split())


def test_what_the_others_do_not_show_is_a_negative() -> None:
    text = "左侧额叶、右侧丘脑见结节。增强后右侧丘脑结节明显强化，其余未见强化。"
    assert _found(text) == {"右侧丘脑:T1CE明显强化"}
    assert _found(text, present=False) == {"左侧额叶:T1CE"}


def test_a_denial_ends_before_the_next_sequence() -> None:
    assert _found("左侧额叶病灶无明显占位效应、T1WI呈低信号。") == {"左侧额叶:T1低"}


def test_the_rest_of_a_numbered_item_without_any_is_that_of_all() -> None:
    text = "1、双侧侧脑室旁、胼胝体见病灶，T1WI呈低信号。\n2、增强扫描左侧半卵圆中心病灶呈环形强化，其余病灶未见强化。"
    assert _found(text, present=False) == {"双侧侧脑室旁:T1CE", "胼胝体:T1CE"}


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("（1）左侧额叶，5mm；（2）脑桥，6mm。增强后（1）、（2）均匀强化。", "左侧额叶:T1CE均匀强化 脑桥:T1CE均匀强化"),
        ("双侧半卵圆中心散在点状灶，T1WI大者呈低信号、余者呈等信号。", "双侧半卵圆中心:T1低 双侧半卵圆中心:T1等"),
        ("双侧硬膜下积液，左侧厚约6mm，呈长T1信号，右侧厚约9mm，呈短T1信号。", "左侧硬膜下:T1低 右侧硬膜下:T1高"),
        ("右侧顶叶见片状异常信号，DWI皮层呈高信号，白质呈等信号。", "右侧顶叶:DWI高 右侧顶叶:DWI等"),
        ("左侧顶叶见T2WI高信号，余脑实质未见类似病灶。", "左侧顶叶:T2高"),
        ("脑桥见T2WI高信号，包绕基底动脉，增强后轻度强化。", "脑桥:T2高 脑桥:T1CE轻度强化"),
        ("延髓及颈髓上段见T2WI高信号。", "延髓:T2高"),
        ("第三脑室后部松果体区见T2WI高信号。", "松果体区:T2高"),
        (
            "双侧额叶、左侧顶叶见T2WI高信号，其中左侧者DWI高信号。",
            "双侧额叶:T2高 左侧顶叶:T2高 左侧额叶:DWI高 左侧顶叶:DWI高",
        ),
        ("左侧额叶灶，T1等T2低。", "左侧额叶:T1等 左侧额叶:T2低"),
        ("颈内动脉T1WI、T2WI呈流空信号，边缘见T1WI高信号。", "颈内动脉:T1高"),
    ],
)
def test_parts_halves_and_neighbours_of_a_lesion(text: str, findings: str) -> None:
    assert _found(text) == set(findings.split())


@pytest.mark.parametrize("text", ["DWI未见高信号，仅见左侧额叶FLAIR高信号。", "双侧三叉神经走行自然，DWI未见高信号。"])
def test_a_denial_is_not_lent_to_the_site_behind_it_nor_to_a_nerve(text: str) -> None:
    (reading,) = RuleExtractor().read([text])
    assert reading.study.negatives == ()
