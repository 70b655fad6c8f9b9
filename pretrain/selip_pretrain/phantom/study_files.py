"""A study as files, there whole or not at all: <report_id>/<SEQUENCE>.nii.gz, lesions.nii.gz and lesions.json."""

import gzip
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from selip_contracts.annotated import format_annotated
from selip_contracts.findings import AnnotatedReport
from selip_pretrain.phantom.grid import Grid
from selip_pretrain.phantom.lesion import Place
from selip_pretrain.phantom.render import PhantomRecipe, RenderedStudy
from selip_shared.errors import SelipError

LESIONS = "lesions.json"


def check_report_id(report_id: str) -> None:
    """SelipError where the report's name cannot be a folder's name."""
    if not report_id or report_id[0] in ". " or any(c in '/\\:*?"<>|' or ord(c) < 32 for c in report_id):
        raise SelipError(
            f"Report {report_id!r} cannot name a folder: give it an id without / \\ : * ? and leading dot."
        )


def fingerprint(report: AnnotatedReport, recipe: PhantomRecipe) -> str:
    """What the study's files hang on: the report's line and the recipe."""
    return hashlib.sha256(f"{format_annotated(report)}\n{recipe.model_dump_json()}".encode()).hexdigest()


def is_complete(folder: Path, wanted: str) -> bool:
    """Whether the study's folder was written for this fingerprint."""
    try:
        return bool(json.loads((folder / LESIONS).read_bytes())["fingerprint"] == wanted)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_study(folder: Path, report: AnnotatedReport, rendered: RenderedStudy, recipe: PhantomRecipe) -> None:
    """Write the study's folder; one of another recipe or report gives way to it."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for modality, volume in rendered.volumes.items():
            write_volume(partial / f"{modality}.nii.gz", volume, rendered.grid)
        write_volume(partial / "lesions.nii.gz", rendered.labels, rendered.grid)
        truth = {
            "report_id": report.report_id,
            "fingerprint": fingerprint(report, recipe),
            "modalities": list(rendered.volumes),
            "lesions": [_describe(place, rendered) for place in rendered.places],
        }
        (partial / LESIONS).write_text(json.dumps(truth, ensure_ascii=False), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_volume(path: Path, voxels: NDArray[np.generic], grid: Grid) -> None:
    """A NIfTI file of voxels indexed z, y, x of the grid; the same voxels give the same bytes."""
    image = nib.Nifti1Image(voxels.transpose(), grid.affine, dtype=voxels.dtype)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm", "sec")  # type: ignore[no-untyped-call]
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))


def _describe(place: Place, rendered: RenderedStudy) -> dict[str, Any]:
    where = np.argwhere(rendered.labels == place.label)
    z, y, x = (float(axis.reshape(-1)[where[:, i]].mean()) for i, axis in enumerate(rendered.grid.axes))
    signals: dict[str, list[str]] = {}
    for finding in place.findings:
        signals.setdefault(finding.modality, []).append(str(finding.signal))
    return {
        "label": place.label,
        "side": place.side,
        "site": place.site,
        "signals": signals,
        "voxels": len(where),
        "centre_mm": [round(x, 1), round(y, 1), round(z, 1)],
    }
