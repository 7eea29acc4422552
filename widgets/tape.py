"""Tape: what each operation of a recording saved, and what a write in place did to it."""

from __future__ import annotations

from typing import Any

import traitlets

from . import layout
from .frame import Frame, as_text, read_recording


class Tape(Frame):
    """Step through a recording and watch what is saved for the way back, at which version, and what spoils it.

    Args:
        recording: a `Recording`, or its dict, its JSON text, or the path of a saved one. It may end where backward
            refused: a last step then says why.
        predict: at each write in place, ask whether backward will refuse.
        step: the step to start at.

    `predictions` lists what the learner answered.
    """

    _bundle = "tape"
    _saved = ("recording", "layouts", "predict", "predictions")

    recording = traitlets.Unicode(help="the recording, as JSON or packed JSON").tag(sync=True)
    layouts = traitlets.Dict(help="positions made by Graphviz").tag(sync=True)
    predict = traitlets.Bool(False, help="ask before showing").tag(sync=True)
    predictions = traitlets.List(traitlets.Dict(), help="what was asked and answered").tag(sync=True)

    def __init__(self, recording: Any, *, predict: bool = False, step: int = 0) -> None:
        data = read_recording(recording, "Tape")
        self._kept = sum(len(e["saved"]) for e in data["events"] if e["type"] == "save")
        self._title = data.get("meta", {}).get("title") or "What the tape keeps"
        super().__init__(recording=as_text(data), layouts=layout.first(data["events"]), predict=predict, step=step)

    def __repr__(self) -> str:
        return f"<Tape with {self._kept} saved values: run this cell to see it>"
