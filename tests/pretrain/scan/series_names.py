"""The table of series names (series_names.csv): each row as a DICOM header, and what the scan makes of it."""

import csv
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from selip_pretrain.scan.dicom.header import series_header
from selip_pretrain.scan.sequence_rules import SequenceRules

TABLE = Path(__file__).with_name("series_names.csv")
MANUFACTURERS = {
    "Siemens": "SIEMENS",
    "GE": "GE MEDICAL SYSTEMS",
    "Philips": "Philips Medical Systems",
    "Toshiba": "TOSHIBA",
    "Canon": "CANON_MEC",
    "Hitachi": "Hitachi Medical Corporation",
    "UIH": "UIH",
    "Neusoft": "Neusoft Medical Systems",
}
KEYWORDS = {
    "TR": "RepetitionTime",
    "TE": "EchoTime",
    "TI": "InversionTime",
    "seq": "ScanningSequence",
    "type": "ImageType",
    "b": "DiffusionBValue",
    "agent": "ContrastBolusAgent",
    "body": "BodyPartExamined",
    "study": "StudyDescription",
    "seqname": "SequenceName",
}
"""Abbreviations in the column `tags`."""
PRIVATE = {
    "0019/100C": ("SIEMENS MR HEADER", "IS"),
    "0043/1039": ("GEMS_PARM_01", "IS"),
    "2001/1003": ("Philips Imaging DD 001", "FL"),
    "0065/1009": ("Image Private Header", "FD"),
}


@dataclass(frozen=True)
class SeriesName:
    """A row of the table."""

    vendor: str
    description: str
    protocol: str
    tags: str
    expected: str
    hard: str
    """"hard" where the name misleads, or the tags contradict it; empty for a usual one."""

    def header(self) -> Dataset:
        """The DICOM header that a scanner would write."""
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.Manufacturer = MANUFACTURERS[self.vendor]
        dataset.Modality = "MR"
        dataset.SeriesDescription = self.description
        dataset.ProtocolName = self.protocol
        for tag in filter(None, self.tags.split(";")):
            name, value = tag.split("=", 1)
            if name in PRIVATE:
                group, element = (int(part, 16) for part in name.split("/"))
                creator, representation = PRIVATE[name]
                number = int(value) if representation == "IS" else float(value)
                dataset.private_block(group, creator, create=True).add_new(element & 0xFF, representation, number)
            elif name == "b":
                dataset.DiffusionBValue = float(value)
            else:
                setattr(dataset, KEYWORDS[name], value.split("\\") if "\\" in value else value)
        return dataset


def read_table(path: Path = TABLE) -> list[SeriesName]:
    with path.open(encoding="utf-8", newline="") as file:
        return [SeriesName(**row) for row in csv.DictReader(file)]


def decision(rules: SequenceRules, name: SeriesName) -> str:
    """The sequence, or "excluded"."""
    rule = rules.recognise(series_header(name.header()).attributes)
    return (rule and rule.modality) or "excluded"
