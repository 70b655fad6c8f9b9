from collections.abc import Iterator

import pytest

from tests.browser import BROWSER, DRIVER, Page
from tests.browser import chromium as a_chromium


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser; the test is skipped where there is none."""
    pytest.importorskip("selenium")
    if BROWSER is None or DRIVER is None:
        pytest.skip("chromium and chromium-driver are not installed")
    with a_chromium(tmp_path_factory.mktemp("chromium")) as page:
        yield page
