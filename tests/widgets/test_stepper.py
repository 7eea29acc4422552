"""GraphStepper from Python: what it accepts, what it keeps in a notebook, what it writes to files."""

import json
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import tinygrad_core as tg
from tests.widgets import why
from tests.widgets.reading import data_of
from tinygrad_core.recording import Recording, record
from widgets import GraphStepper, layout

FIXTURES = Path(__file__).parent / "fixtures"
ALL = sorted(path.stem for path in FIXTURES.glob("*.json") if path != why.FILE)


@pytest.fixture
def recording() -> Recording:
    return Recording.load(FIXTURES / "diamond.json")


def chain(length: int, module: str = "") -> dict:
    """A recording of a chain of `length` nodes; `module` may hold {} for a node's number."""
    events: list[dict] = []
    common = {"t": 0.0, "source": None, "device": "cpu", "bytes": 4}
    for n in range(length):
        path = module.format(n // 20)
        events.append(
            common
            | {
                "seq": len(events),
                "type": "define",
                "node": n,
                "module": path,
                "op": "neg" if n else "leaf",
                "kind": "operation" if n else "leaf",
                "name": None if n else "x",
                "label": "−" if n else "x",
                "inputs": [{"edge": n, "node": n - 1, "arg": "x"}] if n else [],
                "requires_grad": True,
                "shape": [],
                "dtype": "float32",
                "forward": "−{x}" if n else "",
                "rules": {"x": "−{g}"} if n else {},
            }
        )
        value = {"shape": [], "dtype": "float32", "data": 1.0}
        events.append(common | {"seq": len(events), "type": "execute", "node": n, "module": path, "value": value})
    return {
        "format": "tinygrad-recording",
        "version": 1,
        "meta": {"title": ""},
        "sources": {},
        "events": events,
    }


def shown(stepper: GraphStepper) -> dict:
    """The recording that the front end will read."""
    return data_of(stepper.recording)


# --- what it accepts ------------------------------------------------------------------------------


def test_takes_a_recording_in_every_form(recording: Recording, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    recording.save(file)
    forms = [recording, recording.to_dict(), recording.to_json(), file, str(file)]
    texts = {GraphStepper(form).recording for form in forms}
    assert len(texts) == 1


def test_takes_what_the_engine_records_now() -> None:
    with record() as rec:
        a = tg.tensor(2.0, requires_grad=True)
        d = a * a
        d.backward()
    events = shown(GraphStepper(rec))["events"]
    assert [e["type"] for e in events] == [e["type"] for e in rec.events]
    assert {e["type"] for e in events} >= {"define", "execute", "save", "backward", "accumulate"}


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (42, TypeError, r"not int: run the code inside `with record\(\) as rec:`"),
        (None, TypeError, "not NoneType"),
        ("no-such-file.json", FileNotFoundError, "there is no recording at 'no-such-file.json'"),
        ("{ nonsense", ValueError, "not JSON"),
        ({}, ValueError, "not a recording"),
        ({"format": "tinygrad-recording", "version": 99}, ValueError, "99"),
    ],
)
def test_says_what_is_wrong_with_anything_else(bad: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        GraphStepper(bad)


def test_an_empty_recording_is_shown_with_a_message_of_its_own() -> None:
    with record() as rec:
        pass
    assert shown(GraphStepper(rec))["events"] == []


def test_the_front_ends_questions_are_about_what_the_engine_records_now() -> None:
    """fixtures/why.json is what `python -m tests.widgets.why` writes."""
    kept = json.loads(why.FILE.read_text())
    for name, recording in why.recordings():
        Recording.from_dict(recording)
        assert recording["events"] == kept[name]["events"], f"{name}: run `python -m tests.widgets.why`"


def test_an_untrusted_notebook_shows_what_this_was(recording: Recording) -> None:
    text = repr(GraphStepper(recording))
    assert "4 nodes" in text and "run this cell" in text
    assert len(text) <= 110  # Jupyter cuts there


# --- what it keeps in a notebook ------------------------------------------------------------------


def test_numbers_keep_the_digits_that_are_shown(recording: Recording) -> None:
    data = recording.to_dict()
    data["events"][1]["value"]["data"] = 0.10000000149011612
    stepper = GraphStepper(data)
    assert shown(stepper)["events"][1]["value"]["data"] == 0.1
    assert data["events"][1]["value"]["data"] == 0.10000000149011612  # the caller's is not touched


def test_large_recordings_travel_packed_and_always_the_same(recording: Recording) -> None:
    assert GraphStepper(recording).recording.startswith("{")
    big = FIXTURES / "big-values.json"
    packed = GraphStepper(big).recording
    assert packed.startswith("gzip:")
    assert packed == GraphStepper(big).recording
    assert len(packed) < big.stat().st_size / 2
    assert len(shown(GraphStepper(big))["events"]) == len(json.loads(big.read_text())["events"])


def test_ten_steppers_add_less_than_a_megabyte_to_a_saved_notebook(tmp_path: Path) -> None:
    """Run by a real kernel, saved with the state of its widgets, as `nbconvert --execute` does."""
    cells = [nbformat.v4.new_code_cell("from widgets import GraphStepper")]
    for n in range(10):
        file = str(FIXTURES / f"{ALL[n % len(ALL)]}.json")
        cells.append(nbformat.v4.new_code_cell(f"GraphStepper({file!r})"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    empty = len(nbformat.writes(notebook))
    root = Path(__file__).resolve().parents[2]
    client = NotebookClient(notebook, resources={"metadata": {"path": str(root)}}, timeout=120)
    client.execute()
    state = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    steppers = [m for m in state.values() if m["model_module"] == "anywidget"]
    assert len(steppers) == 10
    for model in steppers:  # all that stepping needs is there: no kernel will be asked
        assert model["state"]["recording"] and model["state"]["_esm"]
    added = len(nbformat.writes(notebook).encode()) - empty
    print(f"ten steppers add {added:,} bytes")
    assert added < 1_000_000


# --- large graphs ---------------------------------------------------------------------------------


def test_small_graphs_are_left_to_the_browser(recording: Recording) -> None:
    stepper = GraphStepper(recording)
    assert stepper.layouts == {} and stepper.folded == []


def test_a_large_graph_starts_folded_by_modules() -> None:
    stepper = GraphStepper(chain(2000, module="net.block{}"))
    assert "net" in stepper.folded and "net.block7" in stepper.folded
    assert stepper.layouts == {}  # one chip: the browser can do that
    assert len(layout.visible(chain(2000, "net.block{}")["events"], 0, ["net"]).items) == 1


def test_a_large_flat_graph_comes_with_positions() -> None:
    pytest.importorskip("pygraphviz", reason="pygraphviz lays out large graphs")
    stepper = GraphStepper(chain(400))
    placed = stepper.layouts["0|"]
    assert len(placed["nodes"]) == 400
    xs = [placed["nodes"][f"n{n}"][0] for n in range(400)]
    assert xs == sorted(xs) and len(set(xs)) == 400  # left to right, in the order of the chain


def test_positions_are_made_when_the_front_end_asks() -> None:
    pytest.importorskip("pygraphviz", reason="pygraphviz lays out large graphs")
    stepper = GraphStepper(chain(400, module="net"))
    assert stepper.layouts == {}
    stepper.wanted = "0|"
    assert len(stepper.layouts["0|"]["nodes"]) == 400
    for nonsense in ("", "7|", "x|y", "-1|"):
        stepper.wanted = nonsense
    assert list(stepper.layouts) == ["0|"]


def test_what_lies_in_one_module_stays_together() -> None:
    """Graphviz keeps open modules apart, one inside the other, so that their frames do not cross."""
    pytest.importorskip("pygraphviz", reason="pygraphviz lays out large graphs")
    shown = layout.visible(chain(400, module="net.block{}")["events"], 0, ())
    assert shown.homes["n0"] == "net.block0" and len(set(shown.homes.values())) == 20
    placed = layout.place(shown)
    assert placed is not None
    spans = [sorted(placed["nodes"][f"n{n}"][0] for n in range(b * 20, b * 20 + 20)) for b in range(20)]
    assert all(left[-1] < right[0] for left, right in pairwise(spans))


def test_says_so_when_graphviz_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    stepper = GraphStepper(chain(400))
    assert stepper.layouts == {}
    assert "pip install pygraphviz" in stepper.layout_note


def test_iterations_are_counted_as_in_the_front_end() -> None:
    events = json.loads((FIXTURES / "mlp.json").read_text())["events"]
    first, second = layout.rounds(events)
    assert len(first) + len(second) == len(events)
    assert second[0]["type"] == "define"


# --- files ----------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page asks for from elsewhere, and what its scripts hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asks: list[str] = []
        self.scripts: dict[str, str] = {}
        self.tags: list[str] = []
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asks += [v for k, v in attrs if k in ("src", "href", "action") and v]
        if tag == "script":
            self._inside = dict(attrs).get("id") or "shim"
            self.scripts[self._inside] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[self._inside] += data


def test_a_page_holds_everything_it_needs(recording: Recording, tmp_path: Path) -> None:
    stepper = GraphStepper(recording, step=3)
    text = stepper.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.asks == []
    assert list(page.scripts) == ["state", "shim", "bundle"]
    state = json.loads(page.scripts["state"])
    assert state["step"] == 3 and state["recording"] == stepper.recording
    assert "tinygradStandalone" in page.scripts["bundle"]
    assert "@@" not in text.replace(page.scripts["bundle"], "")


def test_nothing_in_a_recording_breaks_out_of_the_page(recording: Recording, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)><!-- @@BUNDLE@@ \u2028"
    data = recording.to_dict()
    data["meta"]["title"] = evil
    data["sources"]["s0"]["lines"][0] = evil
    page = Page(GraphStepper(data).to_html(tmp_path / "p.html").read_text(encoding="utf-8"))
    assert "img" not in page.tags
    inner = json.loads(json.loads(page.scripts["state"])["recording"])
    assert inner["meta"]["title"] == evil


# --- the front end in the package -----------------------------------------------------------------


def test_the_wheel_contains_the_front_end(root: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for file in (root / "widgets/static").iterdir():
            asset = f"widgets/static/{file.name}"
            assert archive.read(asset) == (root / asset).read_bytes()
    assert {"widgets/__init__.py", "widgets/stepper.py", "widgets/layout.py"} <= names
    assert not [n for n in names if re.match(r"widgets/(src|tests|node_modules)/", n)]


def test_the_bundles_are_what_their_sources_build_to(npm: Path, tmp_path: Path) -> None:
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=npm, check=True, capture_output=True, timeout=300)
    built = {file.name: file.read_bytes() for file in tmp_path.glob("*.js")}
    committed = {file.name: file.read_bytes() for file in (npm / "static").glob("*.js")}
    assert built == committed, "run `npm run build` in widgets/ and commit widgets/static"


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_front_end_passes_its_own(npm: Path, script: str) -> None:
    done = subprocess.run(["npm", "run", script], cwd=npm, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_lock_file_names_no_registry(root: Path) -> None:
    lock = json.loads((root / "widgets" / "package-lock.json").read_text())
    assert [name for name, p in lock["packages"].items() if "resolved" in p] == []
