"""Ways of referring to lesions, read as a whole."""

import pytest

from selip_extract.extractors.rules import RuleExtractor

TWO_SIDES = "两侧尾状核信号不对称：左侧T1WI呈高信号，右侧则呈等信号。"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A灶位于右侧额叶；B灶位于脑桥。A、B两灶T2WI呈高信号。", "T2右侧额叶高 T2脑桥高"),
        (TWO_SIDES, "T1左侧尾状核高 T1右侧尾状核等"),
        ("苍白球：左侧T1WI高信号，右侧则T1WI等信号。", "T1左侧苍白球高 T1右侧苍白球等"),
        ("黑质两侧T2WI均呈低信号。", "T2双侧黑质低"),
        ("左侧额叶T1WI并非低信号而是稍高信号。", "T1左侧额叶稍高"),
        ("左侧额叶T2WI高信号已消失、转为低信号。", "T2左侧额叶低"),
        (
            "双侧顶叶见长T2信号，累及胼胝体压部，FLAIR呈高信号。",
            "T2双侧顶叶高 T2胼胝体压部高 FLAIR双侧顶叶高 FLAIR胼胝体压部高",
        ),
        ("FLAIR上呈稍高信号者仅双侧尾状核头。", "FLAIR双侧尾状核稍高"),
        ("除DWI外，左侧桥臂T1WI、T2WI均为等信号。", "T1左侧桥臂等 T2左侧桥臂等"),
        ("T2WI呈高信号（左侧额叶）和低信号（脑桥）。", "T2左侧额叶高 T2脑桥低"),
        ("双侧丘脑见高信号（T2WI、FLAIR）。", "T2双侧丘脑高 FLAIR双侧丘脑高"),
        ("右侧垂体见小结节，强化程度低于正常垂体。", "T1CE右侧垂体轻度强化"),
        ("左侧小脑见肿块，强化明显且均匀。", "T1CE左侧小脑均匀强化"),
        ("左侧小脑见肿块，强化显著但不均匀。", "T1CE左侧小脑不均匀强化"),
        ("左侧小脑见肿块，明显强化，欠均匀。", "T1CE左侧小脑不均匀强化"),
        ("病灶位于透明隔偏左，T2WI呈高信号。", "T2左侧透明隔高"),
        ("右侧颞叶内侧（海马、杏仁核）T2WI信号增高。", "T2右侧海马高 T2右侧杏仁核高"),
        ("血肿破入右侧侧脑室后角内，见液平，上层T1低信号，下层T1高信号。", "T1右侧侧脑室低 T1右侧侧脑室高"),
        ("第一处：左侧额叶，T1低。第二处：脑桥，T1同第一处，FLAIR低。", "T1左侧额叶低 T1脑桥低 FLAIR脑桥低"),
        ("双侧豆状核T1低信号，其中壳核外缘T2呈低信号。", "T1双侧豆状核低 T2双侧壳核低"),
    ],
)
def test_what_is_found(text: str, found: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert " ".join(f"{f.modality}{f.side or ''}{f.site}{f.signal}" for f in study.findings) == found
