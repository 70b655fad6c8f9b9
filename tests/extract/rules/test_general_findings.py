import random

import pytest

from selip_extract.language.lexer import lex
from selip_extract.pseudo_reports.writing.report import write_study
from selip_extract.rules.general_findings import read_changes
from selip_extract.rules.sentence import sentences


def _changes(text: str) -> list[str]:
    return [f"{g.side or ''}{g.site}{g.change}" for g in read_changes(sentences(lex(text)))]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("脑室系统扩大。", "脑室系统扩大"),
        ("双侧侧脑室、三脑室扩大，脑沟增宽。", "双侧侧脑室扩大 三脑室扩大 脑沟增宽"),
        ("双侧上颌窦、筛窦黏膜增厚。", "双侧上颌窦增厚 双侧筛窦增厚"),
        ("右侧乳突少量积液。", "右侧乳突积液"),
        ("中线结构右移。", "中线结构移位"),
        ("脑实质未见异常，中线稍偏左。", "中线结构移位"),
        ("小脑扁桃体偏左，余未见异常。", "小脑扁桃体移位"),
        ("垂体偏右侧，未见异常信号。", "垂体移位"),
        ("松果体略偏左，大小正常。", "松果体区移位"),
        ("左侧颞枕叶见FLAIR血管高信号征，局部脑回肿胀。", "左侧颞叶肿胀 左侧枕叶肿胀"),
        ("四脑室内见占位，延髓受其推压。", "四脑室占位 延髓受压"),
        ("中线偏右约3mm。", "中线结构移位"),
        ("垂体柄居中偏右。", "垂体柄移位"),
        ("脑实质未见异常，脑室形态饱满。", "脑室系统扩大"),
        ("双侧侧脑室不等大，左侧略大。", "左侧侧脑室扩大"),
        ("双侧侧脑室不对称，右侧增宽。", "右侧侧脑室增宽"),
        ("中线左移约5mm。", "中线结构移位"),
        ("邻近侧脑室受压。", "侧脑室受压"),
        ("左侧额叶见肿块，邻近左侧侧脑室受压变形。", "左侧侧脑室受压"),
        ("左侧大脑中动脉狭窄。", "左侧大脑中动脉狭窄"),
        ("脑沟增宽、加深。", "脑沟增宽"),
        ("左侧海马萎缩，信号增高。", "左侧海马萎缩"),
        ("左侧额叶见高信号，左侧侧脑室扩大。", "左侧侧脑室扩大"),
        ("右侧颞叶脑沟变浅，脑回肿胀。", "右侧脑沟变浅 右侧颞叶肿胀"),
        ("左侧枕叶见梗死灶，局部脑沟变浅，脑回肿胀。", "脑沟变浅 左侧枕叶肿胀"),
        ("双侧大脑半球脑沟增宽，以额颞部为著。", "双侧脑沟增宽"),
        ("左侧视神经变细，基底动脉变细。", "左侧视神经萎缩 基底动脉狭窄"),
        ("左侧侧脑室较对侧窄。", "左侧侧脑室变窄"),
        ("左侧颞骨呈术后改变。", "左侧颅骨其他"),
        ("双侧中耳乳突积液。", "双侧中耳积液 双侧乳突积液"),
        ("脑室系统扩大，右侧侧脑室较对侧明显。", "脑室系统扩大 右侧侧脑室扩大"),
        ("小脑萎缩，以蚓部明显。", "小脑萎缩 小脑蚓部萎缩"),
        ("头皮下积液，右额为著。", "头皮积液"),
        ("右侧额骨缺损，额叶经缺损处膨出。", "右侧颅骨缺损"),
        ("右侧顶骨颅骨修补术后改变。", "右侧颅骨其他"),
        ("脑沟稍宽，脑回变窄。", "脑沟增宽"),
        ("右侧外直肌增粗。", "右侧眼外肌增厚"),
        ("右侧颞叶钩回疝入小脑幕切迹，中脑受压。", "右侧钩回移位 中脑受压"),
        ("鞍内见脑脊液疝入，垂体变扁。", "垂体变窄"),
        ("小脑扁桃体下缘低于枕骨大孔约7mm。", "小脑扁桃体移位"),
        ("小脑扁桃体位于枕骨大孔下方约7mm。", "小脑扁桃体移位"),
        ("左侧海马较右侧小，左侧颞叶体积小。", "左侧海马萎缩 左侧颞叶萎缩"),
        ("硬脑膜增厚，以双侧额部及小脑幕为著。", "脑膜增厚 双侧小脑幕增厚"),
        ("右侧顶叶软化、萎缩。", "右侧顶叶萎缩"),
        ("右侧蝶窦、筛窦及乳突积血。", "右侧蝶窦积液 右侧筛窦积液 右侧乳突积液"),
        ("右侧额叶脑沟变浅，皮质增厚。", "右侧脑沟变浅 右侧额叶增厚"),
        ("右侧室间孔阻塞。", "右侧室间孔闭塞"),
        ("左侧大脑脚较对侧细。", "左侧大脑脚萎缩"),
        ("右侧颞极蛛网膜囊肿压迫邻近颞叶。", "颞叶受压"),
        ("脑萎缩：脑沟增宽。", "脑实质萎缩 脑沟增宽"),
        ("左侧顶叶见强化，局部脑萎缩。", "左侧顶叶萎缩"),
        ("双侧额叶脑萎缩。", "双侧额叶萎缩"),
        ("弥漫性脑肿胀。", "脑实质肿胀"),
        ("三脑室以上脑室扩张。", "脑室系统扩张"),
        ("筛窦黏膜增厚，以左侧上颌窦为重。", "筛窦增厚 左侧上颌窦增厚"),
    ],
)
def test_changes(text: str, changes: str) -> None:
    assert list(dict.fromkeys(_changes(text))) == changes.split()


@pytest.mark.parametrize(
    "text",
    [
        "脑实质内未见异常信号灶及占位。",
        "脑内未见异常信号、占位或萎缩。",
        "脑室系统未见扩大。",
        "小脑扁桃体未低于枕骨大孔。",
        "左侧硬膜下积血。",
        "右侧颞叶囊性灶，囊壁菲薄。",
        "双侧侧脑室前角间距增大。",
        "海马未疝入小脑幕切迹。",
        "脑沟、脑池无增宽或变窄。",
        "中线结构居中。",
        "双侧上颌窦、筛窦黏膜未见增厚。",
        "脑室系统形态大小未见异常。",
        "双侧侧脑室对称，无扩大及受压。",
        "原脑室系统扩大。",
        "右侧硬膜下积液已吸收。",
        "右侧鼻唇沟变浅，伸舌右偏。",
        "左侧额叶见T2WI高信号。",
        "有占位效应。",
        "脑干形态饱满适中。",
        "",
    ],
)
def test_nothing_is_read_where_nothing_is_changed(text: str) -> None:
    assert _changes(text) == []


def test_a_negation_ends_with_its_clause() -> None:
    assert _changes("脑沟未见增宽，脑室系统扩大。") == ["脑室系统扩大"]


def test_evidence_covers_side_site_and_change() -> None:
    text = "头颅平扫：双侧上颌窦黏膜增厚。"
    (change,) = read_changes(sentences(lex(text)))
    assert change.evidence is not None
    assert change.evidence.text == "双侧上颌窦黏膜增厚"
    said = {s.role: text[s.start : s.end] for s in change.evidence.spans}
    assert said == {"side": "双侧", "site": "上颌窦", "change": "黏膜增厚"}


def test_most_changes_of_pseudo_reports_are_read() -> None:
    wanted = found = right = 0
    for seed in range(300):
        report = write_study(random.Random(seed))
        truth = {g.key for g in report.study.general if g.change != "其他"}
        read = {g.key for g in read_changes(sentences(lex(report.text)))}
        wanted, found, right = wanted + len(truth), found + len(read), right + len(truth & read)
    assert right / wanted > 0.95
    assert right / found > 0.9
