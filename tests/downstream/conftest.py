from collections.abc import Iterator

import pytest

from tests.browser import Page
from tests.browser import chromium as start_chromium


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with start_chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page
