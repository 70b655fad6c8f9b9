"""Studies: the volumes of one examination together, with the text of its report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch.utils.data import Dataset

from selip_pretrain.data.augment import mirrored
from selip_pretrain.data.pairs import Draw, Pair, PairDataset, PairItem


@dataclass(frozen=True)
class Study:
    """The volumes of a study, at least one and at most one of each sequence, those without a text of their own too."""

    pairs: tuple[Pair, ...]

    @property
    def text(self) -> str:
        """The text of the study: what its report says on all sequences, those without a volume included."""
        return self.pairs[0].study_text

    @property
    def patient_id(self) -> str:
        """The patient."""
        return self.pairs[0].patient_id


class StudyItem(NamedTuple):
    """A drawn study: its volumes, and its text."""

    volumes: list[PairItem]
    text: str


class StudyDataset(Dataset[StudyItem]):
    """The studies as items; a volume is augmented as `volumes`, the dataset of all their pairs, augments it."""

    def __init__(self, studies: Sequence[Study], volumes: PairDataset) -> None:
        self.studies = studies
        self.volumes = volumes
        number = {pair.image_id: index for index, pair in enumerate(volumes.pairs)}
        self._numbers = [[number[pair.image_id] for pair in study.pairs] for study in studies]

    def __len__(self) -> int:
        return len(self.studies)

    def __getitem__(self, draw: Draw) -> StudyItem:
        """Raises UnusableImage where a volume cannot be read."""
        volumes = [self.volumes[draw._replace(pair=number)] for number in self._numbers[draw.pair]]
        text = self.studies[draw.pair].text
        return StudyItem(volumes, mirrored(text) if draw.mirrored else text)


def studies_of(pairs: Sequence[Pair]) -> list[Study]:
    """The studies of pairs that were read by study, in the order of their first volumes."""
    studies: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        studies.setdefault((pair.study, pair.report_id), []).append(pair)
    return [Study(tuple(own)) for own in studies.values()]


def study_numbers(pairs: Sequence[Pair]) -> list[int]:
    """The study of each pair: its position in `studies_of(pairs)`."""
    number = {pair.image_id: index for index, study in enumerate(studies_of(pairs)) for pair in study.pairs}
    return [number[pair.image_id] for pair in pairs]
