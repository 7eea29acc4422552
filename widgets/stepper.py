"""GraphStepper: a recording to step through, forwards and backwards, in a notebook or as a page of its own."""

from __future__ import annotations

import base64
import gzip
import html
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from tinygrad_core.recording import Recording, validate

from . import layout

_STATIC = Path(__file__).with_name("static")
_PACK_ABOVE = 16_000  # characters of JSON: small recordings stay readable in the notebook's file


@cache
def _bundle() -> str:
    """The built front end."""
    file = _STATIC / "stepper.js"
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"the widget's front end is missing ({file}): install the package again, or build it "
            "with `npm ci && npm run build` in widgets/"
        ) from None


def _gzip(text: str) -> str:
    # mtime=0: the same text always packs to the same bytes, so that saved notebooks do not change.
    return "gzip:" + base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


@cache
def _packed_bundle() -> str:
    """The front end as a module that unpacks itself.

    Jupyter stores a widget's module once for every instance, so it had better be small.
    """
    return (
        f'const packed="{_gzip(_bundle())}";\n'
        "const bytes=Uint8Array.from(atob(packed.slice(5)),c=>c.charCodeAt(0));\n"
        'const plain=new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));\n'
        "const source=await new Response(plain).text();\n"
        'const url=URL.createObjectURL(new Blob([source],{type:"text/javascript"}));\n'
        "const module=await import(url);\n"
        "URL.revokeObjectURL(url);\n"
        "export default module.default;\n"
    )


def _read(recording: Any) -> dict[str, Any]:
    """A recording's data from whatever holds it; raises an error that says what is wrong."""
    if isinstance(recording, Recording):
        data = recording.to_dict()
    elif isinstance(recording, dict):
        data = recording
    elif isinstance(recording, str) and recording.lstrip().startswith("{"):
        data = Recording.from_json(recording).to_dict()
    elif isinstance(recording, (str, os.PathLike)):
        path = Path(recording)
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no recording at {str(path)!r}: give a file that Recording.save wrote, "
                "or the recording itself"
            )
        data = Recording.load(path).to_dict()
    else:
        raise TypeError(
            f"GraphStepper shows a recording, not {type(recording).__name__}: run the code inside "
            "`with record() as rec:` and pass `rec` (or its dict, its JSON, or a path to it)"
        )
    validate(data)
    return data


def _short(data: Any) -> Any:
    """The same data with floats of seven digits, which is what float32 holds and more than is shown."""
    if isinstance(data, float):
        return float(f"{data:.7g}")
    if isinstance(data, list):
        return [_short(x) for x in data]
    if isinstance(data, dict):
        return {key: _short(x) for key, x in data.items()}
    return data


class GraphStepper(anywidget.AnyWidget):
    """Step through a recording: the code, the graph it builds, the values, and the gradients on their way back.

    Args:
        recording: a `Recording`, or its dict, its JSON text, or the path of a saved one.
        step: the step to start at; negative numbers count from the end, so that -1 is the last.
        predict: start in predict mode, which asks for each number before it shows it.
        folded: module paths to fold; by default all modules of a graph too large to read, else none.

    `step`, `predict` and `folded` can be set at any time; `predictions` lists what the learner answered.
    The picture as it stands is saved as SVG with the button in the widget, which draws it; a page of its own
    with the button beside it or with `to_html`.
    The same stepper shown twice moves in both places; make two for two that move on their own.
    """

    _esm = _packed_bundle()

    recording = traitlets.Unicode(help="the recording, as JSON or packed JSON").tag(sync=True)
    step = traitlets.Int(0, help="how many steps have been taken").tag(sync=True)
    predict = traitlets.Bool(False, help="ask before showing").tag(sync=True)
    folded = traitlets.List(traitlets.Unicode(), help="modules shown as one box").tag(sync=True)
    predictions = traitlets.List(traitlets.Dict(), help="what was asked and answered").tag(sync=True)
    layouts = traitlets.Dict(help="positions made by Graphviz").tag(sync=True)
    layout_note = traitlets.Unicode("", help="why a picture may look plain").tag(sync=True)
    wanted = traitlets.Unicode("", help="positions the front end asks for").tag(sync=True)

    def __init__(
        self,
        recording: Any,
        *,
        step: int = 0,
        predict: bool = False,
        folded: list[str] | None = None,
    ) -> None:
        data = _read(recording)
        text = json.dumps(_short(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._events: list[dict[str, Any]] = data["events"]
        self._title: str = data.get("meta", {}).get("title") or ""
        if folded is None:
            folded = layout.default_fold(self._events) if self._events else []
        super().__init__(
            recording=text if len(text) <= _PACK_ABOVE else _gzip(text),
            step=step,
            predict=predict,
            folded=folded,
        )
        if self._events:
            self._place(f"0|{','.join(sorted(self.folded))}")
        self.observe(lambda change: self._place(change["new"]), names="wanted")

    def _place(self, wanted: str) -> None:
        """Lay out one iteration under one folding, if the browser cannot; see layout.ts."""
        iteration, _, folded = wanted.partition("|")
        if wanted in self.layouts or not iteration.isdigit():
            return
        if int(iteration) >= len(layout.rounds(self._events)):
            return
        shown = layout.visible(self._events, int(iteration), filter(None, folded.split(",")))
        if not layout.BROWSER_LIMIT < len(shown.items) <= layout.GRAPHVIZ_LIMIT:
            return
        placed = layout.place(shown)
        if placed is None:
            self.layout_note = layout.NOTE
        else:
            self.layouts = {**self.layouts, wanted: placed}

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the stepper as one HTML page that works anywhere, without Jupyter and without a network."""
        state = {
            key: getattr(self, key) for key in ("recording", "step", "folded", "layouts", "predict", "predictions")
        }
        # Nothing in the data may end the script element it lies in.
        data = re.sub(
            "[<\u2028\u2029]",
            lambda m: f"\\u{ord(m[0]):04x}",
            json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":")),
        )
        code = re.sub(r"</(script)", r"<\\/\1", _bundle(), flags=re.IGNORECASE)
        parts = {
            "TITLE": html.escape(self._title or "Computation graph"),
            "STATE": data,
            "BUNDLE": code.replace("<!--", "<\\!--"),
        }
        page = (_STATIC / "page.html").read_text(encoding="utf-8")
        path = Path(path)
        path.write_text(re.sub(r"@@(\w+)@@", lambda m: parts[m[1]], page), encoding="utf-8")
        return path

    def __repr__(self) -> str:
        nodes = sum(e["type"] == "define" for e in self._events)
        # Jupyter cuts it off at 110 characters.
        return f"<GraphStepper of {nodes} nodes, {len(self._events)} events: run this cell to see it>"
