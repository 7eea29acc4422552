"""Lesson 8 as a learner meets it: what its two widgets ask and say while they are stepped."""

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.jupyter import LONG, Lab, readable

NOTEBOOK = "08-static-graphs.ipynb"


@pytest.fixture(scope="module")
def lab(server, open_lab) -> Lab:
    """The learner's copy, every cell run."""
    window = open_lab(server, NOTEBOOK)
    window.show_every_cell()
    window.run_all()
    return window


def widget(lab: Lab, number: int) -> Locator:
    """One of the page's two widgets, seen."""
    found = lab.panel.locator(".tgs:has(.dsv-panes)").nth(number)
    expect(found.locator(".tgs-bar")).to_be_visible(timeout=LONG)
    found.scroll_into_view_if_needed()
    return found


def status(found: Locator) -> str:
    return found.get_by_role("status").first.text_content() or ""


def test_the_neuron_is_stepped_and_asked_about(lab, artifacts):
    found = widget(lab, 0)
    found.get_by_role("button", name="Predict").click()
    found.focus()
    while not found.locator(".tgs-answer").count():
        lab.page.keyboard.press("ArrowRight")
    lab.page.keyboard.type("1")
    lab.page.keyboard.press("Enter")
    found.get_by_role("button", name="No number yet").click()
    assert "Right: 1." in status(found) and "Right: there is no number yet." in status(found)
    lab.screenshot(artifacts / "lesson-8-neuron.png", found)
    found.get_by_role("button", name="Predict").click()
    found.focus()
    while "Run 1 begins" not in status(found):
        lab.page.keyboard.press("ArrowRight")
    assert "4 of 6 operations are needed" in status(found)


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_the_classifier_is_read_in_both_themes(lab, artifacts, theme):
    lab.theme(theme)
    found = widget(lab, 1)
    found.focus()
    lab.page.keyboard.press("Home")
    while "Backward visits" not in status(found):
        lab.page.keyboard.press("ArrowRight")
    assert "is written down" in status(found)  # while the left side walks back, the right side writes
    for part in (".dsv-say .tgs-sentence >> nth=1", ".dsv-rows li code >> nth=0", ".dsv-title span >> nth=0"):
        assert readable(found.locator(part)), f"{part} in {theme}"
    lab.screenshot(artifacts / f"lesson-8-{theme.split()[-1].lower()}.png", found)
