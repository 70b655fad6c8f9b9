"""What a person should look at in a report that was read, and whether all of it was understood."""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace

from selip_contracts.findings import Evidence, Finding, GeneralFinding, Study
from selip_contracts.vocabulary import UNLISTED
from selip_extract.deidentification.patients import speaks_of_several_patients
from selip_extract.extraction import REVIEW_REASONS, Review, ReviewReason
from selip_extract.extractors.inconsistencies import names_a_mixed_lesion
from selip_extract.language.constructions.sections import names_another_method
from selip_extract.language.lexer import normalized
from selip_extract.language.sizes import Size, largest_size, millimetres, size_pattern, size_sign_pattern
from selip_extract.language.tokens import LexedReport, Token
from selip_extract.language.understanding.damage import is_damaged
from selip_extract.language.understanding.normality import is_understood, states_normal
from selip_extract.rules.lesions.sizes import is_of_a_lesion
from selip_extract.rules.lookahead import is_mark
from selip_extract.rules.prior_study import prior_words

SURE = 0.9
"""The confidence from which a finding that rests on a mended word needs no person."""
_STATING = frozenset(("sequence", "signal", "enhancement", "restriction", "change", "abnormal"))
_ABNORMAL = frozenset(("signal", "enhancement", "restriction"))
_NORMAL_ENHANCEMENT = re.compile("垂体柄?(?:呈|为)?(?:明显)?均匀强化$")
_OF_A_LEVEL = re.compile("[高低]于(?:枕|正常垂体|[^,，;；信]{0,6}(?:连线|水平))")
_REACH = 12
"""Characters before the end of an enhancement in which the pituitary stands that enhances."""
_OF_A_SIGNAL = re.compile("信号|强化|受限|(?<![A-Za-z])(?!(?:[mc]m|ml|MRI?)(?![A-Za-z]))[A-Za-z]", re.IGNORECASE)
"""A word of a signal, or letters that are no unit and may name a sequence."""


def reviewed(
    lexed: LexedReport, study: Study, stated: Iterable[Finding], unfit: Iterable[Sequence[Token]]
) -> tuple[Study, tuple[Review, ...]]:
    """The study, marked where the report was not all understood, and the passages that the reader cannot vouch for.

    `stated` are all findings that were read, of which the study keeps equal ones once; `unfit` are the sentences that
    they do not fit.
    """
    cited = _cited(study, stated)
    present = study.findings or study.general
    uncited = list(_uncited(lexed, cited, present))
    if not uncited and study.normal and not states_normal(lexed):
        uncited = [Review.beginning("uncited", lexed.text)]
    if speaks_of_several_patients(lexed.text):
        uncited = [Review.beginning("uncited", lexed.text), *uncited]
    inconsistent = [quoted("inconsistent", lexed, sentence) for sentence in unfit]
    inconsistent += _unplaced_sizes(lexed, study)
    if not present:  # what was read there was left out
        uncited += [replace(passage, reason="uncited") for passage in inconsistent]
        inconsistent = []
    if uncited:
        study = study.model_copy(update={"understood": False})
    return study, once((*uncited, *_unlisted(lexed, study), *_mended(lexed, study), *inconsistent))


def quoted(reason: ReviewReason, lexed: LexedReport, sentence: Iterable[Token]) -> Review:
    """The sentence as a passage to review."""
    tokens = tuple(sentence)
    start, end = tokens[0].start, tokens[-1].end
    return Review(reason, lexed.text[start:end], start, end)


def once(passages: Iterable[Review]) -> tuple[Review, ...]:
    """The passages without those whose words stand in one for a more urgent reason.

    Those stay that say more: what was left out, and that a sentence was not understood.
    """
    distinct = tuple(dict.fromkeys(passages))
    return tuple(
        one for one in distinct if one.alternatives or one.reason == "uncited" or not _is_within(one, distinct)
    )


def _is_within(one: Review, passages: Iterable[Review]) -> bool:
    urgency = REVIEW_REASONS.index(one.reason)
    return any(
        REVIEW_REASONS.index(other.reason) < urgency and other.start <= one.start and one.end <= other.end
        for other in passages
    )


def is_guessed(lexed: LexedReport, finding: Finding | GeneralFinding) -> bool:
    """Whether the finding is at a place that the vocabulary lacks, or rests on a word that was mended by guess."""
    evidence = [] if finding.evidence is None else [finding.evidence]
    return finding.site_text is not None or any(_rest_on(evidence, slip) for slip in lexed.slips)


def _cited(study: Study, stated: Iterable[Finding]) -> list[Evidence]:
    # most of the study's findings are among those stated, with the same evidence
    return list({id(s.evidence): s.evidence for s in (*_statements(study), *stated) if s.evidence}.values())


def _statements(study: Study) -> tuple[Finding | GeneralFinding, ...]:
    return *study.findings, *study.negatives, *study.general


def _uncited(lexed: LexedReport, cited: Sequence[Evidence], present: Sequence[object]) -> Iterator[Review]:
    """The sentences with an abnormal word, or with a site of which nothing was understood, that no finding rests on.

    Where something is `present`, a sentence that no finding can come from (术后第5天，左侧枕叶脑挫裂伤) adds nothing,
    nor does an impression.
    """
    ranges = [(evidence.start, evidence.end) for evidence in cited]
    spans = {(span.start, span.end) for evidence in cited for span in evidence.spans}
    for sentence in lexed.sentences:
        elsewhere = next((at for at, token in enumerate(sentence) if token.kind == "elsewhere"), None)
        if elsewhere is not None:
            if sentence[elsewhere].value == "指令":
                yield quoted("uncited", lexed, sentence)
                continue
            judged = sentence[1:] if sentence[0].value == "他处" else sentence
            if not present and not is_understood(judged, lexed.read, whole=True):
                yield quoted("uncited", lexed, sentence)
            continue
        start, end = sentence[0].start, sentence[-1].end
        if any(begin < end and start < stop for begin, stop in ranges):
            understood = all((token.start, token.end) in spans for token in _abnormal_words(sentence, lexed.read))
            # beside what is denied a disease may be named: DWI未见高信号，左侧枕叶出血
            understood = understood and (bool(present) or is_understood(sentence, lexed.read, whole=True))
        elif is_damaged(lexed.read, start, end):
            understood = False
        elif present and not _may_state_a_finding(sentence, lexed.read):
            continue
        else:
            understood = is_understood(sentence, lexed.read, whole=not present)
        if not understood:
            yield quoted("uncited", lexed, sentence)


def _may_state_a_finding(sentence: Sequence[Token], text: str) -> bool:
    """Whether it may state a signal or a change of a place, or names a place that the vocabulary lacks.

    What is said of an earlier study alone, or of spectroscopy or perfusion, does not.
    """
    sites = [token for token in sentence if token.kind == "site"]
    if any(site.value.startswith(UNLISTED) for site in sites):
        return True
    stating = [at for at, token in enumerate(sentence) if token.kind in _STATING]
    if stating:
        prior = prior_words(text, sentence)
        if all(at in prior for at in stating):
            return False
    elif names_another_method(text[sentence[0].start : sentence[-1].end]):
        return False
    return bool(sites and stating) or _OF_A_SIGNAL.search(text, sentence[0].start, sentence[-1].end) is not None


def _abnormal_words(sentence: Sequence[Token], text: str) -> Iterator[Token]:
    """The words that state something abnormal of a named site, neither denied nor of a prior study."""
    kinds = {token.kind for token in sentence}
    if "site" not in kinds or kinds.isdisjoint(_ABNORMAL):
        return
    negated = False
    prior = prior_words(text, sentence)
    for at, token in enumerate(sentence):
        if at in prior:
            continue
        if token.kind == "negation":
            negated = True
        elif token.kind == "punctuation" and token.value in (",", ";"):
            negated = False
        elif (
            token.kind in _ABNORMAL
            and not negated
            and not _is_normal(token, text)
            and not names_a_mixed_lesion(sentence, at)
        ):
            yield token


def _is_normal(token: Token, text: str) -> bool:
    """等信号, 低于枕骨大孔, 增强后垂体均匀强化: neither a signal nor an enhancement of a lesion."""
    if token.value == "等" or _OF_A_LEVEL.match(text, token.start):
        return True
    return _NORMAL_ENHANCEMENT.search(text, max(0, token.end - _REACH), token.end) is not None


def _unlisted(lexed: LexedReport, study: Study) -> Iterator[Review]:
    """The sentences of findings at a place that the vocabulary lacks."""
    for statement in _statements(study):
        if statement.site_text is not None and statement.evidence is not None:
            yield from _sentence_at(lexed, statement.evidence.start, "unlisted_site")


def _mended(lexed: LexedReport, study: Study) -> Iterator[Review]:
    """The sentences of findings that rest on a word which was mended by guess, unless their confidence is high."""
    if not lexed.slips:
        return
    unsure = [s.evidence for s in _statements(study) if s.evidence and (s.confidence or 0.0) < SURE]
    for start, end in lexed.slips:
        if _rest_on(unsure, (start, end)):
            yield from _sentence_at(lexed, start, "mended")


def _unplaced_sizes(lexed: LexedReport, study: Study) -> Iterator[Review]:
    """The sentences with a size of a lesion that no finding has, or a length that is no size (1,8cm)."""
    spans = [span for finding in study.findings if finding.evidence for span in finding.evidence.spans]
    sites = {(span.start, span.end) for span in spans if span.role == "site"}
    placed = [set(finding.size_mm) for finding in study.findings]
    for sentence in lexed.sentences if sites else ():
        sizes = _largest_sizes(lexed.read, sentence, sites)
        if any(not size or not any(known.issuperset(size) for known in placed) for size in sizes):
            yield quoted("inconsistent", lexed, sentence)


def _largest_sizes(text: str, sentence: Sequence[Token], sites: Container[tuple[int, int]]) -> list[Size]:
    """The largest size behind each site with a finding; () where a length is no size."""
    if size_sign_pattern().search(text, sentence[0].start, sentence[-1].end) is None:
        return []
    if not any(token.kind == "size" or _is_length(text, token) for token in sentence):
        return []
    prior = prior_words(text, sentence)
    found: list[list[Size]] = [[]]
    of_a_finding, start = True, 0
    for at, token in enumerate(sentence):
        if token.kind == "site":
            of_a_finding = (token.start, token.end) in sites
            found.append([])
        elif is_mark(token):
            start = at + 1
        elif not of_a_finding or at in prior or not is_of_a_lesion(text, sentence, start, at):
            continue
        elif token.kind == "size":
            found[-1].append(millimetres(normalized(text[token.start : token.end])))
        elif _is_length(text, token):
            return [()]
    return [largest_size(sizes) for sizes in found if sizes]


def _is_length(text: str, token: Token) -> bool:
    if token.kind != "other" or size_sign_pattern().search(text, token.start, token.end) is None:
        return False
    return size_pattern().fullmatch(normalized(text[token.start : token.end])) is not None


def _rest_on(cited: Iterable[Evidence], slip: tuple[int, int]) -> bool:
    start, end = slip
    return any(span.start < end and start < span.end for evidence in cited for span in evidence.spans)


def _sentence_at(lexed: LexedReport, offset: int, reason: ReviewReason) -> Iterator[Review]:
    for sentence in lexed.sentences:
        if sentence[0].start <= offset < sentence[-1].end:
            yield quoted(reason, lexed, sentence)
            return
