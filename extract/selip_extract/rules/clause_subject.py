"""Of which places a clause speaks: those it names, those it points back to, or the lesion that is being told."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from selip_contracts.vocabulary import Modality
from selip_extract.language.laterality import LateralisedSite
from selip_extract.language.lexer import Token
from selip_extract.rules.lookahead import (
    VALUES,
    goes_on_with_a_sequence,
    lesion_follows,
    names_a_site,
    places_ahead,
    places_follow,
)
from selip_extract.rules.mentions import MentionedLesions, SiteMention, places

# what a neighbour does to a place: the clauses that follow still speak of the neighbour
_DISPLACED = frozenset(("受压", "移位", "变窄", "变浅", "狭窄", "闭塞"))
_LEADING_IN = frozenset(("其内", "伴", "以"))
_THE_WHOLE = frozenset(("脑实质", "大脑半球", "脑白质"))
_UNCLEAR = frozenset(("不清", "欠清", "不清楚", "不清晰"))
_LABEL = re.compile("[0-9A-Za-z]")
_PREDICATES = frozenset(("negation", "change", *VALUES))


@dataclass
class ClauseSubject:
    """The places in mind while the clauses of one sentence are read; `tokens` are those of the sentence.

    `named` are the places of this clause or one before it, `introduced` the lesion told last in this sentence, `own`
    every lesion first told in it, `announced` places of which nothing has been said yet.
    """

    text: str
    tokens: Sequence[Token]
    told: MentionedLesions
    named: list[SiteMention] = field(default_factory=list)
    clause_start: int = 0
    closed: bool = True
    dismissed: bool = False
    outdated: bool = False
    rest: bool = False
    introduced: list[SiteMention] = field(default_factory=list)
    own: list[SiteMention] = field(default_factory=list)
    announced: list[SiteMention] = field(default_factory=list)
    both: list[SiteMention] = field(default_factory=list)
    halves: list[SiteMention] = field(default_factory=list)
    whole: list[SiteMention] = field(default_factory=list)
    before_exception: list[SiteMention] | None = None

    def spots(self, at: int, positive: bool) -> list[SiteMention]:
        """Of which places the value at `at`, or its absence, is said."""
        if not (self.dismissed or self.outdated or self._names_the_whole() or self._heads_a_list(at)):
            return self.named
        follow = places_follow(self.text, self.tokens, at, spreads=not self.announced)
        if self.dismissed and self.own and positive and not follow:
            return self.introduced or self.told.subject
        if not follow and (self.named or self.announced):
            return self.named or self.announced
        if follow or not (self.introduced or self.told.subject):
            ahead = places_ahead(self.tokens, at)
            if ahead:
                return ahead
        return self.named or self.announced or self.introduced or self.told.subject

    def _heads_a_list(self, at: int) -> bool:
        """T1低信号：脑桥, T1低信号的病灶位于脑桥: the clause of the value names no place before it."""
        following = [t.value for t in self.tokens[at + 1 : at + 4]]
        listed = following[:1] == [":"] or (
            following[:1] != [","] and "位于" in following[:3] and "灶" in following[:2]
        )
        return listed and not any(t.kind == "site" for t in self.tokens[self.clause_start : at])

    def _names_the_whole(self) -> bool:
        """颅内可见…，累及额叶: no place, or only the brain as a whole, which leads in."""
        return all(spot.site in _THE_WHOLE for spot in self.named)

    def others(self, modality: Modality) -> list[SiteMention]:
        """其余病灶: of this sentence, of the item, else of all, those of which this sequence has not been told."""
        nearest_first = (self.own, self.told.in_item(), self.told.everywhere())
        return next((left for spots in nearest_first if (left := self.told.without(spots, modality))), [])

    def site(self, placed: LateralisedSite) -> None:
        """A site is named."""
        if self.closed:
            self.point_to([])
            self.closed = False
        spot = SiteMention(placed.side, placed.site, self.tokens[placed.index], placed.side_token)
        self.named += self.told.remembered(spot, (self.introduced, self.own), lesion_follows(self.tokens, placed.index))

    def side(self, at: int) -> None:
        """右侧者轻度强化, 右侧T1WI呈高信号: a side that stands for the lesion on it."""
        token = self.tokens[at]
        following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if following is None or following.kind not in ("lesion", "sequence", "size") or following.start != token.end:
            return
        told = self.named or self.introduced or self.told.subject
        self.both = [s for s in told if s.side == "双侧"] or self.both
        self.halves = [s._replace(side=token.value, side_token=token) for s in self.both]  # type: ignore[arg-type]
        on_it = self.halves or [s for s in self.told.everywhere() if s.side == token.value]
        if on_it:
            self.point_to(on_it)

    def lesion(self, at: int) -> None:
        """左侧额叶（病灶1）, and later 病灶1: a lesion that is called by a label."""
        following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if following is None or following.start != self.tokens[at].end:
            return
        label = self.text[following.start : following.end]
        if following.kind != "other" or not _LABEL.fullmatch(label):
            return
        if label in self.told.labels:
            self.point_to(self.told.labels[label])
        elif self.named:
            self.told.labels[label] = self.named[-1:]

    def change(self, at: int, negated: bool) -> None:
        """A change of the named places: what follows speaks of them, or of the lesion that changed them."""
        self.closed = True
        named, self.named = self.named, []
        if not named:
            return
        if negated:
            if any(t.kind in ("lesion", "abnormal") for t in self.tokens[self.clause_start : at]):
                self.announced = named
            return
        self.told.changed += [s for s in named if s.side]
        if self._leads_in(at):
            self.announced = named

    def _leads_in(self, at: int) -> bool:
        """Whether the change at `at` begins the account of a lesion."""
        if not (self.introduced or self.told.subject or self.announced):
            return True
        if self.tokens[at].value in _DISPLACED:
            return not (self.own or self.announced)
        if not self.introduced:
            return True
        following = [t for t in self.tokens[at + 1 : at + 3] if t.value != ","]
        if following and (following[0].kind in ("verb", "abnormal") or following[0].value in _LEADING_IN):
            return True
        sequence = next((t for t in self.tokens[at:] if t.kind in ("sequence", "site")), None)
        return sequence is not None and self.told.speaks_of(self.introduced, sequence.value)

    def take_apart(self) -> list[SiteMention]:
        """左侧丘脑及右侧放射冠分别见…、…: the first place is spoken of; the others, of which it is said after it."""
        spots = self.named
        self.introduce(spots, True)
        self.told.pair = [[spot] for spot in spots]
        self.named = spots[:1]
        return spots[1:]

    def dismiss(self) -> None:
        """The named places are normal: what follows may speak of others."""
        self.closed = self.dismissed = True
        if self.rest:
            self.named, self.rest = [], False

    def turn_to_now(self) -> None:
        """The named places were told as they had been: what follows may speak of others."""
        self.closed = self.outdated = True

    def _is_not_seen(self, clause: Sequence[Token]) -> bool:
        """垂体柄显示不清: the clause describes a neighbour."""
        words = [self.text[t.start : t.end] for t in clause[-2:]]
        return len(clause) > 2 and clause[-3].kind == "site" and words[0] == "显示" and words[1] in _UNCLEAR

    def _goes_on(self, at: int) -> bool:
        """左侧额叶边界不清；T1WI呈…: the first places of a sentence, of which nothing has been said."""
        return not (self.own or self.introduced or self.dismissed) and goes_on_with_a_sequence(self.tokens, at)

    def point(self, cue: str, at: int) -> None:
        """A word that points back: 其余, 上述, 前者, 后者."""
        if cue in ("前者", "后者"):
            self._one_of_two(0 if cue == "前者" else 1)
        elif names_a_site(self.tokens, at) or self.whole or self._is_named(at):
            return
        elif cue == "其余":
            if not places_follow(self.text, self.tokens, at, spreads=False):
                self.point_to(self.told.in_item())
                self.rest = True
        elif self.text[self.tokens[at].start] in "两二":
            self.point_to(self._two_of(at))
        elif self.text[self.tokens[at].start] not in "其该此所":
            self.point_to(self.own or self.told.in_item())

    def _is_named(self, at: int) -> bool:
        """左侧额叶、顶叶病灶均: the places have just been named."""
        return not self.closed and any(t.kind == "site" for t in self.tokens[self.clause_start : at])

    def _two_of(self, at: int) -> list[SiteMention]:
        """两者, 前两处病灶."""
        if self.text.endswith("前", 0, self.tokens[at].start):
            return self.told.first_two()
        return self.told.both() if self.told.pair or not self.own else self.own

    def point_to(self, spots: list[SiteMention]) -> None:
        """What follows is said of these places, until others are named."""
        self.named, self.closed, self.rest, self.dismissed, self.outdated = spots, True, False, False, False

    def _two(self) -> list[list[SiteMention]]:
        """The two lesions that 两者, 前者 and 后者 speak of."""
        last = self.told.lesions[-1] if self.told.lesions else []
        if len(self.named) == 2 and (not self.told.pair or self.named == self.introduced):
            self.told.pair = [[s] for s in self.named]
        elif len(last) == 2 and not self.told.speaks_of(last):
            self.told.pair = [[s] for s in last]
        elif len(self.told.pair) != 2 and len(self.told.lesions) > 1:
            self.told.pair = self.told.lesions[-2:]
        elif len(self.told.subject) == 2 and not self.told.pair:
            self.told.pair = [[s] for s in self.told.subject]
        return self.told.pair

    def _one_of_two(self, which: int) -> None:
        pair = self._two()
        self.point_to(pair[which] if len(pair) == 2 else self.named)

    def except_from(self) -> None:
        """除: the places that follow are left out."""
        self.before_exception, self.closed = self.named, True

    def except_to(self) -> bool:
        """外: what follows is said of the others, of this sentence or of all; whether there is an exception."""
        before, self.before_exception = self.before_exception, None
        if before is None or self.named is before:
            return False
        left_out = places(self.named)
        self.whole = self.own if left_out < places(self.own) else self.told.in_item()
        self.named = [s for s in self.whole if s.place not in left_out]
        self.closed = True
        return True

    def introduce(self, spots: list[SiteMention], positive: bool) -> None:
        """The lesion of which something is said is the one that the next clauses go on with."""
        self.announced = []
        if (spots and spots is self.halves) or (spots is self.introduced and self.told.goes_on_with(spots)):
            return
        new, whole = self.told.tell(spots, positive)
        if whole:
            self.introduced = spots
        if new and positive:
            self.own = self.own + spots

    def pass_over(self, at: int) -> None:
        """The clause that ends at `at` told of an earlier study."""
        self.clause_start = at + 1

    def end_of_clause(self, at: int, mark: str) -> None:
        """A comma, semicolon, colon, or the end of the sentence at `at`."""
        clause = self.tokens[self.clause_start : at]
        self.clause_start = at + 1
        kinds = {t.kind for t in clause}
        if self.named and not self.rest:
            unsaid = "site" in kinds and not kinds & _PREDICATES
            if unsaid and kinds & {"abnormal", "lesion"} and not (mark == ":" and self._names_the_whole()):
                self.introduce(self.named, True)
                self.closed = True
            elif (mark == ":" and not self.closed) or (mark == ";" and self._goes_on(at)):
                self.announced = self.named
        if mark == "," and self.own and self._is_not_seen(clause):
            self.named, self.closed = [], True
        if self.whole and mark != ":" and not (clause and clause[-1].value == "外"):
            self.named, self.whole = self.whole, []
            self.closed = True
        if mark == ";":
            self.point_to([])
            self.introduced = []
        elif mark == ":" or "size" in kinds:
            self.closed = True
