"""A sentence of a report as the rules read it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from selip_extract.language.laterality import LateralisedSite, lateralised_sites
from selip_extract.language.lesion_words import forms_by_end, margins_by_end, may_state_a_margin
from selip_extract.language.tokens import LexedReport, Token
from selip_extract.rules.mentions import SiteMention

_TUMOUR = re.compile("(?:乳头状|母?细胞)?瘤|囊肿")
_COUNTING = frozenset(("other", "cue"))


@dataclass(frozen=True, eq=False)
class Sentence:
    """The tokens of a sentence; their offsets refer to `text`, the whole report as it was mended, and to `stored`."""

    text: str
    stored: str
    tokens: Sequence[Token]

    @cached_property
    def sites(self) -> Mapping[int, LateralisedSite]:
        """The sites with their sides, by the index of the token that names them."""
        sites = lateralised_sites(self.tokens)
        return {s.index: s._replace(is_qualifier=True) if self._is_in_a_name(s) else s for s in sites}

    def _is_in_a_name(self, site: LateralisedSite) -> bool:
        """左侧桥小脑角区见一听神经瘤: whether it stands in the name of a lesion that is seen at another site."""
        if _TUMOUR.match(self.text, site.token.end) is None:
            return False
        last = self.tokens[site.index - 1] if site.index else None
        if last is not None and last.kind == "site" and last.end == site.token.start:
            return True
        if site.side is not None:
            return False
        before = (token.kind for token in reversed(self.tokens[: site.index]) if token.kind not in _COUNTING)
        return next(before, None) == "verb" and next(before, None) in ("site", "layer", "post_side")

    @cached_property
    def margins(self) -> Mapping[int, str]:
        """The margins that it states (边界清楚), by the index of the token in which each ends."""
        text = self.text
        if not may_state_a_margin(text):
            return {}
        return margins_by_end([text[start:end] for _, _, start, end in self.tokens])

    @cached_property
    def forms(self) -> Mapping[int, Sequence[str]]:
        """The forms of the clauses that say nothing else (呈卵圆形), by the index of the last token of each."""
        return forms_by_end(self.text, [token.end for token in self.tokens], self.tokens[0].start)

    def mention(self, site: LateralisedSite) -> SiteMention:
        """The mention of one of the sites."""
        return SiteMention(site.side, site.site, self.tokens[site.index], site.side_token)

    def words(self, at: int) -> str:
        """The characters of the token at index `at`."""
        token = self.tokens[at]
        return self.text[token.start : token.end]


def sentences(lexed: LexedReport) -> list[Sentence]:
    """The sentences of a report."""
    return [Sentence(lexed.read, lexed.text, tokens) for tokens in lexed.sentences]
