"""A hospital's own style: the shipped model learns it from 200 annotated reports and forgets nothing."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from selip_contracts.annotated import write_annotated
from selip_contracts.findings import AnnotatedReport, Finding, Study
from selip_extract.evaluation.score import score
from selip_extract.extractors.registry import ModelChoice, local_extractor
from selip_extract.llm.adapters import merge_adapter
from selip_extract.llm.model_files import MODEL_FOLDER
from selip_extract.pseudo_reports.generate import pseudo_reports
from selip_extract.training.adapter_training import Options
from selip_extract.training.finetune import finetune

LEARNT, TESTED, PSEUDO_TESTED = 200, 100, 200
UNTRAINED_SEED = 31_000_007
SITES = "额叶 顶叶 颞叶 枕叶 岛叶 基底节区 丘脑 海马 小脑半球 半卵圆中心 放射冠 侧脑室旁".split()
SIGNALS = {
    "T1": ("T1WI", "低 稍低 等 高".split()),
    "T2": ("T2WI", "高 稍高 低 等".split()),
    "FLAIR": ("FLAIR", "高 稍高 低 等".split()),
    "DWI": ("DWI", "高 稍高 低 等".split()),
    "ADC": ("ADC图", "低 高 等".split()),
}


def in_this_style(rng: random.Random, report_id: str) -> AnnotatedReport:
    """Every signal before its sequence, and the places last: 见低信号（T1WI）、高信号（DWI）灶，位于左侧额叶。"""
    text = ""
    findings: dict[tuple[str, str, str, str], Finding] = {}
    for _ in range(rng.choice((1, 2, 2, 3))):
        places = [
            (rng.choice(("左侧", "右侧", "双侧")), site) for site in rng.sample(SITES, rng.choice((1, 1, 2, 2, 3)))
        ]
        signals = [(m, rng.choice(SIGNALS[m][1])) for m in rng.sample(list(SIGNALS), rng.choice((2, 3, 3, 4)))]
        seen = "、".join(f"{signal}信号（{SIGNALS[m][0]}）" for m, signal in signals)
        text += f"见{seen}灶，位于{'、'.join(side + site for side, site in places)}。"
        for m, signal in signals:
            for side, site in places:
                finding = {"modality": m, "side": side, "site": site, "signal": signal}
                findings[m, side, site, signal] = Finding.model_validate(finding)
    return AnnotatedReport(report_id=report_id, findings_text=text, study=Study(findings=tuple(findings.values())))


def f1(folder: Path, gold: Sequence[AnnotatedReport]) -> float:
    readings = local_extractor(ModelChoice(str(folder))).read([report.findings_text for report in gold])
    value = score(gold, {g.report_id: r.study for g, r in zip(gold, readings, strict=True)}).finding_f1.value
    assert value is not None
    return value


@pytest.mark.slow
def test_200_reports_of_a_style_are_enough_to_learn_it_and_nothing_is_forgotten(tmp_path: Path) -> None:
    annotated = [in_this_style(random.Random(f"learnt/{i}"), f"learnt-{i}") for i in range(LEARNT)]
    tested = [in_this_style(random.Random(f"tested/{i}"), f"tested-{i}") for i in range(TESTED)]
    pseudo = list(pseudo_reports(PSEUDO_TESTED, UNTRAINED_SEED))
    write_annotated(tmp_path / "annotated.jsonl", annotated)
    files = [tmp_path / "annotated.jsonl"]
    finetune("shipped", MODEL_FOLDER, tmp_path / "adapter", 1000, files, Options())
    merge_adapter(MODEL_FOLDER, tmp_path / "adapter", tmp_path / "adapted")
    before, after = ({"style": f1(m, tested), "pseudo": f1(m, pseudo)} for m in (MODEL_FOLDER, tmp_path / "adapted"))
    print(f"F1 before {before}, after {after}")
    assert after["style"] > before["style"] + 0.3
    assert after["pseudo"] > before["pseudo"] - 0.01
