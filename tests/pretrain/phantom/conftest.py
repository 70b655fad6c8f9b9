"""The template's anatomy, which takes seconds to load."""

import pytest

from selip_pretrain.phantom.head_model.anatomy import Anatomy, load_anatomy
from selip_pretrain.phantom.head_model.grid import PhantomGrid
from tests.pretrain.phantom.annotated_studies import CLEAR


@pytest.fixture(scope="session")
def anatomy() -> Anatomy:
    return load_anatomy(PhantomGrid(CLEAR.shape).slice_mm)
