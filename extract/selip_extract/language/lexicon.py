"""The words that carry meaning in a head-MRI report, each with the tokens it stands for."""

from collections.abc import Collection
from functools import cache
from itertools import product
from math import log
from typing import Literal, NamedTuple

import jieba

from selip_contracts.vocabulary import CHANGES, SITES, Modality

Kind = Literal[
    "site", "layer", "side", "post_side", "sequence", "signal", "enhancement", "restriction",
    "change", "negation", "abnormal", "normal", "lesion", "cue", "verb", "elsewhere", "size", "date",
    "mark", "punctuation", "stop", "other",
]  # fmt: skip


class Meaning(NamedTuple):
    """What a word stands for: a kind and the canonical value within it."""

    kind: Kind
    value: str


LOBES = {"额": "额叶", "顶": "顶叶", "颞": "颞叶", "枕": "枕叶", "岛": "岛叶"}
SINGLE_CHARACTER_LOBES = frozenset(LOBES)

SITE_VARIANTS = {
    "半卵圆中心": "半卵园中心 半卵圆区",
    "侧脑室旁": "侧脑室体部旁 侧脑室周边 侧脑室周 侧脑室旁脑白质 脑室旁白质 脑室周边 侧脑室体周围 侧脑室体部周围 侧脑室边缘白质 侧脑室周围白质 脑室周围白质",
    "侧脑室前角旁": "侧脑室前角边缘 侧脑室前角旁白质 侧脑室额角周围 侧脑室前角周边",
    "侧脑室后角旁": "侧脑室后角边缘 侧脑室后角旁白质 侧脑室枕角周围 侧脑室三角区周围 侧脑室三角部旁 侧脑室后角周边",
    "侧脑室": "侧脑室颞角 侧脑室枕角 侧脑室额角 侧脑室下角 侧脑室三角部 侧脑室体 侧脑室房部",
    "基底节区": "基底节核团 基底神经节区 基低节区 基底结区",
    "岛叶": "岛叶皮层 岛叶皮质 脑岛叶",
    "海马": "海马旁回 海马尾 海马区域 海马体部 海马头部 海马尾部",
    "脑室系统": "脑室系 诸脑室 双侧及三四脑室",
    "脑沟": "脑沟脑裂 脑沟裂池 脑沟回 脑沟及脑裂 脑裂 脑沟、裂 脑沟、脑裂 脑沟及裂池 脑沟、裂池 脑沟脑池",
    "外侧裂": "大脑外侧裂 外侧裂区 侧裂",
    "硬膜下": "硬脑膜下 硬膜下间隙 颅骨内板下方 内板下 硬膜下区",
    "硬膜外": "硬膜外腔 硬脑膜外 硬膜外间隙",
    "头皮": "头皮下软组织 头皮及皮下软组织",
    "副鼻窦": "各副鼻窦 鼻副窦 诸鼻窦",
    "小脑蚓部": "小脑上蚓部 小脑下蚓部 小脑上蚓 小脑下蚓",
    "桥小脑角区": "CPA",
    "脑桥": "脑桥基底部 脑桥被盖 脑桥部",
    "脑白质": "大脑白质 深部脑白质 深部白质区 白质区 脑白质内 脑深部白质",
    "皮层下": "皮质下区 皮层下脑白质 皮质下脑白质 皮下白质",
    "颅骨": "颅盖骨 颅骨骨质 颅骨板障 颅骨内外板",
    "中线结构": "脑中线结构 脑中线 大脑中线结构",
    "脑膜": "脑脊膜",
    "脑实质": "脑组织 全脑 全脑实质 其余脑实质 余脑组织 双侧脑实质",
    "蛛网膜下腔": "蛛网膜下隙",
    "脑池": "脑干周围脑池 基底池 各脑池",
    "桥臂": "脑桥臂",
    "扣带回": "扣带",
    "胼胝体": "胼胝体区",
    "鞍区": "鞍底",
    "眼眶": "球后",
}  # fmt: skip

# words that hold the letters of a site without naming it
NOT_SITES = (
    "颅内段 颅内各段 枕骨大孔 枕大孔 颞角 枕角 额角 前额 顶盖前区 岛状 中央型 脑回 脑沟回样 脑脊液 脑膜尾征 硬膜尾征 脑膜尾 硬脑膜尾征 颞浅 胰岛 基底部 "
    "脑外伤 脑出血 脑梗塞 脑梗死 脑肿瘤 脑转移 脑萎缩症 颅脑 头颅 脑干征 小脑幕切迹疝 大脑镰下疝 脑疝 脑血管 血管周围间隙 血管间隙 "
    "脑室腹腔分流 脑室引流 与侧脑室垂直 与侧脑室长轴垂直 与侧脑室壁垂直 与侧脑室体部垂直 垂直于侧脑室 与侧脑室体垂直 侧脑室垂直 血管流空 血管瘤 血管畸形 硬膜囊 鞍隔 颅内压 颅内外 颅内肿瘤 颅内出血 血管影 "
    "脑室炎 脑膜炎 脑膜瘤 血管源性 额外 顶端 大脑导水管 中线两旁 中线旁 近中线 额状位 鼻咽癌 眼眶骨折 开颅 颅脑术"
).split()  # fmt: skip

# what follows one of these is only where a lesion borders or drains
TOWARDS = "汇入 引流至 引流入 引流向 破入 突入 突向 凸向 突至 紧邻 靠近 毗邻 伸向 附着于 附于 紧贴 贴附于 贴附 起自 基底位于 附着 伸入 流入 压向 推挤 平行于 垂直于".split()

BESIDE_BOTH_HORNS = (
    "侧脑室前后角旁 侧脑室前、后角旁 侧脑室前角及后角旁 侧脑室前角、后角旁 侧脑室前后角周围 侧脑室前、后角周围 侧脑室前及后角旁 侧脑室前后角旁白质 侧脑室额角及枕角旁 侧脑室前角和后角旁"
).split()  # fmt: skip

LAYERS = (
    "皮层 皮质 灰质 皮层、皮层下区 皮质、皮质下区 皮层及皮层下区 皮质及皮质下区 皮髓质 皮髓质交界 皮髓质交界区 皮髓交界区 灰白质交界 灰白质交界区 灰白质交界处 皮层区 皮质区 皮层及皮层下 皮质及皮质下 "
    "皮层、皮层下 皮质、皮质下 皮层和皮层下 皮质和皮质下 皮层及皮层下白质 皮质及皮质下白质 皮层及皮下 皮层与皮层下 皮层及白质 皮质及白质 "
    "深部 深部区 深层 皮质及深部白质 皮层下及深部白质 皮质下及深部白质 皮层下、深部白质 皮层、白质 皮层及髓质 髓质 白质及皮层下 灰质及白质 灰、白质 灰白质"
).split()

SIDES = {
    "左侧": "左侧 左", "右侧": "右侧 右", "双侧": "双侧 两侧 左右 左右侧 左右两侧 左、右侧 左侧及右侧 双 两 左右双侧",
}  # fmt: skip
POST_SIDES = {
    side: [f.format(s=s) for s in letter for f in ("偏{s}", "偏{s}侧", "偏{s}份", "{s}侧份", "{s}份", "{s}侧部", "{s}半部", "{s}侧半", "{s}半", "{s}侧缘", "{s}侧部分", "{s}部", "{s}缘", "{s}半侧", "略偏{s}", "稍偏{s}", "{s}旁", "{s}侧旁")]
    for side, letter in (("左侧", "左"), ("右侧", "右"))
}  # fmt: skip
SIDE_OF_NOTHING = [
    f"{a}{s}{b}"
    for s in ("左侧", "右侧", "双侧", "左", "右")
    for a, b in (("以", "为著"), ("以", "为主"), ("", "为著"), ("", "较著"), ("", "较明显"), ("以", "明显"), ("", "更明显"), ("以", "显著"), ("", "为甚"), ("以", "为甚"))
]  # fmt: skip

SEQUENCES: dict[Modality, str] = {
    "FLAIR": "压水 压水像 压水序列 水抑制 水抑制像 水抑制序列 水抑制成像 黑水 黑水像 黑水序列 抑水像 抑水序列 压水相 自由水抑制序列 压水图像 液体衰减反转恢复序列 抑水",
    "DWI": "弥散加权 弥散加权像 弥散加权成像 弥散加权图 弥散加权图像 弥散加权序列 扩散加权 扩散加权像 扩散加权成像 扩散加权图 扩散加权图像 扩散加权序列 弥散像 弥散图 扩散像 弥散序列 弥散成像 扩散成像 弥散 扩散",
    "ADC": "表观弥散系数 表观扩散系数 表观弥散系数图 表观扩散系数图",
    "T1CE": "增强 增强后 增强扫描 增强扫描后 增强检查 强化扫描 强化扫描后 增强像 增强图像 增强序列 注射造影剂后 注入造影剂后 注射对比剂后 注入对比剂后 静脉注射造影剂后 静脉注射对比剂后 静注对比剂后 静注造影剂后 增强后扫描 打药后 增强各期 增强检查后 注药后 静脉注入对比剂后 静脉注入造影剂后 增强动态扫描",
    "SWI": "磁敏感 磁敏感像 磁敏感成像 磁敏感序列 磁敏感加权 磁敏感加权像 磁敏感加权成像 磁敏感加权序列 磁敏感图 磁敏感图像 梯度回波 梯度回波序列",
}  # fmt: skip
HEADINGS = (
    "平扫及增强 平扫加增强 平扫+增强 平扫、增强 平扫和增强 平扫与增强 平扫及增强扫描 平扫加增强扫描 平扫+增强扫描 平扫并增强 平扫后增强 "
    "平扫、增强扫描 平扫和增强扫描 增强扫描序列 平扫+增强+MRA 普通扫描 平扫 扫描序列 检查序列 检查方法 检查技术 增强范围"
).split()

HIGH = {"": "高", "稍": "稍高", "略": "稍高", "等": "稍高", "偏": "稍高", "轻度": "稍高", "轻微": "稍高", "稍稍": "稍高", "较": "高",
        "明显": "高", "显著": "高", "极": "高", "明亮": "高", "很": "高", "甚": "高", "异常": "高", "均匀": "高", "不均匀": "高", "混杂": "高", "明显不均匀": "高",
        "不均匀稍": "稍高", "不均匀略": "稍高", "混杂稍": "稍高", "混杂略": "稍高", "均匀稍": "稍高", "均匀略": "稍高", "异常稍": "稍高", "不均": "高", "不均质": "高", "等稍": "稍高", "等略": "稍高", "淡薄": "高", "淡": "高", "高亮": "高", "明显异常": "高", "亮": "高"}  # fmt: skip
LOW = {a: {"高": "低", "稍高": "稍低"}[s] for a, s in HIGH.items() if a not in ("明亮", "淡薄", "淡", "高亮", "亮")}
CHANGED_HIGH = "增高 升高 增强 增加 高".split()
CHANGED_LOW = "减低 降低 下降 减弱 减少 低".split()
SLIGHTLY = "稍 略 轻度 轻微 稍有 略有 轻 稍微".split()
SIMPLY = ["", "明显", "显著", "异常", "对称性", "弥漫性", "不均匀", "局部", "呈", "均", "明显不均匀", "均匀", "普遍", "显著性", "局限性", "弥漫", "片状", "相应", "弥漫对称性", "较", "亦", "均明显"]  # fmt: skip
TISSUES = "脑实质 脑灰质 灰质 脑白质 白质 脑皮质 皮层 脑皮层 正常脑实质 正常脑组织 脑组织 灰白质 皮质".split()
MIXED = (
    "高低混杂 混杂 高、低混杂 等高混杂 等低混杂 等高低混杂 长短混杂 不均匀 不均 混合 高低不均 高低不等 高低混合 等、高混杂 等、低混杂 高低相间 高等低混杂 高、等、低混杂 稍高、低混杂 高/低混杂 等高低混合 混杂高低 高低不均匀 明显混杂 不均质 极不均匀 明显不均匀"
).split()

RING = "环形 环状 环样 花环样 花环状 不规则环形 明显环形 明显环状 环壁样 厚壁环形 薄壁环形 轻度环形 轻度环状 不均匀环形 均匀环形 环形明显 环状明显 多环状 边缘环形 边缘环状 周边环形 周边环状 类环形 不完整环形 开环状 开环形 不规则环状 厚环状 薄环状".split()
EVEN = "均匀 明显均匀 均匀明显 显著均匀 均匀显著 轻度均匀 均匀性 较均匀 尚均匀 中度均匀 均一 明显较均匀 均匀一致 均匀轻度 均匀中度 明显尚均匀 均匀一致性 明显均匀一致 明显均一".split()
UNEVEN = "不均匀 明显不均匀 不均匀明显 显著不均匀 不均匀显著 轻度不均匀 不均 不均质 不均一 明显不均 欠均匀 不均匀轻度 中度不均匀 明显欠均匀 混杂 不甚均匀 不均匀性 不均匀中度".split()
STRONG = "明显 显著 明显异常 较明显 强烈 明显结节状 明显斑片状 明显片状 明显条状 异常明显 明显线样 明显结节样 显著异常 极明显 十分明显 明显团块状 明显线状 非常明显".split()
WEAK = "轻度 轻微 稍 略 轻中度 轻度异常 轻度斑片状 轻度结节状 轻度线样 轻 微弱 轻度片状 轻至中度 少许 略有 稍有 轻-中度 轻度点状 轻度条状 轻度线状 轻度结节样 弱 淡薄".split()
PLAIN = [
    "", "异常", "中度", "边缘", "周边", "中等", "中等度", "病理性", "局部", "点状", "点线状", "线状", "线样", "结节状", "结节样", "脑回样", "脑回状", "斑片状", "斑点状",
    "片状", "条状", "条片状", "条索状", "花边样", "花边状", "团块状", "斑片样", "小片状", "部分", "弥漫性", "延迟", "渐进性", "点片状", "斑状", "壁", "小结节状", "小结节样", "不规则",
    "不规则形", "不规则状", "环壁", "边缘线样", "絮状", "云絮状", "开放", "明确", "中心", "散在", "多发", "多发结节状", "多发结节样", "持续", "持续性", "较强", "条带状", "弧形", "新月形", "局灶性", "小点状", "沿脑沟", "脑膜样", "蚓状", "蚯蚓状", "小斑片状", "软脑膜", "血管样", "迂曲", "葡萄状", "泥沙样", "树枝状", "羽毛状", "室管膜", "附壁结节样", "壁结节", "片絮状", "裂隙状", "簇状",
]  # fmt: skip

MANNERS_AFTER = {
    "明显": "明显强化", "均匀": "均匀强化", "显著": "明显强化", "不均匀": "不均匀强化", "不均": "不均匀强化", "轻微": "轻度强化",
    "尚均匀": "均匀强化", "较均匀": "均匀强化", "欠均匀": "不均匀强化", "较明显": "明显强化", "呈环形": "环形强化",
}  # fmt: skip

RESTRICTION = "受限 弥散受限 扩散受限 弥散障碍 扩散障碍 弥散异常 扩散异常 弥散明显受限 弥散轻度受限 弥散稍受限 弥散受限信号 弥散受限改变 弥散受限征象 弥散受限表现 扩散明显受限 扩散轻度受限 明显弥散受限 明显扩散受限 轻度弥散受限 水分子弥散受限 水分子扩散受限 弥散运动受限 扩散运动受限 弥散略受限 扩散略受限 弥散稍受限制 弥散受限制 弥散呈受限 水分子弥散运动受限 弥散显著受限 异常弥散受限 弥散显示受限".split()  # fmt: skip

CHANGE_WORDS = {
    "扩大": "扩大 增大 变大 膨大 加宽 囊状扩大 囊性扩大 扩大积水 明显扩大 轻度扩大 稍扩大 略扩大 轻度增大 开大",
    "扩张": "扩张 积水 轻度扩张 明显扩张 扩张积水 略扩张 稍扩张 增粗",
    "变窄": "变窄 变小 缩小变窄 狭小 变扁 稍变窄 略变窄 明显变窄 闭塞变窄 缩窄",
    "增宽": "增宽 加深增宽 增宽加深 增宽、加深 稍增宽 轻度增宽 明显增宽 略增宽 加宽加深 变宽 增深 加深",
    "变浅": "变浅 变浅平 变平 变浅消失 变浅、消失 稍变浅 略变浅 模糊变浅",
    "萎缩": "萎缩 体积缩小 萎缩变小 体积减小 轻度萎缩 稍萎缩 明显萎缩 变薄 体积变小 略萎缩",
    "肿胀": "肿胀 增粗肿胀 脑回肿胀 肿大 稍肿胀 轻度肿胀 明显肿胀 略肿胀 饱满",
    "增厚": "增厚 黏膜增厚 粘膜增厚 粘膜肥厚 肥厚 稍增厚 轻度增厚 明显增厚 软组织增厚 黏膜稍增厚 粘膜稍增厚 黏膜轻度增厚 粘膜轻度增厚 黏膜肥厚 略增厚",
    "移位": "移位 左移 右移 向左移位 向右移位 偏移 向左侧移位 向右侧移位 左偏 右偏 向左偏移 向右偏移 移位征 稍左移 稍右移 略左移 略右移 轻度左移 轻度右移 明显左移 明显右移 向对侧移位 偏位 轻度移位 明显移位 略移位 稍移位 下移 上移 下疝 局部左移 局部右移 向左侧偏移 向右侧偏移 左侧移位 右侧移位",
    "受压": "受压 受压变窄 受压变形 受压移位 稍受压 轻度受压 明显受压 受推移 推移 略受压 受推压 受压改变 受挤压 受压推移 受压、变形 受压上抬 受压、推移",
    "积液": "积液 少量积液 少许积液 积脓 积血",
    "积气": "积气",
    "缺损": "缺损 骨质缺损 局部缺损 部分缺损 骨质不连续 缺如",
    "占位": "占位 占位性病变 占位病变",
    "狭窄": "狭窄 轻度狭窄 重度狭窄 中度狭窄 明显狭窄 变细 局限性狭窄 管腔狭窄 稍狭窄 纤细",
    "闭塞": "闭塞 未显影 中断 闭锁",
    "其他": "",
}  # fmt: skip
assert set(CHANGE_WORDS) == set(CHANGES)

NEGATIONS = (
    "不伴 不伴有 未伴 未伴有 未见 未见明显 未见明确 未见确切 未见显著 未见明显的 未见异常的 无 没有 未发现 未及 未示 未显示 不见 未见到 未见确定 未见典型 无明显 无明确 未见有 未出现 未探及 未检出 未观察到 未见任何 "
    "均未见 均无 亦未见 也未见 均未见明显 未明确见 未见确切的 未查见 未提示 无确切 未见肯定 未见可疑 未再见 未有 并无 并未见 未呈 不呈 无异常的 仍未见 尚未见 均未 未能见 无显著 未见显示"
).split()
ABNORMAL = "异常信号 异常信号影 异常信号灶 异常 信号异常 异常改变 异常影 异常灶 信号改变 信号变化 异常信号改变 局灶性信号异常 局灶性异常信号 异常病灶 局灶性信号改变 异常信号区 异常信号病灶".split()
NORMAL = "未受累 未受侵 未累及 不受累 不扩大 不增宽 不扩张 不宽 不肿大 不增厚 不移位 正常 如常 信号正常 信号均匀 居中 对称 清楚 清晰 良好 自然 不大 规则 完整 光滑 通畅 无殊 适中 均匀一致 无特殊".split()
# a lesion called by its noun, which may point back to one already described, and words that always bring in a signal
LESION = (
    "病灶 病变 灶 结节 肿块 囊肿 软化灶 腔隙灶 出血灶 血肿 囊腔 肿物 占位影 团块 梗死灶 梗塞灶 缺血灶 囊变 坏死 病损 结节影 肿块影 腔隙影 结节灶 病灶区 脱髓鞘灶 强化灶 异常强化灶 转移灶 转移瘤 斑块 钙化 钙化灶 微出血灶 囊性灶 "
    "囊性病变 囊性病灶 病变区 挫伤灶 脓肿 团块影 肿瘤 软化 腔隙性梗死灶 腔梗灶 病灶影 术区 术腔 残腔 血管周围间隙 实性部分 囊性部分 囊实性肿块 囊实性病灶 实质部分 囊变区 坏死区 瘤体 瘤周 小灶 点状灶 片状灶 斑点灶 斑片灶 脑软化灶 囊状影 囊状灶 积液影 斑片影 点状影 片状影 斑点影 结节病灶 损伤灶 病灶者 低信号灶 脑梗死灶 脑梗塞灶 血肿影 出血 囊性信号 包块 实性成分 囊性成分 瘤灶 损害 裂隙灶 小结节 占位灶 信号灶 信号影 者 肿块影 瘤 "
).split()  # fmt: skip
CUES = {
    "部分": "部分 部份 部分病灶 少部分 大部分 个别 个别病灶 部分结节 局部 部分者 少数 多数 部分区域 一部分 另一部分 大部 小部分 某些",
    "其中": "其中",
    "其余": "其余 其余两处病灶 其余两处 其余三处病灶 余两处病灶 其余数个病灶 余 余下 其它 其他 剩余 余者 其余各 余各 余病灶 其余病灶 其他病灶 其它病灶 余下病灶 余灶 余部 其余部分 其余者 余病变 其余病变 余诸 余多发 其余各病灶 余各病灶 余结节 其余结节 其余诸 余均 其余均",
    "上述": "上述 以上 上诉 前述 各病灶 诸病灶 所有 全部 所见 该 此 此病灶 该病灶 该处 此处 上述各 上述诸 以上各 两者 二者 两处 上述部位 上述区域 以上部位 所述 两病灶 两处病灶 诸灶 各灶 多数病灶 其 所有病灶 全部病灶 三者 上述者 二处 均为 该区 该灶 此灶 双灶 病灶均 病变均 该肿块 该结节 该病变 此病变 上述病变 上述病灶 以上病灶 前述病灶 各部位 三处 四者 各处",
    "前者": "前者 前一病灶 前一者 前一处",
    "后者": "后者 后一病灶 后一者 后一处",
    "仅": "仅 只有 仅有 仅见 仅于 唯",
    "同上": "同上 同前述 信号同上 信号特点同上 信号特征同上 信号同前 信号表现同上 同上述 与上述相同 信号与上述相同 信号与前述相同 性质同上 信号改变同上 信号特点同前 与前述病灶相同 信号与上述病灶相同 信号与前述病灶相同 同上述病灶 信号同上述病灶 信号特点同上述病灶 信号与之相同 信号与前者相同 信号同前者 信号与前者相仿 与前者相同 信号与上述病灶相似 信号与上述病灶相仿 信号与上述相仿 信号与前者相似 与之相似 与之相仿 信号同前述 信号与前述病灶相仿 信号与前述病灶一致 信号与上述病灶一致 信号与上述一致 信号与前者一致 信号类似 信号与其相同 信号与其相似 信号同前述病灶 信号表现同前 信号特征同前 信号特征同前述病灶 信号特征与前者相同 信号特征与前者一致 信号特点与上述病灶一致 信号特点与前者相同 各序列信号同上 各序列信号与上述病灶相同 信号强度同上 信号演变同上 同左侧 同右侧 信号与左侧相同 信号与右侧相同 信号与左侧相仿 信号与右侧相仿 信号特点与前者一致 信号特征与上述病灶相同 信号特征与上述病灶一致 信号改变与前者相同 信号与其一致 相同信号灶 相同信号 类似信号 类似信号灶 相同信号影 类似信号影 相同异常信号 类似异常信号 类似异常信号影 相似信号 相似信号灶 信号表现相同 信号相同 信号相仿 信号特点相同 信号特征相同 信号类同 余序列信号特点同前 其余序列信号同前 信号特征与之相同",
    "除": "除 除了",
    "外": "外 以外 之外",
    "均": "均 皆 都 均匀地 全部均",
    "亦": "亦 也 仍 还 同样 亦可 亦见 也见",
    "另": "另 另见 另外 此外 另于 并见 并可见 又见 另可见 同时见 尚见 还见 合并 另有 尚可见 并 且 另一 同时",
    "相应": "相应 对应 相应区域 相应部位 对应区 对应部位 相应区 同一部位 相同部位 对应区域 同部位 相应层面",
    "中心": "中心 中央 中心区 中央区 核心 中心部 中心部分 中央部分 内部 中央部 中心处 囊内 囊腔内 囊液 腔内",
    "边缘": "边缘 周边 壁 囊壁 环壁 外周 周缘 外缘 边缘部 包膜 边缘区 边缘处 外围 病灶边缘 病灶周边 周边部 周边部分 边缘部分 外层",
    "周围": "周围 四周 邻近 相邻 附近 周围见 周围伴 灶周 瘤周 周围脑组织 邻近脑组织 周围脑实质 周围水肿 周围水肿带 邻近脑实质 水肿 水肿带 指状水肿 周围片状水肿 瘤周水肿 灶周水肿 胶质增生 胶质增生带 水肿区 周围胶质增生 血管源性水肿",
    "其内": "其内 内见 其内见 内可见 其内可见 其间 内 其中心 病灶内 内部见 瘤内 灶内 病变内 其中央 腔内见 内伴 内含 其内夹杂 囊内见",
    "伴": "伴 伴有 并伴 并 合并有 及见",
    "分别": "分别 依次 分别呈 依次呈",
    "或": "或 至 - ~",
    "较大": "较大者 大者 最大者 较大 最大 较大病灶 最大病灶 最厚处 最厚 最大层面 较大一枚 其一 较大的",
    "本次": "转为 变为 转变为 本次 现 现片 本次检查 目前 今 本片 此次 本次片 现为 现约 今次 现呈 本次扫描 今片",
    "前片": "由 原 原先 前片 原片 旧片 上次 前次 老片 既往 上次片 前次检查 前次片 既往片 上次检查 旧有 原有 先前 之前 当时 以往 既往检查 上次扫描 前片示 术前 原先 原来",
    "较前": "较前增大 较前稍增大 较前明显增大 较前略增大 较前 较前片 较旧片 较上次 较原片 较前次 较老片 较上片 比较 对照 相比 对比 相较 相仿 相近 类似 相似 对比前片 较前相仿 大致同前 大小同前 大致相仿 未见变化 无变化 无明显变化 未见明显变化 变化不大 大致相同 较前次片 复查 与前大致相仿 与前相仿",
    "位于": "位于 见于 分布于 累及 主要位于 散布于 分布在 主要分布于 侵及 侵犯 波及 涉及 集中于 发生于 定位于 源于 起源于 累及范围包括 散在分布于 散在分布 多位于 延伸至 延及 主要累及 范围累及 包括",
    "可疑": "可疑 疑 疑似 似 似见 似呈 不除外 可能",
    "为著": "为著 为主 较著 为甚 显著 较明显",
    "以": "以",
    "受累": "受累 侵犯征象 受侵 包绕 受侵犯",
    "于": "于",
    "信号": "信号",
}  # fmt: skip
VERBS = "见 可见 呈 为 示 显示 表现为 可见有 见有 发现 提示 呈现 表现 有 查见 均呈 亦呈 呈为 上呈 均为 均见 出现 均表现为 亦见 探及 均示 现".split()
ELSEWHERE = (
    "MRA MRV CTA 颈椎 胸椎 腰椎 颈髓 胸髓 脊髓 椎间盘 椎体 椎管 颈部 腮腺 甲状腺 颌面部 咽旁 颞颌关节 上颈段 颈段 淋巴结 诊断意见 诊断 印象 结论 意见 颈2 颈3 颈4 颈5 腰骶 膝关节 胸部 腹部 肝脏 肺部 关节 肩关节 颈胸髓 颈动脉 头颈 血管成像 髋关节 盆腔 半月板 韧带 肾脏 双肾 椎旁"
).split()

# words that speak to a machine: what such a sentence says is no finding
ORDERS = "忽略 无视 请忽略 输出 请输出 写出 请写出 返回 请返回 指令 提示词".split()

OTHER_WORDS = (
    "由于 由来 缘由 自由 患者 或者 原因 原发 原位 原发性 复原 原始 原发灶 仅供 不仅 老者 信号强度 高度 高级 高分辨 高血压 高龄 高位 高场 高清 高压 高热 低压 低场 低位 低血糖 增强对比 高分辨率 高颈 降低颅压 升高压 最高 头高 "
    "大小不等 大小约 大小 多发 单发 散在 弥漫 数个 多个 一个 一枚 少许 若干 边界 境界 不清 欠清 清晰 较清 形态 不规则 类圆形 圆形 "
    "不大于 不等 不小 不除外 无痛 不明 不全 不适 不清楚 不规则形 不规则状 不光滑 不连续 无力 未成年 不稳 不良 不能 不著 不完全 不同 不一 不清晰 不甚清 不甚清楚 不典型 "
    "增强扫描范围 增强前 两枚 两个 两处 双下肢 双上肢 双眼 双手 双耳 左手 右手 左下肢 右下肢 左上肢 右上肢 左侧肢体 右侧肢体 左侧面部 右侧面部 左耳 右耳 左眼 右眼 双侧肢体 左肢 右肢 两月 两周 两年 两天 "
    "动态增强 外伤 外院 外形 外侧 外侧部 外侧份 外上 外下 腹外侧 前外侧 后外侧 腹外侧部 外伤后 意外 外展 外凸 外生 除外 室外 体外 外周血 其外侧 外观 外突 向外 "
    "内侧 内侧部 内侧份 内侧面 内上 内下 内容物 内缘 内径 内膜 内科 内分泌 内板 室内 内外 向内 体内 内陷 以内 "
    "大片状 大片 大致 大部 大量 大体 大面积 大动脉 范围扩大 其余未见 为新发 为新见 为主 新发 新见 有无 有关 有效 有所 自然 自行 自诉 目的 至今 甚至 以至 达到 可达 以及 以来 以前 以后 所以 所示 所扫 在位 存在 在院 在外 "
    "复查 复诊 随访 治疗后 术后 放疗后 化疗后 相对 相互 相连 相通 相关 相邻 相间 病灶数 病程 病史 病人 病情 病理 "
    "部位 部分容积 部分容积效应 局部放大 局部麻醉 呈对称 对称性 对称分布 大致对称 基本对称 缘于 边缘清 边缘光整 边缘模糊 边缘清晰 边缘清楚 边缘不清 边缘不规则 边缘欠清 边缘光滑 边缘毛糙 边缘锐利 边界清 边界清楚 边界不清 边界欠清 周围脑池 "
    "占位效应 无占位效应 轻度占位效应 明显占位效应 脑脊液样信号 脑脊液信号 流空信号 流空信号影 流空影 血流信号 正常信号 信号特点 信号特征 信号形式 等处 等序列 等部位 等结构 等改变 等征象 等等 等征 "
    "髓鞘化 发育 髓鞘形成 胶质瘤 转移瘤术后 水平 层面 全程 走行 管腔 管壁 显影 分布 体积 比例 变性 变异 变形 变化 减少 减轻 缩小 增多 增加 加重 进展 好转 吸收 消退 明显缩小 稍缩小 略缩小 较小 变小 范围缩小 "
    "高信号环 低信号环 提高 高压氧 长轴 长径 长短径 宽基底 长约 长条状 长条形 短径 短轴 延长 长期 长度 "
).split()  # fmt: skip


WORD_FREQUENCY = 100
_JOINING = str.maketrans("、/", "丶丿")


def _signals() -> dict[str, Meaning]:
    words: dict[str, Meaning] = {}
    suffixes = ("信号", "", "信号影", "信号灶", "信号改变", "信号区", "信号强度", "信号病灶", "信号结节", "信号环", "信号带", "信号表现")  # fmt: skip
    degrees = [*((f"{a}高", s) for a, s in HIGH.items()), *((f"{a}低", s) for a, s in LOW.items())]
    for (before, value), after in product(degrees, suffixes):
        words[before + after] = Meaning("signal", value)
    for before, after in product(("等", "均匀等", "呈等", "相等"), suffixes[:1] + suffixes[2:]):
        words[before + after] = Meaning("signal", "等")
    for before, after in product(MIXED, suffixes[:1] + suffixes[2:]):
        words[before + after] = Meaning("signal", "混杂")
    for word in "高低混杂 等高混杂 等低混杂 等高低混杂 高、低混杂 混杂 信号不均 信号不均匀 信号混杂 信号欠均匀 信号欠均 信号高低不均 信号不甚均匀 信号明显不均 高低混杂不均".split():
        words[word] = Meaning("signal", "混杂")
    words |= {f"值{how}{mixed}信号": Meaning("signal", "混杂") for how, mixed in product(("", "呈", "为"), MIXED)}
    for changed, value in [*((w, "高") for w in CHANGED_HIGH), *((w, "低") for w in CHANGED_LOW)]:
        words |= {f"信号{how}{changed}": Meaning("signal", value) for how in SIMPLY}
        words |= {f"信号{how}{changed}": Meaning("signal", "稍" + value) for how in SLIGHTLY}
        words |= {f"值{how}{changed}": Meaning("signal", value) for how in SIMPLY}
        words |= {f"值{how}{changed}": Meaning("signal", "稍" + value) for how in SLIGHTLY}
        if len(changed) > 1 and changed not in ("增强", "增加", "减少"):
            words |= {f"{how}{changed}": Meaning("signal", value) for how in ("", "明显", "对称性")}
            words |= {f"{how}{changed}": Meaning("signal", "稍" + value) for how in SLIGHTLY}
    for alike, tissue in product("相似 相仿 相等 相近 一致 相同 类似".split(), TISSUES):
        words |= {f"{of}{tissue}{alike}": Meaning("signal", "等") for of in ("信号与", "与", "信号同", "信号强度与")}
        words |= {f"{of}{tissue}{alike}信号": Meaning("signal", "等") for of in ("与", "同")}
    return words


def _enhancements() -> dict[str, Meaning]:
    words: dict[str, Meaning] = {}
    kinds = (("强化", PLAIN), ("轻度强化", WEAK), ("明显强化", STRONG), ("不均匀强化", UNEVEN), ("均匀强化", EVEN), ("环形强化", RING))  # fmt: skip
    for value, manners in kinds:
        for manner in manners:
            words |= {f"{manner}{noun}": Meaning("enhancement", value) for noun in ("强化", "强化影", "强化灶", "强化信号", "强化改变", "异常强化", "增强信号", "强化表现", "强化效应")}  # fmt: skip
    words |= {f"强化{manner}": Meaning("enhancement", value) for manner, value in MANNERS_AFTER.items()}
    words |= {w: Meaning("enhancement", "无") for w in ("强化不明显", "强化不著", "强化不显著", "不强化", "无强化", "未强化", "未见强化", "强化不明显影")}  # fmt: skip
    words |= {w: Meaning("other", w) for w in ("强化程度", "强化方式", "强化幅度", "强化特点", "强化扫描序列")}
    return words


@cache
def words() -> dict[str, Meaning]:
    """Every word of the lexicon and what it stands for; later groups win over earlier ones."""
    found: dict[str, Meaning] = {}

    def take(meaning: Meaning, entries: list[str]) -> None:
        found.update(dict.fromkeys(filter(None, entries), meaning))

    found |= {w: Meaning("other", w) for w in OTHER_WORDS}
    take(Meaning("lesion", "灶"), LESION)
    found |= {w: Meaning("cue", cue) for cue, forms in CUES.items() for w in forms.split()}
    take(Meaning("verb", "见"), VERBS)
    take(Meaning("negation", "未见"), NEGATIONS)
    take(Meaning("abnormal", "异常"), ABNORMAL)
    take(Meaning("normal", "正常"), NORMAL)
    found |= {w: Meaning("change", change) for change, forms in CHANGE_WORDS.items() for w in forms.split()}
    found |= {w: Meaning("side", side) for side, forms in SIDES.items() for w in forms.split()}
    found |= {w: Meaning("post_side", side) for side, forms in POST_SIDES.items() for w in forms}
    take(Meaning("other", "侧重"), SIDE_OF_NOTHING)
    for site in SITES.values():
        forms = [*site.surface_forms, *SITE_VARIANTS.get(site.name, "").split()]
        found |= {form: Meaning("site", site.name) for form in forms if form not in SINGLE_CHARACTER_LOBES}
    found |= {w: Meaning("layer", w) for w in LAYERS}
    take(Meaning("site", "侧脑室前角旁|侧脑室后角旁"), BESIDE_BOTH_HORNS)
    take(Meaning("other", "非部位"), NOT_SITES)
    take(Meaning("other", "至"), TOWARDS)
    meninges = [
        "颅骨内板",
        "颅内板",
        "内板",
        *(f for n in ("脑膜", "大脑镰", "小脑幕", "颅骨") for f in SITES[n].surface_forms),
    ]
    take(Meaning("other", "非部位"), [f"与{f}{how}" for f in meninges for how in ("相连", "宽基底相连", "广基底相连", "关系密切", "分界不清", "广基相连", "宽基相连")])  # fmt: skip
    vessels = [f for site in SITES.values() if site.parent == "血管" for f in site.surface_forms]
    take(Meaning("other", "供血区"), [f"{vessel}{area}" for vessel in vessels for area in ("供血区", "分布区", "供血区域", "供应区")])  # fmt: skip
    found |= {w: Meaning("side", w) for w in ("同侧", "对侧")}
    take(Meaning("elsewhere", "他处"), ELSEWHERE)
    take(Meaning("other", "标题"), HEADINGS)
    take(Meaning("elsewhere", "指令"), ORDERS)
    found |= _signals()
    found |= _enhancements()
    found |= {w: Meaning("sequence", sequence) for sequence, forms in SEQUENCES.items() for w in forms.split()}
    take(Meaning("restriction", "受限"), RESTRICTION)
    return found


def joined(text: str) -> str:
    """The text with marks that stand inside words of the lexicon (左、右侧) as characters that jieba joins; of the same length."""
    return text.translate(_JOINING)


class Segmenter(jieba.Tokenizer):  # type: ignore[misc]
    """jieba's segmentation, with words that are all equally frequent: it prefers the fewest words, and known ones.

    Its logarithms are then two numbers, taken once instead of for each place of a text.
    """

    def __init__(self, entries: Collection[str]) -> None:
        super().__init__()
        self.FREQ: dict[str, int] = {}
        for word in entries:
            for end in range(1, len(word)):
                self.FREQ.setdefault(word[:end], 0)
            self.FREQ[word] = WORD_FREQUENCY
        self.total = WORD_FREQUENCY * len(entries)
        self.known, self.unknown = log(WORD_FREQUENCY) - log(self.total), -log(self.total)
        self.initialized = True

    def calc(self, sentence: str, DAG: dict[int, list[int]], route: dict[int, tuple[float, int]]) -> None:  # noqa: N803
        """Fill `route`: from each place the best probability of the rest, and where its first word ends."""
        route[len(sentence)] = (0, 0)
        for at in range(len(sentence) - 1, -1, -1):
            ends = DAG[at]
            if len(ends) == 1:
                word = self.known if self.FREQ.get(sentence[at : ends[0] + 1]) else self.unknown
                route[at] = (word + route[ends[0] + 1][0], ends[0])
            else:
                route[at] = max([(self.known + route[end + 1][0], end) for end in ends])


@cache
def segmenter() -> Segmenter:
    """The segmenter that knows the lexicon and nothing else."""
    return Segmenter([joined(word) for word in words()])
