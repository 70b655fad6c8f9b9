"""Pages that are one file, which opens offline and loads nothing from outside.

Their sources are in the folder assets; what a page shows is JSON in one element of it.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

from selip_contracts.vocabulary import CHANGES, ENGLISH, ENHANCEMENTS, MODALITIES, SIDES, SIGNALS, SITES, UNLISTED
from selip_shared.html_page import render_page
from selip_shared.messages.translation import language_asked_for

Json = dict[str, Any]

_ASSETS = files("selip_extract.pages").joinpath("assets")


class Sources(NamedTuple):
    """The files of a page: its template, its styles and its scripts, which share one scope, in their order."""

    template: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...]


def offline_page(sources: Sources, shown: Mapping[str, object], **values: object) -> str:
    """The page with what it shows, as JSON can hold it, the vocabulary, and its texts in both languages.

    It opens in the language that was asked for, else in that of the browser. The template gets the further values.
    """
    style, script = ("\n".join(map(_source, names)) for names in (sources.styles, sources.scripts))
    data = {"language": language_asked_for(), **_vocabulary(), **shown}
    return render_page(_ASSETS, sources.template, style, script, data=data, **values)


def _vocabulary() -> Json:
    return {
        "words": json.loads(_source("words.json")),
        "modalities": MODALITIES,
        "sides": SIDES,
        "signals": SIGNALS,
        "enhancements": ENHANCEMENTS,
        "changes": CHANGES,
        "english": ENGLISH,
        "unlisted": UNLISTED,
        "sites": [{"name": site.name, "english": site.english, "parent": site.parent} for site in SITES.values()],
    }


def _source(name: str) -> str:
    return _ASSETS.joinpath(*name.split("/")).read_text(encoding="utf-8")
