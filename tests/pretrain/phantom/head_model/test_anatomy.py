import numpy as np

from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.head_model.intensities import TISSUES
from selip_pretrain.phantom.head_model.landmarks import BIT


def test_the_ventricle_is_fluid_and_the_face_holds_air(anatomy: Anatomy) -> None:
    def shares(x: float, y: float, z: float) -> dict[str, float]:
        at = anatomy.index(*(np.array([value], np.float32) for value in (z, y, x)))
        return dict(zip(TISSUES, anatomy.tissues[at[0]] / 255, strict=True))

    ventricle = anatomy.tissues[(anatomy.landmarks & BIT["ventricle"]) > 0] / 255
    assert np.median(ventricle[:, TISSUES.index("csf")]) > 0.6
    assert shares(27, 48, -54)["soft"] + shares(27, 48, -54)["fat"] < 0.2
    assert shares(-30, -20, 36)["white"] > 0.8
