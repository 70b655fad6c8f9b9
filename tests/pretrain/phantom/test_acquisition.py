import numpy as np
import pytest

from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.render import PhantomRecipe, render
from tests.pretrain.phantom.annotated_studies import a_report


def test_noise_is_rician_of_the_asked_strength(anatomy: Anatomy) -> None:
    air = []
    for noise in (0.02, 0.04):
        recipe = PhantomRecipe(noise=noise, shape=(8, 64, 64))
        corner = render(a_report(), anatomy, recipe).volumes["T1"][:, :4, :4].astype(float)
        air.append(corner.mean())
        # Rayleigh, as magnitude noise is where there is no signal: mean over spread is sqrt(pi / (4 - pi))
        assert corner.mean() / corner.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.3)
    assert air[1] == pytest.approx(2 * air[0], rel=0.05)
