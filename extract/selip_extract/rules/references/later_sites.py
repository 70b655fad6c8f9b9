"""Sites that are named after what is stated of them: 见一枚结节，T1低T2高。位于右侧额叶."""

import re
from collections.abc import Sequence
from itertools import takewhile

from selip_extract.language.tokens import Token
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.lookahead import VALUES, clause_after, is_mark, sites_ahead
from selip_extract.rules.mentions import ReferenceKind, Sites
from selip_extract.rules.references.site_references import WHOLE_BRAIN
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Focus, State

_PLACING = re.compile(
    "(?:[该此其]|上述|以上)?(?:病灶|病变|结节|肿块|灶|者|异常信号[灶影区]?|信号)?(?:均|主要|多|分别)?"
    "(?:(?:散在)?(?:位于|见于|分布[于在]|集中于)|(?:所在)?(?:位置|部位)(?:[:：]|为|是|在|位于))"
)
"""What stands before the sites, from the beginning of the clause."""
_SAYING_ELSE = frozenset(("negation", "change", "normal", "elsewhere"))
_OPENING = frozenset(("verb", "other", "cue", "sequence", "punctuation"))


def with_later_sites(state: State, sentence: Sentence, following: Sentence | None) -> tuple[State, Sentence]:
    """The state in which the sites of the lesion are announced, where only a later clause, or sentence, names them.

    颅内见一枚结节，…。位于…: the brain as a whole is no site then, so the sentence comes back without it.
    """
    tokens = sentence.tokens
    if not _states(tokens) or not (_is_first(state) or _introduces(sentence)):
        return state, sentence
    first = next((at for at in sentence.sites if not _is_whole(sentence, at)), len(tokens))
    if first == len(tokens):
        sites = _placed(following, 0) if following is not None else ()
    else:
        clause = next((at + 1 for at in range(first - 1, -1, -1) if is_mark(tokens[at])), 0)
        sites = _placed(sentence, clause) if _states(tokens[:clause]) else ()
    if not sites:
        return state, sentence
    announced = Focus(sites, ReferenceKind.NAMED, sites[0].token.start)
    return replace(state, announced=announced), _without_brain(sentence)


def _states(tokens: Sequence[Token]) -> bool:
    """Whether a clause states a value that it does not deny."""
    denied = False
    for token in tokens:
        denied = (denied or token.kind == "negation") and not is_mark(token)
        if token.kind in VALUES and not denied:
            return True
    return False


def _is_first(state: State) -> bool:
    """Whether the report has not described a lesion that the sentence could continue."""
    return not state.mentioned.subject.sites


def _introduces(sentence: Sentence) -> bool:
    """另见一结节，T1WI…: the sentence begins with a lesion of its own."""
    tokens = [token for at, token in enumerate(sentence.tokens) if not _is_whole(sentence, at)]
    before = list(takewhile(lambda token: token.kind != "lesion", tokens))
    seen = any(token.kind == "verb" or token.value == "另" for token in before)
    return seen and len(before) < len(tokens) and all(token.kind in _OPENING for token in before)


def _placed(sentence: Sentence, clause: int) -> Sites:
    """The sites of the clause that begins at the index `clause`, if it says where a lesion lies."""
    tokens = sentence.tokens
    at = next((i for i in range(clause, len(tokens)) if tokens[i].kind in ("side", "site")), None)
    if at is None or any(token.kind in _SAYING_ELSE for token in clause_after(tokens, at)):
        return ()
    words = sentence.text[tokens[clause].start : tokens[at].start]
    return sites_ahead(sentence, at - 1) if _PLACING.fullmatch(words) else ()


def _is_whole(sentence: Sentence, at: int) -> bool:
    """颅内, but not 左侧大脑半球, whose side is that of the sites behind."""
    site = sentence.sites.get(at)
    return site is not None and site.site in WHOLE_BRAIN and site.side is None


def _without_brain(sentence: Sentence) -> Sentence:
    tokens = [
        token._replace(kind="other", value="") if _is_whole(sentence, at) else token
        for at, token in enumerate(sentence.tokens)
    ]
    return Sentence(sentence.text, sentence.stored, tuple(tokens))
