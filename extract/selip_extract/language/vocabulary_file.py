"""A user's vocabulary file, checked against the lexicon."""

from pathlib import Path

from selip_contracts.added_sites import read_added_sites
from selip_contracts.database_file import add_sites
from selip_extract.language.lexicon import lexicon
from selip_shared.errors import SelipError


def use_vocabulary(path: Path) -> None:
    """Read reports with the sites and forms of this file too; SelipError where it is not valid."""
    added = read_added_sites(path)
    known = {**lexicon().words, **lexicon().names}
    for form in added.words():
        if form in known:
            raise SelipError(f"{path.name}: {form} has a meaning already, {known[form].kind}: remove it.")
    add_sites(added)
