"""Pages that are one file, which opens offline and reaches for nothing outside itself.

Their sources stand in the folder assets; what they show is JSON in one element of the page.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from selip_contracts.vocabulary import CHANGES, ENHANCEMENTS, MODALITIES, SIDES, SIGNALS, SITES
from selip_shared.errors import SelipError
from selip_shared.files import write_text

Json = dict[str, Any]


class Sources(NamedTuple):
    """The files of a page: its elements, its styles and its scripts, which share one scope, in their order."""

    elements: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...]


def offline_page(sources: Sources, shown: Mapping[str, object]) -> str:
    """The page with what it shows and the words that it says it with; only its own style and script work in it."""
    style, script = ("\n".join(map(_source, names)) for names in (sources.styles, sources.scripts))
    parts = {
        "policy": "; ".join(
            (
                "default-src 'none'",
                f"style-src '{_hash(style)}'",
                f"script-src '{_hash(script)}'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        "style": style,
        "script": script,
        # Without a < no text of a report can end the element.
        "data": json.dumps({**_vocabulary(), **shown}, ensure_ascii=False, separators=(",", ":")).replace(
            "<", "\\u003c"
        ),
    }
    # One pass: what stands in a report is no place to put a part.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _source(sources.elements))


def write_page(path: Path, page: str) -> None:
    """Write the page whole or not at all; SelipError where that cannot be."""
    try:
        write_text(path, page)
    except OSError as error:
        raise SelipError(f"{path} cannot be written ({error.strerror}): name a file where you may write.") from error


def _vocabulary() -> Json:
    """What a page can say: its own words in two languages and the values that a finding may have."""
    return {
        "words": json.loads(_source("words.json")),
        "modalities": MODALITIES,
        "sides": SIDES,
        "signals": SIGNALS,
        "enhancements": ENHANCEMENTS,
        "changes": CHANGES,
        "sites": [{"name": site.name, "english": site.english, "parent": site.parent} for site in SITES.values()],
    }


def _source(name: str) -> str:
    return files("selip_extract.pages").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"
