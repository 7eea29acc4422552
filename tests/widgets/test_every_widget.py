"""What every widget must do, in a real browser, from a file, without a kernel and without a network."""

import json
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tinygrad_core as tg
from tests.widgets.reading import data_of
from tinygrad_core.data import moons
from tinygrad_core.recording import Recording, record
from widgets import (
    BackwardQuiz,
    Broadcasting,
    DynamicVsStatic,
    GraphStepper,
    OptimiserRace,
    ScalarGraph,
    StepSize,
    Tape,
    TrainingMonitor,
)
from widgets.frame import Frame

FIXTURES = Path(__file__).parent / "fixtures"
RUNS = FIXTURES / "dynamic_static"



def valley(p):
    return 0.5 * p[0] ** 2 + 6 * p[1] ** 2


def trained() -> TrainingMonitor:
    """Two short trainings, one of them watched layer by layer."""
    monitor = TrainingMonitor(title="Two learning rates", smoothing=0.5)
    for lr in (0.01, 0.1):
        model = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Tanh(), tg.nn.Linear(4, 1))
        monitor.run(f"lr {lr}", model)
        optimiser = tg.optim.SGD(model.parameters(), lr=lr)
        for k in range(12):
            x = tg.tensor([[float(k % 3), 1.0, -1.0]])
            loss = ((model(x) - 1) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            monitor.log(loss=loss)
    monitor.step = 0
    monitor.settle()
    return monitor


def asked() -> TrainingMonitor:
    """Six short trainings that are asked for places of a plane, the last one sick."""
    x, y = moons(60, generator=tg.Generator().manual_seed(0)).tensors
    monitor = TrainingMonitor(title="Half circles", examples=(x, y), classes=["upper", "lower"], budget=1.0, total=12)
    for k in range(6):
        model = tg.nn.Sequential(tg.nn.Linear(2, 8), tg.nn.ReLU(), tg.nn.Linear(8, 2))
        monitor.run(f"run {k}", model)
        optimiser = tg.optim.SGD(model.parameters(), lr=0.3)
        for _ in range(12):
            loss = tg.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimiser.step()
            monitor.log(loss=loss)
            if k < 5:
                optimiser.zero_grad()
    monitor.step, monitor.pane = 0, "examples"
    monitor.settle()
    return monitor


def spoiled() -> Recording:
    """One write in place that does no harm, one that does."""
    with record("Two writes in place") as rec:
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        y = x * x
        y += 1
        z = tg.exp(y)
        z += 1
        with pytest.raises(RuntimeError, match="changed in place"):
            z.sum().backward()
    return rec


WIDGETS: dict[str, Callable[[], Frame]] = {
    "stepper": lambda: GraphStepper(FIXTURES / "diamond.json"),
    "quiz": lambda: BackwardQuiz(FIXTURES / "diamond.json"),
    "broadcasting": lambda: Broadcasting((3, 1), (4,), predict=False),
    "scalar": lambda: ScalarGraph(lambda a, b: (a * a + b).tanh() * b, a=0.5, b=-2.0, step=0),
    "dynamic-static": lambda: DynamicVsStatic(RUNS / "eager.json", RUNS / "static.json"),
    "stepsize": lambda: StepSize(lambda x: x**3, 2.0),
    "tape": lambda: Tape(spoiled()),
    "monitor": trained,
    "monitor-asked": asked,
    "optimisers": lambda: OptimiserRace(valley, tg.tensor([-3.0, 1.2]), lr=0.06),
}


@pytest.fixture(params=WIDGETS)
def name(request) -> str:
    return request.param


def status(page) -> str:
    return page.locator(".tgs [role=status]").inner_text()


def total(page) -> int:
    return int(page.locator(".tgs-slider").get_attribute("max"))


SEEN = """() => [...document.querySelectorAll('.tgs-head + *, .tgs-head + * *')].filter((e) =>
    !e.childElementCount && !e.closest('.tgs-lines')
    && e.checkVisibility({opacityProperty: true, visibilityProperty: true})).map((e) => {
  const box = e.getBoundingClientRect(), style = getComputedStyle(e);
  return [e.tagName, e.textContent, style.fill, style.stroke, style.strokeDasharray,
          style.backgroundColor, e.getAttribute('d'), ...[box.x, box.y, box.width, box.height].map(Math.round)].join('|');
}).join('\\n')"""


CLIPPED = """() => {
  const box = document.querySelector('.tgs').getBoundingClientRect();
  return [...document.querySelectorAll('.tgs-head + * svg text')].filter((t) => {
    const r = t.getBoundingClientRect();
    return t.checkVisibility({opacityProperty: true, visibilityProperty: true}) && r.width > 0
      && !t.closest('.tgs-graph') && (r.left < box.left - 1 || r.right > box.right + 1);
  }).map((t) => t.textContent);
}"""


def picture(page) -> str:
    """What is seen of the picture: every visible element with its place, text and colours.

    Where the code is scrolled to may differ.
    """
    return page.evaluate(SEEN)


def test_steps_both_ways_by_keyboard_alone_and_says_each_step(open_page, name: str) -> None:
    page = open_page(WIDGETS[name]())
    page.keyboard.press("Tab")  # into the widget
    assert page.evaluate("document.activeElement.className") == "tgs"
    last = total(page)
    assert last >= 2
    said, seen = [status(page)], [picture(page)]
    many = min(last, 8)
    for n in range(1, many + 1):
        page.keyboard.press("ArrowRight")
        assert status(page).startswith(f"Step {n} of {last}. ")
        said.append(status(page))
        seen.append(picture(page))
    assert len(set(said)) == many + 1
    assert all(a != b for a, b in pairwise(seen))
    for n in reversed(range(many)):
        page.keyboard.press("ArrowLeft")
        assert status(page) == said[n]
        assert picture(page) == seen[n], f"step {n} looks different on the way back"
    page.keyboard.press("End")
    assert status(page).startswith(f"Step {last} of {last}. ")
    page.keyboard.press("Home")
    assert status(page) == said[0]


def test_every_control_has_a_name_and_can_be_reached(open_page, name: str) -> None:
    page = open_page(WIDGETS[name]())
    page.keyboard.press("End")
    nameless = page.evaluate("""() => [...document.querySelectorAll(
        '.tgs button, .tgs input, .tgs select, .tgs [tabindex]')].filter((e) => !(e.getAttribute('aria-label')
        || e.textContent.trim() || e.title)).map((e) => e.outerHTML.slice(0, 200))""")
    assert nameless == []
    reachable = page.evaluate("""() => [...document.querySelectorAll('.tgs button, .tgs input, .tgs select')]
        .filter((e) => e.checkVisibility() && e.tabIndex < 0).map((e) => e.outerHTML.slice(0, 200))""")
    assert reachable == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 700])
def test_fits_and_can_be_read(open_page, contrast_of, artifacts, name: str, width: int, scheme: str) -> None:
    page = open_page(WIDGETS[name](), width, scheme)
    assert page.locator(".tgs").get_attribute("data-theme") == scheme
    page.locator(".tgs").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "End"):
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for part in (".tgs-head", ".tgs-bar", ".tgs-say", ".tgs-actions"):
            assert page.locator(part).evaluate("e => e.scrollWidth <= e.clientWidth + 1"), part
        assert page.evaluate("document.getAnimations().length") == 0  # reduced motion
        assert page.evaluate(CLIPPED) == []
        page.locator(".tgs").screenshot(path=str(artifacts / f"{name}-{width}-{scheme}-{key}.png"))
    # A cell in JupyterLab is as wide as the window lets it, and windows change.
    for other in (860, 1100):
        page.set_viewport_size({"width": other, "height": 800})
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
        page.wait_for_function(f"({CLIPPED})().length === 0")
    selectors = [".tgs-sentence", ".tgs-phase", ".tgs-count", ".tgs-savers .has-text", ".tgs-head h1"]
    for selector, ratio in contrast_of(page, selectors):
        assert ratio >= 4.5, f"{selector}: {ratio:.2f}"


def test_plays_and_stops(open_page, name: str) -> None:
    page = open_page(WIDGETS[name]())
    page.locator(".tgs").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.tgs-slider').value === document.querySelector('.tgs-slider').max")
    page.get_by_role("button", name="Play", exact=True).wait_for()


def test_saves_picture_and_page(open_page, tmp_path, name: str) -> None:
    page = open_page(WIDGETS[name]())
    page.locator(".tgs").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    before = picture(page)

    def save(label: str, file: str):
        with page.expect_download() as download:
            page.get_by_role("button", name=label).click()
        download.value.save_as(tmp_path / file)
        return tmp_path / file

    svg = ElementTree.parse(save("Save the picture as SVG", "p.svg")).getroot()
    text = "".join(svg.itertext())
    assert "--tgs-paper:" in text and "step 2 of" in text  # its style and its title are inside
    assert not [e for e in svg.iter() if any("http" in v for k, v in e.attrib.items() if k.endswith("href"))]
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    assert width > 200 and height > 80
    header = save("Save the picture as PNG", "p.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:24]) == (2 * width, 2 * height)
    again = save("Save all of it as one HTML page", "again.html")
    assert picture(page) == before  # saving changes nothing
    said = status(page)
    page.goto(again.as_uri())
    page.wait_for_selector(".tgs-bar")
    assert status(page) == said
    # The exported SVG stands on its own.
    page.goto((tmp_path / "p.svg").as_uri())
    assert page.evaluate("document.documentElement.tagName") == "svg"


@pytest.mark.parametrize(("damage", "words"), [
    (lambda data: "nonsense", "not JSON"),
    (lambda data: json.dumps(data_of(data) | {"version": 99}), "version 99"),
    (lambda data: "gzip:AAAA", "could not be unpacked"),
])
def test_says_what_is_wrong_with_its_data(open_page, name: str, damage, words: str) -> None:
    widget = WIDGETS[name]()
    trait = next(t for t in ("data", "recording") if t in widget.traits())
    widget.set_trait(trait, damage(getattr(widget, trait)))
    page = open_page(widget)
    assert words in page.locator(".tgs [role=alert]").inner_text()


def test_closing_leaves_nothing_running(open_page, name: str) -> None:
    page = open_page(WIDGETS[name]())
    left = page.evaluate("""async () => {
      const code = document.getElementById('bundle').textContent;
      const url = URL.createObjectURL(new Blob([code], {type: 'text/javascript'}));
      const shim = globalThis.tinygradStandalone;
      delete globalThis.tinygradStandalone;
      const {default: widget} = await import(url);
      globalThis.tinygradStandalone = shim;
      const state = JSON.parse(document.getElementById('state').textContent);
      let listeners = 0;
      const model = {get: (k) => state[k], set: (k, v) => { state[k] = v; }, save_changes() {},
                     on: () => { listeners += 1; }, off: () => { listeners -= 1; }};
      const el = document.createElement('div');
      document.body.append(el);
      const timers = new Set(), frames = new Set();
      const {setTimeout: st, clearTimeout: ct, requestAnimationFrame: raf, cancelAnimationFrame: caf} = globalThis;
      globalThis.setTimeout = (f, ms) => { const id = st(() => { timers.delete(id); f(); }, ms); timers.add(id); return id; };
      globalThis.clearTimeout = (id) => { timers.delete(id); ct(id); };
      globalThis.requestAnimationFrame = (f) => {
        const id = raf((t) => { frames.delete(id); f(t); });
        frames.add(id);
        return id;
      };
      globalThis.cancelAnimationFrame = (id) => { frames.delete(id); caf(id); };
      const close = await widget.render({model, el});
      el.querySelector('.tgs').dispatchEvent(new KeyboardEvent('keydown', {key: ' ', bubbles: true}));
      const playing = timers.size;
      close();
      Object.assign(globalThis, {setTimeout: st, clearTimeout: ct, requestAnimationFrame: raf, cancelAnimationFrame: caf});
      return {playing, timers: timers.size, frames: frames.size, listeners, left: el.childElementCount};
    }""")
    assert left == {"playing": 1, "timers": 0, "frames": 0, "listeners": 0, "left": 0}


def test_two_on_a_page_stay_apart(open_page, name: str) -> None:
    page = open_page(WIDGETS[name]())
    page.evaluate("""() => {
      const second = document.createElement('div');
      document.body.append(second);
      const shim = globalThis.tinygradStandalone;
      const state = JSON.parse(document.getElementById('state').textContent);
      const model = {get: (k) => state[k], set: (k, v) => { state[k] = v; }, save_changes() {}, on() {}, off() {}};
      globalThis.tinygradStandalone = (widget) => widget.render({model, el: second});
      const code = document.getElementById('bundle').textContent;
      globalThis.second = import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
    }""")
    page.locator(".tgs").nth(1).locator(".tgs-bar").wait_for()
    page.locator(".tgs").first.focus()
    page.keyboard.press("End")
    at = [page.locator(".tgs-slider").nth(n).input_value() for n in (0, 1)]
    assert at[0] == str(total_of_first(page)) and at[1] == "0"


def total_of_first(page) -> int:
    return int(page.locator(".tgs-slider").first.get_attribute("max"))


def test_ten_bundles_are_small(root) -> None:
    """Jupyter repeats a widget's module for every instance: ten of the largest stay under a megabyte."""
    for file in (root / "widgets" / "static").glob("*.js"):
        from widgets.frame import packed

        size = len(packed(file.stem).encode())
        print(f"{file.stem}: {size:,} bytes packed")
        assert size < 100_000, file.name
