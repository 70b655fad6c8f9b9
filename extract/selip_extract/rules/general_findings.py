"""General changes (扩大, 受压, 积液 …): read by rule, since they belong to no sequence."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import cast

from selip_contracts.findings import Evidence, GeneralFinding
from selip_contracts.vocabulary import SITES, Change, Side, site_and_words
from selip_extract.language.evidence import span
from selip_extract.language.laterality import LateralisedSite
from selip_extract.language.tokens import Token
from selip_extract.rules.changes_of_sites import change_at, is_of_the_brain, is_within
from selip_extract.rules.lookahead import clause_after
from selip_extract.rules.prior_study import prior_words
from selip_extract.rules.sentence import Sentence

_PREDICATES = frozenset(
    ("change", "negation", "normal", "signal", "sequence", "abnormal", "enhancement", "verb", "lesion")
)
_ENDING = frozenset(("周围", "受累"))
_ENUMERATING = frozenset(("site", "layer", "side", "post_side"))
_LESION_CUES = frozenset(("周围", "边缘", "中心", "较大"))
_VALUES = frozenset(("signal", "enhancement", "restriction", "abnormal"))
"""What a negation before them denies: it reaches no further (DWI未见高信号脑沟增宽)."""
_JOINED = re.compile("(?:病灶|灶|影)?(?:以?及|、|或者?|和|与)")
"""What joins a change to the value before it, both denied: 未见异常信号灶及占位."""
_NEXT_TO = ("邻近", "相邻", "毗邻", "周围", "邻近的")
_EXTENT = re.compile("范围|间距|距离|夹角")
_CAVITIES = ("副鼻窦", "乳突", "中耳")
"""Where blood is a fluid level, and no haematoma."""
_LEVELS = ("以上", "以下", "层面", "水平")
"""三脑室以上脑室扩张: a site that only says how far."""
_ENDS = ("", *",，;；。\n")
_REMOVED = re.compile("(?:切除|摘除)?术[后前]|切除后?")
"""左侧额叶占位切除术后: what was there."""
_CLINICAL = re.compile("(?:查体|体检)(?:时|后)?(?:发现|示|提示)")
_PRESSING = frozenset(("压迫", "推压", "推挤", "挤压"))
_LEADS = ("以", "尤以", "尤其", "且以", "其中以")
_MUCH_MORE_THERE = re.compile(
    "[^,，、]{0,3}?(?:为著|为甚|为重|尤著|较著|[较更](?:对侧|健侧|[左右]侧)?(?:明显|显著|突出|重))"
)
_MORE_THERE = re.compile(rf"{_MUCH_MORE_THERE.pattern}|[^,，、]{{0,3}}?(?:为主|明显|显著|突出)")
_AS_IT_SHOULD_BE = ("适中", "正常", "自然")
"""形态饱满适中: a word that alone would state a change."""
_MAX_OPERATION = 5
"""Words between the bone and 术后改变 that name the operation."""
_HINT = re.compile("|".join(sorted(_PRESSING)) + "|术后改变|积液影|积血|疝入")
"""A change may be stated without a word of kind change."""


def read_changes(sentences: Iterable[Sentence]) -> list[GeneralFinding]:
    """Every change that a clause states of the sites named before it, and 病灶压迫中脑 of the site after it."""
    return [
        change
        for sentence in sentences
        if "change" in [token.kind for token in sentence.tokens]
        or _HINT.search(sentence.text, sentence.tokens[0].start, sentence.tokens[-1].end)
        for change in _sentence_changes(sentence)
    ]


def _sentence_changes(sentence: Sentence) -> Iterator[GeneralFinding]:
    return _ChangeReader(sentence).read()


class _ChangeReader:
    """One pass over the tokens of a sentence.

    `named`: the sites of which the next change is stated; `brain`: the brain tissue named last. `negated`: the clause
    denies it. `of_lesion`: the clause speaks of a lesion at the sites. `encased`: the next site is encased by a lesion.
    `pressing`: the word of pressure whose object follows. `clause`: the index of the clause's first token. `changed`:
    the last change that was stated. `told`: more than their names has been
    said of the named sites, so that a site does not join them. `signalled`: a signal has been stated of them.
    """

    def __init__(self, sentence: Sentence) -> None:
        self.sentence, self.text, self.tokens = sentence, sentence.text, sentence.tokens
        self.prior = prior_words(sentence.text, sentence.tokens)
        self.named: list[LateralisedSite] = []
        self.brain: list[LateralisedSite] = []
        self.pressing: Token | None = None
        self.changed: Token | None = None
        self.clause = 0
        self.negated = self.of_lesion = self.encased = self.told = self.signalled = False

    def read(self) -> Iterator[GeneralFinding]:
        """The changes that the sentence states."""
        for at, token in enumerate(self.tokens):
            if token.kind == "site":
                yield from self._name(at)
            elif token.kind == "change":
                yield from self._state(at)
            elif token.kind == "punctuation" and token.value in (",", ";", ":"):
                yield from self._predominate(at)
                self._end_clause(at)
            else:
                self._note(at)
            if token.kind == "lesion" and self.text.startswith(("积液", "积血"), token.start) and not self.negated:
                yield from self._collected(token)
            if token.kind == "other" and self.text.startswith("疝入", token.start):
                yield from self._herniated(at)
            if token.kind == "other" and self.text.startswith("术后改变", token.start):
                yield from self._operated(at)
            if token.kind in ("change", "other", "verb", "cue") and self.text[token.start : token.end] in _PRESSING:
                yield from self._press(at)
        yield from self._predominate(len(self.tokens))

    def _name(self, at: int) -> Iterator[GeneralFinding]:
        """A site joins those named before it, unless something has been stated of them."""
        site, since = self._with_its_side(at), self.named[-1].index if self.named else at
        if site.site == "脑实质" and since == at - 1 and self.tokens[since].end == site.token.start:
            return  # 左侧颞叶脑组织受压: the tissue of the lobe
        if self.told or any(t.kind in _PREDICATES or t.value in _ENDING for t in self.tokens[since:at]):
            self.named = []
        self.of_lesion = self.told = self.signalled = False
        self._name_the_brain(at, site)
        if self.pressing is not None and not self.negated:
            yield _change(self.sentence, site, self.pressing._replace(value="受压"))
        elif not site.is_qualifier and not self.encased and not self.text.startswith(_LEVELS, site.token.end):
            self.named.append(site)

    def _with_its_side(self, at: int) -> LateralisedSite:
        """右侧内听道见肿块，内听道口扩大: a site that is named again has the side that it had, 邻近颞叶 has none."""
        site = self.sentence.sites[at]
        if self.text.endswith(_NEXT_TO, 0, site.token.start):
            return site
        known = {s.side: s for i, s in self.sentence.sites.items() if i < at and s.site == site.site and s.side}
        if site.side is None and len(known) == 1:
            (before,) = known.values()
            return site._replace(side=before.side, side_token=before.side_token)
        return site

    def _name_the_brain(self, at: int, site: LateralisedSite) -> None:
        """Remember the brain tissue that was named last, also where it only locates sulci (左侧额叶脑沟)."""
        if is_of_the_brain(site.site):
            self.brain = [*(self.brain if self.named else ()), site]
            return
        located = takewhile(lambda t: t.kind in ("other", "punctuation", "cue"), reversed(self.tokens[:at]))
        lobes = [t for t in located if t.kind == "other" and t.value in SITES and is_of_the_brain(t.value)]
        if lobes:
            self.brain = [LateralisedSite(self.tokens.index(t), t, t.value, *site[3:5], False) for t in lobes]

    def _state(self, at: int) -> Iterator[GeneralFinding]:
        token = self.tokens[at]
        denied = self.negated or self._is_denied_behind(at)
        if denied or at in self.prior or not token.value or self._is_of_the_lesion(token):
            return
        if self.text.startswith(_AS_IT_SHOULD_BE, token.end) or self._is_of_another(token):
            return
        begin = self.tokens[self.clause].start
        if _REMOVED.match(self.text, token.end) or _CLINICAL.search(self.text, begin, token.start):
            return
        if token.value == "扩大" and (self.signalled or self._is_of_an_extent(token)):
            return  # 左侧海马见异常信号，较前增大: the lesion
        if not self.text.startswith("的", token.end) or self._is_copula(token):
            self.changed = token
            self._name_all_of_the_brain(at)
            found = list(self._changed(self._on_the_side_named(at), token))
            # 左侧额叶见肿块，局部脑沟变浅，脑回肿胀: gyri are no site, and sulci do not swell
            yield from found or self._changed(self.brain if token.value == "肿胀" else (), token)

    def _name_all_of_the_brain(self, at: int) -> None:
        """脑萎缩: the brain as a whole, where the clause names no site; 皮质增厚: what was named last of the brain."""
        last = self.tokens[at - 1] if at > self.clause else None
        if last is None or any(t.kind == "site" for t in self.tokens[self.clause : at]):
            return
        of_a_part = last.value == "脑" and self.text.endswith(("局部脑", "邻近脑"), 0, last.end)
        if of_a_part or (last.kind == "other" and last.value in ("皮质", "皮层")):
            self.named = list(self.brain)
        elif last.value == "脑":
            self.named = [LateralisedSite(at - 1, last, "脑实质", None, None, False)]

    def _on_the_side_named(self, at: int) -> list[LateralisedSite]:
        """双侧侧脑室不等大，左侧增宽: a side alone in the clause is that of the bilateral sites named before."""
        clause = self.tokens[self.clause : at]
        sides = [token for token in clause if token.kind in ("side", "post_side")]
        if len(sides) != 1 or any(token.kind == "site" for token in clause):
            return self.named
        (side,) = sides
        if side.value == "双侧" or self.text.endswith(("较", "比"), 0, side.start):
            return self.named
        value = cast(Side, side.value)
        return [s._replace(side=value, side_token=side) if s.side == "双侧" else s for s in self.named]

    def _is_of_the_lesion(self, token: Token) -> bool:
        """右侧顶叶软化、萎缩: what shrinks is the brain, not the lesion in it."""
        return self.of_lesion and not self.text.endswith("萎缩", 0, token.end)

    def _is_of_another(self, token: Token) -> bool:
        """经骨质缺损处膨出 only says where; 脑沟增宽而脑回变窄 is said of no site."""
        if token.value == "缺损" and self.text.startswith(("处", "区", "口", "缘"), token.end):
            return True
        return token.value != "肿胀" and self.text.endswith("脑回", 0, token.start)

    def _is_copula(self, token: Token) -> bool:
        """外侧裂是增宽的."""
        return self.text.endswith("是", 0, token.start) and self.text[token.end + 1 : token.end + 2] in _ENDS

    def _is_of_an_extent(self, token: Token) -> bool:
        """范围较前扩大, 由12mm增大至15mm."""
        if self.text.startswith(("至", "到"), token.end):
            return True
        return _EXTENT.search(self.text, self.tokens[self.clause].start, token.start) is not None

    def _herniated(self, at: int) -> Iterator[GeneralFinding]:
        """颞叶钩回疝入小脑幕切迹: the site before has moved."""
        if not self.negated and not self.of_lesion and at not in self.prior:
            if not self.text.endswith(("脑脊液", "未", "无"), 0, self.tokens[at].start):
                yield from self._changed(self.named, self.tokens[at]._replace(value="移位"))
            self.named = []

    def _operated(self, at: int) -> Iterator[GeneralFinding]:
        """右侧额骨术后改变, 左侧颞骨呈术后改变, 右侧额骨修补术后改变."""
        before = [*takewhile(lambda t: t.kind in ("other", "verb"), reversed(self.tokens[:at]))]
        site = at - len(before) - 1
        if site >= 0 and len(before) < _MAX_OPERATION and self.tokens[site].kind in _ENUMERATING:
            token = self.tokens[at]._replace(value="其他")
            yield from (
                _change(self.sentence, s, token) for s in self.named if is_within(s.site, "颅骨") and s.site != "骨瓣"
            )

    def _collected(self, token: Token) -> Iterator[GeneralFinding]:
        """双侧硬膜下见弧形积液影: a noun that is a change of what lies outside the brain."""
        sites = [site for site in self.named if not is_of_the_brain(site.site)]
        if self.text.startswith("积血", token.start):
            sites = [site for site in sites if any(is_within(site.site, cavity) for cavity in _CAVITIES)]
        yield from self._changed(sites, token._replace(value="积液"))

    def _predominate(self, end: int) -> Iterator[GeneralFinding]:
        """幕上脑室扩大，以双侧侧脑室为著, 右侧侧脑室较对侧明显: these sites have changed, too."""
        if self.changed is None or not self.tokens[self.clause : end] or self.negated:
            return
        begin, stop = self.tokens[self.clause].start, self.tokens[end - 1].end
        sites = [site for site in self.named if site.token.start >= begin >= self.changed.end]
        if not sites:
            return
        pattern = _MORE_THERE if self.text.startswith(_LEADS, begin) else _MUCH_MORE_THERE
        if pattern.fullmatch(self.text, sites[-1].token.end, stop):
            before = [site for site in self.sentence.sites.values() if site.token.end <= self.changed.start]
            if before and not is_of_the_brain(before[-1].site):  # 脑膜增厚，以额部为著
                sites = [site for site in sites if not is_of_the_brain(site.site)]
            yield from self._changed(sites, self.changed)

    def _changed(self, sites: Iterable[LateralisedSite], token: Token) -> Iterator[GeneralFinding]:
        """What the word for a change states of each of the sites."""
        for site in sites:
            change = change_at(site.site, self.text[token.start : token.end], token.value)
            if change is not None:
                yield _change(self.sentence, site, token._replace(value=change))

    def _is_denied_behind(self, at: int) -> bool:
        """脑沟增宽不明显: the negation follows the change and ends the clause."""
        behind = self.tokens[at + 1 : at + 3]
        if not behind or behind[0].kind != "negation" or behind[0].start != self.tokens[at].end:
            return False
        return len(behind) == 1 or behind[1].kind == "punctuation"

    def _end_clause(self, at: int) -> None:
        """Sites wait for the next clause only where the one that ends does nothing but enumerate them."""
        mark, last = self.tokens[at].value, self.tokens[at - 1] if at else None
        self.told = mark == ":" or last is None or last.kind not in _ENUMERATING
        if mark == ";" or (mark == ":" and _names_a_site_next(self.tokens, at)):
            self.named = []
        self.negated, self.pressing, self.encased = False, None, False
        self.clause = at + 1

    def _note(self, at: int) -> None:
        """A word that is neither a site nor a change."""
        token, text = self.tokens[at], self.text
        if token.kind == "negation":
            self.negated = True
        elif token.kind == "elsewhere":
            self.named = []
        elif token.kind in _VALUES:
            self.signalled = self.signalled or not self.negated
            self.negated = self.negated and _JOINED.match(text, token.end) is not None
        elif token.kind == "cue" and _names_the_brain(text, token):
            self.named, self.of_lesion = [LateralisedSite(at, token, "脑实质", None, None, False)], False
        elif token.kind == "lesion" or (token.kind == "cue" and token.value in _LESION_CUES):
            wall = text.startswith("壁", token.start) and self._is_of_a_site(at)
            self.of_lesion = not (wall or text.startswith("术区", token.start))
        elif token.kind == "cue" and text.startswith("包绕", token.start):
            self.encased = True
        elif token.kind not in ("side", "layer", "punctuation", "other"):
            self.pressing = None

    def _is_of_a_site(self, at: int) -> bool:
        """鼻咽顶壁, 上颌窦内侧壁: right behind a site, or a word of direction between."""
        before = at - 1
        while before > 0 and self.tokens[before].kind == "other" and at - before < 3:
            before -= 1
        return before >= 0 and self.tokens[before].kind in _ENUMERATING

    def _press(self, at: int) -> Iterator[GeneralFinding]:
        """病灶压迫中脑 presses the site after it, 三叉神经受血管压迫 the one before it."""
        token = self.tokens[at]
        begin = self.tokens[self.clause].start
        passive = self.text.rfind("受", begin, token.start)
        if passive < 0 or self.negated:
            self.pressing = token
            return
        for site in self.named:
            if site.token.start < passive:
                yield _change(self.sentence, site, token._replace(value="受压"))
        self.named = []


def _names_a_site_next(tokens: Sequence[Token], at: int) -> bool:
    """脑室系统：双侧侧脑室扩大: a heading, and the sites that the line is about."""
    return any(token.kind == "site" for token in clause_after(tokens, at))


def _names_the_brain(text: str, token: Token) -> bool:
    """周围脑实质受压: the brain next to a lesion."""
    return token.value == "周围" and text.endswith(("脑实质", "脑组织"), token.start, token.end)


def _change(sentence: Sentence, site: LateralisedSite, token: Token) -> GeneralFinding:
    name = sentence.tokens[site.index]
    spans = [span("site", name.start, name.end), span("change", token.start, token.end)]
    if site.side_token is not None:
        spans.append(span("side", site.side_token.start, site.side_token.end))
    start, end = min([s.start for s in spans]), max([s.end for s in spans])
    evidence = Evidence(text=sentence.stored[start:end], start=start, end=end, spans=tuple(spans))
    site_name, words = site_and_words(site.site)
    return GeneralFinding(
        side=site.side, site=site_name, site_text=words, change=cast(Change, token.value), evidence=evidence
    )
