import pytest

from selip_contracts.annotated import GOLD, read_annotated
from selip_extract.language.understanding.report_kind import OtherKind, other_kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("肝脏形态正常，右叶见结节状长T1长T2信号影", "not_head"),
        ("左膝关节内侧半月板后角见条状高信号", "not_head"),
        ("腰4/5椎间盘突出，T2WI信号减低", "not_head"),
        ("头颅CT平扫：右侧基底节区见片状高密度影", "not_mri"),
        ("Normal brain MRI. No acute infarct.", "not_chinese"),
        ("大鼠MCAO模型：右侧纹状体T2高信号，DWI高信号。", "not_head"),
        ("犬头颅MRI：侧脑室扩大。", "not_head"),
        ("双侧中脑鼠尾状改变，海马犬齿状。", None),
        ("123456", "not_chinese"),
        ("asdf ;; %% 12", "not_chinese"),
        ("右侧额叶见脑出血", None),
        ("脑萎缩", None),
        ("CT示左侧额叶低密度影，MRI呈长T1长T2信号", None),
        ("颈椎曲度变直。双侧额叶见点状高信号", None),
    ],
)
def test_a_text_that_is_no_head_mri_says_which_kind_it_is(text: str, kind: OtherKind | None) -> None:
    assert other_kind(text) == kind


def test_every_annotated_report_is_a_head_mri() -> None:
    reports = [report for file in GOLD.glob("*.jsonl") for report in read_annotated(file)]
    assert reports
    assert [report.report_id for report in reports if other_kind(report.findings_text)] == []
