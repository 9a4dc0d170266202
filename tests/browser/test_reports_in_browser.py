"""The pages of reports, served by a platform and opened in Chromium: on a screen and on paper."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from browser import PLATFORM, Browser

REPORTS = "/api/v1/reports?as_of=4&"
SCI, GHG = f"{REPORTS}standard=sci&month=2026-10", f"{REPORTS}standard=ghg&month=2026-10"
CHINESE = f"{REPORTS}standard=gbt32150&month=2026-11"
PAGES = {"sci": SCI, "ghg": GHG, "gbt32150": CHINESE}
TOTALS = {
    "sci": {"platform.c": "80.295 gCO2e", "platform.sci": "0.0080295 gCO2e/request"},
    "ghg": {"total.location": "0.080295 kgCO2e", "total.market": "0.032545 kgCO2e"},
    "gbt32150": {"e": "0.00013885 tCO2", "ad": "0.00025 MWh"},
}
A4_POINTS = (595, 842)
PRINTED_WIDTH = 680
"""Pixels of CSS between the margins of A4: 180 mm."""
MEASURE = """<script>addEventListener('load', () => {
  const page = document.documentElement, told = {};
  for (const row of document.querySelectorAll('tr[id]')) {
    const cell = row.querySelector('td'), box = cell.getBoundingClientRect();
    told[row.id] = {text: cell.innerText.trim().replace(/\\s+/g, ' '),
                    seen: box.width > 0 && box.height > 0 && cell.checkVisibility()};
  }
  const wide = [...document.querySelectorAll('th, td, dd, pre, small, li, h1, h2')]
    .filter(one => getComputedStyle(one).display !== 'inline')
    .filter(one => one.scrollWidth > one.clientWidth + 1)
    .map(one => one.innerText.slice(0, 60));
  const note = document.createElement('pre');
  note.id = 'measured';
  note.textContent = JSON.stringify({rows: told, wide, over: page.scrollWidth - page.clientWidth,
    lang: page.lang, fetched: performance.getEntriesByType('resource').map(one => one.name)});
  document.body.append(note);
});</script>"""


def measured(browser: Browser, path: str, width: int = 1200) -> dict[str, Any]:
    """What a script in the page finds."""
    browser.inserted = MEASURE
    dom = browser.dom(path, width)
    found = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None, dom[-2000:]
    told: dict[str, Any] = json.loads(unescape(found[1]))
    return told


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_its_totals_and_asks_for_nothing_else(browser: Browser, name: str) -> None:
    told = measured(browser, PAGES[name])
    assert told["fetched"] == []
    of_platform = [one for one in browser.seen.asked if PLATFORM in one]  # not the browser's own
    assert of_platform == [f"http://{PLATFORM}{PAGES[name]}"]
    assert browser.seen.console == []
    for figure, text in TOTALS[name].items():
        assert told["rows"][figure] == {"text": text, "seen": True}
    assert told["lang"] == ("zh-CN" if name == "gbt32150" else "en")


def test_the_look_at_requests_and_console_would_show_what_is_wrong(browser: Browser) -> None:
    browser.replaced = (
        "</h1>",
        "</h1><script>console.error('oh dear')</script><img src='http://elsewhere.test/a' alt=''>",
    )
    told = measured(browser, GHG)
    assert told["fetched"] == ["http://elsewhere.test/a"]
    assert "http://elsewhere.test/a" in browser.seen.asked
    assert any("oh dear" in line for line in browser.seen.console)


@pytest.mark.parametrize("width", [900, 500])
def test_nothing_is_wider_than_the_screen(browser: Browser, width: int) -> None:
    told = measured(browser, SCI, width)
    assert (told["over"], told["wide"]) == (0, [])


def test_the_longest_name_is_broken(browser: Browser) -> None:
    browser.replaced = ("Whole platform", 200 * "W")
    told = measured(browser, SCI, 500)
    assert (told["over"], told["wide"]) == (0, [])


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_paper(browser: Browser, name: str) -> None:
    browser.replaced = ("@media print", "@media all")
    told = measured(browser, PAGES[name], PRINTED_WIDTH)
    assert (told["over"], told["wide"]) == (0, [])


@pytest.mark.parametrize("name", ["sci", "gbt32150"])
def test_a_page_prints_on_a4(browser: Browser, name: str, tmp_path: Path) -> None:
    pdf = browser.printed(PAGES[name], tmp_path / "report.pdf")
    assert pdf.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert pages >= 2
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", pdf)
    assert len(boxes) == pages
    for width, height in boxes:
        assert (round(float(width)), round(float(height))) == A4_POINTS


def test_a_narrow_screen_gets_a_picture_of_a_whole_page(browser: Browser, tmp_path: Path) -> None:
    png = browser.picture(CHINESE, tmp_path / "page.png", 600, 900)
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == 600
    assert len(png) > 20_000  # a blank page is a few kilobytes
