"""What real reports have and the generator never writes: words, and clause structures."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import jieba

from selip_extract.language.lexer import lex
from selip_extract.language.lexicon import words
from selip_extract.language.tokens import LexedReport, Token
from selip_shared.word_segmenter import word_segmenter

MIN_WORD_LENGTH = 2
_CLAUSE_ENDS = frozenset(",;:")
# The token kinds that make up the structure of a clause, and their names in the output.
_PARTS = {
    "site": "部位", "side": "侧", "post_side": "偏侧", "sequence": "序列", "signal": "信号", "enhancement": "强化",
    "restriction": "受限", "negation": "未见", "abnormal": "异常", "normal": "正常", "lesion": "病灶", "change": "改变",
    "size": "大小", "date": "日期",
}  # fmt: skip


@dataclass(frozen=True)
class Gap:
    """A word or a clause structure, and the number of reports that have it."""

    what: str
    reports: int


@dataclass(frozen=True)
class Gaps:
    """What the generator never produces, the most frequent first."""

    reports: int
    words: tuple[Gap, ...]
    constructions: tuple[Gap, ...]


def gaps(real: Iterable[str], produced: Iterable[str]) -> Gaps:
    """The words and clause structures of real texts that no produced text has."""
    known_words: set[str] = set()
    known_constructions: set[str] = set()
    for text in produced:
        known_words |= _words(text)
        known_constructions |= _constructions(lex(text))
    count, new_words, new_constructions = 0, Counter[str](), Counter[str]()
    for text in real:
        count += 1
        new_words.update(_words(text) - known_words)
        new_constructions.update(_constructions(lex(text)) - known_constructions)
    return Gaps(count, _by_frequency(new_words), _by_frequency(new_constructions))


def _by_frequency(counted: Counter[str]) -> tuple[Gap, ...]:
    return tuple(Gap(what, reports) for what, reports in sorted(counted.items(), key=lambda x: (-x[1], x[0])))


@cache
def _segmenter() -> jieba.Tokenizer:
    return word_segmenter(words())


def _words(text: str) -> set[str]:
    """The Chinese words of a text."""
    found = _segmenter().cut(text, HMM=False)
    return {word for word in found if len(word) >= MIN_WORD_LENGTH and all("一" <= c <= "鿿" for c in word)}


def _constructions(lexed: LexedReport) -> set[str]:
    """The structures of the text's clauses that state a signal."""
    return {
        " ".join(parts)
        for sentence in lexed.sentences
        for clause in _clauses(sentence)
        if any(t.kind in ("signal", "enhancement", "restriction") for t in clause) and (parts := list(_parts(clause)))
    }


def _clauses(sentence: Sequence[Token]) -> Iterator[list[Token]]:
    clause: list[Token] = []
    for token in sentence:
        if token.kind == "punctuation" and token.value in _CLAUSE_ENDS:
            yield clause
            clause = []
        else:
            clause.append(token)
    yield clause


def _parts(clause: Sequence[Token]) -> Iterator[str]:
    """The parts of a clause; a list of sites, sequences or signals counts as one of them."""
    before = None
    for token in clause:
        part = token.value if token.kind == "cue" else _PARTS.get(token.kind)
        if part is None or part == before:
            continue
        yield part
        before = part
