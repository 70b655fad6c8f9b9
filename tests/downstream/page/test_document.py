from pathlib import Path

import matplotlib.pyplot as plt

from selip_downstream.page.document import Document, Picture, Section, Table, html, picture
from selip_shared.html_page import write_page
from tests.browser import Page

MARKUP = "<script>document.title = 'broken'</script> <b>在左侧额叶表现为高信号</b> {{ 7 * 7 }}"


def drawn() -> Picture:
    drawing, axes = plt.subplots(figsize=(3, 2))
    axes.plot([0, 1], [0, 1])
    return picture(drawing, f"A line. {MARKUP}")


def test_the_page_shows_its_parts_as_they_are_and_needs_nothing_else(chromium: Page, tmp_path: Path) -> None:
    path = tmp_path / "results.html"
    table = Table(f"A table. {MARKUP}", ["model", "top 1"], [[MARKUP, "0.50 (0.40–0.60)"], ["SeLIP", "–"]])
    sections = [Section("Retrieval", [MARKUP], [table], [drawn()]), Section("Segmentation")]
    write_page(path, html(Document("Results", f"of today {MARKUP}", sections)))
    chromium.complaints()
    chromium.open(path)
    assert chromium.complaints() == []
    assert chromium.run("return document.title") == "Results"
    assert chromium.texts("td:first-child") == [MARKUP, "SeLIP"]
    assert chromium.texts("section p") == [MARKUP]
    assert chromium.texts("nav a") == ["Retrieval", "Segmentation"]
    assert chromium.run("return document.querySelector('img').naturalWidth") > 0
    assert chromium.run("return getComputedStyle(document.querySelector('td.figure')).textAlign") == "right"
    assert "http" not in path.read_text(encoding="utf-8").replace("http-equiv", "")


def test_the_page_fits_a_telephone(chromium: Page, tmp_path: Path) -> None:
    path = tmp_path / "results.html"
    label = "side and site of the first hit"
    table = Table("Wide", [f"column {n}" for n in range(30)], [["10 %", label, *["figure"] * 28]], numbers_from=2)
    write_page(path, html(Document("Results", "", [Section("Retrieval", tables=[table], pictures=[drawn()])])))
    chromium.emulate("dark", 400, 800)
    chromium.open(path)
    assert chromium.run("return document.documentElement.scrollWidth") <= 400
    assert chromium.run("return document.querySelector('td:nth-child(2)').offsetHeight") < 80
    chromium.emulate("light", 1200, 900)


def test_nine_columns_of_figures_fit_1200_pixels_and_each_table_has_a_headline(chromium: Page, tmp_path: Path) -> None:
    path = tmp_path / "results.html"
    models = ["random", "CLIP", "SeLIP", "best-match alone", "best-match"]
    columns = ["", *models, *(f"best-match − {model}" for model in models[:-1])]
    row = ["nDCG: side, site", *["0.500 (0.400–0.600)"] * 5, *["+0.100 (-0.050 to +0.250) *"] * 4]
    table = Table("all sequences, image to text: 45 queries", columns, [row])
    write_page(path, html(Document("Results", "", [Section("Retrieval", tables=[table])])))
    chromium.emulate("light", 1200, 900)
    chromium.open(path)
    shown, needed = chromium.run("const w = document.querySelector('.wide'); return [w.clientWidth, w.scrollWidth]")
    assert needed <= shown
    assert chromium.texts("td") == row
    assert chromium.texts("caption b") == ["all sequences, image to text: "]
