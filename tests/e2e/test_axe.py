"""Everything a lesson's page is made of, under axe-core in the real JupyterLab: asked, locked, refused, solved, judged."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import expect

from lessons.catalog import claim, exercise, lessons
from lessons.folder import update
from lessons.grader.progress import FILE, Progress
from lessons.notebook import METADATA
from tests.e2e.jupyter import LONG, Lab

FIRST, SECOND = lessons()[:2]
VOTED, OPEN, JUDGED = list(SECOND.claims())[:3]
ONE_SIDED = "def nudge(f, x, h=1e-5):\n    return (f(x + h) - f(x)) / h\n\n"
CELLS = [
    "from lessons import *\n%load_ext lessons",
    "course_map()",
    "review()",
    'ask("along-or-across")',
    'ask("taxi")',
    'ask("explain-order")',
    "%%predict square\nprint(6.0)",
    "%%predict double\nprint(2.0)",
    "plot(lambda x: x * x, at=3.0)",
    'parsons("backward")',
    'faded("nudge")',
    exercise("nudge").rung("blank") + '\ncheck("nudge", nudge)',
    ONE_SIDED + 'check("nudge", nudge)',
    ONE_SIDED + '# again: a hint\ncheck("nudge", nudge)',
    'def nudge(f, x, h=1e-5):\n    return (f(x + h) - f(x - h)) / (2 * h)\n\ncheck("nudge", nudge)',
    'solution("nudge")',
    'solution("value")',
    f'claim("{OPEN}")',
    f'claim("{VOTED}")',
    f"%%measure {VOTED}\nprint('measured')",
    f"%%measure {JUDGED}\nprint('measured')",
    "ballot()",
    "%%tensorflow as-in-2016\nimport tensorflow",
    "%%after value\nprint('not yet')",
    "progress()",
]


@pytest.fixture(scope="module")
def lab(server, open_lab) -> Lab:
    """A page with every element in every state, run by somebody who has been here before."""
    folder = server.folder / "axe"
    update(folder)
    with Progress(folder / FILE) as store:
        store.predict("taxi", "7", "a guess", False, None)
        store.predict("square", "6", "certain", True, "6.0")
        for id in (VOTED, JUDGED, JUDGED):
            store.vote(id, claim(id).verdict, "a guess", True)
        store._db.execute("UPDATE prediction SET at = '2026-01-05T12:00:00Z'")
    cells = [new_markdown_cell("# Every element"), *map(new_code_cell, CELLS)]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), folder / "elements.ipynb")
    window = open_lab(server, "axe/elements.ipynb")
    window.show_every_cell()
    window.run_all()
    return window


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_nobody_is_kept_out(lab: Lab, axe, artifacts, theme: str) -> None:
    expect(lab.panel.locator(".tgc-form")).not_to_have_count(0, timeout=LONG)
    expect(lab.panel.locator(".tgp")).to_be_visible(timeout=LONG)
    lab.theme(f"JupyterLab {theme}")
    found = axe.grave(lab.page, ".jp-OutputArea-output", theme)
    for number, source in enumerate(("ask(", "plot(", "%%predict double")):
        lab.screenshot(artifacts / f"element-{number}-{theme.lower()}.png", lab.cell(source))
    assert not found, "\n".join(found)


def test_every_element_was_there(lab: Lab) -> None:
    errors = lab.panel.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'], .jp-OutputArea-error")
    assert errors.all_text_contents() == []
    said = lab.panel.locator(".jp-OutputArea").all_text_contents()
    for words in ("due", "Lock and look", "Compare", "As you said", "Not written yet", "not yet", "solved", "Lock my vote",
                  "Your vote is locked", "Lock and see the verdict", "The verdict", "This cell waits"):
        assert any(words in text for text in said), words
