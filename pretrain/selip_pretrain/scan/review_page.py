"""The page of `selip-scan --review`: a picture of each series, by sequence and by doubt, to correct and export."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from selip_contracts.vocabulary import MODALITIES
from selip_pretrain.scan.manifest import ManifestRow
from selip_pretrain.scan.scan_folder import ScannedFolder
from selip_pretrain.scan.series_choice import LinkedSeries
from selip_pretrain.scan.stored_images import ImageRow, Row
from selip_pretrain.scan.thumbnail import thumbnail, thumbnail_task
from selip_shared.execution.base import Workers
from selip_shared.execution.progress import progress
from selip_shared.html_page import render_page
from selip_shared.messages.translation import translated

MAX_SERIES = 3000
"""A page holds so many, the most doubtful ones first."""

HEADINGS = {
    "title": "Series to review",
    "search": "Search",
    "groups": "Groups",
    "export": "Export manifest",
    "first": "To look at first",
    "not_used": "not used",
    "as_it_is": "as it is",
    "not_to_be_used": "not to be used",
    "sequence_of": "Sequence of",
    "no_picture": "no picture",
    "by_manifest": "as the manifest says",
    "report": "report",
    "series": "series",
    "corrected": "corrected",
}
"""The words of the page, by their names in its template and script."""

_ASSETS = files("selip_pretrain.scan").joinpath("assets")


def review_page(root: Path, scanned: ScannedFolder, manifest: Mapping[str, ManifestRow], workers: Workers) -> str:
    """The page in the language of the user; what it exports holds the rows of `manifest` too, so as to replace it."""
    words = {name: translated(word) for name, word in HEADINGS.items()}
    shown = sorted(scanned.series, key=lambda one: _doubt(one, scanned.rows))[:MAX_SERIES]
    pictures = _pictures(shown, workers)
    style, script = (_ASSETS.joinpath(f"review.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    data = {
        "root": str(root),
        "words": words,
        "sequences": MODALITIES,
        "series": [
            _described(one, scanned.rows[one.series.image_id], picture)
            for one, picture in zip(shown, pictures, strict=True)
        ],
        "manifest": [
            [name, row.report_id or "", row.patient_id or "", row.sequence or ""] for name, row in manifest.items()
        ],
    }
    left_out = len(scanned.series) - len(shown)
    note = translated(f"{left_out} more series, of which there is least doubt, are not shown.") if left_out else ""
    language = "en" if words["title"].isascii() else "zh"
    return render_page(_ASSETS, "review.html", style, script, data=data, words=words, note=note, language=language)


def _doubt(linked: LinkedSeries, rows: Mapping[str, Row]) -> int:
    """0 for what a person should look at first, 1 for what was recognised, 2 for what is certainly not used."""
    row, rule = rows[linked.series.image_id], linked.rule
    if isinstance(row, ImageRow):
        # By its name is certain, by numbers alone is less so.
        return 0 if rule is None or (rule.words is None and rule.image_type is None and not linked.link.sequence) else 1
    if row.reason in {"unrecognised", "second_series"} or (rule is not None and rule.hint is not None):
        return 0
    return 2 if rule is not None and rule.exclude is not None else 0


def _pictures(shown: Sequence[LinkedSeries], workers: Workers) -> list[str | None]:
    found: list[str | None] = []
    with progress("pictures", len(shown)) as advance:
        for picture in workers.map(thumbnail, [thumbnail_task(one.series) for one in shown]):
            found.append(picture)
            advance(1)
    return found


def _described(linked: LinkedSeries, row: Row, picture: str | None) -> dict[str, Any]:
    return {
        "id": row.image_id,
        "study": row.study,
        "report": linked.link.report_id or "",
        "description": row.description,
        "group": row.modality if isinstance(row, ImageRow) else row.reason,
        "used": isinstance(row, ImageRow),
        "why": row.decision[1] or "",
        "tags": ", ".join(_tags(linked)),
        "doubt": _doubt(linked, {row.image_id: row}),
        "corrected": linked.link.sequence or "",
        "picture": picture,
    }


def _tags(linked: LinkedSeries) -> Iterator[str]:
    attributes, geometry = linked.series.attributes, linked.series.geometry
    for name, value in (("TR", attributes.tr_ms), ("TE", attributes.te_ms), ("TI", attributes.ti_ms or None)):
        if value is not None:
            yield f"{name} {value:g}"
    if attributes.b_value is not None:
        yield f"b {attributes.b_value:g}"
    if attributes.contrast:
        yield translated("contrast agent")
    if geometry is not None:
        yield "×".join(map(str, geometry.shape))
