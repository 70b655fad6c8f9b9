import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from selip_downstream.evaluation.tasks import Metric
from selip_downstream.reproduce.frozen.search import RATES, SHARPNESSES, WEIGHT_DECAYS
from selip_downstream.reproduce.frozen.search import app as search_app
from selip_downstream.reproduce.frozen.study import app
from selip_downstream.reproduce.frozen.targets import COMPARED, compared_with
from selip_downstream.reproduce.frozen.trainings import FrozenData, TrainingSettings, train_seeds
from selip_downstream.reproduce.plan import SOFT_ALONE
from selip_pretrain.objective.finding_similarity import TextTable
from selip_shared.errors import run_command
from tests.commands import command
from tests.downstream.reproduce.frozen.measured import RESULTS, arguments, measured
from tests.pretrain.small_cohort import write_cohort

TEXTS = ["在左侧额叶表现为高信号", "在右侧额叶表现为高信号", "在左侧额叶表现为稍高信号", "在脑桥表现为低信号"]
SETTINGS = TrainingSettings(steps=40, batch=8, validations=4, warmup=5, average=0.5, hidden=16, width=8)


def data(seed: int, texts: int = 12) -> FrozenData:
    """Images whose features are those of their text, with noise."""
    draw = torch.Generator().manual_seed(seed)
    of_texts = torch.eye(texts)
    text_of = torch.arange(60) % texts
    return FrozenData(of_texts[text_of] + 0.1 * torch.randn(60, texts, generator=draw), of_texts, text_of)


def test_a_seed_gives_the_same_training_alone_and_among_others() -> None:
    target, similarity = COMPARED["best-match"], torch.eye(12)
    everything = torch.arange(60)
    alone = train_seeds(data(0), [everything], data(1), similarity, target.loss(), SETTINGS)
    among = train_seeds(data(0), [everything] * 3, data(1), similarity, target.loss(), SETTINGS)
    assert alone.steps[0] == among.steps[0]
    for name, weights in alone.weights.items():
        torch.testing.assert_close(weights[0], among.weights[name][0], rtol=1e-4, atol=1e-5)
    assert not torch.equal(among.weights["image.0.weight"][0], among.weights["image.0.weight"][1])


def test_the_networks_learn_which_text_belongs_to_an_image() -> None:
    settings = replace(SETTINGS, steps=150)
    trained = train_seeds(data(0), [torch.arange(60)], data(1), torch.eye(12), COMPARED["CLIP"].loss(), settings)
    assert trained.mean_reciprocal_rank[0] > 0.9
    images, texts = trained.embed(data(2).images, data(2).texts)
    right = (images[0] @ texts[0].T).argmax(1) == data(2).text_of
    assert right.float().mean() > 0.8
    torch.testing.assert_close(images.norm(dim=2), torch.ones(1, 60))


def test_the_controls_keep_the_weight_of_the_targets_and_nothing_else() -> None:
    table = TextTable(TEXTS, ["DWI"] * 4)
    targets = compared_with(100)
    target = targets[SOFT_ALONE]
    sharpened, uniform = target.similarity(table) ** target.sharpness, targets["uniform"].similarity(table)
    torch.testing.assert_close(uniform.sum(), sharpened.sum())
    assert len({*_others(uniform).tolist()}) == 1
    shuffled = targets["shuffled"].similarity(table)
    torch.testing.assert_close(_others(shuffled).sort().values, _others(target.similarity(table)).sort().values)
    assert (shuffled.diagonal() == 1).all()


def _others(similarity: Tensor) -> Tensor:
    return similarity[~torch.eye(len(similarity), dtype=torch.bool)]


def test_the_study_measures_every_target_by_share_and_the_cost_of_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    db = write_cohort(tmp_path, 90)
    run = command(lambda: run_command(app), monkeypatch, capsys)
    words = (*arguments(db), "--seeds", 3)
    code, _, complaint = run(*words, "--steps", "1.0=30,0.5=20", "--wrong", f"10 % wrong={db}")
    assert code == 0, complaint
    *of_share, errors = measured(db)
    assert [one.configuration["share"] for one in of_share] == [0.5, 1.0]
    assert all(one.models == [*compared_with(100)] for one in of_share)
    assert len(of_share[0].configuration["models"]["CLIP"]) == 3
    assert errors.models == ["true findings", "10 % wrong"]
    # The same findings under another name cost nothing.
    for metric in (Metric.TOP_5, Metric.FIRST_HIT_SIDE):
        assert errors.estimate("10 % wrong", metric) == errors.estimate("true findings", metric)
    assert run(*words, "--steps", "0.5:20")[::2] == (1, "--steps 0.5:20 is no list of SHARE=STEPS: write e.g. "
                                                            "0.1=300,1=900.\n")  # fmt: skip


def test_the_search_writes_settings_for_every_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    db, out = write_cohort(tmp_path, 60), tmp_path / "settings.toml"
    words = [word for word in arguments(db) if word not in ("--results", db.with_name(RESULTS), "--rounds", 100)]
    run = command(lambda: run_command(search_app), monkeypatch, capsys)
    code, _, said = run(*words, "--out", out, "--steps", "0.5=6,1.0=6", "--seeds", 2)
    assert code == 0, said
    found = tomllib.loads(out.read_text(encoding="utf-8"))
    assert [*found] == [*COMPARED]
    for model, of_shares in found.items():
        few, many = (one["patients"] for one in of_shares)
        assert many in (2 * few, 2 * few - 1, 2 * few + 1)
        for one in of_shares:
            assert one["rate"] in RATES
            assert one["weight_decay"] in WEIGHT_DECAYS
            assert one["sharpness"] in (SHARPNESSES if COMPARED[model].sharpness > 1 else (1.0,))
    tried = [float(rank) for rank in re.findall(r"mean reciprocal rank ([\d.]+)", said)]
    assert max(one["mean_reciprocal_rank"] for own in found.values() for one in own) == max(tried)
