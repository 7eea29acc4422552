"""Every lesson after the first, in a browser: all cells run, every widget shows and steps, nothing is asked outside."""

import pytest
from playwright.sync_api import expect

from lessons.catalog import lessons
from tests.e2e.jupyter import LONG

LATER = lessons()[1:]
STEPPING = "button[aria-label='Next step']"


@pytest.fixture(scope="module", params=LATER, ids=lambda lesson: lesson.id)
def lab(request, server, open_lab):
    window = open_lab(server, f"{request.param.id}.ipynb")
    window.show_every_cell()
    window.run_all()
    yield window
    window.page.context.close()


def test_it_runs_and_every_widget_steps(lab, artifacts):
    errors = lab.panel.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'], .jp-OutputArea-error")
    assert errors.all_text_contents() == []
    name = lab.notebook[:2]
    lab.panel.locator(".jp-Cell").first.scroll_into_view_if_needed()
    lab.screenshot(artifacts / f"lesson-{name}-top.png")
    steppers = lab.panel.locator(".tgs").filter(has=lab.page.locator(STEPPING))
    expect(steppers.first).to_be_visible(timeout=LONG)
    for i in range(steppers.count()):
        stepper = steppers.nth(i)
        stepper.scroll_into_view_if_needed()
        slider = stepper.locator(".tgs-slider")
        expect(slider).to_be_visible(timeout=LONG)
        if slider.input_value() != "0":  # of a training the last step is shown first
            stepper.get_by_role("button", name="First step").click()
        expect(slider).to_have_value("0", timeout=LONG)
        asks = stepper.get_by_role("button", name="Predict", pressed=True)
        if asks.count():  # it waits for an answer before each step
            asks.click()
        stepper.locator(STEPPING).click()
        expect(slider).to_have_value("1")
        stepper.get_by_role("button", name="Last step").click()
        expect(slider).to_have_value(slider.get_attribute("max") or "")
        for theme in ("Dark", "Light"):
            lab.theme(f"JupyterLab {theme}")
            lab.screenshot(artifacts / f"lesson-{name}-widget-{i}-{theme.lower()}.png", stepper)
    assert [e for e in lab.errors if "tgs" in e or "anywidget" in e] == []  # JupyterLab has some of its own
    assert lab.strangers == []
