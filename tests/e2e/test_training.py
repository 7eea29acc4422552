"""A training in the real JupyterLab, watched while it runs."""

import nbformat
import pytest
from playwright.sync_api import expect

from tests.e2e.jupyter import LONG, Lab

CELLS = [
    """
import os, time
import tinygrad_core as tg
from widgets import TrainingMonitor
""",
    """
model = tg.nn.Linear(3, 1)
optimiser = tg.optim.SGD(model.parameters(), lr=0.05)
monitor = TrainingMonitor(model, title="Live")
display(monitor)
""",
    """
while not os.path.exists("seen"):
    loss = ((model(tg.ones(4, 3)) - 1) ** 2).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    monitor.log(loss=loss)
    time.sleep(0.01)
""",
]


@pytest.fixture(scope="module")
def lab(server, open_lab) -> Lab:
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), server.folder / "training.ipynb")
    window = open_lab(server, "training.ipynb")
    window.show_every_cell()
    window.wait_for_kernel()
    # Not awaited: the last cell runs until it is told to stop.
    window.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    return window


def test_a_training_is_drawn_while_it_runs(lab: Lab, server) -> None:
    monitor = lab.panel.locator(".tgs").last
    try:
        # The kernel is busy until a file appears: what is seen before that was sent while it ran.
        expect(monitor.locator("[role=status]")).to_contain_text("loss", timeout=LONG)
        first = int(monitor.locator(".tgs-slider").get_attribute("max") or 0)
        lab.page.wait_for_function(
            "([all, n]) => Number([...document.querySelectorAll(all)].at(-1).max) > n", arg=[".tgs-slider", first])
    finally:
        (server.folder / "seen").touch()
    lab.wait_for_kernel()
    expect(monitor.locator("[role=status]")).to_contain_text("Largest gradient")
    monitor.locator(".tgs-slider").fill("0")
    expect(monitor.locator("[role=status]")).to_contain_text("Step 0 of")


def test_nothing_failed_and_nothing_was_asked_of_strangers(lab: Lab) -> None:
    assert [e for e in lab.errors if "tgs" in e or "anywidget" in e or "widget" in e.lower()] == []
    assert lab.strangers == []
