"""What only a pointer does: dragging a step, choosing a node, and lighting what belongs together."""

from pathlib import Path

import tinygrad_core as tg
from tinygrad_core.recording import record
from widgets import BackwardQuiz, Broadcasting, StepSize, TrainingMonitor

FIXTURES = Path(__file__).parent / "fixtures"


def status(page) -> str:
    return page.locator(".tgs [role=status]").inner_text()


def step(page) -> int:
    return int(page.locator(".tgs-slider").input_value())


def drag(page, start: float, end: float) -> tuple[int, int]:
    """Press on the picture at one part of its width, move to another; the steps before and after the move."""
    box = page.locator(".tgs-plot").first.bounding_box()
    y = box["y"] + 80
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    before = step(page)
    page.mouse.move(box["x"] + end * box["width"], y, steps=4)
    after = step(page)
    page.mouse.up()
    page.mouse.move(box["x"] + 0.9 * box["width"], y)
    assert step(page) == after  # let go is let go
    return before, after


def test_the_step_of_a_quotient_is_dragged(open_page) -> None:
    page = open_page(StepSize(lambda x: x**3, 2.0))
    before, after = drag(page, 0.2, 0.6)
    assert 5 < before < after < 72
    assert f"Step {after} of 72" in status(page)


def test_any_step_of_a_training_is_dragged_to(open_page) -> None:
    monitor = TrainingMonitor()
    for k in range(100):
        monitor.log(loss=1 / (k + 1))
    page = open_page(monitor)
    assert step(page) == 99  # it opens at its end
    before, after = drag(page, 0.3, 0.5)
    assert 10 < before < after < 90
    assert f"loss {1 / (after + 1):.3g}"[:8] in status(page)


def test_a_node_is_chosen_by_a_click_and_refused_with_a_reason(open_page) -> None:
    page = open_page(BackwardQuiz(FIXTURES / "diamond.json"))
    page.locator("[data-node='3'] .tgs-shape").click()
    assert step(page) == 1 and status(page).startswith("Right: d ")
    page.locator("[data-node='0'] .tgs-shape").click()
    assert step(page) == 1 and status(page).startswith("Not yet: c ")
    assert page.locator(".is-pending").count() == 1
    page.locator("[data-node='2'] .tgs-shape").click()
    assert step(page) == 2 and page.locator(".is-pending").count() == 0


def test_an_entry_of_the_result_lights_the_two_it_was_made_of(open_page) -> None:
    page = open_page(Broadcasting((3, 1), (4,), predict=False, step=4))
    page.locator(".tgs-cell[aria-label='Entry 2, 1: a 3 and b 20 make 23']").hover()
    lit = page.locator(".tgs-cell.is-lit text").all_text_contents()
    assert sorted(lit) == ["20", "23", "3"]


def test_a_wide_graph_opens_where_backward_begins(open_page) -> None:
    y = tg.tensor([1.0], requires_grad=True)
    with record() as rec:
        for _ in range(30):
            y = y * 1.1
        loss = y.sum()
        loss.backward()
    page = open_page(BackwardQuiz(rec))
    stage = page.locator(".tgs-stage").bounding_box()
    first = page.locator("[data-node]").filter(has_text="loss").bounding_box()
    assert stage["x"] <= first["x"] and first["x"] + first["width"] <= stage["x"] + stage["width"]
