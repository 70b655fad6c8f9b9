"""Sites that are named and are none of what is stated: left out, bordered on, compared with, or those of a slice.

大脑半球（不含枕叶）, 额顶叶（中央前回除外）, 破入侧脑室, 强化程度低于正常垂体, 基底节层面T2WI示右侧额叶….
"""

import re
from collections.abc import Sequence
from itertools import dropwhile

from selip_extract.language.lexicon import Kind, lexicon
from selip_extract.language.tokens import Token

_EXCLUDING = re.compile(
    "[(（](?:(?:不含|不包[括含]|未包[括含]|[未不]累及|未波及|未侵及|除外|除去|除)[^()（），,;；。\n]*|[^()（），,;；。\n]*(?:除外|未累及|未受累|不受累))[)）]"
    "|(?<=[,，])(?:但|并)?(?:不含|不包[括含]|未包[括含])[^()（），,;；。\n]*?(?=[,，;；。见呈\n]|$)"
)
_HINT = re.compile("不含|包[括含]|累及|波及|侵及|除|受累")

_BORDERING = re.compile(
    "[内外上下前后]?[侧壁缘部段端面]{0,2}(?:之间)?(?:关系(?:密切|欠清|不清)|[分界]界[尚欠不]?清|界限[尚欠不]?清|相[邻贴连通]|紧贴|接触|毗邻|粘连)"
)
_EXTENT = re.compile(
    "[自从](?!身)[^自从,，。;；:：\n]{2,20}?[至到达][^,，。;；:：\n]{2,12}?(?:均|可|内)?(?:见|呈|示|T[12]|FLAIR|DWI|SWI)"
)
"""自中脑经导水管周围至脑桥见…: the lesion lies in all of these."""
_COMPARING = re.compile("(?:WI|FLAIR|T[12]|ADC|[像图呈]|信号|序列|强度)(?:与|同|较|相对于?)$")
_ALIKE = re.compile("[灰白皮实]?质?(?:相比|比较)?[,，]?[呈为]?(?:[稍略]?[高低等]信号|信号?相[似仿近等当同]|信号)")
"""T1WI与脑干等信号, T2WI较小脑呈稍高信号."""
_UP_TO = re.compile("[,，;；、][上下前后左右内外]{1,2}[缘界方端]?(?:可|紧)?[达至抵邻贴]$")
"""上达三脑室底，下至鞍隔: how far a mass reaches."""
_ALONG = re.compile("(?:走行|走向|分布|延伸|蔓延|播散|生长)")
"""T2高信号沿锥体束走行."""
_LESS_THAN = re.compile(
    "(?:强化|信号|上|WI|FLAIR|[,，、且])(?:程度|强度|上)?(?:明显|稍|略|均)?[低弱高强]于(?:正常|周围|邻近|相邻)?的?$"
)
"""强化程度低于垂体."""
_BEFORE_COMPARED = frozenset("与和同较对于常沿达至抵邻贴\n")
"""The last character of all words that stand before such a site; behind them the line may have been broken."""
_CONTENT = re.compile("(?:内|其内)[,，]?(?:可|并|而)?[见呈]")
"""血肿破入右侧侧脑室后角内，见液平: what follows is said of what lies in there."""
_OTHER_SIDE = {"左侧": "右侧", "右侧": "左侧"}
_STATING: frozenset[Kind] = frozenset(("sequence", "signal", "enhancement", "restriction"))
_NOUNS: frozenset[Kind] = frozenset(("other", "lesion", "cue"))
"""What may stand between a value and a bracket: ADC值呈高 信号影（…）."""
_SITE_OR_LAYER: frozenset[Kind] = frozenset(("site", "layer", "post_side"))
_SLICE = re.compile(
    "(?:层面|水平|平面|切面|断面)(?:的?(?:轴[位面]|横断[位面]|冠状[位面]|矢状[位面]|横轴[位面]|M?RI?|平扫|图像|磁共振|[(（)）、,，的]))*"
)
_SLICE_HINT = re.compile("层面|水平|[切断平]面")
_REGION_HINT = re.compile("幕[上下]|中线")
_REGIONS = frozenset(("幕上", "幕下"))
_MIDLINE = re.compile("部位?|区域?|处")
_MIDLINE_MOVES = re.compile("结构|[右左]?[移偏居]|轻|稍|略|明显|无|未|受|向|局部|$")
_SHOWING = re.compile("(?:上|中|图像上?|像上?)*(?:可|能)?(?:示|显示|见)")


def with_excluded_parts(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, what such words hold without a meaning; T2WI呈高信号（脑桥除外） is read by the rules."""
    if _HINT.search(text) is None:
        return list(tokens)
    found = list(tokens)
    for match in _EXCLUDING.finditer(text):
        inside = [at for at, token in enumerate(found) if match.start() <= token.start and token.end <= match.end()]
        before = (t.kind for t in reversed(found[: inside[0] if inside else 0]) if t.kind not in _NOUNS)
        of_a_value = next(before, None) in _STATING
        if of_a_value or any(found[at].kind in _STATING for at in inside):
            continue
        other = _on_the_other_side(found, inside)
        for at in inside:
            if found[at].kind != "punctuation":
                found[at] = found[at]._replace(kind="other", value="")
        if other is not None:
            found[inside[1]] = other
    return found


def without_slices(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens; the site of a slice without a meaning, where a sequence or another site follows it.

    A site with a side, or the only one of the text, is where the lesion lies: 左侧丘脑水平见长T2信号.
    """
    if _SLICE_HINT.search(text) is None:
        return list(tokens)
    found = list(tokens)
    slices = [at for at, token in enumerate(tokens) if token.kind == "site" and _is_of_a_slice(tokens, at, text)]
    if slices and any(token.kind == "site" for at, token in enumerate(tokens) if at not in slices):
        for at in slices:
            found[at] = found[at]._replace(kind="other", value="")
    return found


def without_regions(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens; 幕上 and 幕下 behind sites that were named (额叶见幕上及幕下…), and 中线部位, without a meaning."""
    if _REGION_HINT.search(text) is None:
        return list(tokens)
    found: list[Token] = []
    placed = parted = False
    for token in tokens:
        if token.kind in ("stop", "mark") or token.value in (",", ";", ":"):
            placed = parted = False
        elif (
            token.kind == "site"
            and text.startswith("中线", token.start)
            and (_MIDLINE.match(text, token.end) or not _MIDLINE_MOVES.match(text, token.end))
        ):
            if found and found[-1].kind == "site" and found[-1].end == token.start:
                token = token._replace(kind="other", value="")
        elif token.kind == "site" and placed and parted and token.value in _REGIONS and not _is_listed(found):
            token = token._replace(kind="other", value="")
        elif token.kind == "site":
            placed = placed or token.value not in lexicon().site_groups.whole_brain
        elif token.kind == "verb" or token.value == "的":
            parted = placed
        found.append(token)
    return found


def _is_listed(found: Sequence[Token]) -> bool:
    """位于小脑扁桃体、小脑幕下: the next site goes on a list of sites."""
    return [t.kind for t in found[-2:]] == ["site", "punctuation"]


def _is_of_a_slice(tokens: Sequence[Token], at: int, text: str) -> bool:
    if at and tokens[at - 1].kind == "side":
        return False
    words = _SLICE.match(text, tokens[at].end)
    if words is None:
        return False
    behind = [token for token in tokens[at + 1 : at + 12] if token.start >= words.end()]
    if behind and behind[0].kind == "sequence":
        return behind[0].start == words.end()
    if _SHOWING.match(text, words.end()) is None:
        return False
    named = next((token.kind for token in behind if token.kind in _STATING or token.kind == "site"), None)
    return named == "site"


def _on_the_other_side(tokens: Sequence[Token], bracket: Sequence[int]) -> Token | None:
    """双侧额叶、颞叶（左侧颞叶除外）: of the site before the bracket the right is left; None for another exception."""
    named = [tokens[at] for at in bracket if tokens[at].kind in ("side", "site")]
    before = tokens[bracket[0] - 1] if bracket and bracket[0] else None
    if before is None or before.kind != "site" or not named or named[0].value not in _OTHER_SIDE:
        return None
    if [token.value for token in named[1:]] not in ([], [before.value]):
        return None
    return Token("side", _OTHER_SIDE[named[0].value], named[0].start, named[0].end)


def is_a_neighbour(token: Token, found: Sequence[Token], text: str) -> bool:
    """Whether the site behind the tokens `found` only says what a lesion borders on, or what it is compared with."""
    found = list(dropwhile(lambda t: t.start == token.start, reversed(found)))[:2][
        ::-1
    ]  # 跨中后颅窝: one word, two sites
    borders = _borders(found) and not _CONTENT.match(text, token.end) and not _is_within_an_extent(token, text)
    return borders or _is_compared(token, found, text)


def _borders(found: Sequence[Token]) -> bool:
    """Whether the next site only says what a lesion borders on or drains into: 破入侧脑室, 汇入左侧横窦."""
    if not found:
        return False
    before = found[-2] if found[-1].kind == "side" and len(found) > 1 else found[-1]
    return before.value == "至" and before.kind == "other"


def _is_within_an_extent(token: Token, text: str) -> bool:
    extents = _EXTENT.finditer(text, max(0, token.start - 24), token.end + 16)
    return any(extent.start() < token.start and token.end <= extent.end() for extent in extents)


def _is_compared(token: Token, found: Sequence[Token], text: str) -> bool:
    """强化程度低于正常垂体, 与小脑上动脉关系密切: the site is only what another is compared with or lies next to."""
    start = found[-1].start if found and found[-1].kind == "side" else token.start
    if text[start - 1 : start] not in _BEFORE_COMPARED:
        return False
    if _UP_TO.search(text, max(0, start - 6), start):
        return True
    if found and text.endswith("沿", 0, start) and _ALONG.match(text, token.end):
        return True
    if text.endswith(("与", "和", "同"), 0, start) and _BORDERING.match(text, token.end):
        return True
    beside_no_site = text.endswith(("与", "同"), 0, start) and found[-2:-1] and found[-2].kind not in _SITE_OR_LAYER
    if (beside_no_site or _COMPARING.search(text, max(0, start - 12), start)) and _ALIKE.match(text, token.end):
        return True
    if _LESS_THAN.search(text, max(0, start - 10), start):
        return True
    return text.endswith(("于正常", "与正常", "较正常", "同正常", "似正常"), 0, start)
