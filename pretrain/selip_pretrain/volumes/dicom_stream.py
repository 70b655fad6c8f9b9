"""The bytes of a DICOM file in all forms that exports have: as in Part 10, gzip, without preamble and meta header."""

import gzip
import io
import re
from typing import BinaryIO

from pydicom.dataset import FileDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

MAX_BYTES = 4 << 30
"""No volume of a head is larger: a file that claims more is refused."""

# Its first element is of group 2 or 8, with a representation or, without one, a short length.
_WITHOUT_PREAMBLE = re.compile(rb"[\x02\x08]\0[\0-\xff]\0(?:[A-Z]{2}|[\0-\xff]\0\0\0)", re.DOTALL)


def dicom_stream(file: BinaryIO) -> BinaryIO | None:
    """The file at its start, decompressed where it is gzip; None where it does not begin as DICOM."""
    start = _start(file)
    if start[:2] == b"\x1f\x8b":
        with gzip.open(file) as packed:
            if not _begins_as_dicom(packed.read(132)):
                return None
            packed.seek(0)
            content = packed.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError("too large")
        return io.BytesIO(content)
    return file if _begins_as_dicom(start) else None


def transfer_syntax(dataset: FileDataset) -> UID:
    """The transfer syntax of a file; of one without meta header, as it was found to be written."""
    stated = dataset.file_meta.get("TransferSyntaxUID")
    if stated:
        return UID(stated)
    return ImplicitVRLittleEndian if dataset.original_encoding[0] else ExplicitVRLittleEndian


def _start(file: BinaryIO) -> bytes:
    start = file.read(132)
    file.seek(0)
    return start


def _begins_as_dicom(start: bytes) -> bool:
    return start[128:] == b"DICM" or _WITHOUT_PREAMBLE.match(start) is not None
