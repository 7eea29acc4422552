"""DynamicVsStatic: what it accepts from Python, and what it does in a real browser, from a file, without a network."""

import base64
import gzip
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tinygrad_core as tg
from tests.e2e import chromium
from tinygrad_core.recording import Recording, record, schema
from tinygrad_core.static import Graph, Session, placeholder
from widgets import DynamicVsStatic

FIXTURES = Path(__file__).parent / "fixtures" / "dynamic_static"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


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
    assert (made.eager, made.static) == (DynamicVsStatic(eager, static).eager, DynamicVsStatic(eager, static).static)
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


def test_the_bundle_is_what_its_sources_build_to(root: Path, tmp_path: Path) -> None:
    folder = root / "widgets"
    if shutil.which("node") is None or not (folder / "node_modules" / "esbuild").is_dir():
        pytest.skip("Node.js and the front end's tools are not here")
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=folder, check=True, capture_output=True, timeout=300)
    built, committed = (f / "dynamic_static.js" for f in (tmp_path, folder / "static"))
    assert built.read_bytes() == committed.read_bytes(), "run `npm run build` in widgets/ and commit widgets/static"


# --- in a browser ---------------------------------------------------------------------------------

sync_api = pytest.importorskip("playwright.sync_api", reason="the dev extra installs Playwright")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    path = chromium.find()
    if path is None:
        pytest.skip(chromium.HELP)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def show(browser, pair, tmp_path: Path) -> Iterator:
    """Opens the widget's page; every request beyond the page itself, and every error, fails the test."""
    asked: list[str] = []
    errors: list[str] = []
    pages = []

    def open_page(width: int = 1280, scheme: str = "light", change=None, **options):
        widget = DynamicVsStatic(*pair, **options)
        if change:
            change(widget)
        file = widget.to_html(tmp_path / "page.html")
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
        pages.append(page)
        page.on("request", lambda r: r.url.startswith(("file:", "blob:", "data:")) or asked.append(r.url))
        page.on("console", lambda line: line.type == "error" and errors.append(line.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(file.as_uri())
        page.wait_for_selector(".tgs-bar, .tgs-message")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert asked == []
    assert errors == []


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
    rows = page.locator(f".is-{side} .dsv-rows li:not([hidden])").all()
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
    assert page.locator(".is-static .dsv-tagtext").all_text_contents() == ["fed", "asked for"]
    step_to(page, "The run is over")
    assert lives(page)["tanh"] == "computed" and lives(page)["mul"] == "freed" and lives(page)["mul_1"] == "idle"
    assert page.locator(".is-static .tgs-node[data-life=computed] .tgs-v").text_content() == "0.4621"
    page.keyboard.press("ArrowRight")
    assert set(lives(page).values()) == {"defined"}
    assert set(lives(page, "dynamic").values()) == {"computed"}


def test_every_step_goes_both_ways_and_says_so(show) -> None:
    page = show()
    page.keyboard.press("Tab")
    said = [status(page)]
    total = int(page.get_by_role("slider").get_attribute("max"))
    for _ in range(total):
        page.keyboard.press("ArrowRight")
        said.append(status(page))
    assert len(set(said)) == total + 1
    for expected in reversed(said[:-1]):
        page.keyboard.press("ArrowLeft")
        assert status(page) == expected
    page.keyboard.press("End")
    assert status(page) == said[-1]
    page.locator(".dsv-lanes").click(position={"x": 2, "y": 20})
    assert status(page) == said[0]


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


def test_saves_what_it_shows(show, tmp_path: Path) -> None:
    page = show(step=-1)
    got = {}
    for kind, name in (("svg", "picture as SVG"), ("png", "picture as PNG"), ("html", "one HTML page")):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert download.value.suggested_filename == f"now-and-later.{kind}"
        got[kind] = tmp_path / f"saved.{kind}"
        download.value.save_as(got[kind])
    svg = ElementTree.parse(got["svg"]).getroot()
    words = "".join(svg.itertext())
    assert "Dynamic" in words and "Static" in words and "0.4621" in words and "--tgs-value:" in words
    assert got["png"].read_bytes().startswith(b"\x89PNG") and got["png"].stat().st_size > 10_000
    said = status(page)
    page.goto(got["html"].as_uri())
    page.wait_for_selector(".tgs-bar")
    assert status(page) == said


def _break(key: str, change) -> object:
    def apply(widget: DynamicVsStatic) -> None:
        text = getattr(widget, key)
        if text.startswith("gzip:"):
            text = gzip.decompress(base64.b64decode(text[5:])).decode()
        data = json.loads(text)
        change(data)
        setattr(widget, key, json.dumps(data))

    return apply


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_break("eager", lambda d: d.update(version=99)), "Dynamic side: This recording is written in version 99"),
        (_break("static", lambda d: d.update(events=[])), "Static side: Nothing was recorded"),
        (
            _break("static", lambda d: [e.update(fetches=[99]) for e in d["events"] if e["type"] == "run"]),
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

    page = show(change=_break("eager", poison), step=-1)
    assert page.locator(".tgs img").count() == 0
    assert evil in page.locator(".is-dynamic .dsv-printed").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 700])
def test_fits_and_can_be_read(show, artifacts: Path, width: int, scheme: str) -> None:
    page = show(width, scheme, step=11)
    assert page.locator(".tgs").get_attribute("data-theme") == scheme
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for part in (".dsv-pane", ".dsv-say", ".tgs-head", ".tgs-bar", ".dsv-legend"):
        for element in page.locator(part).all():
            assert element.evaluate("e => e.scrollWidth <= e.clientWidth + 1"), part
    words = [".dsv-sentence", ".dsv-title span", ".dsv-value", ".dsv-legend span", ".dsv-labels span"]
    assert min(page.evaluate(CONTRAST, words)) >= 4.5
    assert page.evaluate("document.getAnimations().length") == 0
    page.locator(".tgs").screenshot(path=str(artifacts / f"dynamic-static-{width}-{scheme}.png"))


CONTRAST = """(selectors) => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  return selectors.map((s) => {
    const e = document.querySelector(s);
    const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(behind(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  });
}"""
