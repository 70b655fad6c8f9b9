"""Which rule decided about a series, and which of its tags (`selip-scan --explain`)."""

from collections.abc import Iterable, Iterator

from selip_pretrain.scan.sequence_rules import Rule, SequenceRules, SeriesAttributes, found_pattern, found_word
from selip_pretrain.scan.series import FoundSeries, describe


def explanations(found: Iterable[FoundSeries], rules: SequenceRules, wanted: str) -> Iterator[str]:
    """A text for each series whose id, folder or description contains `wanted`, whatever its case."""
    for series in found:
        names = (series.image_id, str(series.folder), series.description)
        if any(wanted.casefold() in name.casefold() for name in names):
            yield explain(series, rules)


def explain(series: FoundSeries, rules: SequenceRules) -> str:
    """The attributes of a series, the rule that decided, and the attributes that met its conditions."""
    rule = rules.recognise(series.attributes)
    lines = [f"{series.image_id} ({series.description})", f"  it has {describe(series.attributes) or 'no attributes'}"]
    if rule is None:
        lines.append("  no rule fits: unrecognised")
    else:
        lines.append(f"  {rule.modality or rule.exclude} by the rule {rule.name!r}")
        text = rules.searched_text(series.attributes)
        lines += [f"    {condition}" for condition in _conditions(rule, series.attributes, text)]
        lines += [f"    {rule.hint}"] if rule.hint else []
    if series.fault is not None:
        lines.append(f"  it cannot be used: {series.fault[1]}")
    return "\n".join(lines)


def _conditions(rule: Rule, attributes: SeriesAttributes, text: str) -> Iterator[str]:
    """What of the series met each condition that asks for something."""
    searched = {
        "words": text,
        "and_words": text,
        "manufacturer": attributes.manufacturer,
        "body_part": attributes.body_part,
        "study": "\n".join(attributes.study),
    }
    for field, where in searched.items():
        words = getattr(rule, field)
        if words is not None:
            yield f"{field}: {found_word(where, words)!r} in {' | '.join(where.splitlines())!r}"
    if rule.file_name is not None:
        yield f"file_name: {found_pattern(attributes.file_name, rule.file_name)!r} in {attributes.file_name!r}"
    for field in ("image_type", "scanning_sequence"):
        values = getattr(rule, field)
        if values is not None:
            upper = {value.upper() for value in values}
            yield f"{field}: {', '.join(value for value in getattr(attributes, field) if value.upper() in upper)}"
    for field in ("tr_ms", "te_ms", "ti_ms", "b_value"):
        limits = getattr(rule, field)
        if limits is not None:
            yield f"{field}: {getattr(attributes, field):g} is within {limits[0]:g} to {limits[1]:g}"
    for field in ("contrast", "contrast_denied", "diffusion"):
        if getattr(rule, field) is not None:
            yield f"{field}: {'yes' if getattr(attributes, field) else 'no'}"
    if rule.has_b_value is not None:
        yield f"b-value: {'stated' if rule.has_b_value else 'not stated'}"
