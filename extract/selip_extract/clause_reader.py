"""The rule reader's grammar: one pass over a report's tokens, with the lesions told so far in mind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from selip_contracts.findings import Finding
from selip_contracts.vocabulary import Enhancement, Modality, Side, Signal
from selip_extract.ground import Words, finding
from selip_extract.places import Placed, placed_sites
from selip_extract.scan import Scan, Token
from selip_extract.task import Statement

_FOCAL = frozenset(("signal", "enhancement", "restriction"))


class Spot(NamedTuple):
    """A place told of, and the tokens that name it."""

    side: Side | None
    site: str
    token: Token
    side_token: Token | None

    @property
    def place(self) -> tuple[Side | None, str]:
        """(side, site)."""
        return self.side, self.site


@dataclass
class ClauseReader:
    """Reads a report sentence by sentence; `findings` grows in the order of the text."""

    text: str
    findings: list[Finding] = field(default_factory=list)
    told: list[list[Spot]] = field(default_factory=list)
    subject: list[Spot] = field(default_factory=list)
    said: list[tuple[tuple[Side | None, str], Modality, Signal | Enhancement | None]] = field(default_factory=list)

    def read(self, sentence: Sequence[Token]) -> None:
        """Read one sentence."""
        _Sentence(self, sentence).read()

    def known(self) -> list[Spot]:
        """Every place of every lesion told so far, once."""
        return list({s.place: s for lesion in self.told for s in lesion}.values())


@dataclass
class _Sentence:
    """What is in mind while one sentence is read."""

    report: ClauseReader
    tokens: Sequence[Token]
    at: int = 0
    named: list[Spot] = field(default_factory=list)
    closed: bool = True
    sequences: list[Token] = field(default_factory=list)
    consumed: bool = False
    respective: int | None = None
    negation: Token | None = None
    earlier: bool = False
    doubtful: bool = False
    excepting: bool = False
    changed: list[Spot] = field(default_factory=list)
    introduced: bool = False
    stated: list[tuple[tuple[Side | None, str], Modality]] = field(default_factory=list)
    pair: list[list[Spot]] = field(default_factory=list)

    def read(self) -> None:
        places = {p.index: p for p in placed_sites(self.tokens)}
        for self.at, token in enumerate(self.tokens):
            match token.kind:
                case "elsewhere":
                    return
                case "site":
                    self._site(places[self.at])
                case "sequence":
                    self._sequence(token)
                case "signal" | "enhancement" | "restriction":
                    self._value(token)
                case "negation":
                    self.negation = token
                case "abnormal":
                    if self.negation and self.sequences and not self.consumed:
                        self._state(token, [(t, None) for t in self.sequences])
                    self.closed = True
                case "change":
                    self._change()
                case "normal":
                    self.closed = True
                case "date":
                    self.earlier = True
                case "cue":
                    self._cue(token)
                case "punctuation" if token.value in (",", ";", ":"):
                    self._end_of_clause(token.value)

    def _site(self, placed: Placed) -> None:
        if placed.locates:
            return
        token = self.tokens[placed.index]
        spot = Spot(placed.side, placed.site, token, placed.side_token)
        if self.closed:
            self.named, self.closed = [], False
            if self.consumed and self.sequences and self.sequences[-1].value == "T1CE":
                self.consumed = False
        self.named.append(self._remembered(spot))

    def _remembered(self, spot: Spot) -> Spot:
        """A site named without its side is the one told before, where there is just one."""
        if spot.side is None:
            sides = {s.side: s for s in self.report.known() if s.site == spot.site}
            if len(sides) == 1:
                (known,) = sides.values()
                return known._replace(token=spot.token)
        return spot

    def _sequence(self, token: Token) -> None:
        if self.consumed:
            self.sequences, self.consumed, self.respective = [], False, None
        self.sequences.append(token)

    def _value(self, token: Token) -> None:
        self.closed = True
        if self.earlier:
            return
        value: Signal | Enhancement | None = None if self.negation else token.value  # type: ignore[assignment]
        if token.kind == "enhancement":
            sequence = next((t for t in self.sequences if t.value == "T1CE"), token._replace(kind="sequence", value="T1CE"))
            self._state(token, [(sequence, value)])
            self.sequences, self.consumed = [sequence], True
        elif token.kind == "restriction":
            near = [t for t in self.sequences if t.value in ("DWI", "ADC")] if not self.consumed else []
            given = near or [token._replace(value="DWI"), token._replace(value="ADC")]
            self._state(token, [(t, None if self.negation else "高" if t.value == "DWI" else "低") for t in given])
            self.consumed = True
        elif self.respective is not None and self.respective < len(self.sequences):
            self._state(token, [(self.sequences[self.respective], value)])
            self.respective += 1
            if self.respective == len(self.sequences):
                self.respective, self.consumed = None, True
        else:
            used = [t for t in self.sequences if t.value != "T1CE"]
            if self._one_by_one(used):
                used = used[-1:]
            self._state(token, [(t, value) for t in used])
            self.consumed = bool(used) or self.consumed

    def _one_by_one(self, used: Sequence[Token]) -> bool:
        """A signal right after its sequence's letters (长T1长T2): each sequence has its own."""
        return bool(used) and used[-1].start == self.tokens[self.at].start and used[-1].end == self.tokens[self.at].end

    def _spots(self) -> list[Spot]:
        if self.named:
            return self.named
        if self.changed and not self.introduced:
            return self.changed
        if not self.introduced and not self.report.subject or self._places_follow():
            ahead = self._ahead()
            if ahead:
                return ahead
        return self.report.subject

    def _places_follow(self) -> bool:
        """长T1长T2信号的病灶位于左侧额叶: the place comes after the signal."""
        for token in self.tokens[self.at + 1 :]:
            if token.kind == "cue" and token.value in ("位于", "于"):
                return True
            if token.kind in ("site", "punctuation") and token.value != ",":
                return False
        return False

    def _ahead(self) -> list[Spot]:
        found: list[Spot] = []
        for placed in placed_sites(self.tokens):
            if placed.index < self.at or placed.locates:
                continue
            between = self.tokens[self.at + 1 : placed.index]
            if any(t.kind in ("negation", "change", "normal", "enhancement", "restriction") for t in between):
                break
            if found and any(t.kind in ("sequence", "signal", "verb") for t in self.tokens[self.at + 1 : placed.index] if t.start > found[0].token.start):
                break
            found.append(Spot(placed.side, placed.site, self.tokens[placed.index], placed.side_token))
        return found

    def _state(self, token: Token, pairs: Sequence[tuple[Token, Signal | Enhancement | None]]) -> None:
        spots = self._spots()
        if not spots or not pairs:
            return
        positive = self.negation is None
        if self.named is spots or not self.report.subject:
            self._introduce(spots, positive)
        for sequence, value in pairs:
            modality: Modality = sequence.value  # type: ignore[assignment]
            if (value in ("高", "低", "等", "稍高", "稍低", "混杂")) and modality == "T1CE":
                continue
            name = sequence if sequence.kind == "sequence" else None
            for spot in spots:
                statement = Statement(spot.side, spot.site, modality, value)
                words = Words(spot.token, spot.side_token, token, name, self.negation)
                self.report.findings.append(finding(self.report.text, statement, words, self.doubtful))
                self.report.said.append((spot.place, modality, value))
                self.stated.append((spot.place, modality))

    def _introduce(self, spots: list[Spot], positive: bool) -> None:
        places = {s.place for s in spots}
        known = {s.place for s in self.report.known()}
        if positive and not places <= known:
            self.report.told.append(spots)
        if positive or not self.report.subject:
            self.report.subject = spots
        self.introduced = True

    def _change(self) -> None:
        self.closed = True
        self.changed, self.named = list(self.named), []

    def _cue(self, token: Token) -> None:
        known = self.report.known()
        match token.value:
            case "前片":
                self.earlier = True
            case "本次":
                self.earlier = False
            case "分别":
                self.respective = 0 if not self.consumed else None
            case "除":
                self.excepting, self.closed = True, True
            case "外" if self.excepting:
                self.excepting = False
                left_out = {s.place for s in self.named}
                scope = self.report.subject if left_out < {s.place for s in self.report.subject} else known
                self.named = [s for s in scope if s.place not in left_out]
                self.closed = True
                self.consumed = False
            case "其余" if not self._names_a_site():
                self.named = [s for s in known if not self._already(s)]
                self.closed = True
            case "上述" if not self._names_a_site() and self._all_meant():
                self.named, self.closed = known, True
            case "前者" | "后者":
                group = self.pair or [[s] for s in (self.named or self.report.subject)]
                self.pair = group
                if len(group) > 1:
                    self.named = group[0] if token.value == "前者" else group[-1]
                self.closed = True
            case "部分" if "病灶" in self.report.text[token.start : token.end + 2]:
                self.doubtful = True
            case "同上":
                self._same_again(token)

    def _names_a_site(self) -> bool:
        """其余脑实质 and 上述部位额叶 go on to name their own sites."""
        following = self.tokens[self.at + 1 : self.at + 3]
        return any(t.kind in ("site", "side") for t in following)

    def _all_meant(self) -> bool:
        text = self.report.text[self.tokens[self.at].start : self.tokens[self.at].end]
        return text[0] not in "其该此所"

    def _already(self, spot: Spot) -> bool:
        return any(place == spot.place for place, _ in self.stated)

    def _same_again(self, token: Token) -> None:
        if not self.named:
            return
        here = {s.place for s in self.named}
        before = [x for x in self.report.said if x[0] not in here]
        if not before:
            return
        model = before[-1][0]
        told = dict.fromkeys((m, v) for place, m, v in before if place == model)
        self.negation = None
        for modality, value in told:
            self._state(token, [(token._replace(kind="cue", value=modality), value)])

    def _end_of_clause(self, mark: str) -> None:
        if self.named and self._introduces():
            self._introduce(self.named, True)
        if mark in (";", ":"):
            self.closed = True
        self.negation = None
        self.earlier = False
        self.doubtful = False

    def _introduces(self) -> bool:
        """A clause that names a lesion without any signal: 左侧额叶见团块状肿块."""
        clause: list[Token] = []
        for token in reversed(self.tokens[: self.at]):
            if token.kind == "punctuation" and token.value in (",", ";", ":"):
                break
            clause.append(token)
        kinds = {t.kind for t in clause}
        return "site" in kinds and bool(kinds & {"abnormal", "lesion"}) and not kinds & {"negation", "change", *_FOCAL}


def read_clauses(scan: Scan) -> list[Finding]:
    """The findings and explicit negatives that the grammar reads in a report."""
    reader = ClauseReader(scan.text)
    for sentence in scan.sentences:
        reader.read(sentence)
    return reader.findings
