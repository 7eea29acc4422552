"""Widgets' own pages, opened from files with the network out of reach."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_page(browser, tmp_path: Path) -> Iterator:
    """Opens a widget's own page; every request beyond the page itself, and every error, fails the test."""
    asked: list[str] = []
    errors: list[str] = []
    pages = []
    here = tmp_path.as_uri()

    def open_page(widget, width: int = 1180, scheme: str = "light", motion: str = "reduce"):
        file = widget.to_html(tmp_path / "page.html")
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion=motion)
        pages.append(page)
        page.on("request", lambda r: r.url.startswith((here, "data:", "blob:")) or asked.append(r.url))
        page.on("console", lambda line: line.type == "error" and errors.append(line.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(file.as_uri())
        page.wait_for_selector(".tgs-bar, .tgs-message")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert asked == []
    assert errors == []


CONTRAST = """(selectors) => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  return selectors.map((s) => {
    const e = document.querySelector(s);
    const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(behind(e))];
    return [s, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
}"""


@pytest.fixture
def contrast_of():
    """The contrast of each selector's first element with what lies behind it, as WCAG 2 defines it."""
    return lambda page, selectors: page.evaluate(CONTRAST, selectors)
