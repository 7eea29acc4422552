"""DynamicVsStatic: what it accepts from Python, and what it does in a real browser, from a file, without a network."""

import base64
import gzip
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tinygrad_core as tg
from tinygrad_core.recording import Recording, record, schema
from tinygrad_core.static import Graph, Session, placeholder
from widgets import DynamicVsStatic

FIXTURES = Path(__file__).parent / "fixtures" / "dynamic_static"


@pytest.fixture(scope="module")
def pair() -> tuple[Recording, Recording]:
    """One small model, recorded both ways by the engine as it is now."""
    w = tg.tensor([0.5, -1.0], requires_grad=True)

    def model(x):
        s = (x * w).sum()
        print("s is", s)
        return tg.tanh(s)

    with record(title="Now and later") as eager:
        y = model(tg.tensor([2.0, 0.5]))
        print("y is", y)
    with record() as static, Graph() as graph:
        x = placeholder((2,), name="x")
        y = model(x)
        y * 10
        print("y is", Session(graph).run(y, {x: [2.0, 0.5]}))
    return eager, static


# --- from Python ----------------------------------------------------------------------------------


def test_takes_recordings_in_every_form(pair, tmp_path: Path) -> None:
    eager, static = pair
    eager.save(tmp_path / "eager.json")
    made = DynamicVsStatic(eager=tmp_path / "eager.json", static=static.to_dict(), step=-1, predict=True)
    assert made.data == DynamicVsStatic(eager, static).data
    assert made.step == -1 and made.predict
    assert "run this cell" in repr(made) and len(repr(made)) <= 110


def test_says_what_is_wrong_with_anything_else(pair) -> None:
    eager, static = pair
    with pytest.raises(ValueError, match="the other way round"):
        DynamicVsStatic(static, eager)
    with pytest.raises(TypeError, match="with record"):
        DynamicVsStatic(eager, 42)
    with pytest.raises(ValueError, match="not a recording"):
        DynamicVsStatic({}, static)


@pytest.mark.parametrize("name", ["eager", "static"])
def test_the_front_ends_fixtures_are_recordings(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    data = json.loads((FIXTURES / f"{name}.json").read_text())
    jsonschema.validate(data, schema())
    Recording.from_dict(data)


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture
def show(open_page, pair):
    """The widget on its own page, after a change to it."""

    def show(change=None, **options):
        widget = DynamicVsStatic(*pair, **options)
        if change:
            change(widget)
        return open_page(widget, 1280)

    return show


def status(page) -> str:
    return page.locator(".tgs [role=status]").inner_text()


def step_to(page, words: str) -> str:
    """Steps forward until that is said."""
    for _ in range(40):
        if words in status(page):
            return status(page)
        page.keyboard.press("ArrowRight")
    raise AssertionError(f"{words!r} is never said; last: {status(page)}")


def lives(page, side: str = "static") -> dict[str, str]:
    """What each node on screen is in, by its listing line's first word."""
    rows = page.locator(f".is-{side} .dsv-rows li").all()
    return {row.locator("code").inner_text().split(":")[0]: row.get_attribute("data-life") for row in rows}


def test_one_line_prints_a_number_on_one_side_and_none_on_the_other(show) -> None:
    page = show()
    page.keyboard.press("Tab")
    step_to(page, "s has its value, and print shows it")
    assert "s has no value yet" in status(page)
    assert page.locator(".is-dynamic .dsv-printed").inner_text().startswith("s is tensor(0.5")
    assert "no value yet" in page.locator(".is-static .dsv-printed").inner_text()
    for side in ("dynamic", "static"):
        assert page.locator(f".is-{side} li.is-now[aria-current=step]").first.inner_text().endswith('print("s is", s)')


def test_a_run_lets_numbers_flow_only_where_they_are_needed(show) -> None:
    page = show()
    page.keyboard.press("Tab")
    step_to(page, "Run 1 begins")
    assert lives(page) == {"x": "fed", "w": "read", "mul": "needed", "sum": "needed", "tanh": "needed", "mul_1": "idle"}
    assert page.locator(".is-static .tgs-pintext").all_text_contents() == ["fed", "asked for"]
    step_to(page, "The run is over")
    assert lives(page)["tanh"] == "computed" and lives(page)["mul"] == "freed" and lives(page)["mul_1"] == "idle"
    assert page.locator(".is-static .tgs-node[data-life=computed] .tgs-v").text_content() == "0.4621"
    page.keyboard.press("ArrowRight")
    assert set(lives(page).values()) == {"defined"}
    assert set(lives(page, "dynamic").values()) == {"computed"}


def test_the_axis_jumps_where_it_is_clicked(show) -> None:
    page = show(step=-1)
    total = int(page.get_by_role("slider").get_attribute("max"))
    box = page.locator(".dsv-lanes").bounding_box()
    for step in (0, 3, total):
        page.locator(".dsv-lanes").click(position={"x": max(1, box["width"] * step / total - 1), "y": 20})
        assert status(page).startswith(f"Step {step} of {total}.")


def test_source_line_node_and_listing_are_linked_on_both_sides(show) -> None:
    page = show(step=-1)
    page.locator(".is-static .dsv-rows li", has_text="tanh:").hover()
    for side in ("dynamic", "static"):
        assert page.locator(f".is-{side} .dsv-program li.is-lit code").inner_text().strip() == "return tg.tanh(s)"
        assert page.locator(f".is-{side} .tgs-node[data-lit] .tgs-symbol").text_content() == "tanh"
        assert "tanh" in page.locator(f".is-{side} .dsv-rows li.is-lit code").inner_text()
    page.locator(".is-dynamic .dsv-program").focus()
    page.keyboard.press("ArrowDown")  # into the lines, by keyboard
    assert page.evaluate("document.activeElement.matches('li.is-lit')")
    assert page.locator(".is-dynamic .tgs-node[data-lit]").count() >= 1
    page.locator(".is-static .tgs-node", has_text="tanh").focus()
    page.keyboard.press("Enter")
    assert "not computed yet" in page.locator(".is-static .tgs-inspector").inner_text()
    page.keyboard.press("Escape")
    assert page.locator(".tgs-inspector:visible").count() == 0


def test_a_node_tells_the_moments_when_it_has_a_value_and_leads_there(show) -> None:
    page = show(step=-1)
    page.locator(".is-static .tgs-node", has_text="tanh").focus()
    page.keyboard.press("Enter")
    jumps = page.locator(".is-static .tgs-inspector .tgs-jump")
    labels = [j.get_attribute("aria-label") for j in jumps.all()]
    assert [words.split(":")[0] for words in labels] == ["comes into being", "has a value at", "handed out at"]
    jumps.nth(0).click()
    assert "is written down" in status(page)
    jumps.nth(1).click()
    assert "tanh squeezes" in status(page)
    jumps.nth(2).click()
    assert "Python gets" in status(page)


def test_asks_what_a_print_shows(show) -> None:
    page = show(predict=True)
    page.keyboard.press("Tab")
    for _ in range(20):
        if page.locator(".tgs-answer").count():
            break
        page.keyboard.press("ArrowRight")
    assert 'print("s is", s) runs now' in status(page)
    page.keyboard.type("0.5")  # the field has the focus
    page.keyboard.press("Enter")
    page.get_by_role("button", name="No number yet").click()
    assert "Right: 0.5." in status(page) and "Right: there is no number yet." in status(page)
    assert page.locator(".tgs-score").inner_text() == "2 of 2 right"


def test_saves_both_sides_and_the_axis_in_one_picture(show, tmp_path: Path) -> None:
    page = show(step=-1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the picture as SVG").click()
    assert download.value.suggested_filename == "now-and-later.svg"
    download.value.save_as(tmp_path / "saved.svg")
    words = "".join(ElementTree.parse(tmp_path / "saved.svg").getroot().itertext())
    assert all(word in words for word in ("Dynamic", "Static", "0.4621", "run 1", "print runs"))


def _break(side: int, change) -> object:
    def apply(widget: DynamicVsStatic) -> None:
        text = widget.data
        if text.startswith("gzip:"):
            text = gzip.decompress(base64.b64decode(text[5:])).decode()
        data = json.loads(text)
        change(data["sides"][side])
        widget.data = json.dumps(data)

    return apply


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_break(0, lambda d: d.update(version=99)), "Dynamic side: This recording is written in version 99"),
        (_break(1, lambda d: d.update(events=[])), "Static side: Nothing was recorded"),
        (
            _break(1, lambda d: [e.update(fetches=[99]) for e in d["events"] if e["type"] == "run"]),
            "(run) names nodes that are not defined",
        ),
    ],
)
def test_says_in_words_what_cannot_be_shown(show, change, words: str) -> None:
    assert words in show(change=change).locator("[role=alert]").inner_text()


def test_text_of_a_recording_is_never_html(show) -> None:
    evil = "<img src=x onerror=alert(1)></script>"

    def poison(data: dict) -> None:
        data["meta"]["title"] = evil
        for e in data["events"]:
            if e["type"] == "print":
                e["text"] = evil
        for source in data["sources"].values():
            source["lines"] = [evil for _ in source["lines"]]

    page = show(change=_break(0, poison), step=-1)
    assert page.locator(".tgs img").count() == 0
    assert evil in page.locator(".is-dynamic .dsv-printed").inner_text()
