"""The shape that a lesion has: 斑片状, 环形."""

import re
from collections.abc import Sequence
from functools import cache

from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, load
from selip_extract.pseudo_reports.writing.draft import Draft, Mention


class _ShapePhrases(PhraseFile):
    morphologies: Phrases
    names: Phrases
    full_names: dict[str, str]


_PHRASES = load(_ShapePhrases, "shapes")
MORPHOLOGIES = _PHRASES.morphologies


def put_shape(draft: Draft, share: float) -> str | None:
    """Write the shape that the lesion has on a sequence, with the given chance; None where it says nothing."""
    if not draft.chance(share):
        return None
    draft.put_one(MORPHOLOGIES)
    return shape_in(draft.parts[-1])


def shape_in(phrase: str) -> str | None:
    """The shape that a phrase names: 片状 of 见片状异常信号."""
    shape = _name().search(phrase)
    return _PHRASES.full_names.get(shape[0], shape[0]) if shape else None


def note_description(draft: Draft, mentions: Sequence[Mention]) -> None:
    """Note the shape that the words just written give to the lesions, and that they call them nodules."""
    words = draft.parts[-1]
    for mention in mentions:
        mention.words.add(morphology=shape_in(words), lesion="结节" if "结节" in words else None)


@cache
def _name() -> re.Pattern[str]:
    return re.compile("|".join(sorted(_PHRASES.names, key=len, reverse=True)))
