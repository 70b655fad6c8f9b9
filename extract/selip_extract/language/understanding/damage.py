"""Text that cannot be trusted: characters that an encoding lost, boxes of a form that were not filled in."""

import re
from functools import lru_cache

from selip_extract.language.first_characters import filtered

_DAMAGE = filtered(
    "[\ufffd□☐☑☒锟拷@$^]|烫烫|屯屯|(?<![^\\s，。；：、一-龥])[#&%§¤ΩЀ-ӿ]+(?=[一-龥])|(?<=[一-龥])[#&§¤ΩЀ-ӿ]"
)


_FORM = re.compile(r"[(（][ \u3000_]*[)）][^。\n]*[(（][ \u3000_]*[)）]|_{3,}[^。\n]*_{3,}")
"""左侧（ ） 右侧（ ）: a form that nobody filled in."""


def is_damaged(text: str, start: int = 0, end: int | None = None) -> bool:
    """Whether a character of text[start:end] is lost: it may have been a negator or a side."""
    if not _is_anywhere(text):
        return False
    stop = len(text) if end is None else end
    return _DAMAGE.search(text, start, stop) is not None or _FORM.search(text, start, stop) is not None


@lru_cache(1 << 6)
def _is_anywhere(text: str) -> bool:
    """Whether the text is damaged at all, which is asked for each of its sentences."""
    return _DAMAGE.search(text) is not None or _FORM.search(text) is not None
