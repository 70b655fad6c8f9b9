"""The rule reader's grammar: one pass over a report's tokens, with the lesions told so far in mind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from selip_contracts.findings import Finding
from selip_contracts.vocabulary import SIGNALS, Enhancement, Modality, Side, Signal, ancestors
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
    sided: list[Spot] = field(default_factory=list)
    subject: list[Spot] = field(default_factory=list)
    pair: list[list[Spot]] = field(default_factory=list)
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
    sequences_now: int = 0
    quoting: bool = False
    aside: bool = False
    doubtful: bool = False
    before_exception: list[Spot] | None = None
    whole: list[Spot] = field(default_factory=list)
    rest: bool = False
    both: list[Spot] = field(default_factory=list)
    changed: list[Spot] = field(default_factory=list)
    change_leads: bool = False
    introduced: list[Spot] = field(default_factory=list)

    def read(self) -> None:
        places = {p.index: p for p in placed_sites(self.tokens)}
        for at, token in enumerate(self.tokens):
            self.at = at
            match token.kind:
                case "elsewhere":
                    return
                case "site":
                    self._site(places[self.at])
                case "side":
                    self._side(token)
                case "sequence":
                    self._sequence(token)
                case "signal" | "enhancement" | "restriction":
                    self._value(token)
                case "negation":
                    self.negation = token
                case "abnormal":
                    if self.negation and self.sequences and not self.consumed:
                        self._state(token, [(t, None) for t in self.sequences])
                        self.consumed = True
                    self.closed = True
                case "change":
                    self._change()
                case "normal":
                    self.closed = True
                case "date":
                    self._look_back()
                case "cue":
                    self._cue(token)
                case "punctuation" if token.value in (",", ";", ":"):
                    self._end_of_clause(token.value)

    def _site(self, placed: Placed) -> None:
        if placed.locates or self.aside:
            return
        token = self.tokens[placed.index]
        if self.closed:
            self.named, self.closed, self.rest = [], False, False
        self.named += self._remembered(Spot(placed.side, placed.site, token, placed.side_token))

    def _remembered(self, spot: Spot) -> list[Spot]:
        """A site named without its side is the one told before, or both."""
        if spot.side is None:
            before = {s.side: s for s in (*self.report.known(), *self.report.sided) if s.site == spot.site}
            if before and None not in before:
                return [s._replace(token=spot.token) for s in before.values()]
            inside = [s for s in self.report.known() if spot.site in ancestors(s.site)]
            if inside and not before and self._lesion_follows():
                return inside
        return [spot]

    def _lesion_follows(self) -> bool:
        return self.at + 1 < len(self.tokens) and self.tokens[self.at + 1].kind == "lesion"

    def _side(self, token: Token) -> None:
        """右侧者轻度强化, 右侧T1WI呈高信号: a side that stands for the lesion on it."""
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
        if following is None or following.kind not in ("lesion", "sequence", "size") or following.start != token.end:
            return
        told = self.named or self.introduced or self.report.subject
        self.both = [s for s in told if s.side == "双侧"] or self.both
        on_it = [s._replace(side=token.value, side_token=token) for s in self.both] or [  # type: ignore[arg-type]
            s for s in self.report.known() if s.side == token.value
        ]
        if on_it:
            self.named, self.closed, self.rest = on_it, True, False

    def _sequence(self, token: Token) -> None:
        if self.consumed:
            self.sequences, self.consumed, self.respective = [], False, None
        self.sequences.append(token)

    def _value(self, token: Token) -> None:
        self.closed = True
        if self.earlier:
            return
        self.negation = self.negation or self._negation_after()
        value: Signal | Enhancement | None = None if self.negation else token.value  # type: ignore[assignment]
        if token.kind == "enhancement":
            sequence = next((t for t in self.sequences if t.value == "T1CE"), token._replace(value="T1CE"))
            self._state(token, [(sequence, value)])
            self.sequences, self.consumed = [sequence], True
        elif token.kind == "restriction":
            near = [t for t in self.sequences if t.value in ("DWI", "ADC")] if not self.consumed else []
            given = near or [token._replace(value="DWI"), token._replace(value="ADC")]
            self._state(token, [(t, None if self.negation else "高" if t.value == "DWI" else "低") for t in given])
            self.consumed = True
        elif self.respective is not None:
            self._respectively(token, value)
        else:
            used = [t for t in self.sequences if t.value != "T1CE"]
            if self._one_by_one(used):
                used = used[-1:]
            self._state(token, [(t, value) for t in used])
            self.consumed = bool(used) or self.consumed

    def _negation_after(self) -> Token | None:
        """T1WI高信号未见: the negation ends the clause."""
        following = [*self.tokens[self.at + 1 : self.at + 3], None, None][:2]
        ends = following[1] is None or following[1].value in (",", ";")
        return following[0] if following[0] is not None and following[0].kind == "negation" and ends else None

    def _respectively(self, token: Token, value: Signal | Enhancement | None) -> None:
        """T1WI、T2WI分别呈低、高信号 by sequence; T1WI依次呈等、低信号 by place."""
        assert self.respective is not None
        spots = self._spots()
        if len(self.sequences) > 1:
            if self.respective < len(self.sequences):
                self._state(token, [(self.sequences[self.respective], value)])
        elif self.respective < len(spots):
            self._state(token, [(t, value) for t in self.sequences], [spots[self.respective]])
        self.respective += 1
        if self.respective >= max(len(self.sequences), len(spots) if len(self.sequences) == 1 else 0):
            self.respective, self.consumed = None, True

    def _one_by_one(self, used: Sequence[Token]) -> bool:
        """A signal right after its sequence's letters (长T1长T2): each sequence has its own."""
        return bool(used) and used[-1].start == self.tokens[self.at].start and used[-1].end == self.tokens[self.at].end

    def _spots(self) -> list[Spot]:
        if self.named:
            return self.named
        if self.changed and (self.change_leads or not self.introduced):
            return self.changed
        if self._places_follow() or not (self.introduced or self.report.subject):
            ahead = self._ahead()
            if ahead:
                return ahead
        return self.introduced or self.report.subject

    def _places_follow(self) -> bool:
        """长T1长T2信号的病灶位于左侧额叶: the place comes after the signal."""
        ended = False
        for token in self.tokens[self.at + 1 :]:
            if (token.kind == "cue" and token.value in ("位于", "于")) or (token.value == ":" and not ended):
                return True
            if token.kind == "site" or token.value == ";" or (ended and token.kind in ("sequence", "signal")):
                return False
            ended = ended or token.value == ","
        return False

    def _ahead(self) -> list[Spot]:
        found: list[Spot] = []
        since = self.at + 1
        for placed in placed_sites(self.tokens):
            if placed.index < self.at or placed.locates:
                continue
            between = self.tokens[since : placed.index]
            stops = ("negation", "change", "normal", "enhancement", "restriction")
            if any(t.kind in (*stops, "sequence", "signal", "verb") if found else t.kind in stops for t in between):
                break
            found.append(Spot(placed.side, placed.site, self.tokens[placed.index], placed.side_token))
            since = placed.index
        return found

    def _state(
        self,
        token: Token,
        pairs: Sequence[tuple[Token, Signal | Enhancement | None]],
        spots: list[Spot] | None = None,
    ) -> None:
        spots = self._spots() if spots is None else spots
        if not spots or not pairs:
            return
        if not self.rest:
            self._introduce(spots, self.negation is None)
        for sequence, value in pairs:
            modality: Modality = sequence.value  # type: ignore[assignment]
            if value in SIGNALS and modality == "T1CE":
                continue
            name = sequence if sequence.kind == "sequence" else None
            for spot in self._remaining(modality) if self.rest else spots:
                statement = Statement(spot.side, spot.site, modality, value)
                words = Words(spot.token, spot.side_token, token, name, self.negation)
                self.report.findings.append(finding(self.report.text, statement, words, self.doubtful))
                self.report.said.append((spot.place, modality, value))

    def _remaining(self, modality: Modality) -> list[Spot]:
        """其余病灶: the lesions of this sentence, else of the report, of which this sequence has not been told."""
        done = {place for place, m, _ in self.report.said if m == modality}
        return [
            s for s in (self.introduced if len(self.introduced) > 1 else self.report.known()) if s.place not in done
        ]

    def _introduce(self, spots: list[Spot], positive: bool) -> None:
        places = {s.place for s in spots}
        new = not places <= {s.place for s in self.report.known()}
        if positive and new:
            self.report.told.append(spots)
        if new or any(places == {s.place for s in lesion} for lesion in self.report.told):
            if positive or not self.report.subject:
                self.report.subject = spots
            self.introduced = spots

    def _change(self) -> None:
        self.closed = True
        if self.named and not self.negation:
            self.report.sided += [s for s in self.named if s.side]
        self.changed, self.named, self.change_leads = list(self.named), [], True

    def _cue(self, token: Token) -> None:
        match token.value:
            case "前片":
                self._look_back()
            case "较大":
                self.aside = True
            case "本次":
                if self.earlier and self._names_a_sequence():
                    del self.sequences[self.sequences_now :]
                self.earlier = self.quoting = False
            case "分别":
                self.respective = 0 if not self.consumed else None
            case "除":
                self.before_exception, self.closed = self.named, True
            case "外" if self.before_exception is not None:
                self._except(self.before_exception)
                self.before_exception = None
            case "其余" if not self._names_a_site() and not self.whole:
                self.named = self.report.known()
                self.rest, self.closed = True, True
            case "上述" if not self._names_a_site() and not self.whole and self._all_meant(token):
                self.named, self.closed, self.rest = self.report.known(), True, False
            case "前者" | "后者":
                self._one_of_two(token.value)
            case "部分" if "病灶" in self.report.text[token.start : token.end + 2]:
                self.doubtful = True
            case "同上":
                self._same_again(token)

    def _look_back(self) -> None:
        """From here to the end of the clause an earlier study is spoken of."""
        self.earlier, self.sequences_now = True, 0 if self.consumed else len(self.sequences)

    def _except(self, before: list[Spot]) -> None:
        """除A外: what follows is said of the others, within the lesion told in this sentence or of all."""
        if self.named is before:
            return
        left_out = {s.place for s in self.named}
        own = self.introduced if left_out < {s.place for s in self.introduced} else self.report.subject
        self.whole = own if left_out < {s.place for s in own} else self.report.known()
        self.named = [s for s in self.whole if s.place not in left_out]
        self.closed = True
        if self.sequences[-1:] and self.sequences[-1].value != "T1CE" and not self._names_a_sequence():
            self.consumed = False

    def _one_of_two(self, which: str) -> None:
        if len(self.named) == 2 and (not self.report.pair or self.named == self.introduced):
            self.report.pair = [[s] for s in self.named]
        elif len(self.report.pair) != 2 and len(self.report.told) > 1:
            self.report.pair = self.report.told[-2:]
        elif len(self.report.subject) == 2 and not self.report.pair:
            self.report.pair = [[s] for s in self.report.subject]
        if len(self.report.pair) == 2:
            self.named = self.report.pair[0 if which == "前者" else 1]
        self.closed, self.rest = True, False

    def _names_a_sequence(self) -> bool:
        """Whether a sequence is named before the next signal."""
        for token in self.tokens[self.at :]:
            if token.kind in ("sequence", *_FOCAL):
                return token.kind == "sequence"
        return False

    def _names_a_site(self) -> bool:
        """其余脑实质 and 上述部位额叶 go on to name their own sites."""
        return any(t.kind in ("site", "side") for t in self.tokens[self.at + 1 : self.at + 3])

    def _all_meant(self, token: Token) -> bool:
        return self.report.text[token.start] not in "其该此所"

    def _same_again(self, token: Token) -> None:
        """信号同上: what was said last of another lesion."""
        here = {s.place for s in self.named}
        before = [x for x in self.report.said if x[0] not in here]
        if not self.named or not before:
            return
        model = before[-1][0]
        told = dict.fromkeys((m, v) for place, m, v in before if place == model)
        for modality, value in told:
            self._state(token, [(token._replace(value=modality), value)])

    def _end_of_clause(self, mark: str) -> None:
        if self.named and not self.rest and self._introduces():
            self._introduce(self.named, True)
            self.closed = True
        if self.whole and not self._exception_goes_on():
            self.named, self.whole = self.whole, []
            self.closed = True
        if self.earlier:
            del self.sequences[self.sequences_now :]
            self.quoting = self.quoting or (
                mark == ":" and self.report.text[: self.tokens[self.at].start].endswith("报告")
            )
        self.negation, self.earlier, self.doubtful, self.aside = None, self.quoting, False, False
        if mark == ",":
            self.change_leads = self.change_leads and bool(self.changed) and not self.introduced
        elif mark == ";":
            self.named, self.closed, self.rest = [], True, False
            self.introduced, self.changed = [], []
        else:
            self.closed = True
        if any(t.kind == "size" for t in self._clause()):
            self.closed = True

    def _clause(self) -> list[Token]:
        """The tokens of the clause that ends here."""
        clause: list[Token] = []
        for token in reversed(self.tokens[: self.at]):
            if token.kind == "punctuation" and token.value in (",", ";", ":"):
                break
            clause.append(token)
        return clause

    def _exception_goes_on(self) -> bool:
        """The comma right after 外 does not end the exception."""
        return self.at > 0 and self.tokens[self.at - 1].value == "外"

    def _introduces(self) -> bool:
        """A clause that names a lesion without any signal: 左侧额叶见团块状肿块."""
        kinds = {t.kind for t in self._clause()}
        return "site" in kinds and bool(kinds & {"abnormal", "lesion"}) and not kinds & {"negation", "change", *_FOCAL}


def read_clauses(scan: Scan) -> list[Finding]:
    """The findings and explicit negatives that the grammar reads in a report."""
    reader = ClauseReader(scan.text)
    for sentence in scan.sentences:
        reader.read(sentence)
    return reader.findings
