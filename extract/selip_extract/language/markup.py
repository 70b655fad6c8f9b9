"""Markup of a web page in a report's text: its tags, comments, scripts and deleted words are no words of the report."""

import re

_HIDDEN = r"<!--.*?-->|<(?P<hidden>script|style|del)\b[^<>]*>.*?</(?P=hidden)\s*>"
_TAG = r"</?[a-z][^<>]{0,400}>"
_ENTITY = r"&(?:[a-z]{2,8}|#\d{1,6});"
_MARKUP = re.compile(rf"{_HIDDEN}|{_TAG}|{_ENTITY}", re.IGNORECASE | re.DOTALL)
_LINE_END = re.compile(r"<(?:br|/p|/div|/li|/tr|/h\d)\b", re.IGNORECASE)


def without_markup(text: str) -> str:
    """The text with blanks, or a line break and blanks, for each character of markup; 直径<5mm is none."""
    if "<" not in text and "&" not in text:
        return text

    def blank(match: re.Match[str]) -> str:
        first = "\n" if _LINE_END.match(match[0]) else " "
        return first + " " * (len(match[0]) - 1)

    return _MARKUP.sub(blank, text)
