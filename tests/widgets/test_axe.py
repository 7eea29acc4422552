"""Every widget's own page under axe-core: first step and middle, both themes, what can be opened open."""

import pytest

from tests.axe import ANY
from tests.widgets.test_every_widget import WIDGETS, total


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", WIDGETS)
def test_nobody_is_kept_out(open_page, axe, name: str, scheme: str) -> None:
    page = open_page(WIDGETS[name](), scheme=scheme)
    page.locator(".tgs").focus()
    page.keyboard.press("Home")
    found = axe.grave(page, where="first step,", least=ANY)
    for _ in range(total(page) // 2):
        page.keyboard.press("ArrowRight")
    found += axe.grave(page, where="in the middle,", least=ANY)
    asks = page.get_by_role("button", name="Predict", pressed=False)
    if asks.count():
        asks.click()
        page.keyboard.press("ArrowRight")
        found += axe.grave(page, where="asking,", least=ANY)
        asks = page.get_by_role("button", name="Predict", pressed=True)
        asks.click()
    node = page.locator(".tgs-stage [data-node][tabindex='0']")
    if node.count():
        node.first.focus()
        page.keyboard.press("Enter")
        found += axe.grave(page, where="a node opened,", least=ANY)
    assert name != "stepper" or page.locator(".tgs-inspector").count()
    assert not found, "\n".join(found)


def test_the_page_has_one_title_and_one_main_part(open_page) -> None:
    page = open_page(WIDGETS["quiz"]())
    assert page.locator("h1").all_inner_texts() == [page.title()]
    assert page.locator("main h1").count() == 1
