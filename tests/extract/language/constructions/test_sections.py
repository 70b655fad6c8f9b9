import pytest

from selip_extract.extractors.rules import RuleExtractor


def found(text: str) -> set[str]:
    study = RuleExtractor().read([text])[0].study
    return {f"{f.modality}{f.side or ''}{f.site}{f.signal}" for f in study.findings}


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("左侧颞叶病灶T2WI呈高信号，MRS见NAA峰降低。", {"T2左侧颞叶高"}),
        ("左侧颞叶肿块DWI呈等信号，ASL示灌注增高。", {"DWI左侧颞叶等"}),
        ("CT平扫：右侧颞叶见低密度影。MRI平扫：病灶T1WI呈低信号。", {"T1右侧颞叶低"}),
        ("左侧枕叶见长T2信号，DTI示FA值减低。", {"T2左侧枕叶高"}),
        ("【头颅CT】左侧额叶见低密度影，增强后明显强化。【头颅MRI】左侧额叶T1WI呈低信号。", {"T1左侧额叶低"}),
        ("CT平扫：左侧额叶见低密度影，增强后明显强化。增强MRI：左侧额叶病灶轻度强化。", {"T1CE左侧额叶轻度强化"}),
    ],
)
def test_what_another_method_shows_is_no_signal(text: str, findings: set[str]) -> None:
    assert found(text) == findings


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("头颅平扫+T1WI、T2WI、FLAIR及增强扫描：左侧顶叶见结节，T1WI呈等信号。", {"T1左侧顶叶等"}),
        ("T1WI、T2WI、DWI扫描：右侧额叶见片状异常信号，T2WI呈高信号。", {"T2右侧额叶高"}),
        ("头颅、颈椎同时检查：右侧丘脑见长T2信号。", {"T2右侧丘脑高"}),
        ("头颅MRI+DWI示右侧放射冠点状高信号。", {"DWI右侧放射冠高"}),
        ("T1WI：右侧颞叶见低信号。", {"T1右侧颞叶低"}),
        ("脑卒中一站式检查（DWI+SWI）：左侧岛叶DWI呈高信号。", {"DWI左侧岛叶高"}),
        ("[方法]头颅平扫+DWI\n[脑实质]右侧枕叶皮层T2WI呈高信号。", {"T2右侧枕叶高"}),
    ],
)
def test_a_heading_that_lists_sequences_states_nothing(text: str, findings: set[str]) -> None:
    assert found(text) == findings


def test_a_heading_that_names_a_study_to_compare_with_is_not_that_study() -> None:
    assert found("参照2019年12月MR：左侧丘脑见T1WI等信号。") == {"T1左侧丘脑等"}


def test_a_signal_like_that_of_the_cerebrospinal_fluid_is_none_of_the_signals() -> None:
    assert found("左侧外侧裂池见囊性灶，T1WI、T2WI信号同脑脊液，FLAIR呈低信号。") == {"FLAIR左侧外侧裂低"}


def test_a_vessel_that_angiography_shows_narrowed_is_a_general_finding() -> None:
    study = RuleExtractor().read(["左侧额叶见长T2信号。【MRA】右侧大脑中动脉重度狭窄。"])[0].study
    assert [(g.side, g.site, g.change) for g in study.general] == [("右侧", "大脑中动脉", "狭窄")]


def test_each_part_of_a_sentence_about_several_parts_of_the_body() -> None:
    assert found("腹部MRI：肝左叶血管瘤，T2WI高信号；头颅MRI：双侧额叶FLAIR高信号；腰椎：椎间盘T2WI低信号。") == {
        "FLAIR双侧额叶高"
    }


@pytest.mark.parametrize(
    "text",
    [
        "左侧额叶T2WI呈高信号，PDWI呈低信号。",
        "左侧额叶T2WI呈高信号，质子密度像呈稍低信号。",
        "左侧额叶T2WI呈高信号、SWI相位图呈低信号。",
        "左侧额叶T2WI呈高信号，eADC图呈高信号。",
        "左侧额叶T2WI及PDWI呈高信号，MIP图见低信号。",
    ],
)
def test_what_another_image_shows_is_no_finding(text: str) -> None:
    study = RuleExtractor().read([text])[0].study
    assert [f.key for f in study.findings] == [("T2", "左侧", "额叶", "高")]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("2021-05-06头颅MRI示：左侧额叶T2WI高信号。", {"T2左侧额叶高"}),
        ("MRI（2021年5月）：左侧额叶T2WI高信号。", {"T2左侧额叶高"}),
        ("2021-05-06片示：左侧额叶T2WI高信号。", set()),
        ("2021-05-06头颅MRI示：左侧额叶T2WI高信号，本次呈低信号。", {"T2左侧额叶低"}),
        ("2021-05-06头颅MRI示：左侧额叶T2WI高信号。2021-08-06头颅MRI示病灶消失。", set()),
    ],
)
def test_the_only_date_of_a_text_is_that_of_its_exam(text: str, findings: set[str]) -> None:
    assert found(text) == findings
