"""What the paper claims, and what the figures say of it: in plain words, whichever way they fall."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from selip_downstream.classification.experiment import CLASSIFICATION, ZERO_SHOT
from selip_downstream.evaluation.bootstrap import Estimate
from selip_downstream.evaluation.compared_models import RANDOM
from selip_downstream.evaluation.results import MetricResult
from selip_downstream.explanation.pointing import ALL_SITES, CHANCE, EXPLANATION
from selip_downstream.page.comparison_tables import (
    Block,
    Lead,
    cell,
    estimate_of,
    is_clear,
    last_leads,
    lead_cell,
    lead_of,
    models_of,
)
from selip_downstream.page.document import Table
from selip_downstream.reproduce.page.step_results import Measured
from selip_downstream.reproduce.plan import MODELS, training
from selip_downstream.retrieval.experiment import TOGETHER
from selip_downstream.segmentation.experiment import SEGMENTATION

CLIP = MODELS["hard"]
SIMILARITY = {MODELS["selip"]: "SeLIP as published", MODELS["best-match"]: "best-match"}
"""The models whose targets are similarities, by which the claim is judged, and what the text calls them."""
TRUE_FINDINGS = "true findings"
EXTRACTED = "extracted"
FEW = 0.3
"""So small a share of the training studies is meant where the claim speaks of few data."""
FIRST_FIVE, SITE, SIDE = "top-5 of equal text", "site of first hit", "side of first hit"
METRICS = {
    FIRST_FIVE: "text among the first five",
    SITE: "site of the first hit",
    SIDE: "side and site of the first hit",
}


class ClaimTest(NamedTuple):
    """The lead of a model over CLIP in one metric, at a share of the training studies."""

    share: float
    model: str
    metric: str
    block: Block
    lead: Estimate

    @property
    def sign(self) -> int:
        """1 where the model is better, −1 where CLIP is, 0 where the interval holds 0."""
        return _sign(self.lead)


def main_block(blocks: Sequence[Block]) -> Block | None:
    """Of the comparisons of a retrieval the one that counts: images of all sequences ask for distinct texts."""
    wanted = {"sequence": TOGETHER, "direction": "image to text", "texts": "distinct"}
    return next((it for it in blocks if wanted.items() <= it[0].configuration.items()), None)


def clip_leads(models: Sequence[str]) -> list[Lead]:
    """The leads of the trained models over CLIP; where it does not take part, those of the last model."""
    if CLIP not in models:
        return last_leads(models)
    return [Lead(model, CLIP) for model in models if model not in (CLIP, RANDOM, CHANCE)]


def judged(measured: Measured) -> list[ClaimTest]:
    """Every lead by which the claim is judged."""
    return [
        ClaimTest(share, model, metric, block, lead)
        for share, blocks in measured.retrieval_by_share().items()
        for block in [main_block(blocks)]
        if block is not None
        for model in SIMILARITY
        for metric in METRICS
        for lead in [lead_of(block, Lead(model, CLIP), metric)]
        if lead is not None and lead.value is not None
    ]


def main_table(measured: Measured) -> Table:
    """What the claim is judged by: a row for each share of the training studies and metric."""
    found = judged(measured)
    models = list(dict.fromkeys(it.model for it in found))
    leads = {(it.share, it.metric, it.model): it.lead for it in found}
    rows = [
        [
            percent(share),
            METRICS[metric],
            cell(estimate_of(block, CLIP, metric)),
            *(lead_cell(leads.get((share, metric, model))) for model in models),
        ]
        for (share, metric), block in {(it.share, it.metric): it.block for it in found}.items()
    ]
    columns = ["studies", "", CLIP, *(Lead(model, CLIP).name for model in models)]
    return Table("Retrieval of texts by images, by the share of the training studies", columns, rows, 2)


def summary(measured: Measured) -> list[str]:
    """The main comparison, a paragraph for each thing that is said; nothing where it was not measured."""
    found = judged(measured)
    if not found:
        return []
    by_model = (_of_model(model, [it for it in found if it.model == model]) for model in SIMILARITY)
    return [*_asked(measured), *filter(None, by_model), _verdict(found), *_of_trainings(measured)]


def further(measured: Measured) -> list[str]:
    """What else was measured, a paragraph each."""
    return [*_of_tasks(measured), *_of_errors(measured), *_of_reading(measured)]


def seeds_of(figure: MetricResult) -> int:
    """How many trainings stand behind the figures of a model, at most."""
    places = figure.configuration.get("models", {}).values()
    return max((len(place) if isinstance(place, list) else 1 for place in places), default=1)


def percent(share: float) -> str:
    """As it is written everywhere: 10 %."""
    return f"{share * 100:g} %"


def _asked(measured: Measured) -> Iterator[str]:
    """What was asked, where the untrained weights and CLIP stand, and what the texts are where truth is not known."""
    shares = {share: blocks for share, blocks in measured.retrieval_by_share().items() if blocks}
    largest = max(shares)
    block = main_block(shares[largest])
    if block is None:
        return
    about = block[0].configuration
    seeds = [seeds_of(blocks[0][0]) for blocks in shares.values()]
    counts = _listed([str(count) for count in (seeds if len({*seeds}) > 1 else seeds[:1])])
    yield (
        f"Trained on {_listed([*map(percent, shares)])} of the training studies, with {counts} "
        f"{'trainings' if max(seeds) > 1 else 'training'} for each target, the models were asked for the texts of "
        f"{block[0].n:,} images of the {block[0].split} split, among "
        f"{about['gallery']:,} distinct texts. With {percent(largest)} of the studies the text is among the first five "
        f"for {cell(estimate_of(block, RANDOM, FIRST_FIVE))} of the images with untrained weights, for "
        f"{cell(estimate_of(block, CLIP, FIRST_FIVE))} with CLIP."
    )
    if measured.is_truth_unknown:
        yield (
            "The texts are made of the findings that were extracted from the reports. How many of them are wrong is "
            "not known: models learn from the errors too, and are measured by them."
        )


def _of_model(model: str, own: Sequence[ClaimTest]) -> str:
    """How often a model is above and below CLIP, with few studies and with more; '' where it was not measured."""
    few, more = [it.sign for it in own if it.share <= FEW], [it.sign for it in own if it.share > FEW]
    parts = [
        f"{which}, it is {_tally(signs)}"
        for which, signs in (
            (f"with {percent(FEW)} of the training studies or less", few),
            (f"with more than {percent(FEW)}", more),
        )
        if signs
    ]
    return f"{SIMILARITY[model]} against CLIP: {'; '.join(parts)}." if parts else ""


def _verdict(found: Sequence[ClaimTest]) -> str:
    """Whether similarity pays with few studies: in the first five, and in the site or side of the first hit."""
    few = [it for it in found if it.share <= FEW]
    chance = (
        f"Of {len(found)} such intervals of 95 % about {len(found) / 20:.1f} would leave out 0 by chance alone, if no "
        "model differed from CLIP."
    )
    if not few:
        return f"With so few training studies as the claim speaks of nothing was measured. {chance}"
    better = {(it.share, it.model, it.metric) for it in few if it.sign > 0}
    winners = sorted(
        {
            f"{SIMILARITY[model]} at {percent(share)}"
            for share, model, metric in better
            if metric == FIRST_FIVE and {(share, model, SITE), (share, model, SIDE)} & better
        }
    )
    worse = any(it.sign < 0 for it in few)
    if winners:
        said = f"is borne out by these figures: {' and '.join(winners)} beats CLIP in both"
        said += ", though other differences are below 0." if worse else "."
    elif better:
        said = "is borne out in part: no model beats CLIP in both at one share, though some differences are above 0"
        said += " and others below it." if worse else "."
    elif worse:
        said = "is contradicted by these figures: similarity does not beat CLIP, and where they differ CLIP is better."
    else:
        said = "is not borne out by these figures: similarity does not beat CLIP in any difference that is told from 0."
    return (
        "The claim that similar texts as targets spare training studies, in the first five texts and in the site or "
        f"side of the first hit, {said} {chance}"
    )


def _of_trainings(measured: Measured) -> Iterator[str]:
    """How far single trainings of one kind lie apart."""
    reached: dict[float, dict[str, list[float]]] = {}
    for one in sorted(measured.trainings, key=lambda one: [*MODELS].index(one.configuration.target)):
        chosen = one.configuration
        if one.step == training(chosen.target, chosen.share, chosen.seed):
            reached.setdefault(chosen.share, {}).setdefault(MODELS[chosen.target], []).append(one.validation["top_5"])
    said = [
        f"with {percent(share)} of the studies "
        + ", ".join(f"{model} {min(shares):.3f}–{max(shares):.3f}" for model, shares in of_model.items())
        for share, of_model in sorted(reached.items())
    ]
    if any(len(shares) > 1 for of_model in reached.values() for shares in of_model.values()):
        yield (
            "The intervals are over patients and trainings. How far trainings lie apart by their seed alone: of the "
            f"validation images single trainings have the text among the first five {'; '.join(said)}."
        )


def _of_tasks(measured: Measured) -> Iterator[str]:
    """Every other task, by its main metric."""
    tasks = (
        ("Classification without labels (AUC of the site)", "classify", ZERO_SHOT, "AUC of site"),
        ("Classification with labels (AUC)", "classify", CLASSIFICATION, "AUC"),
        ("Segmentation (mean Dice)", "segment", SEGMENTATION, "Dice"),
        ("The place that supports a statement most (pointing game)", "pointing", EXPLANATION, "pointing"),
    )
    for title, prefix, task, metric in tasks:
        blocks = measured.blocks(prefix, task)
        if task in (ZERO_SHOT, EXPLANATION):
            whole = {"sequence": TOGETHER, "site": ALL_SITES}
            blocks = [it for it in blocks if whole.items() & it[0].configuration.items()]
        said = []
        for model, name in SIMILARITY.items():
            leads = [lead_of(block, Lead(model, CLIP), metric) for block in blocks]
            known = [lead for lead in leads if lead is not None and lead.value is not None]
            if known:
                told = f", {lead_cell(known[0]).removesuffix(' *')}" if len(known) == 1 else ""
                said.append(f"{name} is {_tally([_sign(lead) for lead in known])}{told}")
        if said:
            yield f"{title}: {'; '.join(said)}."


def _of_errors(measured: Measured) -> Iterator[str]:
    """What the same training loses when its findings are extracted or wrong."""
    block = main_block(measured.blocks("retrieve-errors", "retrieval"))
    if block is None:
        return
    said = []
    for model in models_of(block):
        lead = lead_of(block, Lead(model, TRUE_FINDINGS), FIRST_FIVE)
        if model in (RANDOM, TRUE_FINDINGS) or lead is None or lead.value is None:
            continue
        told = "" if is_clear(lead) else ", not told from 0"
        said.append(f"with findings {model} {lead_cell(lead).removesuffix(' *')}{told}")
    if said:
        yield f"What errors in the findings change in the text among the first five: {'; '.join(said)}."


def _of_reading(measured: Measured) -> Iterator[str]:
    """How well the readers read, in the order they were measured in."""
    by_reports: dict[str, list[str]] = {}
    for score in measured.scores:
        figure = f"{score.reader} {score.figures['finding_f1']:.3f}"
        by_reports.setdefault(f"{score.reports} ({score.figures['reports']:,})", []).append(figure)
    if by_reports:
        said = "; ".join(f"{reports}: {', '.join(figures)}" for reports, figures in by_reports.items())
        yield f"Extraction, F1 of the findings by reader. {said}."


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _tally(signs: Sequence[int]) -> str:
    """In words how often above, below and neither."""
    counts, words = Counter(signs), {1: "above CLIP", -1: "below CLIP", 0: "not to be told from CLIP"}
    parts = [(word, counts[sign]) for sign, word in words.items() if counts[sign]]
    if len(signs) == 1:
        return parts[0][0]
    if len(parts) == 1:
        return f"{parts[0][0]} in each of {len(signs)} comparisons"
    return f"{' and '.join(f'{word} in {count}' for word, count in parts)} of {len(signs)} comparisons"


def _sign(lead: Estimate) -> int:
    assert lead.value is not None
    return 0 if not is_clear(lead) else 1 if lead.value > 0 else -1
