"""What in a report tells who the patient is, or who signed it: where it stands, and the neutral words in its place."""

import re
from functools import cache
from typing import NamedTuple


class Mask(NamedTuple):
    """Characters [start, end) of a text and what is to stand there instead."""

    start: int
    end: int
    instead: str


NAME, NUMBER, ID_NUMBER, PHONE, BIRTH, MAIL, ADDRESS = (
    f"〔{what}〕" for what in ("姓名", "编号", "证件号", "电话", "出生日期", "邮箱", "地址")
)

_DONE = "\0"
_HAN = "[㐀-䶿一-鿿\U00020000-\U000323af]"
_UNIT = r" ?(?:mm|cm|ml|ms|m/s|毫米|厘米|公分|×|[xX*])"

# The names under which the identifiers of hospitals go; a blank may stand between any two characters.
_NUMBER_LABELS = (
    "住院号 住院号码 病案号 病历号 病例号 门诊号 门急诊号 急诊号 就诊号 就诊卡号 诊疗卡号 登记号 挂号号 申请号 申请单号 检查号 "
    "检查编号 检查单号 检查流水号 影像号 影像编号 放射号 放射编号 流水号 报告号 报告编号 报告单号 片号 序号 条码号 标本号 体检号 体检编号 "
    "床号 床位号 卡号 医保号 医保卡号 社保号 社保卡号 工号 患者编号 病人编号 患者号 病人号 患者ID 病人ID ID号 MR号 MRI号 CT号 X线号 PACS号 "
    "PatientID AccessionNumber AccessionNo Accession MRN ID"
).split()
_ID_LABELS = "居民身份证号码 居民身份证号 身份证号码 身份证号 身份证 证件号码 证件号 护照号码 护照号 护照".split()
_PHONE_LABELS = (
    "联系电话 家庭电话 电话号码 电话 手机号码 手机号 手机 联系方式 传真 微信号 微信 QQ号 QQ Telephone Tel Phone Mobile"
).split()
_BIRTH_LABELS = "出生日期 出生年月日 出生年月 出生时间 出生于 出生 生日 生于 DateOfBirth BirthDate Birthday DOB".split()
_ADDRESS_LABELS = (
    "家庭住址 家庭地址 现住址 现住地址 住址 居住地址 居住地 联系地址 通讯地址 通信地址 户籍地址 户籍所在地 户籍地 户籍 户口所在地 地址 "
    "籍贯 出生地 工作单位"
).split()
_SURNAMES = "张王李刘陈杨赵吴徐孙朱胡郭林罗郑梁谢宋唐许韩冯邓曹彭萧蔡潘袁董苏叶吕魏蒋杜丁沈姜傅钟卢戴崔陆廖姚邹孟秦薛尹雷黎陶贺郝龚邵钱覃莫汤侯周"
_DOUBLE_SURNAMES = (
    "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 令狐 慕容 司徒 夏侯 端木 宇文 长孙 轩辕 独孤 南宫 闻人 呼延 拓跋 百里 东郭 西门 澹台 申屠 "
    "太史 淳于 公冶 公羊 钟离 濮阳 赫连 鲜于 第五"
).split()
_NO_NAMES = "苏醒|许多|许久|周围|周身|周边|周期|陈述|陈旧|孙子|孙女|叶状|雷同|林立|唐氏|周后|周前|高级"
# What is told of a patient where a name may stand, none of which begins like a name (安静 is not here: it may be one).
_STATES = (
    "配合 合作 意识 神志 神清 清醒 苏醒 嗜睡 昏睡 昏迷 躁动 烦躁 谵妄 状态 状况 情况 一般 精神 言语 语言 步态 肢体 四肢 偏瘫 瘫痪 抽搐 癫痫 发热 高热 "
    "发烧 头痛 头晕 头昏 眩晕 呕吐 恶心 咳嗽 外伤 车祸 摔伤 坠落 跌倒 中风 卒中 高血压 糖尿病 冠心病 肿瘤 术后 术前 术中 产后 产前 妊娠 孕妇 复查 复诊 "
    "初诊 就诊 随访 体检 体位 体内 平卧 仰卧 俯卧 屏气 憋气 呼吸 吸氧 镇静 麻醉 耐受 运动 移动 活动 伪影 幽闭 恐惧 义齿 假牙 金属 带管 插管 气管 留置 "
    "儿童 小儿 幼儿 婴儿 婴幼儿 新生儿 早产 老年 青年 中年 成人 成年 明显 好转 加重 稳定 缓解 不 无 未 欠 已 待 难以 能够 能配合 能合作 能耐受 可配合 "
    "可合作 可耐受 尚可 尚能 基本 拒绝 同意 要求 陪同 陪护 代诉 在场 电子 通过 会诊"
).split()
_STATE = f"(?:{'|'.join(_STATES)})"
_STATE_AFTER_A_NAME = f"(?:{'|'.join(state for state in _STATES if len(state) > 1)})"
_STOP = (
    r"(?:[左右双两](?:侧|额|顶|颞|枕|基|小|丘|脑|大|岛|放|半|海|眼|耳|上|下|肢)|头颅|颅脑|头部|脑|平扫|增强|扫描|临床|诊断|主诉|病史|性别|"
    r"年龄|民族|职业|科室|病区|检查|影像|住院|门诊|床号|电话|手机|住址|地址|出生|身份|报告|审核|登记|编号|日期|时间|男性|女性|先生|女士|"
    r"T[12]|MR|CT|DWI|FLAIR)"
)
_AFTER_A_NAME = rf"(?={_STOP}|{_STATE_AFTER_A_NAME}|[男女因于行以]|入院|来诊|来院|既往|本次|此次|今|为|见|(?!{_HAN}))"
_BOUNDARY = rf"(?!{_HAN})"
_NO_WORDS_OF_NAMES = r"(?!(?:FLAIR|DWI|ADC|SWI|SWAN|TOF|GRE|MRI?|MRA|MRV|MRS|CTA?|WI|STIR|PWI|ASL|MRN|ID)(?![A-Za-z]))"


def _any_of(labels: list[str]) -> str:
    """Any of the labels, the long ones first, with blanks inside."""
    spaced = [" *".join(map(re.escape, label)) for label in sorted(labels, key=len, reverse=True)]
    return rf"(?<![A-Za-z])(?:{'|'.join(spaced)})"


_TAGS = r"(?:</?\w{1,6}>)*"
_AFTER_LABEL = _TAGS + r"[ \])}】>]*(?:号码)?[:=#]*" + _TAGS + r" *(?:[为是](?=[ A-Z\d+(])|No\.?:?)? *"
_LATIN = rf"{_NO_WORDS_OF_NAMES}[A-Za-z][A-Za-z'’-]*(?![A-Za-z\d])"
_MORE_LATIN = rf"(?:[ ,.]{{1,2}}{_NO_WORDS_OF_NAMES}[A-Z][A-Za-z'’-]*(?![A-Za-z\d]))"
_DOTTED = rf"(?:(?!{_STOP}){_HAN}){{1,10}}(?: ?[·•・‧∙] ?(?:(?!{_STOP}){_HAN}){{1,10}})+|(?:(?!{_STOP}){_HAN}){{2,6}}\.(?:(?!{_STOP}){_HAN}){{2,6}}{_BOUNDARY}"
_CHINESE = rf"(?!{_STOP}|[男女](?:性|{_BOUNDARY})|{_NO_NAMES}){_HAN}"
_AFTER_COLON = (
    rf"(?:{_DOTTED}|{_CHINESE}(?:(?!{_STOP}){_HAN}){{1,3}}{_BOUNDARY}|{_CHINESE} {{1,3}}(?!{_STOP}|[男女]){_HAN}{{1,2}}{_BOUNDARY}|"
    rf"{_CHINESE}{_HAN}{{1,3}}?(?={_STOP}|{_STATE_AFTER_A_NAME}|[男女])|{_LATIN}{_MORE_LATIN}{{0,3}})"
)
_AFTER_NAME_LABEL = rf"(?:{_AFTER_COLON}|{_CHINESE}{_HAN}{{4,9}}{_BOUNDARY}|{_CHINESE}{_HAN}{{1,2}})"
_SURNAMED = (
    rf"(?!{_NO_NAMES})(?:(?:{'|'.join(_DOUBLE_SURNAMES)}){_HAN}{{1,2}}?|[{_SURNAMES}]{_HAN}{{1,2}}?){_AFTER_A_NAME}"
)
_NAME_LABEL = r"(?:姓 *名|名 *字|(?<![A-Za-z])(?:Patient(?:'s)? *)?Name(?![A-Za-z]))"
_PERSON = r"(?:患 *[者儿]|病 *[人员]|受 *检 *者|被 *检 *者|(?<![A-Za-z])Patient)"
_RELATED = r"(?:联 *系 *人|监 *护 *人|家 *属|申 *请 *人|送 *检 *人)"
_SIGNING = (
    r"(?:(?:(?:报告|审核|诊断|审签|审阅|书写|记录|检查|操作|主治|主管|副主任|主任|上级|复核|会诊|申请|送检|住院|经治|管床|影像|阅片|扫描|摄片) *)?"
    r"(?:医 *师|医 *生|大夫|技师|护士|主任|教授|报告者|审核者|诊断者|检查者|记录者|操作者|阅片者|报告人|审核人|诊断人|记录人|检查人)"
    r"(?:签名|签字)?|签 *名|签 *字|审核|复核|审阅|阅片)"
)
_TIME = r"(?:[ T]*\d{1,2}(?::\d\d(?::\d\d(?:\.\d+)?)?|时\d{1,2}分(?:\d{1,2}秒)?))?"
_SINO = "〇零○一二三四五六七八九十廿卅"
_VALUE = (
    r"(?:[加+第] ?)?(?=[A-Za-z]{0,6}[-_/. ]?\d)(?:[A-Za-z]{1,4} (?=\d{4}))?[A-Za-z\d]"
    r"(?:(?:[-_](?=[A-Za-z]{0,3}\d{2})|[/.](?=\d)|-(?=\d))?[A-Za-z\d])*(?: \d{2,}(?![\dA-Za-z年月×*/-]|[.:]\d))*"
)
_PHONE_VALUE = r"[+(]?\d(?:[-() ]{0,2}\d){4,17}(?![\d.])|(?<=:)[A-Za-z][\w-]{5,19}"
_BIRTH_VALUE = (
    rf"(?:约|于|在)? ?[\d{_SINO}]{{1,4}} ?[-./年, ] ?[\d{_SINO}]{{1,4}}(?: ?[-./月, ] ?[\d{_SINO}]{{1,4}} ?[日号]?|月)?"
    rf"{_TIME}|\d{{8}}|\d{{4}} ?年?|\d{{1,2}} ?[A-Za-z]{{3,9}}[ ,]+\d{{4}}|[A-Za-z]{{3,9}} \d{{1,2}}[ ,]+\d{{4}}"
)
_FULL_DATE = rf"[\d{_SINO}]{{2,4}} ?[-./年] ?[\d{_SINO}]{{1,3}} ?[-./月] ?[\d{_SINO}]{{1,3}} ?[日号]?"
_ADDRESS_PART = (
    rf"(?![ :=])(?:(?!{_STOP}|姓名|联系|民族|籍贯|邮编|  |(?<=[室号楼村乡镇]) )[^,。;\n〔〕{_DONE}]){{2,80}}"
    rf"(?:, ?(?!{_STOP})(?=[^,。;\n{_DONE}]{{0,30}}?(?:[省市县镇乡村街弄巷栋幢]|路\d|\d ?号|\d ?室|单元))[^,。;\n〔〕{_DONE}]{{2,40}})*"
)

# In this order, each over what those before have left; what is named `it` is masked.
_SPELLINGS: tuple[tuple[str, str], ...] = (
    (MAIL, r"(?P<it>[A-Z\d][A-Z\d_.+-]{0,63}@[A-Z\d-]{1,63}(?:\.[A-Z\d-]{1,63})+)"),
    (ADDRESS, rf"{_any_of(_ADDRESS_LABELS)}{_AFTER_LABEL}(?P<it>{_ADDRESS_PART})"),
    (BIRTH, rf"{_any_of(_BIRTH_LABELS)}{_AFTER_LABEL}(?P<it>{_BIRTH_VALUE})"),
    (BIRTH, rf"(?<!\d)(?P<it>{_FULL_DATE})(?= ?(?:出生|生(?![长理化])))"),
    (ID_NUMBER, rf"{_any_of(_ID_LABELS)}{_AFTER_LABEL}(?P<it>[A-Z]{{0,3}}\d(?:[ -]?\d){{5,17}}(?:[ -]?X)?(?![\d.]))"),
    (PHONE, rf"{_any_of(_PHONE_LABELS)}{_AFTER_LABEL}(?P<it>{_PHONE_VALUE})"),
    (NUMBER, rf"{_any_of(_NUMBER_LABELS)}{_AFTER_LABEL}(?P<it>{_VALUE})"),
    (ID_NUMBER, r"(?<![\d.])(?P<it>\d{17}[\dX]|\d{15})(?![\d.])"),
    (ID_NUMBER,
        r"(?<![\d.])(?P<it>[1-9](?:[ -]?\d){5}[ -]?(?:1[ -]?9|2[ -]?0)(?:[ -]?\d){2}[ -]?[01](?:[ -]?\d){6}[ -]?[\dX]"
        r"|[1-9](?:[ -]?\d){7}[ -]?[01][ -]?\d[ -]?[0-3](?:[ -]?\d){4})(?![\d.])"),
    (PHONE,
        rf"(?<![\d.])(?P<it>(?:(?:\+|00)86[ -]?)?1[ -]?[3-9] ?\d(?:[ -]?\d{{4}}){{2}}|1[3-9]\d[ -]\d{{3}}[ -]\d{{5}}"
        rf"|1 [3-9](?: \d){{9}})(?![\d.]|{_UNIT})"),
    (PHONE,
        rf"(?<![\d.-])(?P<it>(?:(?:\+|00)86[ -]?)?(?:\(0\d{{2,3}}\) ?|0\d{{2,3}} ?- ?|0\d{{2,3}} ?)[2-9]\d{{2,3}}[ -]?\d{{4}}"
        rf"(?:(?:-|转)\d{{1,6}})?)(?![\d.]|{_UNIT})"),
    (PHONE, r"(?<![\d=-])(?P<it>[48]00-\d{3,4}-?\d{3,4})(?![\d-])"),
)  # fmt: skip
_DATES: tuple[tuple[str, str], ...] = (
    ("", rf"(?<!\d)(?:19|20)\d\d ?[-./年] ?\d{{1,2}} ?月(?P<it> ?\d{{1,2}}(?: ?[日号]|(?!\d|\.\d|{_UNIT})){_TIME})"),
    ("", rf"(?<!\d)(?:19|20)\d\d ?[-./年] ?\d{{1,2}}(?P<it> ?[-./] ?\d{{1,2}}(?!\d)(?: ?[日号])?{_TIME})"),
    ("", rf"(?:[{_SINO}]{{4}}|[{_SINO}]{{2}}) ?年 ?[{_SINO}]{{1,3}} ?月(?P<it> ?[{_SINO}]{{1,3}} ?[日号])"),
    ("00", r"(?<!\d)\d{1,2} ?月 ?(?P<it>\d{1,2})(?= ?[日号])"),
    (
        "",
        r"(?<![\d.])\d\d([-./])(?:0?[1-9]|1[0-2])(?P<it>\1(?:0?[1-9]|[12]\d|3[01]))(?= ?(?:日|旧?片|MR|CT|检查|对比|比较))",
    ),
    ("", r"(?<![\d.])(?P<it>\d{1,2}[-/]\d{1,2}[-/])(?=(?:19|20)\d\d(?!\d))"),
    (
        r"\g<year>-\g<month>",
        r"(?<![\dA-Z.])(?P<it>(?P<year>(?:19|20)\d\d)(?P<month>0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?)(?![\dA-Z.])",
    ),
)
_LONG_NUMBER = rf"(?<![\d.])(?P<it>\d{{9,}})(?![\d.]|{_UNIT})"
_NAMES = (
    rf"(?i:{_NAME_LABEL}){_TAGS}[ \])}}】>]*[:=]?{_TAGS} *(?P<it>{_AFTER_NAME_LABEL})",
    rf"(?i:{_PERSON}|{_RELATED})[ \])}}】>]*[:=] *(?!{_STATE})(?P<it>{_AFTER_COLON})",
    rf"(?i:{_NAME_LABEL}) *[:=]? *\n *(?P<it>{_SURNAMED})",
    rf"(?m:^) *(?P<it>{_SURNAMED})(?=[, ]+[男女]性?[, ]*\d{{1,3}} ?岁)",
    rf"(?:{_PERSON}|{_RELATED}) *(?P<it>{_SURNAMED}|{_DOTTED}|{_NO_WORDS_OF_NAMES}[A-Z]{{2,}}(?: {_NO_WORDS_OF_NAMES}[A-Z]{{2,}}(?![A-Za-z\d])){{1,3}})",
    rf"{_SIGNING} *[:=] *(?!{_STATE})(?P<it>{_AFTER_COLON}(?: ?[/、,] ?{_SURNAMED}){{0,3}})",
    rf"(?:医师|医生|技师|主任)(?:签名|签字)? *(?P<it>{_SURNAMED})",
    rf"(?:(?<!{_HAN})|(?<=[经请由与示]))(?P<it>(?!{_NO_NAMES})[{_SURNAMES}]{_HAN}{{0,2}}?)"
    r"(?=(?:副?主任|主治|住院)?(?:医师|医生|大夫|教授|主任|技师))",
)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What is masked by its spelling, compiled where it is first needed: that takes a tenth of a second."""
    spellings = (*_SPELLINGS, *_DATES, (NUMBER, _LONG_NUMBER))
    return tuple((instead, re.compile(spelling, re.IGNORECASE)) for instead, spelling in spellings)


@cache
def _name_patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, _NAMES))


class _OneWidth(dict[int, str]):
    """By code point the character to read it as: half width, every blank a space, every dash a hyphen."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if 0xFF01 <= code <= 0xFF5E:
            read = chr(code - 0xFEE0)
        elif character in "\n\r":
            read = "\n"
        elif character.isspace() or character in "\u200b\u200c\u200d\u2060\ufeff\u00ad":
            read = " "
        else:
            read = "-" if character in "‐‑‒–—―−" else character
        self[code] = read
        return read


_ONE_WIDTH = _OneWidth()


def identifiers(text: str) -> list[Mask]:
    """Everything in the text that is to be masked, in order and without overlap."""
    rest = text.translate(_ONE_WIDTH)
    masks: list[Mask] = []

    def take(pattern: re.Pattern[str], instead: str) -> list[Mask]:
        """Mask what it matches in what is left."""
        nonlocal rest
        found = [Mask(*match.span("it"), match.expand(instead)) for match in pattern.finditer(rest)]
        for start, end, _ in found:
            rest = rest[:start] + _DONE * (end - start) + rest[end:]
        masks.extend(found)
        return found

    for instead, pattern in _patterns():
        take(pattern, instead)
    named = [text[mask.start : mask.end] for pattern in _name_patterns() for mask in take(pattern, NAME)]
    names = {name.strip() for several in named for name in re.split("[/、,，]", several)}
    for name in sorted(filter(_is_a_name_anywhere, names), key=len, reverse=True):
        take(re.compile(f"(?P<it>{re.escape(name)})"), NAME)
    return sorted(masks)


def _is_a_name_anywhere(name: str) -> bool:
    """Whether these characters are no part of what a report says of the brain: then they are masked without a label."""
    # The lexicon takes a moment to load, and the command names this module in its --help.
    from selip_extract.language.lexicon import words

    if len(name) < (2 if name[:1] in _SURNAMES else 3):
        return False
    return not any(name in word or (len(word) > 1 and word in name) for word in words())
