"""Sides, lists and exceptions: (左/右)：低/等, 右侧则相反, 右额叶3枚；…。T1WI均呈…, T2WI高信号（脑桥除外）."""

import pytest

from selip_extract.language.lexer import lex
from selip_extract.rules.clause_reader import read_clauses
from selip_extract.rules.sentence import sentences


def found(text: str) -> set[str]:
    """Findings as T2左侧额叶高."""
    findings = read_clauses(sentences(lex(text)))
    return {f"{f.modality}{f.side or ''}{f.site}{f.signal}" for f in findings if f.present}


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (
            "左侧额叶结节，T1WI、T2WI、FLAIR呈低、高、高信号。",
            "T1左侧额叶低 T2左侧额叶高 FLAIR左侧额叶高",
        ),
        (
            "左侧额叶见片状影，T1WI及T2WI呈等、稍高信号。",
            "T1左侧额叶等 T2左侧额叶稍高",
        ),
        (
            "左侧额叶见结节，T1WI、T2WI均呈等、稍高信号。",
            "T1左侧额叶等 T2左侧额叶等 T1左侧额叶稍高 T2左侧额叶稍高",
        ),
        (
            "双侧海马见异常信号，T2WI左右呈高、稍高信号。",
            "T2左侧海马高 T2右侧海马稍高",
        ),
        (
            "海马（左/右）：T1 低/等，T2 高/稍高。",
            "T1左侧海马低 T1右侧海马等 T2左侧海马高 T2右侧海马稍高",
        ),
        (
            "双侧海马（左/右）：T2WI呈高/稍高信号，FLAIR呈高信号。",
            "T2左侧海马高 T2右侧海马稍高 FLAIR双侧海马高",
        ),
        (
            "双侧壳核见异常信号，左侧呈T1高、T2低信号；右侧则相反，T1低而T2高。",
            "T1左侧壳核高 T2左侧壳核低 T1右侧壳核低 T2右侧壳核高",
        ),
        (
            "左侧：额叶、顶叶见片状T2WI高信号；右侧：枕叶见T2WI低信号。",
            "T2左侧额叶高 T2左侧顶叶高 T2右侧枕叶低",
        ),
        (
            "左侧丘脑与中脑右侧大脑脚各见一小斑片状影，前者T1WI呈稍低信号，后者FLAIR呈稍高信号。",
            "T1左侧丘脑稍低 FLAIR右侧大脑脚稍高",
        ),
        (
            "左侧颞叶见两枚结节，大者约1.6cm×1.3cm，位于左侧海马旁回，呈长T1长T2信号；小者约0.5cm，位于左侧颞极，T2WI稍高信号。",
            "T1左侧海马低 T2左侧海马高 T2左侧颞叶稍高",
        ),
        (
            "左侧额叶见结节；右侧顶叶见结节。T1WI均呈低信号。",
            "T1左侧额叶低 T1右侧顶叶低",
        ),
        (
            "脑内多发转移瘤，右额叶3枚，大者1.8×1.6cm；左顶叶2枚。T1WI均呈稍低信号，增强后均呈环形强化。",
            "T1右侧额叶稍低 T1左侧顶叶稍低 T1CE右侧额叶环形强化 T1CE左侧顶叶环形强化",
        ),
        (
            "右额叶3枚，左顶叶2枚。上述病灶T1WI呈低信号。",
            "T1右侧额叶低 T1左侧顶叶低",
        ),
        (
            "1.左侧额叶T1WI呈低信号；2.右侧顶叶T1WI呈高信号。DWI：1.呈高信号，2.呈低信号。",
            "T1左侧额叶低 T1右侧顶叶高 DWI左侧额叶高 DWI右侧顶叶低",
        ),
        (
            "幕上可见多发病灶（左侧额叶、右侧顶叶），T2WI呈高信号。",
            "T2左侧额叶高 T2右侧顶叶高",
        ),
        (
            "左侧额叶、右侧顶叶、脑桥见片状影，T2WI高信号（脑桥除外），FLAIR高信号。",
            "T2左侧额叶高 T2右侧顶叶高 FLAIR左侧额叶高 FLAIR右侧顶叶高 FLAIR脑桥高",
        ),
        (
            "双侧额叶、颞叶（左侧颞叶除外）见斑片状T2高信号。",
            "T2双侧额叶高 T2右侧颞叶高",
        ),
        (
            "左侧额叶DWI呈高信号，ADC：同DWI所示部位呈低信号。",
            "DWI左侧额叶高 ADC左侧额叶低",
        ),
        (
            "右侧额叶点状FLAIR稍高信号，T2WI上未见确切显示；左侧额叶点状FLAIR高信号。",
            "FLAIR右侧额叶稍高 FLAIR左侧额叶高",
        ),
        (
            "右侧顶叶T2WI高信号，FLAIR呈低信号——此处有误，FLAIR应为高信号。",
            "T2右侧顶叶高 FLAIR右侧顶叶高",
        ),
        (
            "左侧顶叶T1WI呈低信号。SWI见粗大引流静脉呈低信号。",
            "T1左侧顶叶低 SWI左侧顶叶低",
        ),
        (
            "垂体后叶短T1信号存在，垂体T2WI信号均匀。右侧额叶T2WI呈高信号。",
            "T2右侧额叶高",
        ),
    ],
)
def test_sides_lists_and_exceptions(text: str, findings: str) -> None:
    assert found(text) == set(findings.split())
