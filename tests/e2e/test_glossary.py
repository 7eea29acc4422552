"""The glossary in a browser: read in both themes, and a term leads to the place that defines it."""

import pytest
from playwright.sync_api import expect

from tests.e2e.jupyter import LONG, Lab, readable


@pytest.fixture(scope="module")
def lab(server, open_lab) -> Lab:
    return open_lab(server, "glossary.ipynb")


def row(lab: Lab, term: str):
    return lab.panel.locator("tr").filter(has=lab.page.get_by_text(term, exact=True))


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_it_is_read_in_both_themes(lab: Lab, artifacts, theme: str) -> None:
    lab.theme(f"JupyterLab {theme}")
    backpropagation = row(lab, "backpropagation").first
    expect(backpropagation).to_contain_text("反向传播")
    for part in (backpropagation.locator("strong").first, backpropagation.locator("a")):
        assert readable(part), f"hard to read in {theme}"
    lab.screenshot(artifacts / f"glossary-{theme.lower()}.png")


def test_a_term_leads_to_its_lesson_and_there_to_its_heading(lab: Lab) -> None:
    link = row(lab, "broadcasting").first.get_by_role("link")
    assert link.get_attribute("title") == "When shapes differ"
    link.click()
    heading = lab.page.get_by_role("heading", name="When shapes differ")
    expect(heading).to_be_attached(timeout=LONG)
    # JupyterLab goes to a heading only in a notebook that is open already.
    lab.command("docmanager:open", path="glossary.ipynb")
    link.click()
    expect(heading).to_be_in_viewport(timeout=LONG)
