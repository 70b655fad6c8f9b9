"""The rule reader's grammar: one pass over a report's tokens, with the lesions told so far in mind."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from selip_contracts.findings import Finding
from selip_contracts.vocabulary import SIGNALS, Modality
from selip_extract.language.evidence import Words, finding
from selip_extract.language.laterality import lateralised_sites
from selip_extract.language.lexer import LexedReport, Token
from selip_extract.language.question import Statement
from selip_extract.rules.clause_subject import ClauseSubject
from selip_extract.rules.lookahead import (
    VALUES,
    accounts_in_a_row,
    denial_ends,
    is_mark,
    names_a_sequence,
    negation_after,
    sequences_of_exception,
    values_in_a_row,
)
from selip_extract.rules.mentions import MentionedLesions, SiteMention, Value
from selip_extract.rules.prior_study import earlier_words, is_now

_SPEAKING = frozenset(("site", "abnormal", *VALUES))
_NO_OTHERS = "其余未见"
_OF_A_MARGIN = frozenset(("规则", "清楚", "清晰", "光滑", "完整"))


@dataclass
class ClauseReader:
    """Reads one sentence: which values are said on which sequences; `findings` grows in the order of the text."""

    subject: ClauseSubject
    findings: list[Finding]
    sequences: list[Token] = field(default_factory=list)
    consumed: bool = False
    respective: int | None = None
    apart: list[SiteMention] = field(default_factory=list)
    negation: Token | None = None
    doubtful: bool = False
    aside: bool = False
    before_earlier: tuple[list[Token], bool] | None = None

    def read(self) -> None:
        """Read the sentence to its end, or to where it turns to another part of the body."""
        tokens = self.subject.tokens
        placed = {p.index: p for p in lateralised_sites(tokens)}
        earlier = earlier_words(self.subject.text, tokens)
        for at, token in enumerate(tokens):
            if token.kind == "elsewhere":
                return
            if at in earlier:
                self._look_back()
            elif self.before_earlier is not None:
                self._now(at)
            if token.kind == "site" and not placed[at].is_qualifier and not self.aside:
                self.subject.site(placed[at])
            elif token.kind in VALUES:
                self.subject.closed = True
                if at not in earlier:
                    self._value(at)
            elif token.kind != "other" or token.value == _NO_OTHERS:
                self._word(at)
        if self.before_earlier is None:
            self.subject.end_of_clause(len(tokens), "")

    def _word(self, at: int) -> None:
        """A word that is neither a site nor a value."""
        token = self.subject.tokens[at]
        match token.kind:
            case "side":
                self.subject.side(at)
            case "lesion":
                self.subject.lesion(at)
            case "sequence":
                self._sequence(token)
            case "negation":
                self.negation = token
            case "abnormal":
                self._abnormal(at)
            case "change":
                self.subject.change(at, self.negation is not None)
            case "normal" if self.subject.text[token.start : token.end] in _OF_A_MARGIN:
                self.subject.closed = True
            case "normal":
                self.subject.dismiss()
            case "cue":
                self._cue(at)
            case "other":
                self.subject.point("其余", at)
                self.negation = token
            case "punctuation" if is_mark(token):
                self._end_of_clause(at)
            case "punctuation" if denial_ends(self.subject.tokens, at):
                self.negation = None

    def _sequence(self, token: Token) -> None:
        if self.consumed:
            self.sequences, self.consumed, self.respective = [], False, None
        if self.apart and self.subject.told.speaks_of(self.subject.named, token.value):
            self.subject.point_to([self.apart.pop(0)])
        self.sequences = [*self.sequences, token]

    def _look_back(self) -> None:
        if self.before_earlier is None:
            self.before_earlier = self.sequences, self.consumed

    def _now(self, at: int) -> None:
        """What follows is said of now again: on a sequence of the earlier study where none is named (DWI…，现…)."""
        assert self.before_earlier is not None
        tokens = self.subject.tokens
        if not is_now(self.subject.text, tokens[at]) or names_a_sequence(tokens, at):
            self.sequences, self.consumed = self.before_earlier
        self.before_earlier = self.negation = None
        self.subject.turn_to_now()

    def _value(self, at: int) -> None:
        token = self.subject.tokens[at]
        self.negation = self.negation or negation_after(self.subject.tokens, at)
        value: Value = None if self.negation else token.value  # type: ignore[assignment]
        if token.kind == "enhancement":
            sequence = next((t for t in self.sequences if t.value == "T1CE"), token._replace(value="T1CE"))
            self._state(at, [(sequence, value)])
            self.sequences, self.consumed = [sequence], True
        elif token.kind == "restriction":
            near = [t for t in self.sequences if t.value in ("DWI", "ADC")] if not self.consumed else []
            given = near or [token._replace(value="DWI"), token._replace(value="ADC")]
            self._state(at, [(t, None if self.negation else "高" if t.value == "DWI" else "低") for t in given])
            self.consumed = True
        elif self.respective is not None:
            self._respectively(at, value)
        elif not (self.consumed and self._describes(token)):
            used = [t for t in self.sequences if t.value != "T1CE"]
            if self._one_by_one(used, token):
                used = used[-1:]
            self._state(at, [(t, value) for t in used])
            self.consumed = bool(used) or self.consumed

    def _describes(self, token: Token) -> bool:
        """呈高信号，内部信号欠均匀: how the signal that has been told looks."""
        said = self.subject.text[token.start : token.end]
        return token.value == "混杂" and said.startswith("信号") and "均" in said

    def _one_by_one(self, used: Sequence[Token], token: Token) -> bool:
        """A signal right after its sequence's letters (长T1长T2): each sequence has its own."""
        return bool(used) and used[-1].start == token.start and used[-1].end == token.end

    def _abnormal(self, at: int) -> None:
        self.subject.closed = True
        if self.negation and self.sequences and not self.consumed:
            self._state(at, [(t, None) for t in self.sequences])
            self.consumed = True
        elif self.negation:
            self.subject.dismiss()

    def _respectively(self, at: int, value: Value) -> None:
        """T1WI、T2WI分别呈低、高信号 by sequence; T1WI依次呈等、低信号 by place."""
        assert self.respective is not None
        spots = self.subject.spots(at, True)
        if len(self.sequences) > 1:
            if self.respective < len(self.sequences):
                self._state(at, [(self.sequences[self.respective], value)])
        elif self.respective < len(spots):
            self.subject.introduce(spots, True)
            self._state(at, [(t, value) for t in self.sequences], [spots[self.respective]])
        self.respective += 1
        if self.respective >= max(len(self.sequences), len(spots) if len(self.sequences) == 1 else 0):
            self.respective, self.consumed = None, True

    def _state(self, at: int, pairs: Sequence[tuple[Token, Value]], spots: list[SiteMention] | None = None) -> None:
        """Each value on its sequence, of `spots` or else of the subject."""
        subject = self.subject
        if not pairs:
            return
        if spots is None:
            spots = subject.spots(at, self.negation is None)
            if spots and not subject.rest:
                subject.introduce(spots, self.negation is None)
        for sequence, value in pairs:
            modality: Modality = sequence.value  # type: ignore[assignment]
            if value in SIGNALS and modality == "T1CE":
                continue
            name = sequence if sequence.kind == "sequence" else None
            for spot in subject.others(modality) if subject.rest else spots:
                statement = Statement(spot.side, spot.site, modality, value)
                words = Words(spot.token, spot.side_token, subject.tokens[at], name, self.negation)
                self.findings.append(finding(subject.text, statement, words, self.doubtful))
                subject.told.said.append((spot.place, modality, value))

    def _cue(self, at: int) -> None:
        token = self.subject.tokens[at]
        match token.value:
            case "较大":
                self.aside = True
            case "分别":
                self._one_each(at)
            case "除":
                self.subject.except_from()
                self._preview(sequences_of_exception(self.subject.tokens, at))
            case "外":
                self._others_than_excepted(at)
            case "其余" | "上述" | "前者" | "后者":
                self.subject.point(token.value, at)
            case "部分" if "病灶" in self.subject.text[token.start : token.end + 2]:
                self.doubtful = True
            case "同上":
                self._same_again(at)

    def _one_each(self, at: int) -> None:
        """依次呈等、低信号: a value for each sequence or place; 分别见长T1信号、等T1信号: an account for each place."""
        several = values_in_a_row(self.subject.tokens, at) > 1
        self.respective = 0 if several and not self.consumed else None
        if len(self.subject.named) > 1 and accounts_in_a_row(self.subject.tokens, at) == len(self.subject.named):
            self.apart = self.subject.take_apart()

    def _preview(self, sequences: list[Token]) -> None:
        if sequences and (self.consumed or not self.sequences):
            self.sequences, self.consumed = sequences, False

    def _others_than_excepted(self, at: int) -> None:
        if not self.subject.except_to():
            return
        self.negation = None
        if self.sequences[-1:] and not names_a_sequence(self.subject.tokens, at):
            self.consumed = self.sequences[-1].value == "T1CE"

    def _same_again(self, at: int) -> None:
        """信号同上: what was said last of another lesion."""
        named = self.subject.named
        if not named:
            return
        token = self.subject.tokens[at]
        for modality, value in self.subject.told.last_said(named):
            self._state(at, [(token._replace(value=modality), value)])

    def _end_of_clause(self, at: int) -> None:
        if self.before_earlier is None:
            self.subject.end_of_clause(at, self.subject.tokens[at].value)
        else:
            self.subject.pass_over(at)
        self.negation, self.doubtful, self.aside = None, False, False


def read_clauses(lexed: LexedReport) -> list[Finding]:
    """The findings and explicit negatives that the grammar reads in a report."""
    told = MentionedLesions()
    findings: list[Finding] = []
    end = 0
    for tokens in lexed.sentences:
        _begin_sentence(told, lexed.text[end : tokens[0].start])
        end = tokens[-1].end
        if not _SPEAKING.isdisjoint([token.kind for token in tokens]):
            ClauseReader(ClauseSubject(lexed.text, tokens, told), findings).read()
    return findings


def _begin_sentence(told: MentionedLesions, between: str) -> None:
    """What stands between two sentences may be the number of an item, or the end of a list of items."""
    if any(character.isalnum() for character in between):
        told.begin_item(numbered=True)
    elif "\n" in between:
        told.begin_item(numbered=False)
