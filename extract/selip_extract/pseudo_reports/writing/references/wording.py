"""The wording of references, read from references.toml."""

from typing import Annotated

from pydantic import AfterValidator

from selip_contracts.vocabulary import Signal
from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, SiteName, Templates, load, placeholders
from selip_extract.pseudo_reports.sample_study import Share


class _Labels(PhraseFile):
    names: tuple[Phrases, ...]
    joins: Phrases
    verbs: Phrases
    separators: Phrases
    list_separators: Phrases
    list_openings: Phrases
    list_nouns: Phrases
    together: Phrases
    ends: Phrases
    sequence_leads: Phrases
    bracketed: Annotated[Templates, AfterValidator(placeholders("label", "site"))]
    bracketed_leads: Phrases
    group_nouns: Phrases


class _LesionParts(PhraseFile):
    openings: Phrases
    layered_share: Share
    layered_openings: Phrases
    pairs: tuple[tuple[str, str], ...]
    layers: tuple[tuple[str, str], ...]
    relaxing: tuple[Signal, ...]
    separators: Phrases
    joins: Phrases
    sequence_leads: Phrases
    verbs: Phrases


class _Exclusions(PhraseFile):
    openings: Phrases
    separators: Phrases
    only: Phrases
    nouns: Phrases
    sequence_leads: Phrases
    only_last: Phrases
    only_at: Phrases
    others: Phrases
    nouns_of_one: Phrases
    only_on: Phrases
    on_verbs: Phrases
    other_sequences: Phrases


class _SizedSides(PhraseFile):
    openings: Phrases
    forms: Annotated[Templates, AfterValidator(placeholders("size"))]
    separators: Phrases
    many: Phrases
    largest: Phrases
    smaller: Phrases


class _SiteParts(PhraseFile):
    wholes: dict[SiteName, tuple[str, ...]]
    openings: Phrases
    last_joins: Phrases
    sequence_leads: Phrases


class _Lists(PhraseFile):
    openings: Phrases
    nouns: Phrases
    separators: Phrases
    counters: Phrases
    first_openings: Phrases
    same: Phrases
    group_openings: Phrases
    verbs: Phrases
    all_or_one: Phrases
    ends: Phrases
    pointing: Phrases
    nouns_by_value: Phrases
    digits: Phrases
    number_counters: Phrases
    number_joins: Phrases
    bracket_leads: Phrases
    bracketed_shapes: Phrases
    asides: Annotated[Templates, AfterValidator(placeholders("shape", "size"))]


class _Corrections(PhraseFile):
    openings: Phrases
    verbs: Phrases
    mistaken: Annotated[Templates, AfterValidator(placeholders("value"))]
    enhancement_verbs: Phrases
    rather_than: Annotated[Templates, AfterValidator(placeholders("value"))]
    excepted: Phrases
    group_openings: Phrases
    bracketed: Annotated[Templates, AfterValidator(placeholders("site"))]


class _Margins(PhraseFile):
    openings: Phrases
    separators: Phrases
    beside: Phrases
    clear: Phrases
    unclear: Phrases
    of_all: Phrases
    excepted: Phrases


class _References(PhraseFile):
    share: Share
    many: Phrases
    many_at_sites: Phrases
    largest: Phrases
    smaller: Phrases
    others: Phrases
    each_one: Phrases
    ordinals: dict[str, Phrases]
    two_shapes: Phrases
    of_a_side: Phrases
    both_abnormal: Phrases
    contrast_joins: Phrases
    unequal: Phrases
    compared: Phrases
    same_nouns: Phrases
    same: Phrases
    exceptions: Phrases
    other_side: Phrases
    same_side: Phrases
    openings: Phrases
    rest: Phrases
    on_sequence: Phrases
    sizes_leads: Phrases
    labels: _Labels
    lesion_parts: _LesionParts
    exclusions: _Exclusions
    sized_sides: _SizedSides
    lists: _Lists
    site_parts: _SiteParts
    corrections: _Corrections
    margins: _Margins


REFERENCES = load(_References, "references")
