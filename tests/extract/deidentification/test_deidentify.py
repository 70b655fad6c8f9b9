"""What identifies a patient is masked, nothing else is, and no finding comes or goes with it."""

import csv
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selip_contracts.annotated import GOLD, read_annotated, write_annotated
from selip_contracts.database_file import read_store
from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study, keys
from selip_extract.cli.extract import main
from selip_extract.database.stored_studies import stored_studies
from selip_extract.deidentification.deidentify import Deidentifier, read_or_create_key
from selip_extract.extractors.rules import RuleExtractor
from selip_extract.pseudo_reports.generate import pseudo_reports
from selip_extract.reports.report import Report
from selip_shared.errors import SelipError
from tests.commands import Command, command

SELIP_EXTRACT = str(Path(sys.executable).with_name("selip-extract"))
MASKING = Deidentifier(b"0123456789abcdef")
REPORT = "左侧额叶见斑片状长T1长T2信号，大小约1.8×1.2cm。DWI未见高信号。第3脑室扩大。"

MASKED = {
    "姓名：张三，性别：男，年龄45岁。": "姓名：〔姓名〕，性别：男，年龄45岁。",
    "姓名:王小明 性别:女": "姓名:〔姓名〕 性别:女",
    "姓　名：李 明 男 45岁": "姓　名：〔姓名〕 男 45岁",
    "【姓名】欧阳修远【性别】男": "【姓名】〔姓名〕【性别】男",
    "姓名：阿依古丽·买买提，女": "姓名：〔姓名〕，女",
    "患者姓名：阿卜杜热合曼，男": "患者姓名：〔姓名〕，男",
    "姓名：ZHANG SAN FLAIR呈高信号": "姓名：〔姓名〕 FLAIR呈高信号",
    "姓名：ＺＨＡＮＧ　ＳＡＮ，男": "姓名：〔姓名〕，男",
    "Name: Li Xiaoming, T1WI低": "Name: 〔姓名〕, T1WI低",
    "姓名：张三左侧额叶见长T1信号": "姓名：〔姓名〕左侧额叶见长T1信号",
    "患者：赵六，男。赵六本次复查": "患者：〔姓名〕，男。〔姓名〕本次复查",
    "患者：欧阳无忌配合差。患者李四意识清楚": "患者：〔姓名〕配合差。患者〔姓名〕意识清楚",
    "病人：安静，患者：高强，家属：白雪": "病人：〔姓名〕，患者：〔姓名〕，家属：〔姓名〕",
    "患者张三因头痛入院": "患者〔姓名〕因头痛入院",
    "病人 LI XIAOMING 男": "病人 〔姓名〕 男",
    "<b>姓名：</b>张三<br>住院号：<b>123456</b>": "<b>姓名：</b>〔姓名〕<br>住院号：<b>〔编号〕</b>",
    "张三，男，45岁。患儿王小宝，家属李四陪同": "〔姓名〕，男，45岁。患儿〔姓名〕，家属〔姓名〕陪同",
    "姓名：\n张三\n左侧额叶见长T1信号": "姓名：\n〔姓名〕\n左侧额叶见长T1信号",
    "报告医师：张三  审核医师：李四/王五": "报告医师：〔姓名〕  审核医师：〔姓名〕",
    "审核：李四/王五。王五主任会诊，王五认为": "审核：〔姓名〕。〔姓名〕主任会诊，〔姓名〕认为",
    "审核医师 赵六。主任：钱七": "审核医师 〔姓名〕。主任：〔姓名〕",
    "经李主任会诊，请张三医师阅片": "经〔姓名〕主任会诊，请〔姓名〕医师阅片",
    "身份证号：11010119900101123X": "身份证号：〔证件号〕",
    "１１０１０１１９９００１０１１２３４": "〔证件号〕",
    "110101 19900101 1234，110101900101123": "〔证件号〕，〔证件号〕",
    "电话：010-62345678 转 8": "电话：〔电话〕 转 8",
    "手机13812345678，+86 138 1234 5678": "手机〔电话〕，〔电话〕",
    "(0571) 87654321，400-820-8820": "〔电话〕，〔电话〕",
    "出生日期：1960年5月12日，DOB: 1960-05-12": "出生日期：〔出生日期〕，DOB: 〔出生日期〕",
    "生日 1960/5/12，1960.05.12出生": "生日 〔出生日期〕，〔出生日期〕出生",
    "住院号：0012 3456，床号12，检查号MR240301": "住院号：〔编号〕，床号〔编号〕，检查号〔编号〕",
    "门诊号 ZY-20231234；影像号：１２３４５；病历号=A77": "门诊号 〔编号〕；影像号：〔编号〕；病历号=〔编号〕",
    "住 院 号：123456 T1WI呈低信号": "住 院 号：〔编号〕 T1WI呈低信号",
    "邮箱：zhang.san@qq.com。": "邮箱：〔邮箱〕。",
    "家庭住址：北京市海淀区学院路12号3单元401室。左侧额叶": "家庭住址：〔地址〕。左侧额叶",
    "住址:浙江省杭州市,西湖区文三路12号，左侧额叶": "住址:〔地址〕，左侧额叶",
    "与2023年5月12日片比较": "与2023年5月片比较",
    "与2023-05-12 10:20:30片比较": "与2023-05片比较",
    "与2023.5.12、２０２３／０５／１２、20230512片比较": "与2023.5、２０２３／０５、2023-05片比较",
    "5月12日片，二〇二三年五月十二日片": "5月00日片，二〇二三年五月片",
}
UNMASKED = (
    REPORT,
    "大小约12345mm，约42mm×35mm，直径8-12mm，2.1×1.8×0.9cm，T1值2345ms，b=1000，b=400 800 1000，3.0T",
    "姓名：\n左侧额叶见长T1信号，姓名：左侧额叶见长T2信号，王冠样，黄体，江豚征，平扫，男，45岁",
    "C5/6椎间盘突出，第3脑室、四脑室，L4-5，M1段狭窄，T1/T2混杂，2023年5月片，2023-05片，2023年片",
    "患者躁动，患者高热，患者女，56岁，患者周围，病人安静，患者不能配合，患者左侧额叶见长T1信号，患者：女性，",
    "临床医师提示，高级医师，住院期间，门诊复查，影像所见，检查示右侧，床旁检查，单位：mm，出生后窒息",
    "患者：配合差，图像有伪影。患者：意识清楚，患者:男，患者：不能配合，病人：神志清，患者：术后3天，患者：躁动",
    "患者：一般情况可，患者:昏迷，患者：检查配合，患者：高血压病史，患者：老年男性，家属：拒绝增强，签名：电子签名，审核：已完成",
    "患者术后改变，病人苏醒，周围水肿呈T2高信号，海马萎缩，增高强化，王冠状，报告如下，审核",
)


@pytest.mark.parametrize("text", MASKED)
def test_what_identifies_a_patient_is_masked(text: str) -> None:
    assert MASKING.text(text) == MASKED[text]


@pytest.mark.parametrize("text", UNMASKED)
def test_what_a_report_says_of_the_brain_stays(text: str) -> None:
    assert MASKING.text(text) == text


@pytest.mark.parametrize("unit", [" ", "a", "张", "，", "1 ", "住 ", "a@"])
def test_a_whole_record_in_one_cell_takes_a_moment(unit: str) -> None:
    text = unit * (200_000 // len(unit))  # by the square of its length it would be hours
    assert len(MASKING.text(text)) <= len(text)


def read(text: str) -> Study:
    return RuleExtractor().read([text])[0].study


def said(study: Study) -> tuple[object, ...]:
    return keys(study.findings), keys(study.negatives), frozenset(change.key for change in study.general)


@cache
def reports() -> list[AnnotatedReport]:
    gold = [report for path in sorted(GOLD.glob("*.jsonl")) for report in read_annotated(path)]
    assert len(gold) > 200
    return gold


def test_masks_neither_make_nor_lose_findings() -> None:
    texts = [report.findings_text for report in (*reports(), *pseudo_reports(200, seed=4))]
    masked = [MASKING.text(text) for text in texts]
    assert sum(map(str.__ne__, texts, masked)) >= 20
    for text, without in zip(texts, masked, strict=True):
        study = read(without)
        assert said(study) == said(read(text))
        read_in_all: tuple[Finding | GeneralFinding, ...] = (*study.findings, *study.negatives, *study.general)
        for finding in read_in_all:
            assert finding.evidence is not None
            assert without[finding.evidence.start : finding.evidence.end] == finding.evidence.text


class Planted(NamedTuple):
    """A phrase with an identifier in it, and the characters of it that must not stay."""

    phrase: str
    secrets: tuple[str, ...]


SURNAMES = "张 王 李 刘 陈 杨 赵 吴 周 徐 欧阳 司马 诸葛 上官".split()
GIVEN = "伟 芳 娜 秀英 建国 晓明 丽华 子轩 桂兰 志强 雪梅 海燕".split()
CHINESE_NAMES = st.builds(str.__add__, st.sampled_from(SURNAMES), st.sampled_from(GIVEN))
NAMES = st.one_of(
    CHINESE_NAMES,
    st.sampled_from(["阿依古丽·买买提", "迪丽热巴·迪力木拉提", "扎西·多吉", "阿卜杜热合曼", "高强", "白雪", "双喜"]),
    st.sampled_from(["ZHANG SAN", "LI XIAOMING", "OUYANG WEI", "Wang Xiao-hong"]),
)
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
BETWEEN = st.sampled_from(["：", ":", " ", "： ", " :", "＝"])
AFTER = st.sampled_from(["。", "，", "；", "\n", "  "])


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


def spelled(number: str) -> st.SearchStrategy[str]:
    return st.sampled_from([number, number.translate(WIDE)])


def labelled(labels: Sequence[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Planted]:
    def plant(label: str, between: str, value: str, after: str) -> Planted:
        return Planted(f"{label}{between}{value}{after}", (value,))

    return st.builds(plant, st.sampled_from(labels), BETWEEN, values, AFTER)


def alone(values: st.SearchStrategy[str]) -> st.SearchStrategy[Planted]:
    return st.builds(lambda value, after: Planted(f"{value}{after}", (value,)), values, AFTER)


BIRTHS = st.builds(
    lambda year, month, day, form: form.format(year, month, day),
    st.integers(1920, 2020),
    st.integers(1, 12),
    st.integers(1, 28),
    st.sampled_from(["{}年{}月{}日", "{}-{:02}-{:02}", "{}/{}/{}", "{}.{:02}.{:02}", "{}{:02}{:02}"]),
)
ID_NUMBERS = st.builds(
    lambda region, year, rest, last: f"{region}{year}0715{rest}{last}",
    st.sampled_from(["110101", "330106", "650102"]), st.integers(1930, 2019), digits(3), st.sampled_from("0123456789X"),
)  # fmt: skip
MOBILES = st.builds(lambda head, tail: f"1{head}{tail}", st.integers(30, 99), digits(8))
SPACED_MOBILES = MOBILES.map(lambda number: f"{number[:3]} {number[3:7]} {number[7:]}")
LANDLINES = st.builds(lambda area, tail: f"{area}-6{tail}", st.sampled_from(["010", "021", "0571"]), digits(7))
HOSPITAL_NUMBERS = st.builds(str.__add__, st.sampled_from(["", "MR", "ZY", "CT2023"]), digits(8))
PLANTED = st.one_of(
    labelled(["姓名", "患者姓名", "名字", "姓 名"], NAMES),
    labelled(["患者", "病人"], CHINESE_NAMES),
    st.builds(
        lambda label, between, name, after: Planted(f"{label}{between}{name}{after}", (name,)),
        st.sampled_from(["报告医师", "审核医师", "主任", "诊断医生", "签名"]),
        st.sampled_from(["：", ":", "： "]), CHINESE_NAMES, AFTER,
    ),
    labelled(["身份证号", "身份证", "证件号码"], ID_NUMBERS.flatmap(spelled)),
    alone(ID_NUMBERS.flatmap(spelled)),
    alone(st.builds(str.__add__, st.sampled_from(["110101850715", "330106"]), digits(9)).map(lambda n: n[:15])),
    labelled(["电话", "联系电话", "手机", "手机号"], st.one_of(MOBILES, SPACED_MOBILES, LANDLINES).flatmap(spelled)),
    alone(st.one_of(MOBILES, SPACED_MOBILES, LANDLINES).flatmap(spelled)),
    labelled(["出生日期", "出生年月", "生日", "DOB"], BIRTHS.flatmap(spelled)),
    labelled(
        ["住院号", "门诊号", "检查号", "影像号", "病历号", "病案号", "登记号", "住 院 号"],
        HOSPITAL_NUMBERS.flatmap(spelled),
    ),
    labelled(["床号"], st.integers(10, 99).map(lambda bed: f"第{bed}床")).map(lambda p: Planted(p.phrase, ())),
    labelled(["邮箱", "E-mail", ""], st.sampled_from(["zhang.san@qq.com", "li_si88@hospital.org.cn"])),
    labelled(["住址", "家庭住址", "地址"], st.sampled_from(["北京市海淀区学院路12号3单元401室", "四川省昭觉县二村"])),
)  # fmt: skip


def placed(report: str, phrases: Sequence[str], rng: random.Random) -> str:
    """The phrases between the sentences of the report, and before and after them."""
    sentences = report.split("。")
    for phrase in phrases:
        at = rng.randint(0, len(sentences) - 1)
        sentences[at] = phrase + sentences[at]
    return "。".join(sentences)


def neutral(planted: Planted) -> str:
    """The phrase with a word instead of the identifier that means nothing."""
    phrase = planted.phrase
    for secret in planted.secrets:
        phrase = phrase.replace(secret, "〔某〕")
    return phrase


def nothing_is_left(planted: list[Planted], number: int) -> None:
    report = reports()[number % len(reports())].findings_text
    text = placed(report, [p.phrase for p in planted], random.Random(number))
    masked = MASKING.text(text)
    for _, secrets in planted:
        for secret in secrets:
            assert secret not in masked, text
    expected = placed(report, [neutral(p) for p in planted], random.Random(number))
    assert said(read(masked)) == said(read(expected)), (text, masked)
    assert MASKING.text(masked) == masked


@settings(max_examples=300, deadline=None)
@given(planted=st.lists(PLANTED, min_size=1, max_size=4), number=st.integers(0, 10_000))
def test_no_identifier_is_left_wherever_it_stands(planted: list[Planted], number: int) -> None:
    nothing_is_left(planted, number)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(planted=st.lists(PLANTED, min_size=1, max_size=4), number=st.integers(0, 10_000))
def test_no_identifier_is_left_in_ten_thousand_texts(planted: list[Planted], number: int) -> None:
    nothing_is_left(planted, number)


def test_ids_are_equal_under_one_key_and_others_under_another() -> None:
    ids = [f"MR{number}" for number in range(1_000)]
    hashed = [MASKING.report_id(report_id) for report_id in ids]
    assert len(set(hashed)) == len(ids)
    assert hashed == [Deidentifier(b"0123456789abcdef").report_id(report_id) for report_id in ids]
    assert set(hashed).isdisjoint(Deidentifier(b"0123456789abcdeF").report_id(report_id) for report_id in ids)
    assert all(len(hashed_id) == 16 and int(hashed_id, 16) >= 0 for hashed_id in hashed)


def test_a_report_does_not_name_its_own_id() -> None:
    (report,) = MASKING.reports([Report("MR240301", f"MR240301 {REPORT}", 7)])
    assert (report.text, report.row) == (f"〔编号〕 {REPORT}", 7)
    assert report.report_id == MASKING.report_id("MR240301")


def test_a_key_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key, new = read_or_create_key(path)
    assert (len(key), new, path.stat().st_mode & 0o777) == (32, True, 0o600)
    assert read_or_create_key(path) == (key, False)
    assert read_or_create_key(tmp_path / "other")[0] != key


def test_what_is_no_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"123")
    for path, sentence in (
        (tmp_path / "short", "holds 3 bytes, and a key has at least 16"),
        (tmp_path, "is a folder: name a file for the key"),
        (tmp_path / "no" / "key", "for the key does not exist: create it"),
    ):
        with pytest.raises(SelipError, match=sentence):
            read_or_create_key(path)


SECRETS = (
    "张建国", "李晓明", "王桂兰", "阿依古丽·买买提", "OUYANG WEI", "11010119850715123X", "13812345678", "010-62345678",
    "1960年5月12日", "ZY20231234", "zhang.san@qq.com", "海淀区学院路12号", "MR99887700", "2023-05-12",
)  # fmt: skip
HEADERS = (
    "姓名：张建国，性别：男，住院号：ZY20231234，身份证号：11010119850715123X。",
    "患者李晓明，出生日期：1960年5月12日，电话：13812345678，010-62345678。",
    "姓名：阿依古丽·买买提，家庭住址：北京市海淀区学院路12号3单元401室。",
    "Name: OUYANG WEI, E-mail: zhang.san@qq.com。与2023-05-12片比较：",
    "检查号：MR99887700。王桂兰医师。",
)


def write_reports(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["检查号", "影像所见"])
        for n in range(7700, 7700 + count):
            rows.writerow((f"MR9988{n:04}", f"{HEADERS[n % len(HEADERS)]}{REPORT}第{n}例。"))


def left_in(folder: Path, database: str) -> set[str]:
    """The secrets that stand in the bytes of the database and of what lies beside it."""
    files = list(folder.glob(f"{database}*"))
    assert files
    content = b"".join(file.read_bytes() for file in files)
    return {secret for secret in SECRETS if secret.encode() in content}


def values_of(database: Path) -> str:
    """Every value of every table and view."""
    with read_store(database) as connection:
        names = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
        return "\n".join(str(connection.execute(f'FROM "{name}" ORDER BY ALL').fetchall()) for (name,) in names)


@pytest.fixture
def selip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run the command on reports.csv with the rules in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    write_reports(tmp_path / "reports.csv", 50)
    return partial(command(main, monkeypatch, capfd), "reports.csv", "--extractor", "rules")


def test_nothing_that_identifies_a_patient_is_stored_or_printed(selip: Command, tmp_path: Path) -> None:
    assert selip("--db", "plain.duckdb")[0] == 0
    assert not [secret for secret in SECRETS if secret not in values_of(tmp_path / "plain.duckdb")]
    assert "MR99887700" in left_in(tmp_path, "plain.duckdb")  # the others are compressed
    code, out, err = selip("--deidentify", "key", "--db", "masked.duckdb")
    assert code == 0
    assert "A new key is in key: it links ids to patients again, so keep it apart from the database.\n" in out
    assert left_in(tmp_path, "masked.duckdb") == set()
    assert not [secret for secret in SECRETS if secret in out + err + values_of(tmp_path / "masked.duckdb")]
    found = "SELECT modality, side, site, signal, count(*) FROM findings GROUP BY ALL ORDER BY ALL"
    with read_store(tmp_path / "plain.duckdb") as plain, read_store(tmp_path / "masked.duckdb") as masked:
        assert plain.execute(found).fetchall() == masked.execute(found).fetchall()
        assert masked.execute(
            "SELECT count(*) FROM findings JOIN reports USING (report_id) "
            "WHERE text[evidence_start + 1 : evidence_end] <> evidence"
        ).fetchall() == [(0,)]


def test_a_database_keeps_to_the_key_that_it_was_begun_with(selip: Command, tmp_path: Path) -> None:
    selip("--deidentify", "key", "--db", "masked.duckdb")
    code, out, _ = selip("--deidentify", "key", "--db", "masked.duckdb")
    assert code == 0
    assert "50 already in the database" in out
    assert "key:" not in out
    selip("--db", "plain.duckdb")
    before = values_of(tmp_path / "masked.duckdb")
    for arguments, sentence in (
        (("--db", "masked.duckdb"), "are de-identified: give --deidentify with the same key"),
        (("--db", "masked.duckdb", "--deidentify", "other"), "are de-identified with another key"),
        (("--db", "plain.duckdb", "--deidentify", "key"), "came in as they were: leave --deidentify out"),
    ):
        code, _, err = selip(*arguments)
        assert (code, err.count("\n")) == (1, 1)
        assert sentence in err
    assert values_of(tmp_path / "masked.duckdb") == before


def test_corrections_of_unmasked_reports_do_not_come_into_a_masked_database(selip: Command, tmp_path: Path) -> None:
    selip("--deidentify", "key", "--db", "masked.duckdb")
    selip("--db", "plain.duckdb")
    for name in ("plain", "masked"):
        with read_store(tmp_path / f"{name}.duckdb") as connection:
            write_annotated(tmp_path / f"{name}.jsonl", stored_studies(connection, 1))
    before = values_of(tmp_path / "masked.duckdb")
    masked, plain = ((tmp_path / f"{name}.jsonl").read_text("utf-8") for name in ("masked", "plain"))
    (tmp_path / "mixed.jsonl").write_text(masked + plain.splitlines(keepends=True)[0], encoding="utf-8")
    for file in ("plain.jsonl", "mixed.jsonl"):
        code, out, err = selip("--import-corrections", file, "--db", "masked.duckdb")
        assert (code, out, err) == (
            1,
            "",
            f"{file} holds reports with other ids or texts than masked.duckdb, which is de-identified: import only "
            "what was corrected on a review page made of this database.\n",
        )
    assert values_of(tmp_path / "masked.duckdb") == before
    assert left_in(tmp_path, "masked.duckdb") == set()
    assert selip("--import-corrections", "masked.jsonl", "--db", "masked.duckdb")[0] == 0
    assert not [secret for secret in SECRETS if secret in values_of(tmp_path / "masked.duckdb")]


COMMAND = [SELIP_EXTRACT, "reports.csv", "--extractor", "rules", "--batch-size", "128", "--db"]


def kill_at_work(folder: Path, database: str, *options: str) -> None:
    """Begin to extract reports.csv and kill -9 while batches are written."""
    command = [*COMMAND, database, *options]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = folder / f"{database}.wal"
    while process.poll() is None and not (log.exists() and log.stat().st_size > 500_000):
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -9
    assert log.exists()


def test_a_killed_run_leaves_no_identifier_and_lets_none_in(tmp_path: Path) -> None:
    write_reports(tmp_path / "reports.csv", 1_500)
    kill_at_work(tmp_path, "plain.duckdb")
    assert left_in(tmp_path, "plain.duckdb") == set(SECRETS)
    kill_at_work(tmp_path, "masked.duckdb", "--deidentify", "key")
    assert left_in(tmp_path, "masked.duckdb") == set()
    command = [*COMMAND, "masked.duckdb"]
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "give --deidentify with the same key" in refused.stderr
    again = subprocess.run([*command, "--deidentify", "key"], cwd=tmp_path, capture_output=True, check=True)
    assert not [secret for secret in SECRETS if secret.encode() in again.stdout + again.stderr]
    assert left_in(tmp_path, "masked.duckdb") == set()
    assert not [secret for secret in SECRETS if secret in values_of(tmp_path / "masked.duckdb")]
