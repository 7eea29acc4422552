"""DynamicVsStatic: the same model run at once and as a graph that runs later, beside each other on one time axis."""

from __future__ import annotations

import html
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from .stepper import _PACK_ABOVE, _STATIC, _gzip, _read, _short


@cache
def _bundle() -> str:
    """The built front end."""
    return (_STATIC / "dynamic_static.js").read_text(encoding="utf-8")


def _packed_bundle() -> str:
    """The front end as a module that unpacks itself, since Jupyter stores it once for every instance."""
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


def _runs(data: dict[str, Any]) -> int:
    return sum(e["type"] == "run" for e in data["events"])


class DynamicVsStatic(anywidget.AnyWidget):
    """Step through two recordings of one model: run at once, and defined first and run later.

    Args:
        eager: a recording of the program whose lines run at once: a `Recording`, its dict, its JSON, or a path.
        static: a recording of the program that builds a graph and runs it in a session.
        step: the step to start at; negative numbers count from the end, so that -1 is the last.
        predict: start in predict mode, which asks what each `print` shows, and how much of the graph a run needs.

    Lines that both programs share, such as those of the model, happen at the same step. `predictions` lists what the
    learner answered. SVG, PNG and a page of its own are saved with the buttons, the page also with `to_html`.
    """

    _esm = _packed_bundle()

    eager = traitlets.Unicode(help="the recording of the dynamic side, as JSON or packed JSON").tag(sync=True)
    static = traitlets.Unicode(help="the recording of the static side, as JSON or packed JSON").tag(sync=True)
    step = traitlets.Int(0, help="how many steps have been taken").tag(sync=True)
    predict = traitlets.Bool(False, help="ask before showing").tag(sync=True)
    folded = traitlets.List(traitlets.Unicode(), help="modules shown as one box").tag(sync=True)
    predictions = traitlets.List(traitlets.Dict(), help="what was asked and answered").tag(sync=True)

    def __init__(self, eager: Any, static: Any, *, step: int = 0, predict: bool = False) -> None:
        sides = [_read(eager), _read(static)]
        if _runs(sides[0]) and not _runs(sides[1]):
            raise ValueError(
                "these recordings are the other way round: the first one builds a graph and runs it in a session. "
                "Write DynamicVsStatic(eager=..., static=...)"
            )
        texts = [json.dumps(_short(s), ensure_ascii=False, allow_nan=False, separators=(",", ":")) for s in sides]
        self._sizes = [len(s["events"]) for s in sides]
        self._title: str = sides[0].get("meta", {}).get("title") or sides[1].get("meta", {}).get("title") or ""
        packed = [text if len(text) <= _PACK_ABOVE else _gzip(text) for text in texts]
        super().__init__(eager=packed[0], static=packed[1], step=step, predict=predict)

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write it as one HTML page that works anywhere, without Jupyter and without a network."""
        state = {key: getattr(self, key) for key in ("eager", "static", "step", "folded", "predict", "predictions")}
        # Nothing in the data may end the script element it lies in.
        data = re.sub(
            "[<\u2028\u2029]",
            lambda m: f"\\u{ord(m[0]):04x}",
            json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":")),
        )
        code = re.sub(r"</(script)", r"<\\/\1", _bundle(), flags=re.IGNORECASE)
        parts = {
            "TITLE": html.escape(self._title or "Dynamic and static"),
            "STATE": data,
            "BUNDLE": code.replace("<!--", "<\\!--"),
        }
        page = (_STATIC / "page.html").read_text(encoding="utf-8")
        path = Path(path)
        path.write_text(re.sub(r"@@(\w+)@@", lambda m: parts[m[1]], page), encoding="utf-8")
        return path

    def __repr__(self) -> str:
        # Jupyter cuts it off at 110 characters.
        return f"<DynamicVsStatic of {self._sizes[0]} and {self._sizes[1]} events: run this cell to see it>"
