"""Sites and forms that a user adds to the vocabulary, in a TOML file or stored in a database."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from selip_contracts.vocabulary import SIDES, SITES, Laterality, Site
from selip_shared.errors import SelipError
from selip_shared.toml_files import read_toml

_WORD = re.compile(r"[\u3400-\u9fffA-Z0-9]{2,}")


def _checked_word(word: str) -> str:
    if not _WORD.fullmatch(word):
        raise ValueError(f"{word!r} is no name of a place: write two or more Chinese characters, capitals or digits")
    if "表现为" in word or word.startswith(SIDES):
        raise ValueError(f"{word!r} holds a side or 表现为, which are no part of a place's name")
    return word


Word = Annotated[str, AfterValidator(_checked_word)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _AddedSite(_Table):
    name: Word
    english: str | None = None
    parent: str | None = None
    laterality: Laterality = "paired"
    forms: tuple[Word, ...] = ()


class _VocabularyFile(_Table):
    """One table [[site]] for each added site; [forms] has further forms of sites that are there."""

    site: tuple[_AddedSite, ...] = ()
    forms: dict[str, tuple[Word, ...]] = {}


@dataclass(frozen=True)
class AddedSites:
    """Sites that the vocabulary lacks, each after its parent, and further forms (site, form) of sites that it has."""

    sites: tuple[Site, ...] = ()
    forms: tuple[tuple[str, str], ...] = ()

    def words(self) -> tuple[str, ...]:
        """All added forms."""
        return (*(form for site in self.sites for form in site.surface_forms), *(form for _, form in self.forms))

    def joined(self, other: "AddedSites") -> "AddedSites":
        """Both together; of a site or form that both add, the other's."""
        sites = {site.name: site for site in (*self.sites, *other.sites)}
        return AddedSites(tuple(sites.values()), tuple(dict.fromkeys((*self.forms, *other.forms))))

    def applied(self, sites: Iterable[Site]) -> dict[str, Site]:
        """The sites with what is added by name; a site that is listed there is kept as it is."""
        known = {site.name: site for site in sites}
        for site in self.sites:
            known.setdefault(site.name, site)
        for name, form in self.forms:
            site = known[name]
            if form not in site.surface_forms:
                known[name] = replace(site, surface_forms=(*site.surface_forms, form))
        return known


def read_added_sites(path: Path) -> AddedSites:
    """The sites and forms of a vocabulary file; SelipError where it is not valid or contradicts the vocabulary."""
    file = read_toml(path, _VocabularyFile)
    if not file.site and not any(file.forms.values()):
        raise SelipError(f"{path.name} adds nothing: write a table [[site]] or [forms].")
    known = set(SITES)
    for site in file.site:
        if site.name in known:
            raise SelipError(f"{path.name}: {site.name} is a site already: put its forms under [forms].")
        if site.parent is not None and site.parent not in known:
            raise SelipError(
                f"{path.name}: the parent {site.parent} of {site.name} is no site: name a site of the vocabulary, "
                "or one that stands before it in the file."
            )
        known.add(site.name)
    for name in file.forms:
        if name not in known:
            raise SelipError(f"{path.name}: {name} under [forms] is no site: add it as a [[site]].")
    added = AddedSites(
        tuple(
            Site(s.name, s.english or s.name, s.parent, s.laterality, tuple(dict.fromkeys((s.name, *s.forms))))
            for s in file.site
        ),
        tuple((name, form) for name, forms in file.forms.items() for form in forms),
    )
    _check_forms(path, added)
    return added


def _check_forms(path: Path, added: AddedSites) -> None:
    taken = {form: site.name for site in SITES.values() for form in site.surface_forms}
    owned = [(site.name, form) for site in added.sites for form in site.surface_forms]
    for name, form in (*owned, *added.forms):
        if form in taken:
            raise SelipError(f"{path.name}: {form} of {name} is a form of {taken[form]} already: remove it.")
        taken[form] = name
