"""A small cohort that the tests share: nothing writes to it."""

from pathlib import Path

import pytest

from selip_pretrain.data.cohort import Cohort, prepare_cohort, read_cohort
from selip_pretrain.volumes.volume_cache import VolumeCache
from tests.pretrain.small_cohort import RECIPE, STUDIES, write_cohort


@pytest.fixture(scope="session")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"), STUDIES)


@pytest.fixture(scope="session")
def cache(db: Path) -> VolumeCache:
    return VolumeCache(db.parent / "selip-volumes", RECIPE)


@pytest.fixture(scope="session")
def cohort(db: Path, cache: VolumeCache) -> Cohort:
    return prepare_cohort(read_cohort(db, seed=0), cache)
