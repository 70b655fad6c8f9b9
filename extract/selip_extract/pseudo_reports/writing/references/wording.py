"""The wording of references, read from references.toml."""

from selip_extract.pseudo_reports.phrases import PhraseFile, Phrases, load
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


REFERENCES = load(_References, "references")
