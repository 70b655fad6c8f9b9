"""Values that are stated by pointing to others: 信号同上, 与左侧顶叶病灶相同, FLAIR同T2WI, FLAIR亦然, 以额颞叶为著."""

from collections.abc import Iterable, Sequence

from selip_contracts.findings import Finding
from selip_contracts.vocabulary import Modality
from selip_extract.language.constructions.compared_sequences import AS_SEQUENCE
from selip_extract.language.lexicon import lexicon
from selip_extract.language.tokens import Token
from selip_extract.rules.changes_of_sites import is_within
from selip_extract.rules.dataclass_replace import replace
from selip_extract.rules.descriptions import describe_as_normal
from selip_extract.rules.lookahead import VALUES, clause_after, sites_ahead
from selip_extract.rules.mentions import ONE_SIDED, ReferenceKind, SiteMention, Sites, Value, locations
from selip_extract.rules.references.introductions import introduce, names_whole_brain, referents, with_side
from selip_extract.rules.references.ordinals import nth_lesion
from selip_extract.rules.references.site_references import is_an_aside
from selip_extract.rules.sentence import Sentence
from selip_extract.rules.state import Focus, State
from selip_extract.rules.values import name_sequence, state_values


def state_the_same(state: State, sentence: Sentence, at: int) -> State:
    """信号同上: what was stated last of another lesion; T2WI高信号同前 says that nothing has changed.

    余脑实质未见类似病灶: nothing of the kind.
    """
    if state.clause.negation is not None:
        return describe_as_normal(state, sentence, at)
    before = sentence.tokens[at - 1] if at else None
    if before is not None and before.kind == "signal" and before.end == sentence.tokens[at].start:
        return state
    state = _of_a_list(state, sentence, at + 1)
    state = _repeat(state, sentence, at, state.mentioned.last_stated(state.focus.sites))
    # 左侧额叶见类似病灶，增强后左侧额叶…: not one enumeration
    return state.close() if before is not None and before.kind == "verb" else state


def state_as_compared(state: State, sentence: Sentence, at: int, end: int) -> State:
    """信号与左侧顶叶病灶相同: what was stated of the sites named between `at` and `end`."""
    named = _named(sentence, at, end)
    state = _of_a_list(state, sentence, end)
    here = (state.introduced.sites, state.own.sites)
    resolved = locations(s for site in named for s in state.mentioned.resolve(site, here, True))
    said = end - 1 if sentence.tokens[end - 1].kind == "cue" else max(i for i in sentence.sites if i < end)
    return _repeat(state, sentence, said, state.mentioned.stated_of(resolved))


def _of_a_list(state: State, sentence: Sentence, at: int) -> State:
    """信号同前：右侧顶叶、脑桥: of the sites that follow the colon at `at`."""
    if at >= len(sentence.tokens) or sentence.tokens[at].value != ":":
        return state
    ahead = sites_ahead(sentence, at)
    focus = Focus(ahead, ReferenceKind.NAMED, sentence.tokens[at].start)
    return introduce(state.refer_to(focus), focus, True) if ahead else state


def state_as_nth(state: State, sentence: Sentence, end: int, at: int) -> State:
    """T1、T2同第一处: what was stated of the lesion that was mentioned first."""
    return _repeat(state, sentence, end - 1, state.mentioned.stated_of(locations(nth_lesion(state, at))))


def _repeat(state: State, sentence: Sentence, at: int, values: Iterable[tuple[Modality, Value]]) -> State:
    """The values, but for the sequences of which the sentence states another: 信号同上，惟SWI呈低信号."""
    if not state.focus.sites:
        return state
    token, sequences = sentence.tokens[at], state.sequences
    asked = {t.value for t in sequences.tokens if not sequences.used}
    own = _stated_after(sentence.tokens, at, sequences.tokens if sequences.used else ())
    left = [
        (modality, value)
        for modality, value in values
        if modality not in own and not _states_before(state, sentence, at, modality)
    ]
    for modality, value in left:
        if not asked or modality in asked:
            state = state_values(state, sentence, at, [(token._replace(value=modality), value)])
    return replace(state, sequences=sequences._replace(used=True)) if asked else state


def _states_before(state: State, sentence: Sentence, at: int, modality: Modality) -> bool:
    """除ADC图呈等信号外，信号同前: the sequence has been stated of the sites since the last semicolon."""
    here = locations(state.focus.sites)
    begin = max((t.start for t in sentence.tokens[:at] if t.value == ";"), default=-1)
    return any(
        f.modality == modality and (f.side, f.site) in here and f.evidence is not None and f.evidence.start > begin
        for f in state.findings
    )


def _stated_after(tokens: Sequence[Token], at: int, used: Iterable[Token]) -> set[str]:
    """The sequences that follow before another site is named; those `used` where 黑质见类似改变，呈稍高信号 goes on."""
    found: set[str] = set()
    if next((t.kind for t in clause_after(tokens, at) if t.kind in VALUES or t.kind == "sequence"), None) == "signal":
        found |= {token.value for token in used}
    for token in tokens[at + 1 :]:
        if token.kind == "site" or token.value == ";":
            break
        if token.kind == "sequence":
            found.add(token.value)
    return found


def state_as_on_sequence(state: State, sentence: Sentence, at: int) -> State:
    """T2WI呈高信号，FLAIR：同T2WI: each site has here what was stated of it there."""
    token = sentence.tokens[at]
    other = AS_SEQUENCE[token.value]
    focus = _of_the_sequence(state, sentence, at) or referents(state, sentence, at, True)
    known = {s.location: s.value for s in state.mentioned.stated if s.modality == other}
    asked = () if state.sequences.used else state.sequences.tokens
    if not asked or not any(site.location in known for site in focus.sites):
        return name_sequence(state, sentence, at)
    for site in focus.sites:
        if site.location in known:
            one = Focus((site,), ReferenceKind.PART, site.token.start)
            state = state_values(state, sentence, at, [(t, known[site.location]) for t in asked], one)
    return replace(state, sequences=state.sequences._replace(used=True))


def _of_the_sequence(state: State, sentence: Sentence, at: int) -> Focus | None:
    """FLAIR：同T2WI。 by itself: all sites of which the sequence that it begins with has not been stated."""
    tokens, sequences = sentence.tokens, state.sequences.tokens
    if tokens[0].kind != "sequence" or any(t.kind == "site" for t in tokens) or not sequences:
        return None
    sites = state.mentioned.without(state.mentioned.in_item(), sequences[0].value)
    return Focus(sites, ReferenceKind.POINTED, tokens[at].start) if sites else None


def state_likewise(state: State, sentence: Sentence, at: int) -> State:
    """T2WI呈高信号，FLAIR亦然: the value stated last, on these sequences; 双侧大脑脚同样如此: all of the lesion."""
    sequences = state.sequences
    if not state.findings:
        # 双侧侧脑室旁亦见: of the lesion that was described last
        return _repeat(state, sentence, at, state.mentioned.last_stated(state.focus.sites))
    last = state.findings[-1]
    clause = {t.kind for t in sentence.tokens[state.clause.start : at]}
    if clause & {"site", "side"} and "sequence" not in clause:
        for finding in [f for f in state.findings if (f.side, f.site) == (last.side, last.site)]:
            signal, name = _token(sentence, finding, "signal"), _token(sentence, finding, "sequence")
            if signal is not None:
                token = sentence.tokens[signal if name is None else name]._replace(value=finding.modality)
                state = state_values(state, sentence, signal, [(token, finding.signal)])
        return state
    signal = _token(sentence, last, "signal")
    if sequences.used or signal is None:
        return state
    state = state_values(state, sentence, signal, [(token, last.signal) for token in sequences.tokens])
    return replace(state, sequences=sequences._replace(used=True))


def leave_out(state: State, sentence: Sentence, at: int, end: int) -> State:
    """T2WI呈高信号（脑桥除外）: the value that was stated last is not that of the sites named here."""
    if not state.findings or state.findings[-1].evidence is None:
        return state
    named = {(site.side, site.site) for site in _named(sentence, at, end)}
    last = _span(state.findings[-1], "signal")

    def stays(finding: Finding) -> bool:
        location = (finding.side, finding.site_name)
        unsided = (None, finding.site_name)
        return _span(finding, "signal") != last or not {location, unsided} & named

    kept = tuple(finding for finding in state.findings if stays(finding))
    return replace(state, findings=kept) if kept else state


def _span(finding: Finding, role: str) -> int | None:
    """Where the words of this role stand."""
    assert finding.evidence is not None
    return next((span.start for span in finding.evidence.spans if span.role == role), None)


def name_most_affected(state: State, sentence: Sentence, at: int, end: int) -> State:
    """左侧大脑半球见…，以额颞叶为著: the sites are those of the lesion too, with all that was stated of it.

    The lobes of 硬脑膜增厚强化，以双侧额部为著 only say where.
    """
    focus = state.focus if state.focus.sites else Focus.on(state.current_lesion)
    known = {site.site for site in focus.sites}
    if (pointed := _pointed_at_next(focus, sentence, at, end)) is not None:
        return state.refer_to(pointed)
    outside = bool(known) and known <= set(lexicon().site_groups.outside_the_brain)
    sites = tuple(
        with_side(site, focus.sites)
        for site in _named(sentence, at, end)
        if _is_new(site, focus.sites) and not (outside and is_within(site.site, "大脑半球"))
    )
    if not sites or state.refers_to_rest:
        return state
    if not focus.sites and {site.site for site in sites} <= {site.site for site in state.announced.sites}:
        return state
    if not focus.sites:
        return state.refer_to(Focus(sites, ReferenceKind.NAMED, sentence.tokens[at].start))
    here = locations(focus.sites)
    stated = [f for f in state.findings if f.present and (f.side, f.site) in here]
    state = introduce(state, focus, True) if stated else state
    added = Focus(sites, ReferenceKind.PART, sentence.tokens[at].start)
    for finding in {(f.modality, f.signal): f for f in stated}.values():
        signal, name = _token(sentence, finding, "signal"), _token(sentence, finding, "sequence")
        if signal is not None:
            token = sentence.tokens[signal if name is None else name]._replace(value=finding.modality)
            state = state_values(state, sentence, signal, [(token, finding.signal)], added)
    lesion = state.current_lesion
    if stated and lesion.id == focus.lesion_id:
        longer = lesion._replace(sites=lesion.sites + sites)
        state = replace(state, introduced=longer, mentioned=state.mentioned.extend(lesion, sites))
    return replace(state, focus=focus._replace(sites=focus.sites + sites), open=False)


def spreads(state: State) -> bool:
    """左侧顶叶见长T2信号，累及胼胝体压部: whether the lesion of which something is stated reaches further."""
    sites = state.focus.sites or (state.introduced.sites if state.own.sites else ())
    here = locations(sites)
    if state.clause.negation is not None or names_whole_brain(sites):
        return False
    introduced = state.introduced.id == state.focus.lesion_id and state.mentioned.is_current(state.introduced)
    return introduced or any((finding.side, finding.site_name) in here for finding in state.findings)


def _is_new(site: SiteMention, sites: Sites) -> bool:
    """Whether a lesion at `sites` is told to reach further: to another site, or to the same one across the midline."""
    sides = {known.side for known in sites if known.site == site.site}
    return not sides or (site.side in ONE_SIDED and sides == {*ONE_SIDED} - {site.side})


def _pointed_at_next(focus: Focus, sentence: Sentence, at: int, end: int) -> Focus | None:
    """以丘脑为著，该处SWI…: the sites of the lesion of which the next clause speaks; None where it speaks of all."""
    behind = sentence.tokens[end : end + 2]
    if [token.value for token in behind] != [",", "上述"] or sentence.text[behind[1].start] not in "该此":
        return None
    named = {site.site for site in _named(sentence, at, end)}
    sites = tuple(site for site in focus.sites if site.site in named)
    return Focus(sites, ReferenceKind.PART, sentence.tokens[at].start) if sites else None


def name_largest(state: State, sentence: Sentence, at: int) -> State:
    """左侧大脑半球见多发结节，T1WI呈…，较大者位于左侧顶叶，约2cm: a site of its own has what was stated of them all."""
    after = replace(state, clause=state.clause._replace(of_the_largest=True))
    end = at + 1 + sum(1 for _ in clause_after(sentence.tokens, at))
    here = [(i, site) for i, site in sentence.sites.items() if at < i < end and not site.is_qualifier]
    group = state.current_lesion
    if not here or not group.sites or not is_an_aside(replace(state, focus=Focus.on(group)), sentence, here[-1][0]):
        return after
    known = locations(group.sites)
    names = {site for _, site in known}
    new = tuple(sentence.mention(site) for _, site in here if site.site not in names)
    focus = Focus(new, ReferenceKind.NAMED, sentence.tokens[at].start)
    for modality, value in state.mentioned.stated_of(known) if new else ():
        after = state_values(after, sentence, at, [(sentence.tokens[at]._replace(value=modality), value)], focus)
    if not new or after.introduced.id != group.id:
        return after
    longer = group._replace(sites=group.sites + new)
    return replace(
        after,
        introduced=longer,
        mentioned=after.mentioned.extend(group, new),
        focus=after.focus._replace(sites=longer.sites) if after.focus.sites == group.sites else after.focus,
    )


def _named(sentence: Sentence, at: int, end: int) -> list[SiteMention]:
    return [sentence.mention(s) for i, s in sentence.sites.items() if at <= i < end and not s.is_qualifier]


def _token(sentence: Sentence, finding: Finding, role: str) -> int | None:
    """The index of the token that is the finding's evidence in this role."""
    assert finding.evidence is not None
    starts = {span.start for span in finding.evidence.spans if span.role == role}
    for i, token in enumerate(sentence.tokens):
        if token.start in starts and (token.kind in VALUES if role == "signal" else token.kind == role):
            return i
    return None
