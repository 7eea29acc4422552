"""The lines of an exercise put in order as a learner does it: by mouse, by keyboard alone, and found again."""

import re
from collections.abc import Callable

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, expect

from lessons.grader.progress import FILE, Progress
from lessons.notebook import METADATA
from tests.e2e.jupyter import LONG, Lab, readable

SHOWN = ("backward", "value")


@pytest.fixture(scope="module")
def lab(server, open_lab) -> Lab:
    """A notebook with two puzzles, run."""
    cells = [new_code_cell("from lessons import parsons"), *(new_code_cell(f'parsons("{id}")') for id in SHOWN)]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), server.folder / "parsons.ipynb")
    window = open_lab(server, "parsons.ipynb")
    window.show_every_cell()
    window.run_all()
    return window


@pytest.fixture
def puzzle(lab) -> Locator:
    """The puzzle of `backward`, with all its blocks on the heap."""
    found = lab.panel.locator(".tgp").first
    expect(found).to_be_visible(timeout=LONG)
    again = found.get_by_role("button", name="Start over")
    if again.get_attribute("aria-disabled") == "false":
        again.click()
    expect(found.locator(".tgp-pool .tgp-block")).to_have_count(8)
    return found


def until(holds: Callable[[], bool], lab: Lab) -> None:
    """Wait for something that the page does not show."""
    for _ in range(LONG // 100):
        if holds():
            return
        lab.page.wait_for_timeout(100)
    pytest.fail("it never came true")


def heap(puzzle: Locator, text: str) -> Locator:
    """The face of a block that is not in the answer."""
    return puzzle.locator(".tgp-pool .tgp-face").filter(has_text=re.compile(f"^{re.escape(text)}$"))


def lies(puzzle: Locator) -> list[tuple[int, str]]:
    """The answer's lines from top to bottom, each with its level."""
    return [
        (int(line.evaluate("e => getComputedStyle(e).getPropertyValue('--level')")), line.text_content() or "")
        for line in puzzle.locator(".tgp-answer .tgp-block").all()
    ]


RIGHT = [(0, "node.grad += arriving"), (0, "for source, slope in node.edges:"), (1, "backward(source, arriving * slope)")]


def drag(lab: Lab, block: Locator, to: Locator, right: float, down: float) -> None:
    """Moves a block so that its left edge lies that far right of an element's left edge, below its top."""
    start, end = block.bounding_box(), to.bounding_box()
    assert start and end
    mouse = lab.page.mouse
    mouse.move(start["x"] + 5, start["y"] + start["height"] / 2)
    mouse.down()
    mouse.move(end["x"] + right + 5, end["y"] + down - 3)
    mouse.move(end["x"] + right + 5, end["y"] + down)
    mouse.up()


def test_by_mouse_with_a_wrong_block_and_then_the_right_one(lab, puzzle, artifacts):
    puzzle.scroll_into_view_if_needed()
    region = puzzle.locator(".tgp-region")
    loop, wrong, right, call = (
        heap(puzzle, text) for text in (RIGHT[1][1], "node.grad = arriving", RIGHT[0][1], RIGHT[2][1])
    )
    drag(lab, loop, region, 30, 10)
    drag(lab, call, region, 60, 40)
    drag(lab, wrong, region, 30, 2)
    assert lies(puzzle) == [(0, "node.grad = arriving"), *RIGHT[1:]]
    puzzle.get_by_role("button", name="Check").click()
    card = lab.cell('parsons("backward")').locator(".tgc-card")
    expect(card).to_contain_text("your code kept the last one only", timeout=LONG)
    expect(puzzle).to_have_attribute("data-verdict", "failed")
    lab.screenshot(artifacts / "parsons-wrong.png", lab.cell('parsons("backward")'))
    drag(lab, puzzle.locator(".tgp-answer .tgp-face").first, puzzle.locator(".tgp-pool"), 0, 5)
    drag(lab, right, region, 30, 2)
    assert lies(puzzle) == RIGHT
    puzzle.get_by_role("button", name="Check").click()
    expect(card).to_have_attribute("data-status", "passed", timeout=LONG)
    assert lab.panel.locator(".jp-OutputArea-error").count() == 0


def test_by_keyboard_alone_and_every_move_is_told(lab, puzzle):
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    press, told = lab.page.keyboard.press, puzzle.get_by_role("status")
    heap(puzzle, RIGHT[2][1]).focus()
    before = lab.page.evaluate(active)
    press("Enter")
    expect(told).to_have_text("“backward(source, arriving * slope)” is line 1 of 1.")
    press("ArrowRight")
    expect(told).to_contain_text("indented once")
    heap(puzzle, RIGHT[0][1]).focus()
    press("Enter")
    press("ArrowLeft")
    press("ArrowUp")
    expect(told).to_have_text("“node.grad += arriving” is line 1 of 2.")
    heap(puzzle, "backward(source, slope)").focus()
    press(" ")
    press("Delete")
    expect(told).to_have_text("“backward(source, slope)” is back among the blocks.")
    heap(puzzle, RIGHT[1][1]).focus()
    for key in ("Enter", "ArrowLeft", "ArrowUp"):
        press(key)
    assert lies(puzzle) == RIGHT
    puzzle.get_by_role("button", name="Check").focus()
    press("Enter")
    expect(told).to_contain_text("in order", timeout=LONG)
    assert lab.page.evaluate(active) == before


def test_the_buttons_move_the_chosen_block(lab, puzzle):
    heap(puzzle, RIGHT[1][1]).click()
    heap(puzzle, RIGHT[2][1]).click()
    puzzle.get_by_role("button", name="More indented").click()
    assert lies(puzzle) == RIGHT[1:]
    puzzle.get_by_role("button", name="Take out").click()
    assert lies(puzzle) == RIGHT[1:2]


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_both_themes_and_a_narrow_window(lab, puzzle, artifacts, theme):
    lab.theme(theme)
    name = theme.split()[-1].lower()
    heap(puzzle, RIGHT[1][1]).click()
    for number, shown in zip(SHOWN, lab.panel.locator(".tgp").all(), strict=True):
        shown.scroll_into_view_if_needed()
        lab.screenshot(artifacts / f"parsons-{number}-{name}.png", shown)
    for part in (".tgp-how", ".tgp-answer .tgp-face", ".tgp-given", ".tgp-said"):
        assert readable(puzzle.locator(part).first), f"{part} is hard to read in {theme}"
    lab.page.set_viewport_size({"width": 700, "height": 900})
    try:
        wide = "e => [...e.querySelectorAll('*')].every(x => x.scrollWidth <= x.clientWidth + 1 || !x.clientWidth)"
        assert puzzle.evaluate(wide), "something sticks out at 700 pixels"
        lab.screenshot(artifacts / f"parsons-700-{name}.png", puzzle)
    finally:
        lab.page.set_viewport_size({"width": 1280, "height": 1000})


def test_what_was_arranged_survives_a_restart(lab, puzzle, server):
    for _, text in RIGHT[:2]:
        heap(puzzle, text).click()
    puzzle.get_by_role("button", name="Less indented").click()
    with Progress(server.folder / FILE) as store:       # a busy kernel hears of the last click a little later
        until(lambda: [level for region in store.arranged(SHOWN[0]) or () for _, level in region] == [0, 0], lab)
    lab.restart_kernel()
    lab.run_all()
    found = lab.panel.locator(".tgp").first
    expect(found.locator(".tgp-answer .tgp-block")).to_have_count(2, timeout=LONG)
    assert lies(found) == RIGHT[:2]
