"""The first page as a learner meets it who has been away for a while: the map, and what is asked again."""

import re

import pytest
from playwright.sync_api import expect

from lessons.catalog import lessons
from lessons.folder import FIRST_PAGE, update
from lessons.grader.progress import FILE, Progress
from tests.e2e.jupyter import LONG, Lab, readable

LESSON = lessons()[0]
DUE = len(LESSON.exercises()) + sum(question.kind != "sentence" for question in LESSON.questions().values())


@pytest.fixture(scope="module")
def lab(server, open_lab) -> Lab:
    """A folder in which the first lesson was done long ago, and its first page."""
    folder = server.folder / "away"
    update(folder)
    with Progress(folder / FILE) as store:
        for id, question in LESSON.questions().items():
            store.predict(id, "an answer", "a guess", None if question.kind == "sentence" else False, "2.0")
        for id in LESSON.exercises():
            store.attempt(id, "an answer", True, None)
        for table in ("attempt", "prediction"):
            store._db.execute(f"UPDATE {table} SET at = '2026-01-05T12:00:00Z'")
    window = open_lab(server, f"away/{FIRST_PAGE}")
    window.show_every_cell()
    window.run_all()
    return window


def test_the_map_and_the_reviews_in_both_themes(lab, artifacts):
    card = lab.cell("from lessons import course_map").locator(".tgc-card")
    expect(card).to_contain_text(f"{DUE} due for review", timeout=LONG)
    form = lab.cell("review()").locator(".tgc-form").first
    expect(form).to_be_visible(timeout=LONG)
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        lab.screenshot(artifacts / f"course-{theme.split()[-1].lower()}.png")
        for part in (card.locator("a").first, card.locator("small").first, form.locator("p").first):
            assert readable(part), f"hard to read in {theme}"


def test_an_answer_takes_its_forms_place_and_the_map_counts_it(lab, artifacts):
    outputs = lab.cell("review()").locator(".jp-OutputArea-child")
    asked = outputs.filter(has_text="With a = 2 and b = 3 comes")
    asked.locator("input").first.fill("2")
    asked.get_by_role("button", name="certain").click()
    asked.get_by_role("button", name="Lock and look").click()
    answered = outputs.filter(has_text="As you said")
    expect(answered).to_contain_text(re.compile("It comes back on .*day"), timeout=LONG)
    lab.screenshot(artifacts / "review.png", answered)
    lab.run_cell("from lessons import course_map")
    expect(lab.cell("from lessons import course_map").locator(".tgc-card")).to_contain_text(f"{DUE - 1} due", timeout=LONG)


def test_the_map_opens_a_lesson(lab):
    lab.cell("from lessons import course_map").get_by_role("link", name=LESSON.title).click()
    tab = lab.page.locator("#jp-main-dock-panel .lm-TabBar-tab.jp-mod-current")
    expect(tab).to_contain_text(LESSON.id, timeout=LONG)
