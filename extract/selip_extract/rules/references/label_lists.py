"""Sites that are listed with their labels: ①右侧额叶②左侧顶叶③左侧小脑半球各见一结节; 右侧额叶（①）、左侧顶叶（②）."""

import re
import unicodedata

from selip_extract.rules.lookahead import VALUES
from selip_extract.rules.mentions import LesionMention, ReferenceKind, SiteMention, Sites
from selip_extract.rules.references.site_references import WHOLE_BRAIN
from selip_extract.rules.sentence import Sentence

CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
ROMAN = "(?:[Ⅰ-Ⅻ]|I{1,3}|I?V|VI{1,3}|I?X)"
LABEL_WORDS = "一二三四五六甲乙丙丁戊"
_LABEL = re.compile(f"(?:[0-9A-Za-z{CIRCLED}{LABEL_WORDS}]|{ROMAN})[.]?")
_IN_TURN = re.compile(
    "(?=[编标记命])(?:编号|标号|标记|记|命名)(?:分别|依次)?(?:为|作|:|：)?(?P<labels>[^,，;；。:：、及和]{1,3}(?:[、及和][^,，;；。:：、及和]{1,3})+)"
)
_SEPARATORS = re.compile("[、及和]")
_NAMING = frozenset(("site", "side", "layer", "post_side", "lesion"))
_MARKS = frozenset(("、", ",", "(", ")"))
_STATING = frozenset(("verb", "abnormal", "negation", "sequence", "change", *VALUES))


def is_label(word: str) -> bool:
    """Whether the word may be the label of a lesion: ①, 1, A, 一, Ⅱ, II."""
    return _LABEL.fullmatch(word) is not None


def label_name(label: str) -> str:
    """①, （1） and 1 are one label, and so are Ⅱ and II."""
    return unicodedata.normalize("NFKC", label).upper().strip("().、")


def labelled_sites(sentence: Sentence, mark: str | None) -> dict[str, LesionMention]:
    """The lesions of an enumeration in which each has a label; none where it has fewer than two.

    `mark` is the label that stands before the sentence.
    """
    tokens = sentence.tokens
    if in_turn := _labelled_in_turn(sentence):
        return in_turn
    labels: list[tuple[int, str, int]] = [] if mark is None else [(-1, mark, tokens[0].start)]
    end = len(tokens)
    for at, token in enumerate(tokens):
        if token.kind in _STATING:
            end = at
            break
        if token.kind in ("other", "cue") and is_label(sentence.words(at)) and _adjoins_a_site(sentence, at):
            labels.append((at, label_name(sentence.words(at)), token.start))
    if len(labels) < 2:
        return {}
    named = {
        at: sentence.mention(site)
        for at, site in sentence.sites.items()
        if at < end and not site.is_qualifier and site.site not in WHOLE_BRAIN
    }
    before = labels[0][0] >= 0 and any(at < labels[0][0] for at in named)
    borders = [-1, *(at for at, _, _ in labels)] if before else [*(at for at, _, _ in labels), end]
    found = {
        name: LesionMention((ReferenceKind.LABEL, source), _between(named, start, stop))
        for (_, name, source), start, stop in zip(labels, borders, borders[1:], strict=False)
    }
    return found if len(found) > 1 and all(lesion.sites for lesion in found.values()) else {}


def _labelled_in_turn(sentence: Sentence) -> dict[str, LesionMention]:
    """右侧额叶、左侧颞叶见结节，编号a、b: as many labels as sites before them."""
    start, end = sentence.tokens[0].start, sentence.tokens[-1].end
    found = _IN_TURN.search(sentence.text, start, end)
    if found is None:
        return {}
    named = [s for s in sentence.sites.values() if s.token.end <= found.start() and not s.is_qualifier]
    sites = [sentence.mention(site) for site in named if site.site not in WHOLE_BRAIN]
    labels = _SEPARATORS.split(found["labels"])
    if len(sites) != len(labels) or not all(is_label(label) for label in labels):
        return {}
    pairs = zip(labels, sites, strict=True)
    return {label_name(label): LesionMention((ReferenceKind.LABEL, s.token.start), (s,)) for label, s in pairs}


def _between(named: dict[int, SiteMention], start: int, stop: int) -> Sites:
    return tuple(site for at, site in named.items() if start < at < stop)


def _adjoins_a_site(sentence: Sentence, at: int) -> bool:
    """Whether the label stands right before or behind a site, its side, or a bracket or noun between them."""
    tokens = sentence.tokens
    return any(
        (token.kind in _NAMING or token.value in _MARKS)
        for token in (*tokens[max(0, at - 1) : at], *tokens[at + 1 : at + 2])
    )
