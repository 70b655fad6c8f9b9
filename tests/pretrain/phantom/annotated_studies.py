"""Annotated reports to render, and where a rendered lesion lies."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from selip_contracts.findings import AnnotatedReport, Finding, GeneralFinding, Study
from selip_contracts.vocabulary import (
    Change,
    Enhancement,
    Modality,
    Side,
    Signal,
)
from selip_pretrain.phantom.render import PhantomRecipe, RenderedStudy

CLEAR = PhantomRecipe(noise=0.0)


BARE = CLEAR.model_copy(update={"lesion_contrast": 0.0})


def lesion(
    site: str,
    side: Side | None,
    signals: dict[Modality, Signal | Enhancement],
    morphology: str = "团块状",
    **more: object,
) -> list[Finding]:
    return [
        Finding.model_validate(
            {"modality": m, "side": side, "site": site, "signal": s, "morphology": morphology, **more}
        )
        for m, s in signals.items()
    ]


def a_report(
    findings: Sequence[Finding] = (), general: Sequence[GeneralFinding] = (), name: str = "R1"
) -> AnnotatedReport:
    return AnnotatedReport(
        report_id=name, findings_text="", study=Study(findings=tuple(findings), general=tuple(general))
    )


def changed(site: str, change: Change, side: Side | None = None) -> list[GeneralFinding]:
    return [GeneralFinding(side=side, site=site, change=change)]


def world_x(rendered: RenderedStudy, label: int = 1) -> npt.NDArray[np.float32]:
    x = np.broadcast_to(rendered.grid.axes[2], rendered.labels.shape)
    return np.asarray(x[rendered.labels == label])
