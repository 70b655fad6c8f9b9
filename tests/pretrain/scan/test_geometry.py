"""Position, direction and order of the voxels, compared with dcm2niix where it is installed."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from pydicom.uid import generate_uid

from selip_pretrain.volumes.read_volume import read_volume
from tests.pretrain.image_files import voxels, write_slice
from tests.pretrain.scan.scanned_folder import Found

DCM2NIIX = shutil.which("dcm2niix")
SHAPE = (14, 16, 12)
ANGLE = np.deg2rad(20)
AXIAL = ((1, 0, 0), (0, 1, 0))
SAGITTAL = ((0, 1, 0), (0, 0, -1))
CORONAL = ((1, 0, 0), (0, 0, -1))
OBLIQUE = ((np.cos(ANGLE), 0, -np.sin(ANGLE)), (0, 1, 0))
# nibabel is typed in part.
load: Any = nib.load
apply: Any = apply_affine


@pytest.mark.slow
@pytest.mark.skipif(DCM2NIIX is None, reason="dcm2niix is not installed")
@pytest.mark.parametrize("downwards", [False, True])
@pytest.mark.parametrize("plane", [AXIAL, SAGITTAL, CORONAL, OBLIQUE], ids=["axial", "sagittal", "coronal", "oblique"])
def test_every_voxel_is_where_dcm2niix_puts_it(
    root: Path, db: Path, tmp_path: Path, plane: tuple[tuple[float, ...], tuple[float, ...]], downwards: bool
) -> None:
    image = voxels(SHAPE)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    normal = np.cross(*plane)
    for number in range(SHAPE[2]):
        place = SHAPE[2] - 1 - number if downwards else number
        write_slice(
            root / f"{number}.dcm",
            image[..., place].T,
            (np.array([-10.0, 20.0, 30.0]) + 4.5 * place * normal).round(5).tolist(),
            ImageOrientationPatient=[round(float(x), 6) for x in (*plane[0], *plane[1])],
            InstanceNumber=number + 1,
            SeriesInstanceUID=series,
            StudyInstanceUID=study,
            FrameOfReferenceUID=frame,
            SeriesDescription="T2",
            SliceThickness=4.5,
            SeriesNumber=1,
            Manufacturer="Philips",
        )
    (row,) = Found(root, db).images.values()
    ours = read_volume([Path(file) for file in row["files"]], "dicom")
    assert DCM2NIIX is not None
    subprocess.run([DCM2NIIX, "-z", "n", "-b", "n", "-f", "out", "-o", tmp_path, root], check=True, capture_output=True)
    theirs = load(tmp_path / "out.nii")
    indices = np.argwhere(np.ones(ours.voxels.shape, bool))
    there = apply(np.linalg.inv(theirs.affine) @ ours.affine, indices)
    np.testing.assert_allclose(there, there.round(), atol=0.01)
    found = np.asarray(theirs.dataobj)[tuple(there.round().astype(int).T)]
    np.testing.assert_array_equal(found, ours.voxels[tuple(indices.T)])
