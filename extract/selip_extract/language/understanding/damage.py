"""Text that cannot be trusted: characters that an encoding lost, boxes of a form that were not filled in."""

from selip_extract.language.first_characters import filtered

_DAMAGE = filtered(
    "[\ufffd□☐☑☒锟拷@$^]|烫烫|屯屯|(?<![^\\s，。；：、一-龥])[#&%§¤ΩЀ-ӿ]+(?=[一-龥])|(?<=[一-龥])[#&§¤ΩЀ-ӿ]"
)


def is_damaged(text: str, start: int = 0, end: int | None = None) -> bool:
    """Whether a character of text[start:end] is lost: it may have been a negator or a side."""
    return _DAMAGE.search(text, start, len(text) if end is None else end) is not None
