import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selip_contracts.database_file import open_store
from selip_downstream.cli.results import main
from selip_downstream.evaluation.bootstrap import Bootstrap, mean
from selip_downstream.evaluation.comparison import ExperimentSetting, compare
from selip_downstream.evaluation.results import MetricResult, write_results
from selip_downstream.evaluation.tasks import Metric, Task
from selip_downstream.page.comparison_tables import SIGNIFICANT
from selip_downstream.page.sections import sections_of
from selip_pretrain.data.splits import Shares, assign_splits
from selip_pretrain.model.selip_model import SelipModel
from selip_shared.bootstrap import Estimate
from tests.browser import Page
from tests.commands import command
from tests.downstream.oracle_model import LEFT
from tests.pretrain.small_cohort import small_configuration, write_cohort

MODELS = {"random": 0.2, "clip": 0.5, "soft": 0.8}
PATIENTS = [f"p{number}" for number in range(60)]


def measured(task: Task, metrics: list[Metric], n: int, **configuration: Any) -> list[MetricResult]:
    """Figures of three models, each better than the one before it."""
    draw = np.random.default_rng(0)
    values = {model: {metric: mean((draw.random(60) < level).astype(float)) for metric in metrics}
              for model, level in MODELS.items()}  # fmt: skip
    models = {model: [{"checkpoint": f"out/{model}/best", "weights": f"{model} 1"}] for model in MODELS}
    setting = ExperimentSetting(task, "test", n, {"models": models, **configuration})
    return compare(setting, Bootstrap(PATIENTS, rounds=100), values)


@pytest.fixture(scope="module")
def figures() -> list[MetricResult]:
    """Of every task, not in the order of the paper."""
    retrieval = {"texts": "distinct", "gallery": 1200, "distinct_texts": 1200, "repeated_texts": 34}
    learnt = {"labels": "BraTS grades", "classes": {"HGG": 40, "LGG": 20}, "train": 12, "seeds": [0, 1, 2]}
    return [
        *measured(Task.EXPLANATION, [Metric.POINTING], 70, site="额叶", tolerance_mm=10.0),
        *measured(Task.SEGMENTATION, [Metric.DICE_WT, Metric.HD95_WT], 60, share=0.1, train=12, seeds=[0]),
        *(
            result
            for share in (0.01, 1.0)
            for result in measured(
                Task.CLASSIFICATION,
                [Metric.AUC, Metric.ACCURACY],
                60,
                classifier="linear probe",
                share=share,
                **learnt,
            )
        ),
        *measured(Task.ZERO_SHOT, [Metric.AUC_SITE], 60, sequence="T2", questions={"site": 7}),
        *(
            result
            for direction in ("image to text", "text to image")
            for sequence in ("together", "T2")
            for result in measured(
                Task.RETRIEVAL,
                [Metric.TOP_1, Metric.TOP_3],
                60,
                sequence=sequence,
                direction=direction,
                **retrieval,
            )
        ),
        *measured(
            Task.RETRIEVAL,
            [Metric.TOP_1],
            60,
            sequence="T2",
            direction="image to text",
            **(retrieval | {"texts": "all"}),
        ),
    ]


def test_tasks_come_in_the_order_of_the_paper_with_their_numbers(figures: list[MetricResult]) -> None:
    sections = sections_of(figures)
    assert [section.title for section in sections] == [
        "Retrieval",
        "Zero-shot classification",
        "Classification",
        "Segmentation",
        "Explanation",
        "Models",
    ]
    retrieval = sections[0]
    assert len(retrieval.tables) == 4
    assert retrieval.tables[0].caption == (
        "all sequences, image to text: 60 queries, gallery of 1,200; 1,200 distinct texts, 34 repeated (test)"
    )
    assert [picture.caption.split(":")[0] for picture in retrieval.pictures] == [
        "Retrieval, image to text",
        "Retrieval, text to image",
    ]
    assert retrieval.tables[0].columns == ["", "random", "clip", "soft", "soft − random", "soft − clip"]
    (row,) = retrieval.tables[0].rows
    first = next(index for index, figure in enumerate(figures) if figure.task == Task.RETRIEVAL)
    shown = {figure.model: figure.estimate for figure in figures[first : first + 12] if "top-1" in figure.metric}
    soft, lead = shown["soft"], shown["soft − random"]
    assert row[0] == "top 1"
    assert row[3] == f"{soft.value:.3f} ({soft.low:.3f}–{soft.high:.3f})"
    assert row[4] == f"{lead.value:+.3f} ({lead.low:+.3f} to {lead.high:+.3f}) {SIGNIFICANT}"
    assert sections[-1].tables[0].rows[0] == ("clip", "out/clip/best", "clip 1")


def test_what_was_trained_anew_stands_beside_the_first_with_its_weights(figures: list[MetricResult]) -> None:
    pointing = [figure for figure in figures if figure.task == Task.EXPLANATION]
    models = pointing[0].configuration["models"]
    anew = models | {"soft": [{"checkpoint": "out/soft/best", "weights": "soft 2"}]}
    again = [replace(figure, configuration=figure.configuration | {"models": anew}) for figure in pointing]
    section = sections_of([*pointing, *again])[0]
    captions = [table.caption for table in section.tables]
    once = sections_of(pointing)[0].tables[0].caption
    assert captions == [f"{once}; soft soft 1", f"{once}; soft soft 2"]
    assert [picture.caption.split(".")[0] for picture in section.pictures] == [
        "Explanation: hits; soft soft 1",
        "Explanation: hits; soft soft 2",
    ]


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Estimate(0.25, 0.1, 0.4), "+0.250 (+0.100 to +0.400) *"),
        (Estimate(-0.25, -0.4, -0.1), "-0.250 (-0.400 to -0.100) *"),
        (Estimate(0.25, 0.0, 0.4), "+0.250 (+0.000 to +0.400)"),
        (Estimate(0.25, None, None), "+0.250"),
        (Estimate(12.34, 11.1, 14.0), "+12.3 (+11.1 to +14.0) *"),
        (Estimate(None, None, None), "–"),
    ],
)
def test_a_difference_is_marked_where_its_interval_does_not_hold_0(estimate: Estimate, shown: str) -> None:
    about = {"site": "额叶", "tolerance_mm": 10.0}
    figures = [
        MetricResult(Task.EXPLANATION, model, "test", Metric.POINTING, estimate, 7, about)
        for model in ("chance", "a", "a − chance")
    ]
    (row,) = sections_of(figures)[0].tables[0].rows
    assert row[3] == shown


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, figures: list[MetricResult]) -> Path:
    """With figures, images and a checkpoint."""
    folder = tmp_path_factory.mktemp("results")
    db = write_cohort(folder, 40)
    with open_store(db) as connection:
        assign_splits(connection, 0, Shares(train=0.4, validation=0.1, test=0.5))
        write_results(connection, db, figures)
    SelipModel.build(small_configuration(seed=1), [LEFT]).save_pretrained(folder / "soft" / "best")
    return db


def test_the_page_shows_tables_plots_and_examples(
    database: Path, chromium: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.html"
    checkpoint = database.parent / "soft" / "best"
    run = command(main, monkeypatch, capsys)
    code, said, complaint = run("--db", database, "--out", out, "--checkpoint", checkpoint, "--examples", 2)
    assert code == 0, complaint
    assert f"figures are shown in {out}" in said
    chromium.complaints()
    chromium.open(out)
    assert chromium.complaints() == []
    *parts, first, second = chromium.texts("nav a")
    assert parts[0] == "Retrieval"
    assert parts[-1] == "Models"
    assert re.fullmatch(r"Example: (T1|T2|FLAIR|DWI|ADC|T1CE|SWI) of report S0\d+", first), first
    assert first != second
    assert chromium.run("return [...document.images].every(i => i.complete && i.naturalWidth > 200)")
    own = chromium.one("#section-7 p").text
    rank = int(own.split("rank ")[1].split(":")[0])
    texts = chromium.texts("#section-7 td:nth-child(3)")
    marked = [mark == "✓" for mark in chromium.texts("#section-7 td:nth-child(2)")]
    assert marked == [row == rank for row in range(1, 6)]
    assert all(own.endswith(text) == mark for text, mark in zip(texts, marked, strict=True))
    cosines = [float(cosine) for cosine in chromium.texts("#section-7 td:nth-child(4)")]
    assert cosines == sorted(cosines, reverse=True)
    captions = chromium.texts("#section-7 figcaption")
    assert captions[1] == "soft: cosines of the image and candidate texts, its own one darker."
    assert captions[2].startswith("Where soft sees 在")
    assert "frontal lobe: 70 findings" in chromium.texts("#section-5 caption")[0]


def test_where_there_is_nothing_to_show_it_is_said_what_fills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = command(main, monkeypatch, capsys)
    db = write_cohort(tmp_path, 3)
    code, _, complaint = run("--db", db, "--out", tmp_path / "results.html")
    assert code == 1
    assert complaint.startswith("The table results of")
    assert "selip-retrieve" in complaint
    assert not (tmp_path / "results.html").exists()
