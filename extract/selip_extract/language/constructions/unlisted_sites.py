"""Sites that no vocabulary holds, recognised by where they stand: 左侧眶面皮髓区见片状长T1信号.

A run of words without a meaning is a site where the sentence treats it as one: a side stands before it, or it ends as
names of anatomy do (区, 回, 沟, 核 …), and something is stated of it. Such a site takes what is said of it, so that
nothing is lent to the site named before.
"""

import re
from collections.abc import Sequence

from selip_contracts.vocabulary import UNLISTED, unlisted
from selip_extract.language.lexicon import Kind, lexicon, words
from selip_extract.language.tokens import Token
from selip_extract.language.understanding.exam_words import other_body_part

_CHINESE = re.compile("[\u4e00-\u9fff]+")
_NO_SITE = re.compile(
    ".*(?:[状样形性约者史程影灶征时岁天月日年周的]|范围|大小|边界|界限|分界|位置|数目|形态|信号|序列|图像|成像|扫描|检查|内容|密度|改变|表现)"
    "|[则沿].*|.*(?:引流静脉|供血动脉|流空血管)"
    "|(?:区域|部位|最?[内外上中下表深浅]层|液平面?[上下]?方?|薄层|黏膜|粘膜|明显|腰部|颈部|头部|两侧|分叶状软组织|软组织|整体|总体|多发|骨质|皮肤|后动脉)|.*(?:较|复查|术后|患者|患儿|主诉|临床|头痛|头晕|外伤|治疗|考虑|建议|结合|随访|动脉瘤|影像|层厚|轴位|矢状|冠状|程度|发育|髓鞘|年龄|对比|相仿|变化).*"
)
_ENDS = re.compile(
    ".+(?:区|区域|部|部位|旁|叶|回|沟|池|窝|孔|管|角|核|束|脚|裂|腔|隙|嵴|脊|缘|突|盖|骨|窦|神经|动脉|静脉|腺|肌|韧带|关节|交界|交界处|脏|膜|体|极|面|段|层|带|瓣|囊|脑|翼|床|板|髁|甲|蜗|丛|干|臂|柄|根|结|纤维|通路|组织|球|室|门|眶|床突)"
)
_PARTS = re.compile(
    "(?:旁|下|窝|孔|管|沟|裂|池|嵴|脊|突|角|隙|腔|囊|束|核|脚|骨|窦|神经|动脉|静脉|瓣|肌|腺|床|翼|周围间隙|后方|前方|上方|下方|外方|旁区|下区|上区|下间隙|旁间隙)(?:区|处)?"
)
_STATING = frozenset(
    ("verb", "sequence", "signal", "abnormal", "enhancement", "restriction", "lesion", "change", "negation", "size")
)
_STATING_CUES = frozenset(("其内", "另", "亦", "均", "信号", "部分", "边缘", "中心"))
_PASSED = frozenset(("layer", "post_side"))
_OPENING = frozenset(("punctuation", "stop", "mark", "side", "verb", "layer"))
_OPENING_CUES = frozenset(("位于", "另", "于", "其中", "除", "以", "仅", "上述", "其余", "亦", "伴", "本次", "前片"))
_DESCRIBING = re.compile(
    "(?:小|大|类|不规则|多个|少许|若干)?(?:对称|弥漫|局限|散在|大片|小片|斑片|斑点|斑状|点状|点片|片状|条片|条状|条索|线状|线样|囊状|囊性|环形|环状|弧形|团块|团片|团状|结节状|类圆|卵圆|圆形|楔形|梭形|新月|裂隙|絮状|薄层|帽状|晕状|肿胀|信号|占位)"
)
_BEGINNING: frozenset[Kind] = frozenset(("other", "cue"))
_MAX_CHARACTERS = 9
_MAX_RUN = 40
"""Characters of a run of unknown words, beyond which it is no name, however it goes on."""
_PASSED_WORDS = frozenset("内 处 上 可 各 仍 局部 内可 区 内侧 外侧 前部 后部 上部 下部 中部 少许 多发 散在 一".split())

_PARTS_OF_NAMES = frozenset("左 右 中央 中心 双 外 内 上 下 前 后 大 小 部".split())
"""Words with a meaning that may stand inside of a name."""
_BEHIND = frozenset("内 处 上 可 各 仍 一 则 亦 的".split())
"""Words that are not of the name which they follow."""


def with_unlisted_sites(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens of a report, each run of unknown words that stands where a site stands as one token of kind site.

    A word that is a site once is one wherever it stands in the report.
    """
    found = _recognised(tokens, text, frozenset())
    known = frozenset(text[t.start : t.end] for t in found if t.kind == "site" and t.value.startswith(UNLISTED))
    return _recognised(tokens, text, known) if known else found


def _recognised(tokens: Sequence[Token], text: str, known: frozenset[str]) -> list[Token]:
    found: list[Token] = []
    done = 0
    for at, token in enumerate(tokens):
        if at < done:
            continue
        end = _run_end(tokens, at, text) if token.kind in _BEGINNING else at
        if end == at:
            found.append(token)
            continue
        part = _part_of_site(found, tokens, at, end, text)
        if not part and known:
            end = _known_end(tokens, at, end, text, known)
        if part or text[token.start : tokens[end - 1].end] in known or _names_a_site(tokens, at, end, text):
            start = found.pop().start if part else token.start
            stop = tokens[end - 1].end
            word = text[start:stop]
            if (whole := _completes_a_name(found, word, text)) is not None:
                site, side = found[-2]._replace(value=whole), found[-1]._replace(kind="post_side")
                found[-2:] = [site, side, Token("layer", word, start, stop)]
                at = end
                continue
            of_the_body = other_body_part().search(word) is not None
            found.append(
                Token("elsewhere", "躯体", start, stop) if of_the_body else Token("site", unlisted(word), start, stop)
            )
            done = end
        else:
            found.append(token)
    return found


def _completes_a_name(found: Sequence[Token], word: str, text: str) -> str | None:
    """中脑左侧被盖: the site whose name the word completes, with nothing but the side in between."""
    site, side = found[-2:] if len(found) > 1 else (None, None)
    if site is None or side is None or (site.kind, side.kind) != ("site", "side") or site.end != side.start:
        return None
    meaning = lexicon().words.get(text[site.start : site.end] + word)
    return meaning.value if meaning is not None and meaning.kind == "site" else None


def _known_end(tokens: Sequence[Token], at: int, end: int, text: str, known: frozenset[str]) -> int:
    """The end of the longest word of `known` that the run begins with, else of the run."""
    return next((to for to in range(end, at, -1) if text[tokens[at].start : tokens[to - 1].end] in known), end)


def _unknown(token: Token, text: str) -> bool:
    kind, value, start, end = token
    if kind != "other" or value in words():
        return False
    return value == text[start:end] and _CHINESE.fullmatch(value) is not None


def _run_end(tokens: Sequence[Token], at: int, text: str) -> int:
    """Where the run of unknown words that begins at `at` ends; words that may stand after a site are not of it."""
    end, reach = at, tokens[at].start + _MAX_RUN
    while end < len(tokens) and (end == at or tokens[end - 1].end == tokens[end].start < reach):
        if not (_unknown(tokens[end], text) or _inside(tokens, end, text, end > at)):
            break
        if end > at and _DESCRIBING.match(text, tokens[end].start):
            break
        end += 1
    while end > at and text[tokens[end - 1].start : tokens[end - 1].end] in _BEHIND:
        end -= 1
    return end


def _inside(tokens: Sequence[Token], at: int, text: str, begun: bool) -> bool:
    """左 in 肝左叶 and 中央 in 中央前回: a word with a meaning that stands inside of a name."""
    token = tokens[at]
    if not (begun or token.kind == "cue") or text[token.start : token.end] not in _PARTS_OF_NAMES:
        return False
    return at + 1 < len(tokens) and tokens[at + 1].start == token.end and _unknown(tokens[at + 1], text)


def _part_of_site(found: Sequence[Token], tokens: Sequence[Token], at: int, end: int, text: str) -> bool:
    """翼突窝 and 小脑幕下 where only 翼突 and 小脑幕 are known: another place than the known one."""
    if not found or found[-1].kind != "site" or found[-1].end != tokens[at].start:
        return False
    words = text[tokens[at].start : tokens[end - 1].end]
    # 额中回沟: a sulcus named by its gyrus
    return bool(_PARTS.fullmatch(words)) and not (words == "沟" and text[found[-1].end - 1] == "回")


def _names_a_site(tokens: Sequence[Token], at: int, end: int, text: str) -> bool:
    word = text[tokens[at].start : tokens[end - 1].end]
    if not 2 <= len(word) <= _MAX_CHARACTERS or _NO_SITE.fullmatch(word):
        return False
    before = tokens[at - 1] if at else None
    sided = before is not None and before.kind == "side" and before.end == tokens[at].start
    opens = (
        before is None
        or before.kind in _OPENING
        or before.end < tokens[at].start
        or text.startswith("以及", before.start)
        or (before.kind == "cue" and before.value in _OPENING_CUES)
    )
    return (sided or (opens and bool(_ENDS.fullmatch(word)))) and _stated(tokens, end, text, sided, before)


def _stated(tokens: Sequence[Token], end: int, text: str, sided: bool, before: Token | None) -> bool:
    """Whether something is stated right after: 见 …, 呈 …, 长T1 …, or another site of the same enumeration."""
    while end < len(tokens) and (
        tokens[end].kind in _PASSED or text[tokens[end].start : tokens[end].end] in _PASSED_WORDS
    ):
        end += 1
    if end == len(tokens):
        return sided
    token = tokens[end]
    if token.value in ("、", "(", ")"):
        return True
    if sided and token.kind == "punctuation":
        return True
    if _DESCRIBING.match(text, token.start):
        return True
    after_verb = before is not None and before.kind == "verb"
    return (token.kind in _STATING and not (after_verb and token.kind == "lesion")) or (
        token.kind == "cue" and token.value in _STATING_CUES
    )
