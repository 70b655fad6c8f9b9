"""A font with Chinese characters for the drawings of matplotlib."""

from functools import cache
from pathlib import Path

PREFERRED = ("NotoSansCJK-Regular", "NotoSansSC", "SourceHanSans", "PingFang", "msyh", "simhei", "wqy")
"""Names of regular sans-serif fonts, best first: serif and handwriting fonts are hard to read in small sizes."""
SAMPLE = "左侧额叶表现为高信号"
"""A font is Chinese if it has these characters."""


def chinese_font() -> Path | None:
    """The file of an installed font with Chinese characters; None where there is none.

    The folders are searched, since matplotlib's own list may be older than a font.
    """
    from matplotlib import font_manager

    return next((Path(font) for font in sorted(font_manager.findSystemFonts(), key=_rank) if _is_chinese(font)), None)


def _rank(path: str) -> tuple[int, str]:
    preferred = (rank for rank, name in enumerate(PREFERRED) if name.lower() in path.lower())
    return next(preferred, len(PREFERRED)), path


@cache
def _is_chinese(font: str) -> bool:
    from matplotlib import font_manager

    try:
        characters = font_manager.get_font(font).get_charmap()
    except (OSError, RuntimeError):
        # Damaged, or in a format that matplotlib cannot draw.
        return False
    return all(ord(character) in characters for character in SAMPLE)
