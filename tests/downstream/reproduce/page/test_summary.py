import json
import re
from pathlib import Path

from selip_downstream.reproduce.page.conclusions import draw_conclusions
from selip_downstream.reproduce.page.figures import compute_figures
from selip_downstream.reproduce.page.frozen_claim import frozen_sections, frozen_summary
from selip_downstream.reproduce.page.frozen_studies import study_sections, study_summary
from selip_downstream.reproduce.page.step_results import read_step_results
from selip_downstream.reproduce.page.summary import summary
from selip_pretrain.model.configuration import CONFIGURATION_FILE, Configuration
from selip_pretrain.training.checkpoint import BEST, VALIDATION_FILE
from tests.downstream.reproduce.step_folders import LEVELS, write_frozen, write_retrieval, write_step, write_studies


def summary_of(root: Path, *steps: str) -> list[str]:
    """The summary of these steps, or of all in the folder."""
    folders = {folder.name: folder for folder in root.iterdir() if not steps or folder.name in steps}
    figures = compute_figures(read_step_results(folders), [], {}, {})
    return summary(figures, draw_conclusions(figures))


def test_the_verdict_is_one_sentence(tmp_path: Path) -> None:
    write_retrieval(tmp_path, {10: LEVELS | {"SeLIP": 0.2}, 100: LEVELS})
    (verdict,) = [paragraph for paragraph in summary_of(tmp_path) if paragraph.startswith("The claim")]
    assert (
        "is confirmed by these figures: best-match at 10 % beats CLIP in both, though other differences are below 0."
        in verdict
    )


def test_an_unknown_truth_is_mentioned(tmp_path: Path) -> None:
    write_retrieval(tmp_path, {100: LEVELS})
    for step in ("data-extracted", "data-true"):
        write_step(tmp_path, step)
    unknown = "The texts are made of the findings that were extracted from the reports."
    assert summary_of(tmp_path, "retrieve-100", "data-extracted")[1].startswith(unknown)
    assert unknown not in " ".join(summary_of(tmp_path))


def test_the_summary_counts_how_often_each_model_is_above_and_below(tmp_path: Path) -> None:
    levels = {"random": 0.02, "CLIP": 0.3, "SeLIP": 0.1, "best-match": 0.6}
    better = levels | {"SeLIP": 0.5}
    write_retrieval(tmp_path, {10: levels, 30: levels, 60: better, 100: levels})
    said = summary_of(tmp_path)
    assert said[1] == (
        "SeLIP as published against CLIP: with 30 % of the training studies or less, it is below CLIP in each of 6 "
        "comparisons; with more than 30 %, it is above CLIP in 3 and below CLIP in 3 of 6 comparisons."
    )
    assert said[0].startswith(
        "Trained on 10 %, 30 %, 60 % and 100 % of the training studies, with 3 trainings for each target"
    )


def test_the_summary_gives_the_range_of_single_trainings(tmp_path: Path) -> None:
    write_retrieval(tmp_path, {10: LEVELS})
    reached = {("hard", 0): 0.13, ("hard", 1): 0.078, ("best-match", 0): 0.176, ("best-match", 1): 0.15}
    for (target, seed), top_5 in reached.items():
        best = write_step(tmp_path, f"train-{target}-10-{seed}") / BEST
        best.mkdir()
        chosen = Configuration(target=target, share=0.1, seed=seed)
        (best / CONFIGURATION_FILE).write_text(chosen.model_dump_json())
        (best / VALIDATION_FILE).write_text(json.dumps({"top_5": top_5}))
    (paragraph,) = [one for one in summary_of(tmp_path) if one.startswith("The intervals are over")]
    assert "with 10 % of the studies CLIP 0.078–0.130, best-match 0.150–0.176." in paragraph


def test_what_frozen_features_show_stands_first_with_its_controls(tmp_path: Path) -> None:
    write_frozen(tmp_path)
    folders = {folder.name: folder for folder in tmp_path.iterdir()}
    figures = compute_figures(read_step_results(folders), [], {}, {})
    first, claimed, not_claimed, tuned, errors = frozen_summary(figures, draw_conclusions(figures).frozen)
    assert first.startswith("On frozen features, with 3 trainings for each target and share")
    assert "best-match is above CLIP in each of 4 comparisons" in first
    assert "best-match alone with shuffled similarities is below CLIP in each of 4 comparisons" in first
    assert "uniform smoothing is above CLIP in 2 and not significantly different from CLIP in 2 of 4" in first
    assert claimed.startswith("What is claimed: with 10 % of the studies best-match is above CLIP in both metrics")
    assert not_claimed.startswith(
        "What is not claimed: with 100 % best-match is above CLIP in both, but so is a control"
    )
    assert tuned.startswith("Nor is it claimed that best-match is above a CLIP with other settings")
    assert "30 % wrong -0." in errors
    assert "extracted +0.000 (+0.000 to +0.000), not significant" in errors
    assert frozen_sections(figures)[-1].tables[0].rows[-1][0] == "30 % wrong"


def test_the_study_encoder_is_compared_with_the_best_sequence(tmp_path: Path) -> None:
    write_studies(tmp_path)
    figures = compute_figures(read_step_results({"frozen-studies": tmp_path / "frozen-studies"}), [], {}, {})
    (paragraph,) = study_summary(figures)
    assert re.search(r"first five: 0 % of the volumes missing \+0\.\d+ \(", paragraph)
    assert paragraph.endswith("50 % of the volumes missing +0.000 (+0.000 to +0.000), not significant.")
    top_5, _ = study_sections(figures)
    assert [row[0] for row in top_5.tables[0].rows] == ["0 %", "50 %"]
    assert top_5.tables[0].columns[-1] == "study encoder − best sequence"
