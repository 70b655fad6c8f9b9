"""Labels and maps as NIfTI files in the geometry of the patient's images."""

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from selip_shared.files import write_bytes

# nibabel is typed in part
_nifti_image: Any = nib.Nifti1Image


def write_nifti(path: Path, values: NDArray[Any], affine: NDArray[np.float64]) -> None:
    """Write values (X, Y, Z) with this affine as a NIfTI file, whole or not at all."""
    image: Any = _nifti_image(values, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    write_bytes(path, gzip.compress(image.to_bytes(), mtime=0))
