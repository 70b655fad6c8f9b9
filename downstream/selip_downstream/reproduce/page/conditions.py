"""The conditions of a reproduction: what differs from the paper and why, what failed, the cohort, and the machine."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean

from selip_downstream.evaluation.tasks import metric_phrase
from selip_downstream.page.document import Section, Table
from selip_downstream.reproduce.page.conclusions import Conclusions
from selip_downstream.reproduce.page.figures import CohortCounts, Figures, TrainingGroup
from selip_downstream.reproduce.page.paper import DATA, METHOD, SETTINGS
from selip_downstream.reproduce.page.summary import MODEL_PHRASES, percent
from selip_downstream.reproduce.sizes import SIZES
from selip_pretrain.model.configuration import resolve

COHORT_CHOICE = (
    "The studies are chosen so that the claim can be tested and can fail. Sites, sides, signals and their combinations "
    "are as frequent as in pseudo-reports, with a long tail. A study has findings at one or two sites, each on several "
    "sequences; a tenth of the studies is normal; a sequence that a report does not mention has no pair. The form of a "
    "lesion is described in the words of reports, which depend on the writer as much as on the image: many texts are "
    "nearly equal. Sites and sizes of the lesions are those that are visible on so small a grid: with all sites of the "
    "vocabulary and lesions of their usual size no target learns anything in so short a training, and CLIP should be "
    "well above chance and well below the maximum."
)
INTERVALS = (
    "Every figure of a model is the mean over its trainings, which differ only in their seed. Its interval comes from "
    "resamples of the patients, in each of which the trainings have random weights, so that their mean follows "
    "Student's t distribution: with three trainings it is wide and may pass 0 or 1, since three say little about a "
    "fourth. The untrained weights are one draw. Differences are paired: in every resample both models have the same "
    "patients and seeds."
)
TRAININGS = (
    "Each target was trained with the same settings except the sharpness of its targets, and with every seed. The best "
    "checkpoint is selected by the mean reciprocal rank on the validation split. The figures are means over the seeds, "
    "and their range."
)
NO_FAILURE = "Nothing that was measured here."
SIZES_DIFFER = (
    "All sizes take the same steps and measure the claim and the cost of errors on frozen features. quick has too few "
    "trainings to distinguish models. standard has whole trainings with few studies alone, whose models serve all "
    "tasks; they show whether the claim carries over. full repeats the claim and the cost of errors with whole "
    "trainings at every share, and grades and segments gliomas. A real cohort is graded and segmented in every size."
)
"""Of the sizes in sizes.py."""
COMPARED_SETTINGS = (
    "encoder", "norm", "pooling", "text_encoder", "clamp", "batches", "batch", "steps", "image_rate", "text_rate",
    "adam_eps", "weight_decay", "clip", "augment",
)  # fmt: skip
REASONS = {
    "norm": "so that an embedding does not depend on the other volumes of its batch",
    "clamp": "the clamp of the authors' code removes gradients",
    "image_rate": "few steps",
    "text_rate": "few steps",
    "augment": "few steps",
}
"""Why a setting differs from the paper's."""
OTHER_REASON = "the time limit of this size"


def conditions(figures: Figures, conclusions: Conclusions) -> Section:
    """The last section of the page."""
    cohort, trainings = _cohort(figures), _trainings(figures.training_groups)
    ran_on = _machine(figures)
    sections = [
        Section("What differs from the paper and why", tables=[_differences(figures)]),
        *([Section("How the sizes differ", [SIZES_DIFFER], [_sizes()])] if figures.is_phantom else []),
        Section("What failed", _failures(figures, conclusions) or [NO_FAILURE]),
        *([Section("Cohort", [COHORT_CHOICE] if figures.is_phantom else [], [cohort])] if cohort.rows else []),
        *([Section("Trainings", [TRAININGS], [trainings])] if trainings.rows else []),
        *([Section("Machine, versions and seeds", tables=[ran_on])] if ran_on.rows else []),
        Section("Time", tables=[_times(figures.results.seconds)]),
    ]
    return Section("Conditions", [INTERVALS], sections=sections)


def _differences(figures: Figures) -> Table:
    """Data and settings that differ, then what always differs."""
    rows = []
    if figures.is_phantom:
        here = "pseudo-reports, and phantoms of heads rendered from their findings"
        rows.append(["Data", DATA, here, "the hospital's data are not public; here every truth is known"])
    if figures.results.trainings:
        paper = resolve("paper", None, {}).model_dump() | SETTINGS
        own = figures.results.trainings[0].configuration.model_dump()
        settings = [["voxels", *(_voxels(one["recipe"]["shape"]) for one in (paper, own))]]
        settings += [[name, *map(_setting, (paper[name], own[name]))] for name in COMPARED_SETTINGS]
        rows += [
            [f"Setting: {name.replace('_', ' ')}", there, here, REASONS.get(name, OTHER_REASON)]
            for name, there, here in settings
            if there != here
        ]
    rows += [list(row) for row in METHOD]
    return Table("The paper, or its authors' program, and this one", ["", "there", "here", "why"], rows, 4)


def _sizes() -> Table:
    """A column for each size."""
    rows = {
        "studies": [f"{size.studies.studies:,}" for size in SIZES.values()],
        "voxels": [size.studies.shape.replace("x", "×") for size in SIZES.values()],
        "image encoder": [resolve(size.training.preset, None, {}).encoder for size in SIZES.values()],
        "targets of whole trainings": [str(len(size.training.targets)) for size in SIZES.values()],
        "whole trainings of each target": [_repeats(size.training.repeats) for size in SIZES.values()],
        "steps of a whole training": [f"{size.training.settings['steps']:,}" for size in SIZES.values()],
        "whole trainings on errors": [_yes(size.training.learn_errors) for size in SIZES.values()],
        "trainings of each target on frozen features": [
            f"{size.frozen.seeds} with {_listed(size.frozen.steps)}" for size in SIZES.values()
        ],
        "rendered gliomas": [f"{size.studies.gliomas:,}" for size in SIZES.values()],
    }
    return Table("The sizes", ["", *SIZES], [[name, *cells] for name, cells in rows.items()])


def _repeats(of_share: Mapping[float, int]) -> str:
    return ", ".join(f"{count} with {percent(share)}" for share, count in of_share.items())


def _listed(shares: Iterable[float]) -> str:
    return ", ".join(map(percent, shares))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _failures(figures: Figures, conclusions: Conclusions) -> list[str]:
    """What went wrong or contradicts the claim, a sentence each."""
    sentences = [
        f"With {percent(test.share)} of the studies {MODEL_PHRASES[test.model]} is below CLIP: "
        f"{metric_phrase(test.metric)}."
        for test in conclusions.tests
        if test.difference.sign < 0
    ]
    sentences += [f"The step {step} failed: {why}" for step, why in figures.results.failures.items()]
    sentences += [
        f"The extractor {score.extractor} gave no answer for {score.figures['not_extracted']:,} reports of "
        f"{score.gold}."
        for score in figures.results.scores
        if score.figures.get("not_extracted")
    ]
    for comparison in figures.pointing[:1]:
        lost = comparison.configuration.get("lost_on_grid", 0)
        if lost:
            sentences.append(f"In the pointing game {lost:,} lesions are too small for the grid of the encoders.")
    sentences += [
        f"In the step {step} {count:,} figures are undefined on these data."
        for step, count in figures.undefined.items()
    ]
    return sentences


def _cohort(figures: Figures) -> Table:
    """By split, what there is to learn from and to search for."""
    columns = ["split", "patients", "images", "of normal studies", "distinct texts", "unique texts", "sequences"]
    rows = [[split, *_counts(counts)] for split, counts in figures.cohort.items()]
    return Table("Images with a text", columns, rows)


def _counts(counts: CohortCounts) -> list[str]:
    numbers = (counts.patients, counts.images, counts.normal, counts.distinct_texts, counts.unique_texts)
    sequences = ", ".join(f"{name} {count:,}" for name, count in counts.sequences.items())
    return [*(f"{number:,}" for number in numbers), sequences]


def _trainings(groups: Sequence[TrainingGroup]) -> Table:
    """A row for the trainings that differ only in their seed."""
    rows = [
        [
            group.name,
            first.target,
            f"{first.sharpness:g}",
            percent(first.share),
            ", ".join(str(one.configuration.seed) for one in group.trainings),
            f"{first.steps:,}",
            ", ".join(f"{one.validation['step']:,}" for one in group.trainings),
            _over_seeds([one.validation["mean_reciprocal_rank"] for one in group.trainings]),
            _over_seeds([one.validation["top_5"] for one in group.trainings]),
        ]
        for group in groups
        for first in [group.trainings[0].configuration]
    ]
    columns = ["training", "target", "sharpness", "share", "seeds", "steps", "best at", "mean reciprocal rank", "top 5"]
    return Table("Trainings, with figures of the validation split", columns, rows, 6)


def _over_seeds(values: Sequence[float]) -> str:
    return f"{mean(values):.3f} ({min(values):.3f}–{max(values):.3f})"


def _machine(figures: Figures) -> Table:
    seeds = sorted({training.configuration.seed for training in figures.results.trainings})
    rows = [*figures.machine.items(), *figures.versions.items()]
    if seeds:
        rows.append(("seeds of the trainings", ", ".join(map(str, seeds))))
    return Table("Where it ran", ["", ""], [list(row) for row in rows], 2)


def _times(seconds: Mapping[str, float]) -> Table:
    """The steps, slowest first."""
    rows = [[step, f"{taken:,.1f}"] for step, taken in sorted(seconds.items(), key=lambda one: -one[1])]
    caption = "Wall time of each step in seconds; several ran at once, so the whole took less than their sum"
    return Table(caption, ["step", "seconds"], [*rows, ["sum of the steps", f"{sum(seconds.values()):,.1f}"]])


def _voxels(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _setting(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
