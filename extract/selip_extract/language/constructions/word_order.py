"""Words in an unusual place: 呈稍低T1、稍高T2信号; DWI/ADC呈高/低信号; 见高信号（T2WI）; 见高信号，双侧对称."""

import re
from collections.abc import Sequence
from itertools import chain, dropwhile, pairwise

from selip_contracts.vocabulary import SITES
from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token

_HINT = re.compile("[高低等杂](?:T[12]|FLAIR|DWI|ADC|SWI)")
_BRACKETED = re.compile(r"\((?:[A-Z]|[压黑抑水弥扩磁梯增])")
_NAMES: frozenset[Kind] = frozenset(("sequence", "signal"))
_ENDS = frozenset((",", ";", ":"))
_BOTH_BEHIND = re.compile("(?<=,)[呈均]?(?:双侧|两侧|左右)(?:大致|基本|呈)?对称性?(?:分布|改变|存在)?(?=[,;。\n]|$)")
_ONE_BEHIND = re.compile("(?<=,)(?:位于|在)?([左右])侧?(?=[,;。\n]|$)")
_SIDED: frozenset[Kind] = frozenset(("side", "post_side"))
_LEFT_AND_RIGHT = re.compile("左侧?(?:及|、)?右侧?(?:两侧)?$")
_LEFT_SLASH_RIGHT = re.compile(r"\(左侧?[/、及]右侧?\)")
_JOINS = "/、及和与"
_STATED: frozenset[Kind] = frozenset(("signal", "lesion"))
_SIDES = {"左": "左侧", "右": "右侧"}
_LEADING: frozenset[Kind] = frozenset(("verb", "other"))


def with_usual_order(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, each sequence that has its signal right before it moved before that signal."""
    found = list(tokens)
    if _HINT.search(text) is None:
        return found
    start = 0
    for at in range(len(tokens) + 1):
        if at < len(tokens) and not (tokens[at].kind in ("stop", "mark") or tokens[at].value in _ENDS):
            continue
        for first, second in _inverted(tokens, start, at):
            found[first], found[second] = tokens[second], tokens[first]
        start = at + 1
    return found


def _inverted(tokens: Sequence[Token], start: int, end: int) -> list[tuple[int, int]]:
    """The pairs of a clause in which every signal stands right before its sequence, and a noun behind the last."""
    named = [at for at in range(start, end) if tokens[at].kind in _NAMES]
    if not named or len(named) % 2:
        return []
    pairs = list(zip(named[::2], named[1::2], strict=True))
    adjoin = all(
        tokens[a].kind == "signal" and tokens[b].kind == "sequence" and b == a + 1 and tokens[a].end == tokens[b].start
        for a, b in pairs
    )
    behind = tokens[named[-1] + 1 : named[-1] + 2]
    return pairs if adjoin and behind and behind[0].kind in ("cue", "abnormal", "lesion") else []


def with_bracketed_sequences(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, sequences in brackets right behind a signal (见高信号（T2WI、FLAIR）) moved before it."""
    if _BRACKETED.search(text) is None:
        return list(tokens)
    found = list(tokens)
    for at in reversed([at for at, token in enumerate(tokens) if token.kind == "signal"]):
        names = _bracketed(tokens, at)
        if names and not _is_of_a_sequence(tokens, at):
            found[at : at + len(names) + 3] = [*names, tokens[at]]
    return found


def _bracketed(tokens: Sequence[Token], at: int) -> list[Token]:
    """The sequences, with the marks between them, of a bracket right behind the token at `at`."""
    if at + 1 == len(tokens) or tokens[at + 1].value != "(" or tokens[at + 1].start != tokens[at].end:
        return []
    names: list[Token] = []
    for token in tokens[at + 2 :]:
        if token.value == ")":
            return names
        if token.kind != "sequence" and token.value != "、":
            return []
        names.append(token)
    return []


def _is_of_a_sequence(tokens: Sequence[Token], at: int) -> bool:
    """Whether the signal is stated on a sequence before it: DWI呈高信号（b=1000）; not 低信号（T1）及高信号（T2）."""
    in_bracket = False
    for token in reversed(tokens[:at]):
        in_bracket = token.value == ")" or (in_bracket and token.value != "(")
        if in_bracket:
            continue
        if token.kind in ("signal", "stop", "mark") or token.value in _ENDS:
            return False
        if token.kind == "sequence":
            return True
    return False


def with_bracketed_sides(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens; the side in brackets behind 大者 or 小者 stands for the lesion on it: 大者（左侧）约12mm."""
    if "者(" not in text and "者[" not in text:
        return list(tokens)
    found: list[Token] = []
    for token in tokens:
        found.append(token)
        bracket = found[-3:]
        if token.value != ")" or [t.kind for t in bracket] != ["punctuation", "side", "punctuation"]:
            continue
        if bracket[0].value == "(" and text.endswith("者", 0, bracket[0].start):
            side = bracket[1]
            found[-3:] = [side, Token("lesion", "灶", side.end, side.end + 1)]
    return found


def with_both_sides(tokens: Sequence[Token], text: str) -> list[Token]:
    """海马（左/右）：T1低/等，T2高/稍高: the bracket is both sides, and before each pair of signals stands 左右分别."""
    found = list(tokens)
    for bracket in reversed(list(_LEFT_SLASH_RIGHT.finditer(text))):
        inside = [at for at, token in enumerate(found) if bracket.start() < token.start < bracket.end() - 1]
        if not inside or inside[0] < 2 or found[inside[0] - 2].kind not in ("site", "layer"):
            continue
        end = next((at for at in range(inside[-1], len(found)) if found[at].kind == "stop"), len(found))
        both = Token("side", "双侧", found[inside[0]].start, found[inside[-1]].end)
        pairs = [at for at in range(inside[-1], end) if _is_signal(found[at]) and _is_a_pair(found, at, text)]
        for at in reversed(pairs):
            before = found.pop(at - 1) if found[at - 1].kind == "verb" else found[at - 1]
            at -= before.kind == "verb"
            found[at:at] = [both, Token("cue", "分别", before.start, before.end)]
        found[inside[0] : inside[-1] + 1] = [both]
    return found


def _is_a_pair(tokens: Sequence[Token], at: int, text: str) -> bool:
    """Whether the signal at `at` is the first of two behind one sequence, with a slash between them."""
    behind = tokens[at - 1].kind in ("sequence", "verb") and text[tokens[at + 1].start : tokens[at + 1].end] == "/"
    return behind and _signals_in_a_row(tokens, at, text) == 2


def with_symmetry(tokens: Sequence[Token], text: str) -> list[Token]:
    """基底节区见高信号，双侧对称; 额叶病变，左侧，T1低: the side behind the sites is theirs if none stands before."""
    found = list(tokens)
    for match in reversed([*_BOTH_BEHIND.finditer(text), *_ONE_BEHIND.finditer(text)]):
        before = [i for i, t in enumerate(found) if t.end <= match.start()]
        start = next((i + 1 for i in reversed(before) if found[i].kind in ("stop", "mark")), 0)
        sentence = found[start : len(before)]
        if any(t.kind in _SIDED for t in sentence) or not _in_one_list(sentence):
            continue
        side = Token("post_side", _SIDES[match[1]] if match.re is _ONE_BEHIND else "双侧", *match.span())
        placed = [[t, side] if t.kind == "site" and SITES[t.value].laterality == "paired" else [t] for t in sentence]
        behind = [t for t in found[len(before) :] if t.start >= match.end()]
        found = [*found[:start], *chain.from_iterable(placed), *behind]
    return found


def _in_one_list(tokens: Sequence[Token]) -> bool:
    """Whether no site stands behind the first list of sites, of which something is stated."""
    named = dropwhile(lambda t: t.kind != "site", tokens)
    behind = [*dropwhile(lambda t: t.kind in ("site", "layer", "other") or t.value == "、", named)]
    return not any(t.kind == "site" for t in behind) and any(t.kind in _STATED for t in behind)


def with_pairs(tokens: Sequence[Token], text: str) -> list[Token]:
    """As many signals as sequences or sides, each for one: DWI/ADC呈高/低, T1、T2呈低、高信号, T2WI左右呈高、等信号.

    A 分别 is put for the verb before the first signal; where no slash stands between the signals, only if that adjoins
    the sequences or sides.
    """
    signals = [at for at, token in enumerate(tokens) if token.kind == "signal" or token.value == "等"]
    if all(second != first + 2 for first, second in pairwise(signals)):
        return list(tokens)
    found: list[Token] = []
    sequences, adjoins = 0, False
    for at, token in enumerate(tokens):
        if token.kind == "sequence":
            sequences = sequences + 1 if sequences and _joins(tokens[at - 1], text) else 1
            adjoins = True
        elif token.kind == "side" and _LEFT_AND_RIGHT.match(text, token.start, token.end):
            sequences, adjoins = 2, True
        elif _is_signal(token):
            slashed = at + 1 < len(tokens) and text[tokens[at + 1].start] == "/"
            if sequences > 1 and (adjoins or slashed) and _signals_in_a_row(tokens, at, text) == sequences:
                before = found.pop() if found[-1].kind == "verb" else found[-1]
                found.append(Token("cue", "分别", before.start, before.end))
            adjoins = False
        elif token.value == ":" and any(before.value == "分别" for before in found[-2:]):
            # 信号依次为：低、高
            continue
        elif token.kind in ("stop", "mark"):
            sequences = 0
        elif "均" in text[token.start : token.end] or not (token.kind in _LEADING or _joins(token, text)):
            adjoins = False
        found.append(token)
    return found


def _joins(before: Token, text: str) -> bool:
    """Whether the token is a slash or the mark of a list, or the sequence of the same name: T1/T2/FLAIR."""
    return before.kind == "sequence" or (before.kind == "punctuation" and text[before.start] in _JOINS)


def _signals_in_a_row(tokens: Sequence[Token], at: int, text: str) -> int:
    """How many signals follow one another from `at`, with nothing but a slash or the mark of a list between them."""
    count = 1
    while at + 2 < len(tokens) and _joins(tokens[at + 1], text) and _is_signal(tokens[at + 2]):
        count, at = count + 1, at + 2
    return count


def _is_signal(token: Token) -> bool:
    return token.kind == "signal" or token.value == "等"
