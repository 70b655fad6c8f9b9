r"""The pattern of what segmentation does not find: names with letters or digits, sizes, dates, sentence ends.

It is applied to normalized text: NFKC, capitals, no blanks.
"""

import re
from functools import cache

from selip_contracts.vocabulary import cached_until_sites_change
from selip_extract.language.first_characters import first_characters
from selip_extract.language.lexicon import LOBE_CHARACTERS, Meaning, lexicon
from selip_extract.language.sizes import size_expression

_LOBE = f"[{''.join(LOBE_CHARACTERS)}]"
_OR = r"(?:[、或及和/至~\-,]|或者)?"
_PATTERN = "pattern_"


def token_table() -> tuple[tuple[str, str], ...]:
    """Kind of token and regular expression, in the order in which they are tried at each character."""
    return (
        # the end of a sentence, but not （肝性脑病？）; a point between digits is a decimal point
        ("stop", r"[。\n!]|\?(?!\))|(?<!\d)\.|\.(?!\d)"),
        # JSON or another language's code that stands in a report
        ("code", r'\{[^{}\n]*"[^\n]*\}'),
        # T1长T2长信号
        ("times_behind", times_behind()),
        # names of sequences, sites and examinations, from the files in words/
        ("name", "|".join(map(re.escape, sorted(lexicon().names, key=len, reverse=True)))),
        *((f"{_PATTERN}{i}", expression) for i, (_, expression) in enumerate(lexicon().patterns)),
        # 长T1, 等或稍长T2, 长T1、T2信号
        ("relaxation", _relaxation()),
        # 2023-05-11, 2023年5月, 20230511
        (
            "date",
            r"(?:19|20)\d\d[-./年]\d{1,2}(?:[-./月]\d{1,2}日?|月)?|(?:19|20)\d\d年|\d{1,2}月\d{1,2}日|(?:19|20)\d{6}",
        ),
        # 1.2×0.8CM
        ("size", size_expression()),
        # the mark of a list's item, at the beginning of a clause: 1. 2、 (3) ④ (Ⅴ)
        ("mark", r"(?<![^。;\n:,])(?:\((?:\d{1,2}|[IVX]{1,4})\)|\d{1,2}[.、)](?!\d)|[①-⑳])"),
        # 额颞叶, 额、颞、顶叶, but not 额骨, 颞角
        ("lobes", rf"(?<!丘脑){_LOBE}(?:[、及和,]?{_LOBE})++(?:叶|部|区)?+(?!(?:[外内]侧)?回|[骨窦角肌底极束])"),
        # a lobe by its first character alone: 左额、右颞叶, 左额（12mm）
        (
            "lobe",
            rf"(?<=[左右双侧两]){_LOBE}(?![额颞顶枕岛叶部区骨窦角肌底极束盖上中下内外前后间回沟桥板缝面页状端大侧阈髁干]|[横长短直眶]回)",
        ),
        # 小脑右半球
        ("hemisphere", r"[大小]脑[左右两双]侧?半球"),
        # any other letters and digits, up to the name of a sequence (3DT1, MRI+DWI)
        ("other", r"[A-Z0-9.+]+?(?=T[12]|FLAIR|DWI|ADC|SWI|[^A-Z0-9.+]|$)"),
    )


def _relaxation() -> str:
    """One or two relaxation times, T1 or T2, and T2 once more where the times are those of both sequences."""
    time = _time()
    return (
        rf"{time}(?:{_OR}{time})?T[12](?!\*)(?:WI|加权)?"
        r"(?:[、,及和/]?T2(?!\*)(?:WI)?(?=信号|异常|影|改变|灶|病|斑|片|结))?"
    )


def times_behind(group: str = "?:") -> str:
    """Both sequences with their times behind them; `group` opens the groups of the times."""
    time = f"({group}{'|'.join(sorted(lexicon().relaxation, key=len, reverse=True))})"
    return rf"T1(?:WI)?{time}[、,]?T2(?:WI)?{time}(?=信号|异常|影|改变|[,;。、)]|$)"


@cache
def relaxation_parts() -> re.Pattern[str]:
    """The parts of a match of the row `relaxation`: one or two times, 1 or 2, and the second sequence."""
    return re.compile(rf"({_time()}){_OR}({_time()})?T([12])(?:WI|加权)?(.*)")


def _time() -> str:
    return f"(?:{'|'.join(sorted(lexicon().relaxation, key=len, reverse=True))})"


def name_meaning(match: re.Match[str]) -> Meaning:
    """What a match of one of the rows of names stands for."""
    row = match.lastgroup
    assert row is not None
    if row == "name":
        return lexicon().names[match[0]]
    return lexicon().patterns[int(row.removeprefix(_PATTERN))][0]


@cached_until_sites_change()
def token_pattern() -> re.Pattern[str]:
    """The table as one pattern; the group that matched says which row.

    It looks at the next character first, since most characters of a text cannot begin a match of any row.
    """
    table = token_table()
    beginnings = sorted(set().union(*(first_characters(expression) for _, expression in table)))
    rows = "|".join(f"(?P<{name}>{expression})" for name, expression in table)
    return re.compile(f"(?=[{re.escape(''.join(beginnings))}])(?:{rows})", re.ASCII)
