import numpy as np

from selip_contracts.findings import GeneralFinding
from selip_contracts.vocabulary import (
    MODALITIES,
)
from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.head_model.grid import PhantomGrid
from selip_pretrain.phantom.head_model.head import draw_head
from selip_pretrain.phantom.head_model.intensities import TISSUES
from selip_pretrain.phantom.render import render
from tests.pretrain.phantom.annotated_studies import BARE, CLEAR, a_report, changed, lesion


def test_the_sequences_have_the_contrast_that_tells_them_apart(anatomy: Anatomy) -> None:
    study = lesion("额叶", "左侧", {"T1CE": "强化", "SWI": "低"})
    rendered = render(a_report(study), anatomy, BARE)
    head = draw_head((), anatomy, PhantomGrid(CLEAR.shape), np.random.default_rng(0))
    levels = {}
    for modality in MODALITIES:
        of = {t: float(head.level(modality).reshape(-1)[head.shares[TISSUES.index(t)] > 0.95].mean()) for t in
              ("csf", "grey", "white", "fat")}  # fmt: skip
        levels[modality] = of
    assert levels["T1"]["white"] > levels["T1"]["grey"] > levels["T1"]["csf"]
    assert levels["T2"]["csf"] > levels["T2"]["grey"] > levels["T2"]["white"]
    assert levels["FLAIR"]["grey"] > levels["FLAIR"]["white"] > levels["FLAIR"]["csf"]
    assert levels["DWI"]["fat"] < levels["DWI"]["white"]
    assert levels["ADC"]["csf"] > 2 * levels["ADC"]["grey"]
    assert tuple(rendered.volumes) == MODALITIES


def test_ventricles_sulci_and_midline_follow_the_general_changes(anatomy: Anatomy) -> None:
    def head(general: list[GeneralFinding]) -> tuple[int, int, float, float]:
        drawn = draw_head(general, anatomy, PhantomGrid(CLEAR.shape), np.random.default_rng(5))
        x = drawn.grid.axes[2] + np.zeros(drawn.grid.shape)
        ventricle = drawn.at("ventricle")
        fluid = drawn.shares[TISSUES.index("csf")].reshape(drawn.grid.shape)
        middle = np.median(x[ventricle])
        return int(ventricle[x < 0].sum()), int(ventricle[x > 0].sum()), float(fluid.sum()), float(middle)

    left, right, fluid, middle = head([])
    wide_left, same_right, _, _ = head(changed("侧脑室", "扩大", "左侧"))
    assert wide_left > 1.35 * left
    assert same_right < 1.2 * right
    assert head(changed("脑室系统", "变窄"))[0] < 0.8 * left
    assert head(changed("脑沟", "增宽"))[2] > 1.1 * fluid
    assert head(changed("中线结构", "移位", "右侧"))[3] > middle + 3
    assert head(changed("中线结构", "移位", "左侧"))[3] < middle - 3
