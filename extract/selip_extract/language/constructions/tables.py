"""Tables in a text: 部位 | T1WI | T2WI, with a row for each lesion; or 序列 | 左侧额叶 | 脑桥, a row for each sequence.

Each row, or column, of a lesion becomes a sentence: its site, then each sequence with the value in its cell.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from selip_extract.language.constructions.compound_values import manner_of_enhancement
from selip_extract.language.lexicon import Kind
from selip_extract.language.tokens import Token

Cell = tuple[int, int]
Row = tuple[Cell, ...]

_BAR = "|"
_BARS = re.compile(r"[|｜│┃¦丨\t]")
_BLANKS = re.compile(r"(?<=\S)[ \u3000]+(?=\S)")
_MAX_VALUE = 12
"""Characters of a cell where single blanks part the cells of a line, as they part the words of a sentence."""
_SEPARATOR = re.compile(rf"[^\S\n]*{_BARS.pattern}[^\S\n]*|{_BLANKS.pattern}")
_RULE = re.compile(r"[-—–:=|\s]+")
"""The line below the heads of a Markdown table."""
_LINE = re.compile(r"[^\n]+")
_LINE_OF_BARS = re.compile(r"[^\n；;。]+")
_SEQUENCE = re.compile(
    r"(?:FS-?|压脂-?)?(?:T[12]|FLAIR|DWI|ADC|E?SWI|增强|强化|T1\+C|CE\b|GD|B=?\d|压水|弥散|扩散|磁敏感)[^高低等|]{0,10}",
    re.IGNORECASE,
)
_SEQUENCE_IN = re.compile(_SEQUENCE.pattern.split("[^高低")[0], re.IGNORECASE)
_NUMBER = re.compile(r"(?:序|编|病灶)?号|NO\.?|#", re.IGNORECASE)
_SIDE = re.compile("侧别?|左右|方位")
_SITE = re.compile("部位|位置|病灶|病变|解剖|区域")
_OTHER_HEAD = re.compile("(?:病灶)?(?:大小|部位|位置|侧别|数[目量]|形[态状]|边[界缘]|最大径)(?:[(（][^)）]*[)）])?")
_MARGIN = re.compile("边[界缘]|境界|界限|轮廓")
_NOTHING = re.compile(r"[(（][-—–－][)）]|阴性|(?:未见|无)(?:明显|明确)?(?:异常(?:信号|强化)?|强化)?|不强化")
_DENIED = re.compile("(?:不|未见?|无)[高低]")
_SOMETHING = re.compile(r"[(（]?[+＋][)）]?|有|阳性")
_ALONE = {"等": "等", "↑": "高", "↓": "低"}
_RELAXATION = {("T1", "长"): "低", ("T1", "短"): "高", ("T2", "长"): "高", ("T2", "短"): "低"}
_ONE_SIDE = re.compile("[左右双两]侧?")
_NAMES: frozenset[Kind] = frozenset(("site", "layer"))
_SIDES = {"左": "左侧", "右": "右侧"}
_BOTH_SIDES = re.compile("(左|右)侧?[/、和及](?!\\1)(左|右)")
_IN_TURN = re.compile("(?<!未见)[/、](?=[^/、]+$)")
_VALUES: frozenset[Kind] = frozenset(("signal", "enhancement", "restriction", "negation", "abnormal"))


class Table(NamedTuple):
    """The cells of the heads and of each row, as [start, end) in the text."""

    heads: Row
    rows: tuple[Row, ...]


def with_bars(text: str) -> str:
    """The text with a bar between the cells of each table, and as many blanks as other characters stood there."""
    read = text
    for table in tables(text):
        for row in (table.heads, *table.rows):
            for (_, end), (start, _) in pairwise(row):
                read = read[:end] + _BAR + " " * (start - end - 1) + read[start:]
    return read


def tables(text: str) -> list[Table]:
    """The tables of a text: rows with as many cells as the heads, which name sequences in one row or one column."""
    if "\n" not in text and _BARS.search(text) is None:
        return []
    found = []
    lines = list(_rows(text))
    at = 0
    while at < len(lines):
        rows = _rows_below(lines, at)
        if rows and _has_sequences(text, lines[at], rows):
            found.append(Table(lines[at], tuple(row for row in rows if not _is_rule(text, row))))
            at += len(rows)
        at += 1
    return found


def _rows(text: str) -> Iterator[Row]:
    """The cells of each line; with bars a semicolon or full stop ends a row, too."""
    for line in _LINE.finditer(text):
        barred = _BARS.search(line[0]) is not None
        for part in _LINE_OF_BARS.finditer(text, *line.span()) if barred else (line,):
            yield tuple(_cells(text, part.start(), part.end()))


def _cells(text: str, start: int, end: int) -> Iterator[Cell]:
    for separator in (*_SEPARATOR.finditer(text, start, end), None):
        stop = end if separator is None else separator.start()
        words = text[start:stop]
        inner = len(words) - len(words.lstrip())
        if words.strip():
            yield start + inner, start + len(words.rstrip())
        start = end if separator is None else separator.end()


def _rows_below(lines: Sequence[Row], at: int) -> list[Row]:
    """The lines after `at` that have as many cells as it; none where it has fewer than two."""
    width = len(lines[at])
    rows: list[Row] = []
    for line in lines[at + 1 :] if width > 1 else ():
        if len(line) != width:
            break
        rows.append(line)
    return rows


def _has_sequences(text: str, heads: Row, rows: Sequence[Row]) -> bool:
    named = sum(_names_sequence(text, cell) for cell in heads[1:])
    below = sum(_names_sequence(text, row[0]) for row in rows)
    if _BARS.search(text, heads[0][1], heads[1][0]) is not None:
        return max(named, 0 if named else below) > 0 or _has_sides(text, heads, rows)
    if all(len(text[end:start]) == 1 for (_, end), (start, _) in pairwise(heads)):
        short = all(end - start <= _MAX_VALUE for row in rows for start, end in row[1:])
        others = sum(_OTHER_HEAD.fullmatch(text, *cell) is not None for cell in heads[1:])
        return short and named > 1 and named + others == len(heads) - 1
    return max(named, 0 if named else below) > 1 or _has_sides(text, heads, rows)


def _has_sides(text: str, heads: Row, rows: Sequence[Row]) -> bool:
    """海马 | 左侧 | 右侧, and a row for each sequence, or 海马T2WI."""
    sides = all(_ONE_SIDE.fullmatch(text, *cell) for cell in heads[1:])
    return sides and any(_SEQUENCE_IN.search(text, *row[0]) for row in rows)


def _names_sequence(text: str, cell: Cell) -> bool:
    return _SEQUENCE.fullmatch(text, *cell) is not None


def _is_rule(text: str, row: Row) -> bool:
    return _RULE.fullmatch(text, row[0][0], row[-1][1]) is not None


def with_tables(tokens: Sequence[Token], text: str) -> list[Token]:
    """The tokens, each lesion of a table as a sentence of its own."""
    found = list(tokens) if _BAR in text else tokens
    for table in reversed(tables(text)) if _BAR in text else ():
        start, end = table.heads[0][0], (table.rows or (table.heads,))[-1][-1][1]
        before = [token for token in found if token.start < start]
        behind = [token for token in found if token.start >= end]
        inside = [token for token in found if start <= token.start < end]
        found = [*before, *_stop(before, start, text), *_read(table, inside, text), *behind]
    return list(found)


def _stop(before: Sequence[Token], at: int, text: str) -> list[Token]:
    return [_mark("stop", "stop", at, text)] if before and before[-1].kind != "stop" else []


def _mark(kind: Kind, value: str, at: int, text: str) -> Token:
    """A mark that stands for the border of a cell."""
    at = min(at, len(text) - 1)
    return Token(kind, value, at, at + 1)


def _read(table: Table, tokens: Sequence[Token], text: str) -> Iterator[Token]:
    """The heads as words without a meaning, then a sentence for each lesion."""
    if _has_sides(text, table.heads, table.rows):
        yield from _read_sides(table, tokens, text)
        return
    by_row = any(_names_sequence(text, cell) for cell in table.heads[1:])
    heads = _words(tokens, (table.heads[0][0], table.heads[-1][1]) if by_row else table.heads[0])
    yield from (token._replace(kind="other", value="") for token in heads)
    yield from _stop(heads, table.heads[-1][1], text)
    if by_row:
        lesions = [list(zip(table.heads, row, strict=True)) for row in table.rows]
    else:
        first = [row[0] for row in table.rows]
        columns = zip(table.heads, *table.rows, strict=True)
        next(columns)
        lesions = [[(table.heads[0], site), *zip(first, cells, strict=True)] for site, *cells in columns]
    for lesion in lesions:
        sides = _left_and_right(lesion, text)
        for which, side in enumerate(sides or (None,)):
            yield from _sentence(_half(lesion, which, text) if sides else lesion, tokens, text, side)


def _read_sides(table: Table, tokens: Sequence[Token], text: str) -> Iterator[Token]:
    """A sentence for each value: its side, the site of its row or of the table, and the sequence of its row."""
    for row in table.rows:
        site = [t for t in _words(tokens, row[0]) if t.kind in _NAMES] or [
            t for t in _words(tokens, table.heads[0]) if t.kind in _NAMES
        ]
        for head, cell in zip(table.heads[1:], row[1:], strict=True):
            side = [t._replace(kind="post_side") for t in _words(tokens, head) if t.kind == "side"]
            value = _value(row[0], cell, tokens, text)
            if site and value:
                yield from (*site, *side, *value, _mark("stop", "stop", cell[1], text))


def _left_and_right(lesion: Sequence[tuple[Cell, Cell]], text: str) -> tuple[Token, ...]:
    """丘脑（左/右） 低/等: the sides of the values that stand in turn in the cells; none where no cell names both."""
    cells = [cell for _, cell in lesion] + [head for head, _ in lesion]
    both = next((found for cell in cells if (found := _BOTH_SIDES.search(text, *cell))), None)
    if both is None or not any(_IN_TURN.search(text, *cell) for head, cell in lesion if _names_sequence(text, head)):
        return ()
    return tuple(Token("side", _SIDES[both[group]], *both.span(group)) for group in (1, 2))


def _half(lesion: Sequence[tuple[Cell, Cell]], which: int, text: str) -> list[tuple[Cell, Cell]]:
    """The cells with the values of one of the two sides; a cell with one value has that of both."""

    def part(cell: Cell) -> Cell:
        mark = _IN_TURN.search(text, *cell)
        return cell if mark is None else ((cell[0], mark.start()), (mark.end(), cell[1]))[which]

    return [(head, part(cell) if _names_sequence(text, head) else cell) for head, cell in lesion]


def _sentence(
    lesion: Sequence[tuple[Cell, Cell]], tokens: Sequence[Token], text: str, half: Token | None
) -> Iterator[Token]:
    """左侧额叶 T1WI 低, T2WI 高: the site first, and before it its side."""
    names = {cell: text[slice(*cell)] for cell, _ in lesion}
    site = next((at for at, (head, _) in enumerate(lesion) if _SITE.search(names[head])), 0)
    side = next((at for at, (head, _) in enumerate(lesion) if _SIDE.fullmatch(names[head])), None)
    named = _words(tokens, lesion[site][1])
    if half is not None:
        named = [*(token for token in named if token.kind in _NAMES), half._replace(kind="post_side")]
    elif side is not None and named:
        yield from (token for token in _words(tokens, lesion[side][1]) if token.kind == "side")
    yield from named
    end = lesion[site][1][1]
    stated = False
    for at, (head, cell) in enumerate(lesion):
        if at in (site, side) or _NUMBER.fullmatch(names[head]):
            continue
        value = _value(head, cell, tokens, text) if _names_sequence(text, head) else _words(tokens, cell)
        if value and _MARGIN.fullmatch(names[head]):
            value = [*_words(tokens, head), *value]
        if value and stated:
            yield _mark("punctuation", ",", end, text)
        yield from value
        stated, end = stated or bool(value), cell[1]
    yield _mark("stop", "stop", end, text)


def _value(head: Cell, cell: Cell, tokens: Sequence[Token], text: str) -> list[Token]:
    """The sequence that the head names, and the value in its cell; nothing of an empty cell."""
    sequence = next((t for t in _words(tokens, head) if t.kind in ("sequence", "enhancement")), None)
    if sequence is None:
        return []
    sequence = sequence._replace(kind="sequence", value="T1CE" if sequence.kind == "enhancement" else sequence.value)
    words = text[slice(*cell)]
    said = [token for token in _words(tokens, cell) if token.kind in _VALUES]
    if _NOTHING.fullmatch(words):
        kind: tuple[Kind, str] = ("enhancement", "强化") if sequence.value == "T1CE" else ("abnormal", "abnormal")
        said = [Token("negation", "未见", *cell), Token(*kind, *cell)]
    elif _DENIED.match(words) and not any(token.kind == "negation" for token in said):
        said = [Token("negation", "未见", cell[0], cell[0] + 1), *said] if said else []
    elif not said and sequence.value == "T1CE":
        manner = "强化" if _SOMETHING.fullmatch(words) else manner_of_enhancement(words)
        said = [Token("enhancement", manner, *cell)] if manner else []
    elif not said:
        signal = _ALONE.get(words) or _RELAXATION.get((sequence.value, words))
        said = [Token("signal", signal, *cell)] if signal else []
    return [sequence, *said] if said else []


def _words(tokens: Sequence[Token], cell: Cell) -> list[Token]:
    return [token for token in tokens if cell[0] <= token.start < cell[1]]
