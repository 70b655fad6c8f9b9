"""The tagger at work: what a report states of its sites, how probably, and the characters that say so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from selip_contracts.vocabulary import Side
from selip_extract.tagger.characters import PADDING, normal_form, numbers_of
from selip_extract.tagger.network import Pairs, Spans, TaggerNetwork
from selip_extract.tagger.pairs import Pair, Span, pairs
from selip_extract.tagger.statements import LINKS, ROLES, STATED, Role, Stated
from selip_extract.tagger.tagged_spans import Probabilities, TaggedSpan, probability_of, tagged_spans
from selip_extract.tagger.windows import Window, windows

CHARACTERS_PER_BATCH = 2048
"""More do not stay in the cache of a processor while a layer reads them."""
LIKELY = 0.5


@dataclass(frozen=True)
class TaggedStatement:
    """A statement about the site that the characters `site` name; all spans are of the report's text."""

    stated: Stated
    side: Side | None
    site: Span
    value: Span
    negation: Span | None
    doubted: bool
    probability: float


@dataclass(frozen=True)
class TaggedWindow:
    """One window as it was read: its encoding (length, width), its tags (length, roles, 3), and its spans by role."""

    window: Window
    text: str
    encoded: Tensor
    tags: Probabilities
    spans: dict[Role, list[TaggedSpan]]


class Tagger:
    """Reads texts with a network."""

    def __init__(self, network: TaggerNetwork) -> None:
        self.network = network
        self._numbers = numbers_of(network.config.characters)

    @torch.inference_mode()
    def windows(self, texts: Sequence[str]) -> list[list[TaggedWindow]]:
        """The windows of each text; windows of like length are read together."""
        cut = [(i, window) for i, text in enumerate(texts) for window in windows(text) if window.end > window.start]
        cut.sort(key=lambda entry: entry[1].end - entry[1].start)
        found: list[list[TaggedWindow]] = [[] for _ in texts]
        while cut:
            longest = cut[-1][1].end - cut[-1][1].start
            count = max(1, CHARACTERS_PER_BATCH // longest)
            for i, read in self._read(texts, cut[-count:]):
                found[i].append(read)
            del cut[-count:]
        for of_text in found:
            of_text.sort(key=lambda read: read.window.new)
        return found

    def _read(self, texts: Sequence[str], cut: Sequence[tuple[int, Window]]) -> Iterator[tuple[int, TaggedWindow]]:
        pieces = [texts[i][window.start : window.end] for i, window in cut]
        numbers = torch.full((len(pieces), max(map(len, pieces))), PADDING)
        for row, piece in enumerate(pieces):
            numbers[row, : len(piece)] = torch.tensor(self._numbers(piece))
        encoded = self.network.encode(numbers)
        tags = self.network.tag_logits(encoded).softmax(-1).numpy()
        for row, ((i, window), piece) in enumerate(zip(cut, pieces, strict=True)):
            own = tags[row, : len(piece)]
            spans = {role: tagged_spans(own[:, at]) for at, role in enumerate(ROLES)}
            yield i, TaggedWindow(window, normal_form(piece), encoded[row, : len(piece)], own, spans)

    @torch.inference_mode()
    def statements(self, read: Sequence[TaggedWindow]) -> list[list[TaggedStatement]]:
        """What the tagged values of each window state of its tagged sites."""
        return [list(self._stated(window)) for window in read]

    def _stated(self, window: TaggedWindow) -> Iterator[TaggedStatement]:
        sites, values = window.spans["site"], window.spans["value"]
        if not sites or not values:
            return
        stated, links = self._probabilities(window, [s[:2] for s in sites], [v[:2] for v in values])
        shift = window.window.start
        for v, value in enumerate(values):
            said = np.flatnonzero(stated[v, : len(STATED)] > LIKELY).tolist()
            for s, site in enumerate(sites):
                link = int(links[s, v].argmax())
                if link == 0 or not window.window.reads(site.start + shift, value.start + shift):
                    continue
                for number in said:
                    yield TaggedStatement(
                        STATED[number],
                        LINKS[link - 1],
                        (site.start + shift, site.end + shift),
                        (value.start + shift, value.end + shift),
                        _near(window.spans["negation"], value, shift) if STATED[number].value is None else None,
                        bool(stated[v, len(STATED)] > LIKELY),
                        site.probability * value.probability * float(stated[v, number]) * float(links[s, v, link]),
                    )

    def _probabilities(
        self, window: TaggedWindow, sites: Sequence[Span], values: Sequence[Span]
    ) -> tuple[Probabilities, Probabilities]:
        """(values, statements + 1) and (sites, values, 5) for the spans of one window."""
        rows = torch.tensor(list(pairs(window.text, sites, values)), dtype=torch.long).reshape(-1, len(Pair._fields))
        encoded = window.encoded[None]
        of_sites, of_values = _spans(sites), _spans(values)
        stated = self.network.stated_logits(encoded, of_values).sigmoid().numpy()
        links = self.network.link_logits(encoded, of_sites, of_values, Pairs(*rows.unbind(-1))).softmax(-1)
        return stated, links.reshape(len(values), len(sites), -1).transpose(0, 1).numpy()

    @torch.inference_mode()
    def probability(self, window: TaggedWindow, stated: Stated, side: Side | None, site: Span, value: Span) -> float:
        """The probability of a statement that others have found, of spans of the report's text."""
        shift = window.window.start
        own_site = _as_tagged(window.spans["site"], (site[0] - shift, site[1] - shift))
        own_value = _as_tagged(window.spans["value"], (value[0] - shift, value[1] - shift))
        if min(own_site[0], own_value[0]) < 0 or max(own_site[1], own_value[1]) > len(window.text):
            return 0.0
        said, links = self._probabilities(window, [own_site], [own_value])
        tagged = probability_of(window.tags[:, ROLES.index("site")], *own_site)
        tagged *= probability_of(window.tags[:, ROLES.index("value")], *own_value)
        return tagged * float(said[0, STATED.index(stated)]) * float(links[0, 0, 1 + LINKS.index(side)])


def _spans(spans: Sequence[Span]) -> Spans:
    rows = torch.tensor([(0, start, end - 1) for start, end in spans], dtype=torch.long).reshape(-1, 3)
    return Spans(*rows.unbind(-1))


def _as_tagged(tagged: Sequence[TaggedSpan], span: Span) -> Span:
    """The tagged span that overlaps, else the span itself."""
    return next(((t.start, t.end) for t in tagged if t.start < span[1] and span[0] < t.end), span)


def _near(spans: Sequence[TaggedSpan], value: TaggedSpan, shift: int) -> Span | None:
    """The span nearest to the value."""
    nearest = min(spans, key=lambda s: min(abs(value.start - s.end), abs(s.start - value.end)), default=None)
    return None if nearest is None else (nearest.start + shift, nearest.end + shift)
