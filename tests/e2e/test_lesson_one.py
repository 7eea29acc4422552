"""Lesson 1 as a learner meets it: read, predicted, run, stepped, solved, saved, and opened again without a kernel."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import Server
from tests.e2e.jupyter import LONG, Lab, readable

NOTEBOOK = "01-numbers-that-remember.ipynb"
ONE_SIDED = "def nudge(f, x, h=1e-5):\n    return (f(x + h) - f(x)) / h"
BY_H = "def nudge(f, x, h=1e-5):\n    return (f(x + h) - f(x - h)) / h"
RIGHT = "def nudge(f, x, h=1e-5):\n    return (f(x + h) - f(x - h)) / (2 * h)"


@pytest.fixture(scope="module")
def lab(server, open_lab) -> Lab:
    """The learner's copy, every cell run."""
    window = open_lab(server, NOTEBOOK)
    window.show_every_cell()
    window.run_all()
    return window


@pytest.fixture(scope="module")
def stepper(lab) -> Locator:
    """The first widget of the page."""
    widget = lab.panel.locator(".tgs").first
    expect(widget).to_be_visible(timeout=LONG)
    return widget


def status(stepper: Locator) -> str:
    """What the widget tells a screen reader about its step."""
    return stepper.get_by_role("status").first.text_content() or ""


def at(stepper: Locator) -> int:
    return int(stepper.get_by_role("slider").first.input_value())


def test_every_cell_runs(lab, artifacts):
    errors = lab.panel.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'], .jp-OutputArea-error")
    assert errors.all_text_contents() == []
    expect(lab.panel.locator(".tgs")).to_have_count(5, timeout=LONG)
    lab.panel.locator(".jp-Cell").first.scroll_into_view_if_needed()
    lab.screenshot(artifacts / "lesson-1-top.png")


def test_the_widget_steps_by_mouse_both_ways(lab, stepper, artifacts):
    stepper.scroll_into_view_if_needed()
    seen = [status(stepper)]
    for _ in range(3):
        stepper.get_by_role("button", name="Next step").click()
        seen.append(status(stepper))
    assert at(stepper) == 3 and len(set(seen)) == 4
    stepper.get_by_role("button", name="Previous step").click()
    assert at(stepper) == 2 and status(stepper) == seen[2]
    stepper.get_by_role("button", name="Last step").click()
    expect(stepper).to_contain_text("4")
    lab.screenshot(artifacts / "stepper-last-light.png", stepper)
    stepper.get_by_role("button", name="First step").click()
    assert at(stepper) == 0


def test_the_widget_steps_by_keyboard_and_lab_does_not_notice(lab, stepper):
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    stepper.get_by_role("button", name="Next step").focus()
    before = lab.page.evaluate(active)
    for key, expected in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("Home", 0)):
        lab.page.keyboard.press(key)
        assert at(stepper) == expected
    lab.page.keyboard.press("End")
    last = at(stepper)
    assert last == int(stepper.get_by_role("slider").first.get_attribute("max") or 0)
    assert "4" in status(stepper) or "grad" in status(stepper).lower()
    assert lab.page.evaluate(active) == before


def test_a_node_tells_its_details(lab, stepper):
    node = stepper.locator("g.tgs-node").first
    node.focus()
    lab.page.keyboard.press("Enter")
    for word in ("float32", "gradient"):
        expect(stepper).to_contain_text(re.compile(word, re.IGNORECASE))
    lab.page.keyboard.press("Escape")


def test_a_prediction_in_the_widget_is_judged(lab, stepper, artifacts):
    stepper.get_by_role("button", name="First step").click()
    toggle = stepper.get_by_role("button", name=re.compile("Predict"))
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    field = stepper.locator(".tgs-answer input")
    for _ in range(8):
        if field.count() and field.first.is_visible():
            break
        stepper.get_by_role("button", name="Next step").click()
    field.first.fill("6")
    field.first.press("Enter")
    expect(toggle).to_contain_text(re.compile(r"1 of 1|0 of 1"))
    lab.screenshot(artifacts / "stepper-predict.png", stepper)
    toggle.click()


def test_a_leaf_is_dragged_and_moved_by_keys_and_lab_does_not_notice(lab, artifacts):
    graph = lab.cell("ScalarGraph(rec)").locator(".tgs")
    graph.scroll_into_view_if_needed()
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    before = lab.page.evaluate(active)
    expect(graph.get_by_role("status")).to_contain_text("d moves 4 times as far")
    leaf = graph.get_by_role("slider", name=re.compile("^b "))
    leaf.focus()
    for key in ("ArrowDown", "PageDown", "PageDown", "PageDown", "PageDown", "ArrowUp"):
        lab.page.keyboard.press(key)
    expect(leaf).to_have_attribute("aria-valuetext", "−1")
    assert lab.page.evaluate(active) == before
    other = graph.get_by_role("slider", name=re.compile("^a "))
    box = other.bounding_box()
    lab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + box["width"] / 2 + 25, box["y"] + box["height"] / 2, steps=4)
    lab.page.mouse.up()
    assert float(other.get_attribute("aria-valuenow")) > 2.5
    expect(graph.get_by_role("status")).to_contain_text("d does not move")  # -1 + 1 = 0, wherever a is
    lab.screenshot(artifacts / "scalar-dragged.png", graph)
    graph.get_by_role("button", name="As it was").click()
    expect(graph.get_by_role("status")).to_contain_text("d moves 4 times as far")


def test_a_prediction_on_the_page_holds_the_output_back(lab, artifacts):
    cell = lab.cell("%%predict square")
    expect(cell.locator(".tgc-form")).to_be_visible()
    assert "6.0" not in (cell.locator(".jp-OutputArea").text_content() or "")
    cell.locator(".tgc-form input").first.fill("6")
    cell.get_by_role("button", name="fairly sure").click()
    cell.get_by_role("button", name="Lock and look").click()
    expect(cell.locator(".jp-OutputArea")).to_contain_text("6.0", timeout=LONG)
    lab.screenshot(artifacts / "prediction.png", cell)


def test_an_exercise_is_solved_wrongly_and_rightly(lab, artifacts):
    card = lab.cell('check("nudge"').locator(".tgc-card")
    for attempt, source in enumerate((ONE_SIDED, BY_H)):
        lab.write("def nudge", source)
        lab.run_cell("def nudge")
        lab.run_cell('check("nudge"')
        expect(card).to_have_attribute("data-status", "failed")
        expect(card).to_contain_text("expected", ignore_case=True)
        lab.screenshot(artifacts / f"exercise-wrong-{attempt + 1}.png", card)
    expect(card).to_contain_text("twice too large")
    expect(card).to_contain_text("Slope is rise over run")          # the hint, after the second attempt
    lab.write("def nudge", RIGHT)
    lab.run_cell("def nudge")
    lab.run_cell('check("nudge"')
    expect(card).to_have_attribute("data-status", "passed")
    lab.screenshot(artifacts / "exercise-right.png", card)


def test_both_themes(lab, stepper, artifacts):
    stepper.get_by_role("button", name="Next step").click()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        name = theme.split()[-1].lower()
        stepper.scroll_into_view_if_needed()
        stepper.get_by_role("button", name="First step").click()
        stepper.get_by_role("button", name="Last step").click()
        lab.screenshot(artifacts / f"stepper-{name}.png", stepper)
        lab.screenshot(artifacts / f"lesson-1-{name}.png")
        for element in (stepper, lab.cell('check("nudge"').locator(".tgc-card")):
            assert readable(element), f"text hardly to be told from its background in {theme}"


def trust(notebook: Path, server: Server) -> None:
    """Sign a notebook as the learner's own, as `jupyter trust` does."""
    environment = os.environ | {"HOME": str(server.folder.parent)}
    subprocess.run([sys.executable, "-m", "nbformat.sign", str(notebook)], env=environment, check=True)


def test_progress_is_remembered_in_a_new_session(lab):
    lab.restart_kernel()
    lab.run_cell("import tinygrad_core")
    lab.run_cell("progress()")
    expect(lab.cell("progress()").locator(".jp-OutputArea")).to_contain_text(re.compile("nudge", re.IGNORECASE))


def test_nothing_was_asked_of_the_outside_and_nothing_failed(lab):
    assert lab.strangers == []
    assert [e for e in lab.errors if "tgs" in e or "anywidget" in e or "stepper" in e] == []


def test_without_a_kernel_the_saved_graph_still_steps(lab, server, open_lab, artifacts):
    lab.run_all()
    expect(lab.panel.locator(".tgs").first).to_be_visible(timeout=LONG)
    lab.save()
    copy = server.folder / "saved.ipynb"
    shutil.copy(server.folder / NOTEBOOK, copy)
    trust(copy, server)
    other = open_lab(server, copy.name)
    other.show_every_cell()
    # No cell has run in this window: what is drawn comes out of the file. Then even the idle kernel goes.
    widget = other.panel.locator(".tgs").first
    expect(widget).to_be_visible(timeout=LONG)
    other.shut_kernel_down()
    assert not other.has_kernel()
    widget.get_by_role("button", name="Last step").click()
    widget.get_by_role("button", name="Previous step").click()
    assert at(widget) > 0 and status(widget)
    other.screenshot(artifacts / "stepper-without-kernel.png", widget)
