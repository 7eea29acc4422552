"""A stepper saved as a page, in a real browser, from a file, with the network out of reach."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from widgets import GraphStepper

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def show(open_page):
    """Opens the stepper of a fixture."""

    def show(name: str, width: int = 1180, scheme: str = "light", **options):
        return open_page(GraphStepper(FIXTURES / f"{name}.json", **options), width, scheme)

    return show


def status(page) -> str:
    return page.locator(".tgs [role=status]").inner_text()


def test_is_driven_by_keyboard_alone(show) -> None:
    page = show("diamond")
    page.keyboard.press("Tab")  # into the widget
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    assert status(page).startswith("Step 7 of 8. A second gradient reaches a: 1 + 3 = 4.")
    page.keyboard.press("Home")
    assert status(page).startswith("Step 0 of 8.")
    page.keyboard.press("End")
    for _ in range(20):  # Tab reaches the nodes; Enter opens one
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('data-node')") == "2":
            break
    page.keyboard.press("Enter")
    details = page.locator(".tgs-inspector").inner_text()
    assert "operation mul" in details and "line 4" in details
    page.keyboard.press("Escape")
    assert page.locator(".tgs-inspector").count() == 0


def test_is_driven_by_mouse_alone(show) -> None:
    page = show("square")
    page.get_by_role("button", name="Next step").click()
    page.get_by_role("button", name="Next step").click()
    assert page.locator(".tgs-edge.is-shown").count() == 2  # a·a: two edges between the same nodes
    page.get_by_role("button", name="Last step").click()
    assert "6 + 0.09035" in status(page)
    page.locator("[data-key=n0]").click()
    assert ".grad" in page.locator(".tgs-inspector").inner_text()


def test_asks_before_it_tells(show) -> None:
    page = show("diamond")
    page.get_by_role("button", name="Predict").click()
    page.get_by_role("button", name="Next step").click()
    page.get_by_role("button", name="Next step").click()
    assert page.locator("[data-node='2'] .tgs-v").text_content() == "?"
    page.keyboard.type("5")  # the field has the focus
    page.keyboard.press("Enter")
    assert page.locator(".tgs-verdict").inner_text() == "Not 5: it is 6."
    assert page.locator("[data-node='2'] .tgs-v").text_content() == "6"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1180, 620])
@pytest.mark.parametrize("name", ["diamond", "mlp"])
def test_fits_and_can_be_read(show, artifacts: Path, name: str, width: int, scheme: str) -> None:
    page = show(name, width, scheme, step=-1)
    assert page.locator(".tgs").get_attribute("data-theme") == scheme
    # Nothing sticks out of the page, and nothing of the text is lost below its box.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for part in (".tgs-bar", ".tgs-say", ".tgs-head", ".tgs-work", ".tgs-side", ".tgs-legend"):
        assert page.locator(part).evaluate("e => e.scrollWidth <= e.clientWidth + 1"), part
        assert page.locator(part).bounding_box()["width"] <= width, part
    # The node the step is about lies inside the stage.
    stage = page.locator(".tgs-stage").bounding_box()
    boxes = [b.bounding_box() for b in page.locator(".tgs-node.is-now .tgs-shape").all()]
    inside = [
        b
        for b in boxes
        if b["x"] >= stage["x"] - 1
        and b["x"] + b["width"] <= stage["x"] + stage["width"] + 1
        and b["y"] >= stage["y"] - 1
    ]
    assert inside
    page.locator(".tgs").screenshot(path=str(artifacts / f"stepper-{name}-{width}-{scheme}.png"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(show, contrast_of, scheme: str) -> None:
    """At least 4.5 to 1, as the accessibility guidelines ask."""
    page = show("diamond", scheme=scheme, step=7)
    selectors = [".tgs-sentence", ".tgs-phase", ".tgs-num.is-grad", ".tgs-file", ".tgs-count"]
    selectors += [".tgs-legend .tgs-faint", ".tgs-frac", ".tgs-bands i", ".tgs-actions .has-text"]
    selectors += [".tgs-lineno", ".tgs-swatch.is-value", ".tgs-swatch.is-grad", ".tgs-head h1"]
    for selector, ratio in contrast_of(page, selectors):
        assert ratio >= 4.5, f"{selector}: {ratio:.2f}"


def test_reduced_motion_is_respected(show) -> None:
    page = show("diamond", step=6)
    running = page.evaluate("document.getAnimations().length")
    assert running == 0


def test_saves_the_picture_and_itself(show, tmp_path: Path) -> None:
    page = show("diamond", step=7)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the picture as SVG").click()
    picture = tmp_path / "picture.svg"
    download.value.save_as(picture)
    assert download.value.suggested_filename == "one-value-two-paths.svg"
    svg = ElementTree.parse(picture).getroot()
    words = "".join(svg.itertext())
    assert "1 + 3 = 4" in words and "One value, two paths, step 7 of 8" in words
    assert "var(--tgs-value)" in words and "--tgs-value:" in words  # the style travels inside

    with page.expect_download() as download:
        page.get_by_role("button", name="Save all of it as one HTML page").click()
    again = tmp_path / "again.html"
    download.value.save_as(again)
    said = status(page)
    page.goto(again.as_uri())
    page.wait_for_selector(".tgs-bar")
    assert status(page) == said
