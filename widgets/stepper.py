"""GraphStepper: a recording to step through, forwards and backwards, in a notebook or as a page of its own."""

from __future__ import annotations

from typing import Any

import traitlets

from . import layout
from .frame import Frame, as_text, read_recording


class GraphStepper(Frame):
    """Step through a recording: the code, the graph it builds, the values, and the gradients on their way back.

    Args:
        recording: a `Recording`, or its dict, its JSON text, or the path of a saved one.
        step: the step to start at; negative numbers count from the end, so that -1 is the last.
        predict: start in predict mode, which asks for each number before it shows it.
        folded: module paths to fold; by default all modules of a graph too large to read, else none.

    `step`, `predict` and `folded` can be set at any time; `predictions` lists what the learner answered.
    A node that is clicked tells what is known about it, and answers why its gradient is None, zero, huge or small. The
    recording may be one of a graph that runs later: then feeds and fetches are marked, and values come and go with runs.
    The picture as it stands is saved as SVG or PNG with the buttons in the widget, which draws it; a page of its
    own with the button beside them or with `to_html`.
    The same stepper shown twice moves in both places; make two for two that move on their own.
    """

    _bundle = "stepper"
    _saved = ("recording", "folded", "layouts", "predict", "predictions")

    recording = traitlets.Unicode(help="the recording, as JSON or packed JSON").tag(sync=True)
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
        data = read_recording(recording, "GraphStepper")
        self._events: list[dict[str, Any]] = data["events"]
        self._title = data.get("meta", {}).get("title") or "Computation graph"
        if folded is None:
            folded = layout.default_fold(self._events) if self._events else []
        super().__init__(
            recording=as_text(data),
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
        if not layout.wants_graphviz(shown):
            return
        placed = layout.place(shown)
        if placed is None:
            self.layout_note = layout.NOTE
        else:
            self.layouts = {**self.layouts, wanted: placed}

    def __repr__(self) -> str:
        nodes = sum(e["type"] == "define" for e in self._events)
        return f"<GraphStepper of {nodes} nodes, {len(self._events)} events: run this cell to see it>"
