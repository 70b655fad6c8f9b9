"""Under which circumstances a reproduction was made: what differs from the paper and why, what failed, on what."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import chain
from statistics import mean

from selip_contracts.tables import read_store
from selip_contracts.vocabulary import MODALITIES
from selip_downstream.explanation.pointing import EXPLANATION
from selip_downstream.page.document import Section, Table
from selip_downstream.reproduce.page.conclusions import METRICS, SIMILARITY, judged, percent
from selip_downstream.reproduce.page.paper import DATA, METHOD, SETTINGS
from selip_downstream.reproduce.page.step_results import Measured, TrainingResult
from selip_pretrain.data.pairs import Pair, read_pairs
from selip_pretrain.data.splits import SPLITS
from selip_pretrain.model.configuration import Configuration

PHANTOM = "phantom"
CHOICE = (
    "The studies are chosen so that the claim can be tested and lost. Sites, sides, signals and their combinations are "
    "as frequent as pseudo-reports have them, with a long tail; a study has one place with findings or two, each on "
    "several sequences; a tenth of the studies is normal; what a report does not say of a sequence has no pair. A "
    "lesion's form is said in the words that reports use, which follow the writer's taste as much as the image: many "
    "texts are nearly equal. Sites and sizes of the lesions are those that can be seen on so small a grid: with all "
    "sites of the vocabulary and lesions of their usual size no target learns anything in so short a training, and "
    "CLIP is to be well above chance and well below all."
)
COMPARED = (
    "encoder", "norm", "pooling", "text_encoder", "loss", "batches", "batch", "steps", "image_rate", "text_rate",
    "augment",
)  # fmt: skip


def circumstances(measured: Measured, machine: Mapping[str, str], versions: Mapping[str, str]) -> Section:
    """Section 7."""
    parts = [
        Section("What differs from the paper and why", tables=_differences(measured)),
        Section("What failed", _failures(measured) or ["Nothing that was measured here."]),
        Section("Cohort", [CHOICE] if PHANTOM in measured.folders else [], _cohort(measured)),
        Section(
            "Trainings",
            ["Each target was trained with the same settings but for the sharpness of its targets, and with every "
             "seed. The best checkpoint is told by the mean reciprocal rank on the validation split; the figures are "
             "means over the seeds, and their range."],
            [_trainings(measured.trainings)],
        ),
        Section("Machine, versions and seeds", tables=_ran_on(measured, machine, versions)),
        Section("Time", tables=[_times(measured.seconds)]),
    ]  # fmt: skip
    kept = [part for part in parts if part.title == "What failed" or any(table.rows for table in part.tables)]
    intervals = (
        "Every figure of a model is the mean over its trainings, which differ in their seed alone; its interval comes "
        "from resamples of the patients, in each of which the trainings count with random shares, so that their mean "
        "falls as Student's t distribution has it: of three it is wide and may pass 0 or 1, since three tell little of "
        "a fourth. Untrained weights are one draw. Differences are paired: in every resample both models see the same "
        "patients and seeds."
    )
    return Section("7. Circumstances", [intervals], sections=kept)


def _differences(measured: Measured) -> list[Table]:
    """Data and settings as they were, then what is always done in another way."""
    rows = []
    if PHANTOM in measured.folders:
        here = "pseudo-reports, and phantoms of heads rendered from their findings"
        rows.append(["Data", DATA, here, "the hospital's data are not public; here every truth is known"])
    if measured.trainings:
        paper, own = Configuration().model_dump() | SETTINGS, measured.trainings[0].configuration.model_dump()
        sizes = (_voxels(configuration["recipe"]["shape"]) for configuration in (paper, own))
        settings = [["voxels", *sizes], *([name, *map(_setting, (paper[name], own[name]))] for name in COMPARED)]
        rows += [
            [f"Setting: {name.replace('_', ' ')}", there, here, _why(name)]
            for name, there, here in settings
            if there != here
        ]
    rows += [list(row) for row in METHOD]
    return [Table("The paper, or its authors' program, beside this one", ["", "there", "here", "why"], rows, 4)]


def _why(setting: str) -> str:
    return {
        "norm": "so an embedding does not hang on the volumes that share its batch",
        "loss": "the clamp of the published formula takes gradients away",
        "image_rate": "so few steps",
        "text_rate": "so few steps",
        "augment": "so few steps",
    }.get(setting, "the time that this size may take")


def _failures(measured: Measured) -> list[str]:
    """What went wrong or came out against the claim, each in a sentence."""
    said = [
        f"With {percent(it.share)} of the studies {SIMILARITY[it.model]} is below CLIP: {METRICS[it.metric]}."
        for it in judged(measured)
        if it.sign < 0
    ]
    said += [f"The step {step} failed: {why}" for step, why in measured.failures.items()]
    said += [
        f"The reader {score.reader} gave no answer for {score.figures['not_extracted']:,} reports of {score.gold}."
        for score in measured.scores
        if score.figures.get("not_extracted")
    ]
    for block in measured.blocks("pointing", EXPLANATION)[:1]:
        lost = block[0].configuration.get("lost_on_grid", 0)
        if lost:
            said.append(f"In the pointing game {lost:,} lesions are too small for the grid of the encoders.")
    undefined = Counter(
        step
        for step, blocks in measured.comparisons.items()
        for figure in chain.from_iterable(blocks)
        if figure.estimate.value is None
    )
    said += [
        f"In the step {step} {count:,} figures are not defined on these data." for step, count in undefined.items()
    ]
    return said


def _cohort(measured: Measured) -> list[Table]:
    """By split, what there is to learn from and to be asked for."""
    database = measured.database()
    if database is None:
        return []
    with closing(read_store(database)) as connection:
        by_split = {split: read_pairs(connection, split) for split in SPLITS}
    rows = [[split, *_counts(pairs)] for split, pairs in by_split.items()]
    columns = [
        "split",
        "patients",
        "images",
        "of normal studies",
        "distinct texts",
        "texts that stand once",
        "sequences",
    ]
    return [Table("Images with a text", columns, rows)]


def _counts(pairs: Sequence[Pair]) -> list[str]:
    texts = Counter(pair.text for pair in pairs)
    sequences = Counter(pair.modality for pair in pairs)
    counts = (
        len({pair.patient_id for pair in pairs}),
        len(pairs),
        sum(pair.normal for pair in pairs),
        len(texts),
        sum(count == 1 for count in texts.values()),
    )
    named = ", ".join(f"{name} {sequences[name]:,}" for name in MODALITIES if sequences[name])
    return [*(f"{count:,}" for count in counts), named]


def _trainings(trainings: Sequence[TrainingResult]) -> Table:
    """A row for all trainings that differ in their seed alone."""
    alike: dict[tuple[str, str, float], list[TrainingResult]] = {}
    for one in trainings:
        data = one.step.removesuffix(f"-{one.configuration.seed}")
        alike.setdefault((data, one.configuration.target, one.configuration.share), []).append(one)
    rows = [
        [
            name,
            target,
            f"{own[0].configuration.sharpness:g}",
            percent(share),
            ", ".join(str(one.configuration.seed) for one in own),
            f"{own[0].configuration.steps:,}",
            ", ".join(f"{one.validation['step']:,}" for one in own),
            _over_seeds([one.validation["mean_reciprocal_rank"] for one in own]),
            _over_seeds([one.validation["top_5"] for one in own]),
        ]
        for (name, target, share), own in alike.items()
    ]
    columns = ["training", "target", "sharpness", "share", "seeds", "steps", "best at", "mean reciprocal rank", "top 5"]
    return Table("Trainings, with figures of the validation split", columns, rows, 6)


def _over_seeds(values: Sequence[float]) -> str:
    return f"{mean(values):.3f} ({min(values):.3f}–{max(values):.3f})"


def _ran_on(measured: Measured, machine: Mapping[str, str], versions: Mapping[str, str]) -> list[Table]:
    seeds = sorted({training.configuration.seed for training in measured.trainings})
    rows = [*machine.items(), *versions.items()]
    if seeds:
        rows.append(("seeds of the trainings", ", ".join(map(str, seeds))))
    return [Table("Where it ran", ["", ""], [list(row) for row in rows], 2)]


def _times(seconds: Mapping[str, float]) -> Table:
    """Steps by the time that they took; several ran at once."""
    rows = [[step, f"{taken:,.1f}"] for step, taken in sorted(seconds.items(), key=lambda one: -one[1])]
    return Table(
        "Seconds a step; several ran at once", ["step", "seconds"], [*rows, ["all", f"{sum(seconds.values()):,.1f}"]]
    )


def _voxels(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _setting(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
