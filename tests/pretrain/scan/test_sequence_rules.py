from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selip_pretrain.scan.sequence_rules import SequenceRules, SeriesAttributes, read_rules
from selip_shared.errors import SelipError

RULES = read_rules()
NAMES = {
    "T1": "BraTS19_2013_10_1_t1|T1|AxT1FLAIR|T1加权|eT1W_IR_TSE|t1_mprage_sag|sub-01_ses-1_T1w|T1WI平扫|"
    "t1_fl2d_tra|brain_t1n|BRAVO",
    "T2": "BraTS19_2013_10_1_t2|patient1_t2|t2_tse_tra_384|T2WI|OAx T2 FSE|dT2W_TSE|T2加权 横断位|sub-01_T2w",
    "FLAIR": "BraTS19_2013_10_1_flair|Ax T2 FLAIR|sT2W_FLAIR|t2_tirm_tra_dark-fluid_320|T2压水|ＦＬＡＩＲ|T2FLAIR",
    "DWI": "DWI|ep2d_diff_b1000_TRACEW|弥散加权|DWI b=1000|isoDWI|dwi_trace|DWI_b0_b1000",
    "ADC": "ADC|ep2d_diff_3scan_trace_p2_ADC|dADC|Average DC (mm2/s)|ADC (10^-6 mm²/s)|表观弥散系数",
    "T1CE": "BraTS19_2013_10_1_t1ce|T1CE|T1C|Ax T1 FLAIR+C|OAx T1 +C|T1WI增强|T1 post|t1_se_tra_C+|"
    "MPRAGE_GD|T1-Gd|sT1W_3D_TFE CE",
    "SWI": "SWI|SWI_Images|磁敏感加权成像|SWAN|Ax eSWAN",
    "localizer": "3Plane Loc|3-pl T2* FGRE|localizer|定位像|AAHead_Scout|Survey",
    "angiography": "3D TOF|头颅MRA|TOF_3D_multi-slab|MRV|Ax 3D TOF MIP",
    "reformat": "mIP_Images(SW)|t1_mprage_sag_p2_iso_MPR_Tra|T1 MPR|三维重建|SWI minIP",
    "other_sequence": "BraTS19_2013_10_1_seg|lesions|T1_mask|T2*|T2*W_FFE|T2 star|Pha_Images|DWI_b0|DTI_FA|ASL|PWI|"
    "T2_FLAIR_CE|t1map|Sag T2 C-Spine|垂体T1|PDW_TSE|fieldmap",
}  # fmt: skip


def recognised(rules: SequenceRules, attributes: SeriesAttributes) -> str | None:
    rule = rules.recognise(attributes)
    return None if rule is None else rule.modality or rule.exclude


@pytest.mark.parametrize(
    ("sequence", "name"), [(key, name) for key, names in NAMES.items() for name in names.split("|")]
)
def test_names_as_scanners_and_data_sets_write_them(sequence: str, name: str) -> None:
    assert recognised(RULES, SeriesAttributes((name,))) == sequence


@pytest.mark.parametrize("name", ["Ax FSE", "series 3", "patient1", "study_2021", "T1 T2", "扫描", "", "xt1y"])
def test_nothing_is_guessed(name: str) -> None:
    assert RULES.recognise(SeriesAttributes((name,))) is None


@given(st.text(max_size=30))
def test_any_name_has_an_answer(name: str) -> None:
    assert recognised(RULES, SeriesAttributes((name,))) in {None, *NAMES}


def spin_echo(tr: float, te: float, ti: float = 0, contrast: bool = False) -> SeriesAttributes:
    return SeriesAttributes(("Ax",), scanning_sequence=("SE",), tr_ms=tr, te_ms=te, ti_ms=ti, contrast=contrast)


def test_times_where_no_name_tells() -> None:
    assert recognised(RULES, spin_echo(500, 12)) == "T1"
    assert recognised(RULES, spin_echo(500, 12, contrast=True)) == "T1CE"
    assert recognised(RULES, spin_echo(4000, 100)) == "T2"
    assert recognised(RULES, spin_echo(9000, 120, 2500)) == "FLAIR"
    assert recognised(RULES, spin_echo(4000, 60, 180)) is None
    assert recognised(RULES, SeriesAttributes(("Ax",), scanning_sequence=("GR",), tr_ms=500, te_ms=12)) is None


def test_tags_beside_names() -> None:
    assert recognised(RULES, SeriesAttributes(("T1 tra",), contrast=True)) == "T1CE"
    assert recognised(RULES, SeriesAttributes(("T1 tra pre",), contrast=True)) == "T1"
    assert recognised(RULES, SeriesAttributes(("T2 tra",), contrast=True)) == "T2"
    assert recognised(RULES, SeriesAttributes(("ep2d_diff",), image_type=("DERIVED", "PRIMARY", "ADC"))) == "ADC"
    assert recognised(RULES, SeriesAttributes(("T1",), image_type=("DERIVED", "SECONDARY", "MPR"))) == "reformat"
    assert recognised(RULES, SeriesAttributes(("ep2d",), b_value=1000)) == "DWI"
    assert recognised(RULES, SeriesAttributes(("ep2d_diff",), b_value=0)) == "other_sequence"


def test_the_protocol_counts_only_where_the_description_says_nothing() -> None:
    assert recognised(RULES, SeriesAttributes(("T1 tra", "BRAIN T1 T2 +C"))) == "T1"
    assert recognised(RULES, SeriesAttributes(("Ax", "t2_tse"))) == "T2"
    assert recognised(RULES, SeriesAttributes(("Ax", "HEAD"), scanning_sequence=("SE",), tr_ms=500, te_ms=12)) == "T1"


def test_order_decides_and_a_copy_can_be_changed(tmp_path: Path) -> None:
    shipped = files("selip_pretrain.scan").joinpath("sequence_rules.toml").read_text(encoding="utf-8")
    own = '[[rule]]\nname = "ours"\nmodality = "FLAIR"\nwords = ["abc*"]\n\n'
    path = tmp_path / "rules.toml"
    path.write_text(own + shipped, encoding="utf-8")
    assert recognised(read_rules(path), SeriesAttributes(("ABC 7 T1",))) == "FLAIR"
    path.write_text(shipped + own, encoding="utf-8")
    assert recognised(read_rules(path), SeriesAttributes(("ABC 7 T1",))) == "T1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]\n", "line 1"),
        ("", "list of [[rule]]"),
        ("[rule]\nname = 'a'", "list of [[rule]]"),
        ("# one\n\n[[rule]]\nname = 'a'\nmodality = 'T3'\nwords = ['x']", "line 3: the rule 'a'"),
        ("[[rule]]\nname = 'a'\nmodality = 'T1'", "needs a condition"),
        ("[[rule]]\nname = 'a'\nwords = ['x']", "either modality or exclude"),
        (
            "[[rule]]\nname = 'a'\nmodality = 'T1'\nset_aside = 'reformat'\nwords = ['x']",
            "either modality or exclude",
        ),
        ("[[rule]]\nname = 'a'\nmodality = 'T1'\nword = ['x']", "word: Extra inputs"),
        ("[[rule]]\nname = 'a'\nmodality = 'T1'\nwords = []", "words"),
        ("[[rule]]\nname = 'a'\nmodality = 'T1'\nwords = ['_']", "no letter or digit"),
        ("[[rule]]\nname = 'a'\nmodality = 'T1'\nte_ms = [90, 10]", "the lower limit must come first"),
        ("[[rule]]\nmodality = 'T1'\nwords = ['x']", "without a name"),
        (
            "[[rule]]\nname='a'\nmodality='T1'\nwords=['x']\n[[rule]]\nname='a'\nmodality='T2'\nwords=['y']",
            "line 5: there is",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SelipError) as caught:
        read_rules(path)
    assert said in str(caught.value)
    assert "rules.toml" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gb.toml").write_bytes("# 规则".encode("gb18030"))
    for path, said in ((tmp_path / "gone.toml", "cannot be opened"), (tmp_path / "gb.toml", "UTF-8")):
        with pytest.raises(SelipError, match=said):
            read_rules(path)


def test_the_former_name_of_exclude_is_read(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("[[rule]]\nname = 'a'\nset_aside = 'reformat'\nwords = ['x']\n")
    (rule,) = read_rules(tmp_path / "rules.toml").rules
    assert rule.exclude == "reformat"
