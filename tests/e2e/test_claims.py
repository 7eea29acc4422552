"""A claim as a learner meets it: voted on by keyboard, measured, voted on again, and then the verdict."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, expect

from lessons.catalog import VERDICTS, lessons
from lessons.folder import update
from lessons.notebook import METADATA
from tests.e2e.jupyter import LONG, Lab, readable

ID = "tensors-are-nodes"
CELLS = [
    "from lessons import ballot, claim\n%load_ext lessons",
    f'claim("{ID}")',
    f"%%measure {ID}\nprint('one node, two edges')",
    "ballot()",
]


@pytest.fixture(scope="module")
def lab(server, open_lab) -> Lab:
    """A page with one claim, every cell run."""
    update(server.folder / "claims")
    page = new_notebook(cells=list(map(new_code_cell, CELLS)), metadata=METADATA)
    nbformat.write(page, server.folder / "claims" / "claim.ipynb")
    window = open_lab(server, "claims/claim.ipynb")
    window.run_all()
    return window


def vote(lab: Lab, cell: Locator, *choices: str) -> Locator:
    """Presses the buttons with these names by keyboard, from left to right; the card that comes."""
    form = cell.locator(".tgc-form")
    expect(form).to_be_visible(timeout=LONG)
    form.get_by_role("button", name=VERDICTS[0]).focus()
    for name in choices:
        for _ in range(10):
            if lab.page.evaluate("document.activeElement.textContent").strip() == name:
                break
            lab.page.keyboard.press("Tab")
        lab.page.keyboard.press("Enter")
    return cell.locator(".tgc-card")


@pytest.fixture(scope="module")
def voted(lab, artifacts) -> tuple[Locator, Locator]:
    """The card with the locked vote, and the one with the verdict."""
    first, measured = lab.cell("claim("), lab.cell("%%measure")
    expect(measured.locator(".tgc-card")).to_contain_text("First vote on the claim", timeout=LONG)
    lab.screenshot(artifacts / "claim-ballot.png", first)
    locked = vote(lab, first, "true", "certain", "Lock my vote")
    expect(locked).to_contain_text("Your vote is locked", timeout=LONG)
    lab.run_cell("%%measure")
    expect(measured.locator(".jp-OutputArea")).to_contain_text("one node, two edges", timeout=LONG)
    verdict = vote(lab, measured, "false", "fairly sure", "Lock and see the verdict")
    expect(verdict).to_contain_text("✓ The verdict: false", timeout=LONG)
    return locked, verdict


def test_the_verdict_names_its_source_and_both_votes(voted):
    locked, verdict = voted
    expect(locked).not_to_contain_text("verdict:")
    expect(verdict).to_contain_text("true (certain)")
    expect(verdict).to_contain_text("false (fairly sure)")
    expect(verdict.get_by_role("link")).to_have_attribute("href", "https://docs.pytorch.org/docs/stable/notes/autograd.html")


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_it_is_read_in_both_themes(lab, voted, artifacts, theme):
    lab.theme(f"JupyterLab {theme}")
    lab.screenshot(artifacts / f"claim-{theme.lower()}.png")
    for card in voted:
        for part in (card.locator(".tgc-title"), card.locator("dd").first, card.locator("p").first):
            assert readable(part), f"hard to read in {theme}"


def test_in_the_ballot_the_next_claim_takes_the_place_of_the_last(lab, voted, artifacts):
    cell = lab.cell("ballot()")
    lab.run_cell("ballot()")
    left = sum(len(lesson.claims()) for lesson in lessons()) - 1  # one is voted on
    expect(cell.locator(".tgc-form")).to_contain_text(f"1 of {left}", timeout=LONG)
    lab.screenshot(artifacts / "ballot.png", cell)
    vote(lab, cell, "true", "a guess", "Lock my vote")
    expect(cell.locator(".tgc-form")).to_contain_text(f"2 of {left}", timeout=LONG)
    for number in range(2, left + 1):
        expect(cell.locator(".tgc-form")).to_contain_text(f"{number} of {left}", timeout=LONG)
        cell.get_by_role("button", name="I cannot say yet").click()
    expect(cell.locator(".tgc-card")).to_contain_text("2 votes are locked", timeout=LONG)
