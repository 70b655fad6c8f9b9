import pytest

from selip_contracts.annotated import GOLD, read_annotated
from selip_extract.deidentification.patients import speaks_of_several_patients


@pytest.mark.parametrize(
    "text",
    [
        "患者A：左侧额叶见长T1长T2信号。患者B：头颅未见异常。",
        "【患者1】左侧颞叶高信号【患者2】左侧颞叶未见异常",
        "检查号1001：脑实质未见异常。检查号1002：右侧小脑半球高信号。",
        "姓名：赵某 性别：女 头颅未见异常。姓名：钱某 性别：男 双侧侧脑室扩大。",
        "【1床】左侧枕叶FLAIR高信号【2床】脑桥DWI高信号",
        "1号患者左侧壳核SWI低信号，2号患者右侧壳核SWI低信号。",
        "MR号A1：脑干T2高信号；MR号A2：延髓T2高信号。",
        "门诊号 0017：未见异常。门诊号：0018 未见异常。".replace(" ", ""),
        "第一例，左侧额叶T2高信号；第二例，小脑蚓部T2高信号。",
        "张某某：左侧额叶T2WI高信号。李某某：右侧小脑FLAIR高信号。",
        "张三，男，45岁：点状长T2信号。李四，女，60岁：未见异常。",
    ],
)
def test_two_rows_in_one_cell(text: str) -> None:
    assert speaks_of_several_patients(text)


def test_one_patient() -> None:
    assert not speaks_of_several_patients(
        "姓名：赵某，女，34岁。患者头痛。女，34岁，左侧额叶高信号。第一处：额叶。第二处：颞叶。"
    )
    assert not speaks_of_several_patients("序号：1，左侧额叶。序号：2，右侧额叶。与片号：A1、片号：A2比较。")
    texts = [report.findings_text for path in GOLD.glob("*.jsonl") for report in read_annotated(path)]
    assert not any(map(speaks_of_several_patients, texts))
