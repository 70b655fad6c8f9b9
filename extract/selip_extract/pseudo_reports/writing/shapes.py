"""The shape that a lesion has: 斑片状, 环形."""

from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, load
from selip_extract.pseudo_reports.writing.draft import CharSpan, Draft


class _ShapePhrases(PhraseFile):
    morphologies: Phrases
    morphology_names: dict[str, str]


_PHRASES = load(_ShapePhrases, "shapes")
MORPHOLOGIES = _PHRASES.morphologies
_SHAPE_ENDS = ("状", "样", "形", "性", "层")


def put_shape(draft: Draft, share: float) -> str | None:
    """Write the shape that the lesion has on a sequence, with the given chance; None where it says nothing."""
    return shape_of(draft.put_one(MORPHOLOGIES), draft) if draft.chance(share) else None


def shape_of(written: CharSpan, draft: Draft) -> str | None:
    """The morphology that the last words of the draft name; None where they name none."""
    word = draft.parts[-1] if written[1] > written[0] else ""
    name = _PHRASES.morphology_names.get(word, word)
    return name if name.endswith(_SHAPE_ENDS) else None
