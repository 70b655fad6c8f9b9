"""The texts of the pages in two languages."""

import json
import re
from pathlib import Path

from selip_extract import pages

ASSETS = Path(pages.__path__[0]) / "assets"
WORDS = json.loads((ASSETS / "words.json").read_text(encoding="utf-8"))


def gaps(words: object) -> object:
    """The labels with the number of values that each text takes."""
    if isinstance(words, dict):
        return {label: gaps(text) for label, text in words.items()}
    return str(words).count("{}")


def test_both_languages_have_the_same_labels_and_take_the_same_values() -> None:
    assert gaps(WORDS["zh"]) == gaps(WORDS["en"])


def test_every_label_that_a_page_names_has_its_words() -> None:
    sources = [file.read_text(encoding="utf-8") for file in ASSETS.rglob("*") if file.suffix in (".js", ".html")]
    named = re.findall(r'say\("(\w+)"|\["(key_\w+)"|data-(?:label|placeholder|title)="(\w+)"', "\n".join(sources))
    assert len(named) > 50
    assert {next(filter(None, groups)) for groups in named} <= set(WORDS["en"])
