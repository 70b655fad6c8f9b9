"""A real browser for the tests of pages."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


class Page:
    """The page in a headless Chromium; keys and clicks are real, what is asked of it is asked of its elements."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads

    def open(self, path: Path) -> "Page":
        from selenium.webdriver.support.wait import WebDriverWait

        self.driver.get(path.as_uri())
        loaded = "return document.readyState === 'complete' && document.body !== null"
        WebDriverWait(self.driver, 120).until(lambda driver: driver.execute_script(loaded))
        return self

    def complaints(self) -> list[Any]:
        """What the browser has complained of since it was asked last."""
        return list(self.driver.get_log("browser"))

    def emulate(self, scheme: str, width: int, height: int) -> None:
        """Look at pages as a screen of that colour scheme (light, dark) and of so many pixels does."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def run(self, script: str, *values: object) -> Any:
        return self.driver.execute_script(script, *values)

    def cut_off(self) -> list[str]:
        """The titles of the visible selects and inputs that are too narrow for an option or their placeholder."""
        titles: list[str] = self.run(
            """const tooNarrow = (control) => {
              const free = control.cloneNode(true);
              free.style = "position: absolute; width: auto; min-width: 0; max-width: none";
              control.after(free);
              if (control.placeholder) free.value = control.placeholder;
              const missing = free.localName === "select" ? free.offsetWidth - control.offsetWidth
                : (free.style.width = `${control.offsetWidth}px`, free.scrollWidth - free.clientWidth);
              free.remove();
              return missing > 0;
            };
            return [...document.querySelectorAll("select, input:not([type=checkbox])")]
              .filter((control) => control.offsetParent && tooNarrow(control))
              .map((control) => control.title || control.ariaLabel);"""
        )
        return titles

    def one(self, css: str) -> Any:
        return self.driver.find_element("css selector", css)

    def all(self, css: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", css))

    def texts(self, css: str) -> list[str]:
        texts: list[str] = self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", css)
        return texts

    def press(self, keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(keys).perform()

    def hover(self, element: Any) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).move_to_element(element).perform()

    def choose(self, css: str, value: str) -> None:
        from selenium.webdriver.support.select import Select

        Select(self.one(css)).select_by_value(value)

    def rewrite(self, css: str, text: str) -> None:
        from selenium.webdriver import Keys

        self.one(css).send_keys(Keys.CONTROL, "a", Keys.NULL, text)

    def wait(self, condition: str) -> None:
        """Wait until the script returns true."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.driver, 60).until(lambda driver: driver.execute_script(condition))

    def select(self, css: str, words: str) -> None:
        """Select the words in the element's text with the mouse."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        first, last = self.run(
            """const walker = document.createTreeWalker(document.querySelector(arguments[0]), NodeFilter.SHOW_TEXT);
            const places = [];
            while (walker.nextNode()) {
              const node = walker.currentNode;
              for (let at = 0; at < node.length; at++) places.push([node, at, node.data[at]]);
            }
            const start = places.map(([, , character]) => character).join("").indexOf(arguments[1]);
            const box = ([node, at]) => {
              const range = document.createRange();
              range.setStart(node, at);
              range.setEnd(node, at + 1);
              return range.getBoundingClientRect();
            };
            const [one, other] = [places[start], places[start + arguments[1].length - 1]].map(box);
            return [[one.left + 1, one.top + one.height / 2], [other.right - 1, other.top + other.height / 2]];""",
            css,
            words,
        )
        actions: Any = ActionBuilder(self.driver)
        actions.pointer_action.move_to_location(*map(int, first)).pointer_down().move_to_location(*map(int, last))
        actions.pointer_action.pointer_up()
        actions.perform()

    def show(self, report_id: str) -> None:
        self.run(
            "[...document.querySelectorAll('.report')].find(r => r.firstChild.textContent === arguments[0]).click()",
            report_id,
        )

    def shown(self) -> list[str]:
        return self.texts("#reports b")

    def exported(self, ending: str = "jsonl") -> Path:
        for old in self.downloads.iterdir():
            old.unlink()
        self.one("#export").click()
        for _ in range(100):
            if files := list(self.downloads.glob(f"*.{ending}")):
                return files[0]
            time.sleep(0.05)
        raise AssertionError(f"nothing exported: {self.one('#message').text}")


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A headless Chromium with a profile and downloads of its own in the folder."""
    from selenium import webdriver

    assert BROWSER is not None
    downloads = folder / "downloads"
    downloads.mkdir()
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for switch in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "lang=en-US", "window-size=1400,900",
        f"user-data-dir={folder / 'profile'}",
    ):  # fmt: skip
        options.add_argument(f"--{switch}")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield Page(opened, downloads)
    finally:
        opened.quit()
