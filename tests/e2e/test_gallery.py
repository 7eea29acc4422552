"""The gallery as a visitor sees it: every cell runs, every widget there is shows and steps, in both themes."""

import re

import pytest
from playwright.sync_api import expect

import widgets
from tests.e2e.jupyter import LONG, Lab


@pytest.fixture(scope="module")
def lab(server, open_lab) -> Lab:
    window = open_lab(server, "gallery.ipynb")
    window.show_every_cell()
    window.run_all()
    return window


def test_every_widget_is_there_and_every_cell_runs(lab: Lab, root) -> None:
    source = (root / "lessons" / "course" / "gallery.md").read_text(encoding="utf-8")
    assert [name for name in widgets.__all__ if not re.search(rf"\b{name}\b", source, re.IGNORECASE)] == []
    errors = lab.panel.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'], .jp-OutputArea-error")
    assert errors.all_text_contents() == []
    expect(lab.panel.locator(".tgs")).to_have_count(len(re.findall(r"^## ", source, re.MULTILINE)) - 2, timeout=LONG)
    expect(lab.panel.locator(".tgp-block").first).to_be_visible(timeout=LONG)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_widget_shows_and_steps(lab: Lab, artifacts, theme: str) -> None:
    lab.theme(f"JupyterLab {theme.capitalize()}")
    for n, widget in enumerate(lab.panel.locator(".tgs").all()):
        expect(widget).to_have_attribute("data-theme", theme)
        widget.scroll_into_view_if_needed()
        said, slider = widget.get_by_role("status").first, widget.locator(".tgs-slider")
        widget.focus()
        lab.page.keyboard.press("Home")
        expect(said).to_contain_text("Step 0 of")
        lab.page.keyboard.press("ArrowRight")
        expect(said).to_contain_text("Step 1 of")
        lab.page.keyboard.press("End")
        expect(slider).to_have_value(slider.get_attribute("max") or "")
        widget.screenshot(path=str(artifacts / f"gallery-{n:02}-{theme}.png"))


def test_nothing_failed_and_nothing_was_asked_of_strangers(lab: Lab) -> None:
    assert [e for e in lab.errors if "tgs" in e or "widget" in e.lower()] == []
    assert lab.strangers == []
