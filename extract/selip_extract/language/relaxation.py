"""Relaxation times as sequence and signal: 长T1 is T1 低, 长T1、T2 both."""

import re
from collections.abc import Iterator

from selip_extract.language.lexicon import Relaxation, lexicon
from selip_extract.language.token_patterns import relaxation_parts, times_behind
from selip_extract.language.tokens import Token

_NAME_BEFORE = re.compile("(?:T[12](?:WI)?|FLAIR|DWI|ADC|SWI)$")
_SIGNAL_BEHIND = re.compile("[呈为]?[稍略]?[高低等混]")


def relaxation_tokens(match: re.Match[str]) -> Iterator[Token]:
    """长T1, 等或稍长T1 and 长T1、T2 as sequence and signal, by rule 4 of the annotation."""
    start, end = match.span("relaxation")
    parts = relaxation_parts().fullmatch(match["relaxation"])
    assert parts is not None
    first, second, weighting, rest = parts.groups()
    if not second and not rest and _is_between_sequences(match):
        middle = start + len(first)
        yield Token("signal", _signal_of(lexicon().relaxation[first], weighting), start, middle)
        yield Token("sequence", f"T{weighting}", middle, end)
        return
    weightings = [weighting, "2"] if rest else [weighting]
    for w in weightings:
        yield Token("sequence", f"T{w}", start, end)
        for time in filter(None, (first, second)):
            yield Token("signal", _signal_of(lexicon().relaxation[time], w), start, end)


def tokens_of_times_behind(match: re.Match[str]) -> Iterator[Token]:
    """T1长T2长信号: each sequence and the time behind it."""
    start = match.start()
    parts = re.fullmatch(times_behind("")[: times_behind("").rindex("(?=")], match[0])
    assert parts is not None
    for weighting, group in (("1", 1), ("2", 2)):
        at, end = (start + offset for offset in parts.span(group))
        yield Token("sequence", f"T{weighting}", match.string.rindex("T", 0, at), at)
        yield Token("signal", _signal_of(lexicon().relaxation[parts[group]], weighting), at, end)


def _is_between_sequences(match: re.Match[str]) -> bool:
    """T1等T2低: a telegram, in which 等 is the signal of the sequence before it."""
    return bool(_NAME_BEFORE.search(match.string, 0, match.start()) and _SIGNAL_BEHIND.match(match.string, match.end()))


def _signal_of(relaxation: Relaxation, weighting: str) -> str:
    """A long T1 is low, a long T2 high."""
    if relaxation == "equal":
        return "等"
    if relaxation == "mixed":
        return "混杂"
    high = ("long" in relaxation) == (weighting == "2")
    return ("稍" if relaxation.startswith("slightly") else "") + ("高" if high else "低")
