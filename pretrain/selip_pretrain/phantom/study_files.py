"""A study as files, written completely or not at all: a folder of NIfTI volumes, and their truth as JSON."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from selip_pretrain.phantom.head_model.grid import PhantomGrid
from selip_pretrain.phantom.lesion import RenderedSite
from selip_pretrain.phantom.render import PhantomRecipe, RenderedStudy
from selip_shared.errors import SelipError
from selip_shared.files import replacing_folder

TRUTH_OF_STUDY = "lesions.json"
_GZIP = zlib.MAX_WBITS | 16
# nibabel is typed in part
_nifti_image: Any = nib.Nifti1Image


def check_report_id(report_id: str) -> None:
    """SelipError where the report id cannot be the name of a folder."""
    if not report_id or report_id[0] in ". " or any(c in '/\\:*?"<>|' or ord(c) < 32 for c in report_id):
        raise SelipError(
            f'The report_id {report_id!r} cannot name a folder: use one without / \\ : * ? " < > | or a leading dot.'
        )


def fingerprint(source: str, recipe: PhantomRecipe) -> str:
    """SHA-256 of all that the files of a study depend on: what is rendered, and the recipe."""
    return hashlib.sha256(f"{source}\n{recipe.model_dump_json()}".encode()).hexdigest()


def is_complete(folder: Path, wanted: str) -> bool:
    """Whether the study's folder was written for this fingerprint."""
    try:
        return bool(json.loads((folder / TRUTH_OF_STUDY).read_bytes())["fingerprint"] == wanted)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_folder(
    folder: Path, volumes: Mapping[str, NDArray[Any]], grid: PhantomGrid, truth: Mapping[str, object]
) -> None:
    """Write NAME.nii.gz for each volume, and the truth with the fingerprint; an earlier folder is replaced."""
    with replacing_folder(folder) as partial:
        for name, voxels in volumes.items():
            (partial / f"{name}.nii.gz").write_bytes(nifti_bytes(voxels, grid))
        (partial / TRUTH_OF_STUDY).write_text(json.dumps(truth, ensure_ascii=False), encoding="utf-8")


def nifti_bytes(voxels: NDArray[Any], grid: PhantomGrid) -> bytes:
    """A compressed NIfTI file of voxels indexed z, y, x of the grid; the same voxels give the same bytes."""
    image = _nifti_image(voxels.transpose(), grid.affine, dtype=voxels.dtype)
    image.header.set_xyzt_units("mm", "sec")
    # Noise has no repetitions: searching for more than runs takes twice the time and saves 3 %.
    packer = zlib.compressobj(level=1, wbits=_GZIP, strategy=zlib.Z_RLE)
    return packer.compress(image.to_bytes()) + packer.flush()


def describe(site: RenderedSite, rendered: RenderedStudy) -> dict[str, Any]:
    """A label of lesions.nii.gz: its side and site, the report's signals, and its centre in world mm."""
    voxels = np.argwhere(rendered.labels == site.label)
    z, y, x = (float(axis.reshape(-1)[voxels[:, i]].mean()) for i, axis in enumerate(rendered.grid.axes))
    signals: dict[str, list[str]] = {}
    for finding in site.findings:
        signals.setdefault(finding.modality, []).append(str(finding.signal))
    return {
        "label": site.label,
        "side": site.side,
        "site": site.site,
        "signals": signals,
        "voxels": len(voxels),
        "centre_mm": [round(x, 1), round(y, 1), round(z, 1)],
    }
