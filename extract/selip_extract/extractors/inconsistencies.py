"""Signs that a sentence was misread, which need no knowledge of its construction.

A clause names a side or a site that none of its findings has; a region and its part have one value (中脑右侧大脑脚);
values of one sequence at one site contradict each other; one side of a bilateral finding is normal; the cavity of an
operation would lie in bone.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise, takewhile
from typing import NamedTuple

from selip_contracts.findings import Finding, SpanRole
from selip_contracts.vocabulary import SITES, ancestors
from selip_extract.language.tokens import LexedReport, Token
from selip_extract.rules.changes_of_sites import is_within
from selip_extract.rules.lookahead import VALUES, clause_after, is_mark
from selip_extract.rules.prior_study import prior_words
from selip_extract.rules.sentence import Sentence

_Values = Mapping[object, Mapping[object, int]]

_OF_A_PART = re.compile(
    "[内中旁周外缘壁层囊实间混或伴]|[上下前后]部|部分|局部|核心|水肿|包膜|坏死|液|[大小多较]者|出血|为主|[、及和与-](?=[稍略]?[高低等])|[~～]"
)
"""Words of a part of a lesion, which may have another value than the rest."""
_REACH = (14, 6)
"""Characters before and behind the beginning of a value in which such a word stands."""
_NESTED = re.compile(r"[(（\[［][^()（）\[\]［］]*[(（\[［]")
_VENOUS_SINUSES = "静脉窦"
_CAVITIES = re.compile("术区|术腔|残腔")
"""What an operation left; it lies behind the bone that was opened (额骨部分缺损，术区见囊状长T1信号)."""
_SIDES = frozenset(("side", "post_side"))
_BOTH = {"左侧", "右侧"}
_BESIDE = frozenset(("side", "post_side", "other", "layer"))
_NORMAL = (["normal"], ["negation", "abnormal"])
_SAYING_ELSE = frozenset(("negation", "normal", "change"))


class _Stated(NamedTuple):
    """A finding, and where its value stands."""

    at: int
    finding: Finding


def misread(lexed: LexedReport, findings: Iterable[Finding]) -> Iterator[Sequence[Token]]:
    """The sentences with findings that do not fit the words, or other findings of the same sequence and site."""
    stated = [_Stated(_start(finding, "signal"), finding) for finding in findings if finding.evidence is not None]
    stated.sort(key=_at)
    values = _values(stated)
    bilateral = {finding.site_name for _, finding in stated if finding.present and finding.side == "双侧"}
    first = 0
    for tokens in lexed.sentences:
        end = bisect_left(stated, tokens[-1].end, first, key=_at)
        present = [one for one in stated[first:end] if one.finding.present]
        sentence = Sentence(lexed.read, lexed.text, tokens)
        if (present and _is_inconsistent(sentence, present, values)) or _has_a_normal_side(tokens, bilateral):
            yield tokens
        first = end


def _at(stated: _Stated) -> int:
    return stated.at


def _start(finding: Finding, role: SpanRole) -> int:
    """Where the words of this role stand, or those of the whole finding where none has it."""
    assert finding.evidence is not None
    for span in finding.evidence.spans:
        if span.role == role:
            return span.start
    return finding.evidence.start


def _values(stated: Iterable[_Stated]) -> _Values:
    """By sequence, side and site the values that are stated, None for an absent one, with where each stands first."""
    found: dict[object, dict[object, int]] = defaultdict(dict)
    for at, finding in stated:
        found[_place(finding)].setdefault(finding.signal, at)
    return found


def _place(finding: Finding) -> object:
    return finding.modality, finding.side, finding.site, finding.site_text


def _is_inconsistent(sentence: Sentence, present: Sequence[_Stated], values: _Values) -> bool:
    words = sentence.text[sentence.tokens[0].start : sentence.tokens[-1].end]
    return (
        _NESTED.search(words) is not None
        or _lacks_a_side(sentence, present)
        or _has_words_left(sentence, present)
        or _says_the_same_of_a_part(sentence, present)
        or _tells_nothing_apart(sentence, present)
        or _has_both_sides_and_one(present)
        or (_CAVITIES.search(words) is not None and any(is_within(one.finding.site, "颅骨") for one in present))
        or any(_is_contradicted(sentence.text, one, values[_place(one.finding)]) for one in present)
    )


def _lacks_a_side(sentence: Sentence, present: Iterable[_Stated]) -> bool:
    """侧脑室后角旁FLAIR高信号，左侧…: no side of a paired site, though one is named beside it."""
    tokens = sentence.tokens
    for _, finding in present:
        if finding.side is None and SITES[finding.site].laterality == "paired" and finding.site != _VENOUS_SINUSES:
            before = takewhile(_goes_on, reversed([t for t in tokens if t.start < _start(finding, "site")]))
            behind = takewhile(_goes_on, (t for t in tokens if t.start > _start(finding, "site")))
            if any(token.kind in _SIDES for token in chain(before, behind)):
                return True
    return False


def _goes_on(token: Token) -> bool:
    return token.value != ";"


def _has_words_left(sentence: Sentence, present: Sequence[_Stated]) -> bool:
    """右侧则T1WI等信号: a clause with a value names a side or a site of which nothing is found there."""
    prior = prior_words(sentence.text, sentence.tokens)
    placed = {finding.side for _, finding in present}
    behind = (token.value for token in sentence.tokens if token.kind == "post_side")
    if not placed >= _BOTH and any(side not in placed for side in behind):
        return True
    marks = [at for at, token in enumerate(sentence.tokens) if is_mark(token)]
    for before, mark in pairwise((-1, *marks, len(sentence.tokens))):
        clause = [(at, sentence.tokens[at]) for at in range(before + 1, mark) if at not in prior]
        kinds = {token.kind for at, token in clause if not names_a_mixed_lesion(sentence.tokens, at)}
        if VALUES.isdisjoint(kinds) or kinds & _SAYING_ELSE:
            continue
        start, end = clause[0][1].start, clause[-1][1].end
        if "除" in sentence.text[start:end]:
            continue
        here = [finding for at, finding in present if start <= at < end]
        sides = {finding.side for finding in here}
        sites = {name for finding in here for name in (finding.site_name, *ancestors(finding.site))}
        for at, token in clause:
            if token.kind in _SIDES and token.value not in sides and not sides >= _BOTH:
                return True
            if token.kind == "site" and token.value not in sites and not sentence.sites[at].is_qualifier:
                return True
    return False


def names_a_mixed_lesion(tokens: Sequence[Token], at: int) -> bool:
    """左侧额叶见混杂信号灶，T1WI…: the values of the lesion follow by sequence."""
    if tokens[at].value != "混杂":
        return False
    kinds = [token.kind for token in tokens]
    return "sequence" not in kinds[:at] and "sequence" in kinds[at:]


def _has_a_normal_side(tokens: Sequence[Token], bilateral: Collection[str]) -> bool:
    """双侧尾状核…高信号，唯左侧尾状核正常: what is stated of both sides is not true of one."""
    for at, token in enumerate(tokens[:-2] if bilateral else ()):
        if token.kind == "side" and token.value in _BOTH and tokens[at + 1].value in bilateral:
            said = [one.kind for one in clause_after(tokens, at + 1)]
            of_a_sequence = at > 0 and tokens[at - 1].value in (":", "除")
            if not of_a_sequence and (said in _NORMAL or tokens[at + 2].value == "除外"):
                return True
    return False


def _says_the_same_of_a_part(sentence: Sentence, present: Iterable[_Stated]) -> bool:
    """中脑右侧大脑脚T2WI呈高信号: the region right before a part of it is read as a site of its own."""
    said = {finding.site for _, finding in present}
    sites = [(at, token) for at, token in enumerate(sentence.tokens) if token.kind == "site"]
    return any(
        one.value in said
        and other.value in said
        and one.value in ancestors(other.value)
        and all(t.kind in _BESIDE or t.value in ("(", ")") for t in sentence.tokens[first + 1 : second])
        for (first, one), (second, other) in pairwise(sites)
    )


def _has_both_sides_and_one(present: Iterable[_Stated]) -> bool:
    """双侧苍白球T1WI信号增高，左侧为稍高: a sequence of a bilateral lesion, and again of one side."""
    told = {(finding.modality, finding.side, finding.site_name) for _, finding in present}
    return any(side == "双侧" and ({(m, one, site) for one in _BOTH} & told) for m, side, site in told)


def _tells_nothing_apart(sentence: Sentence, present: Iterable[_Stated]) -> bool:
    """双侧海马T2WI分别呈高、稍高信号: values in turn, two of which are read of the same site and sequence."""
    in_turn = [at for at, token in enumerate(sentence.tokens) if token.value == "分别"]
    for at in in_turn:
        end = max((token.end for token in clause_after(sentence.tokens, at)), default=0)
        places = [_place(one.finding) for one in present if sentence.tokens[at].start <= one.at < end]
        if len(places) > len(set(places)):
            return True
    return False


def _is_contradicted(text: str, stated: _Stated, values: Mapping[object, int]) -> bool:
    """Whether another value of the same sequence, side and site is stated, and neither of a part of the lesion."""
    others = [at for value, at in values.items() if value != stated.finding.signal]
    return bool(others) and not any(_is_of_a_part(text, at) for at in (stated.at, *others))


def _is_of_a_part(text: str, at: int) -> bool:
    """Whether a word of a part of a lesion stands around the value at `at`."""
    return _OF_A_PART.search(text, max(0, at - _REACH[0]), at + _REACH[1]) is not None
