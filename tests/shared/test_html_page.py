import json
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from selip_shared.errors import SelipError
from selip_shared.html_page import render_page, write_page
from tests.browser import Page

TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy|safe }}">
<title>before</title>
<style>{{ style|safe }}</style>
</head>
<body>
{% include "part.html" %}
<script>{{ script|safe }}</script>
<script>document.body.append("foreign" + " " + "script")</script>
</body>
</html>
"""
TEXT = "<script>document.title = 'broken'</script> <b>在左侧额叶</b> {{ 7 * 7 }}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text(TEMPLATE, encoding="utf-8")
    (tmp_path / "part.html").write_text("<p>{{ text }}</p>\n", encoding="utf-8")
    return tmp_path


def test_only_the_pages_own_style_and_script_work_and_text_stays_text(folder: Path, chromium: Page) -> None:
    style, script = "p > b { color: red }\np { color: rgb(1, 2, 3) }", "document.title = 1 < 2 && 'after'"
    write_page(folder / "out.html", render_page(folder, "page.html", style, script, text=TEXT))
    chromium.complaints()
    chromium.open(folder / "out.html")
    assert chromium.texts("p") == [TEXT]
    assert chromium.run("return document.title") == "after"
    assert chromium.run("return getComputedStyle(document.querySelector('p')).color") == "rgb(1, 2, 3)"
    assert "foreign script" not in chromium.texts("body")[0]
    (refused,) = chromium.complaints()
    assert "Content Security Policy" in str(refused)


def test_a_page_without_a_script_allows_none(folder: Path) -> None:
    assert "script-src 'none'; img-src data:" in render_page(folder, "page.html", "", text="")


def test_data_of_a_page_cannot_end_its_element_and_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<script>{{ data|tojson }}</script>", encoding="utf-8")
    data = {"左侧": "</script><!-- & ' \U0001f9e0", "a": 1}
    page = render_page(tmp_path, "page.html", "", data=data)
    assert page.count("</script>") == 1
    assert "左侧" in page
    read = json.loads(page.removeprefix("<script>").removesuffix("</script>"))
    assert list(read.items()) == list(data.items())


def test_a_value_that_is_missing_is_an_error(folder: Path) -> None:
    with pytest.raises(UndefinedError, match="text"):
        render_page(folder, "page.html", "")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SelipError, match=r"none/page.html cannot be written \(No such file or directory\)"):
        write_page(tmp_path / "none" / "page.html", "")
