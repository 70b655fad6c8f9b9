import numpy as np

from selip_pretrain.phantom.head_model.anatomy import Anatomy
from selip_pretrain.phantom.render import PhantomRecipe
from selip_pretrain.phantom.tumour import render_tumour
from tests.pretrain.phantom.annotated_studies import CLEAR


def test_gliomas_of_high_grade_enhance_and_swell_more_than_those_of_low_grade(anatomy: Anatomy) -> None:
    share: dict[str, list[float]] = {"HGG": [], "LGG": []}
    oedema: dict[str, list[float]] = {"HGG": [], "LGG": []}
    for number in range(12):
        for grade in ("HGG", "LGG"):
            labels = render_tumour(f"T{number}", grade, anatomy, PhantomRecipe(shape=(24, 64, 64))).labels
            assert set(np.unique(labels)) <= {0, 1, 2, 4}
            core = np.isin(labels, (1, 4)).sum()
            share[grade].append((labels == 4).sum() / core)
            oedema[grade].append((labels == 2).sum() / core)
    assert np.median(share["HGG"]) > 0.3
    assert np.median(share["LGG"]) < 0.1
    assert min(share["HGG"]) < max(share["LGG"]) or max(oedema["LGG"]) > min(oedema["HGG"])
    assert np.median(oedema["HGG"]) > 2 * np.median(oedema["LGG"])


def test_a_glioma_is_without_skull_and_enhances_on_t1ce_alone(anatomy: Anatomy) -> None:
    rendered = render_tumour("T1", "HGG", anatomy, CLEAR)
    enhancing = rendered.labels == 4
    healthy = (rendered.labels == 0) & (rendered.volumes["t1"] > 0)
    t1, t1ce = (v[enhancing].mean() / np.median(v[healthy]) for v in (rendered.volumes["t1"], rendered.volumes["t1ce"]))
    assert t1ce > 1.3 > 1.1 > t1
    for volume in rendered.volumes.values():
        assert (volume[:, :6] == 0).all()
        assert (volume[rendered.labels > 0] > 0).mean() > 0.99
