"""What the tokens before and after one token of a sentence decide about it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from selip_extract.language.tokens import Token
from selip_extract.rules.mentions import SiteMention, Sites
from selip_extract.rules.sentence import Sentence

VALUES = frozenset(("signal", "enhancement", "restriction"))
_CONTRASTING = frozenset(("则", "却", "反", "的", "仅"))
_NO_SITES = frozenset(("negation", "change", "normal", "enhancement", "restriction"))
_STATING = frozenset((*_NO_SITES, "sequence", "signal"))
_NO_MORE_SITES = frozenset((*_STATING, "verb"))
_ENUMERATED = frozenset(("site", "side", "layer", "post_side", "other"))
_JOINING = ("、", "或")
_SPREADING = ("累及", "主要累及", "范围累及", "侵", "波及", "涉及", "延", "包括")


def is_mark(token: Token) -> bool:
    """Whether a clause ends here."""
    return token.kind == "punctuation" and token.value in (",", ";", ":")


def clause_after(tokens: Sequence[Token], at: int) -> Iterator[Token]:
    """The tokens of the clause that follow `at`."""
    for token in tokens[at + 1 :]:
        if is_mark(token):
            return
        yield token


def clauses_of(tokens: Sequence[Token], start: int, end: int) -> Sequence[Token]:
    """The tokens of the clauses of a sentence in which the characters [start, end) lie."""
    marks = [at for at, token in enumerate(tokens) if is_mark(token)]
    first = max((at + 1 for at in marks if tokens[at].end <= start), default=0)
    behind = min((at for at in marks if tokens[at].start >= end), default=len(tokens))
    return tokens[first:behind]


def points_back(sentence: Sentence, at: int) -> bool:
    """其T2WI…, 该处…: what begins at `at`, if anything, speaks of what was described right before."""
    following = sentence.tokens[at : at + 1]
    return bool(following) and following[0].value == "上述" and sentence.text[following[0].start] in "其该此"


def is_listed_with_a_site(tokens: Sequence[Token], at: int) -> bool:
    """延髓及上段颈髓: the part of the body at `at` stands in one enumeration with a site of the head."""
    for step in (-1, 1):
        joined = False
        i = at + step
        while 0 <= i < len(tokens) and (tokens[i].kind in _ENUMERATED or tokens[i].value in _JOINING):
            joined = joined or tokens[i].value in _JOINING
            if tokens[i].kind == "site" and joined:
                return True
            i += step
    return False


def adjoining(sentence: Sentence, at: int) -> Token | None:
    """The token after the one at `at`, if nothing but a word of contrast stands in between: 右侧则呈."""
    start = sentence.tokens[at].end
    for token in sentence.tokens[at + 1 : at + 3]:
        if token.start != start:
            return None
        if sentence.text[token.start : token.end] not in _CONTRASTING:
            return token
        start = token.end
    return None


def names_a_sequence(tokens: Sequence[Token], at: int) -> bool:
    """Whether a sequence is named before the next signal."""
    for token in tokens[at:]:
        if token.kind == "sequence" or token.kind in VALUES:
            return token.kind == "sequence"
    return False


def begins_another_account(sentence: Sentence, before: Sequence[Token], at: int) -> bool:
    """DWI示左侧额叶T1WI低信号, SWI病灶内见血管影，T1WI…: no value was stated on the sequences before."""
    between = [t for t in sentence.tokens[:at] if before and t.start >= before[-1].end]
    if not before or before[-1].start < sentence.tokens[0].start:
        return False
    if any(t.kind == "site" for t in between):
        return True
    verb = next((i for i, t in enumerate(between) if t.kind == "verb"), None)
    said = [*takewhile(lambda t: not is_mark(t), between[verb + 1 :])] if verb is not None else []
    return bool(said) and len(said) < len(between) - (verb or 0) - 1


def sequence_precedes_site(tokens: Sequence[Token], at: int) -> bool:
    """Whether a sequence is named before the next site."""
    for token in tokens[at + 1 :]:
        if token.kind in ("sequence", "site"):
            return token.kind == "sequence"
    return False


def names_a_site(tokens: Sequence[Token], at: int) -> bool:
    """其余脑实质 and 上述部位额叶 go on to name their own sites."""
    return any(t.kind in ("site", "side") for t in tokens[at + 1 : at + 3])


def lesion_follows(tokens: Sequence[Token], at: int) -> bool:
    """Whether the next word is a noun for a lesion."""
    return at + 1 < len(tokens) and tokens[at + 1].kind == "lesion"


def negation_after(tokens: Sequence[Token], at: int) -> Token | None:
    """T1WI高信号未见: the negation ends the clause."""
    following = [*tokens[at + 1 : at + 3], None, None][:2]
    ends = following[1] is None or following[1].value in (",", ";", "、")
    return following[0] if following[0] is not None and following[0].kind == "negation" and ends else None


def denial_ends(tokens: Sequence[Token], at: int) -> bool:
    """无占位效应、T1WI呈低信号: the mark at `at` stands between what is denied and a sequence."""
    return 0 < at < len(tokens) - 1 and tokens[at - 1].kind == "other" and tokens[at + 1].kind == "sequence"


def values_in_a_row(tokens: Sequence[Token], at: int) -> int:
    """How many signals follow before the clause ends or names a sequence."""
    count = 0
    for token in clause_after(tokens, at):
        if token.kind == "sequence":
            break
        count += token.kind in ("signal", "enhancement")
    return count


def accounts_in_a_row(tokens: Sequence[Token], at: int) -> int:
    """分别见长T1信号、等T1信号: how often the first sequence that follows is named before the clause ends."""
    named = [token.value for token in clause_after(tokens, at) if token.kind == "sequence"]
    return named.count(named[0]) if named else 0


def exception_ends(tokens: Sequence[Token], at: int) -> int | None:
    """Where the 外 of the 除 at `at` stands."""
    return next((i for i in range(at + 1, len(tokens)) if tokens[i].value == "外"), None)


def sequences_of_exception(tokens: Sequence[Token], at: int) -> list[Token]:
    """除A呈高信号外，其余DWI呈等信号: the sequences of the 除 at `at`, where they are named after its 外 alone."""
    end = exception_ends(tokens, at)
    if end is None or any(t.kind == "sequence" for t in tokens[at:end]):
        return []
    found: list[Token] = []
    for token in tokens[end:]:
        if token.kind == "sequence":
            found.append(token)
        elif token.kind in VALUES or token.kind in ("negation", "site"):
            break
    return found


def sites_follow(text: str, tokens: Sequence[Token], at: int, spreads: bool) -> bool:
    """长T1长T2信号的病灶位于左侧额叶: the site follows the signal; 累及 counts only if it `spreads`."""
    ended = False
    for i in range(at + 1, len(tokens)):
        token = tokens[i]
        if token.kind == "cue" and token.value in ("位于", "于"):
            return spreads or not text.startswith(_SPREADING, token.start)
        if token.kind == "lesion" and text.startswith("者", token.start) and _is_limited(tokens, i + 1):
            return True
        if token.value == ":" and not ended:
            return tokens[at].kind == "signal"
        if token.kind in ("site", "negation") or token.value == ";" or (ended and token.kind in ("sequence", "signal")):
            return False
        ended = ended or (token.value == "," and not _is_length(tokens, i + 1))
    return False


def is_limited(sentence: Sentence, at: int) -> bool:
    """DWI呈高信号者为丘脑: the value at `at` is that of the sites behind 者."""
    behind = sentence.tokens[at + 1 : at + 2]
    of_those = bool(behind) and behind[0].kind == "lesion" and sentence.words(at + 1) == "者"
    return of_those and _is_limited(sentence.tokens, at + 2)


def _is_limited(tokens: Sequence[Token], at: int) -> bool:
    """Whether nothing but a word for only, or a verb, stands before the site."""
    words = [*takewhile(lambda t: t.kind == "verb" or t.value == "仅", tokens[at:])]
    behind = tokens[at + len(words) : at + len(words) + 1]
    return bool(words and behind) and behind[0].kind in ("site", "side")


def _is_length(tokens: Sequence[Token], at: int) -> bool:
    """Whether 长T1 stands there: one word that is a sequence and its signal."""
    words = tokens[at : at + 2]
    return len(words) == 2 and words[0].kind == "sequence" and words[0].start == words[1].start


def sites_ahead(sentence: Sentence, at: int) -> Sites:
    """The enumeration of sites that follows `at`: 可见长T1信号，位于左侧额叶、脑桥."""
    tokens = sentence.tokens
    found: list[SiteMention] = []
    since = at + 1
    for site in sentence.sites.values():
        if site.index < at or site.is_qualifier:
            continue
        between = tokens[since : site.index]
        stops = _NO_MORE_SITES if found else _NO_SITES
        if any(t.kind in stops or (t.value == ";" and not _places(tokens, i)) for i, t in enumerate(between, since)):
            break
        if found and any(t.value == "," for t in between) and not _only_names(tokens, site.index):
            break
        found.append(sentence.mention(site))
        since = site.index
    return tuple(found)


def _places(tokens: Sequence[Token], at: int) -> bool:
    """T1WI呈低信号，T2WI呈高信号；位于左侧额叶: what follows the semicolon only says where."""
    following = tokens[at + 1 : at + 3]
    return any(t.value == "位于" for t in following) and all(t.kind in ("cue", "side", "site") for t in following)


def states_in_bracket(tokens: Sequence[Token], at: int) -> bool:
    """DWI稍高信号（扣带回为高信号）: whether a value stands in the bracket that opens at `at`."""
    inside = takewhile(lambda t: t.value != ")", tokens[at + 1 :])
    return any(token.kind in VALUES for token in inside)


def open_bracket(tokens: Sequence[Token], at: int) -> int | None:
    """Where the bracket opens in which the token at `at` stands."""
    for i in range(at - 1, -1, -1):
        if tokens[i].value in ("(", ")"):
            return i if tokens[i].value == "(" else None
    return None


def _only_names(tokens: Sequence[Token], at: int) -> bool:
    """Whether nothing is stated of the site at `at` before its clause ends."""
    for token, following in pairwise([*clause_after(tokens, at), None]):
        if token is None or (token.value == "、" and following is not None and following.kind == "sequence"):
            return True
        if token.kind in _STATING:
            return False
    return True
